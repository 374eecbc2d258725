"""Trains the small classifier of a data set in whose features the zoo compares images of that kind.

    zoo features --data mnist --width 16 --epochs 6
    zoo features --data cifar10 --data-dir data --epochs 16
"""

import shlex
from pathlib import Path

from zoo.commands import cli
from zoo.training.classifiers import train_classifier


def main(arguments: list[str]) -> None:
    parser = cli.Parser("Train the small classifier of a data set in whose features images of that kind are compared.")
    parser.add_argument("--data", required=True, help="data set with classes")
    parser.add_argument("--data-dir", metavar="DIR", help="where it is")
    parser.add_argument("--image-size", type=int, default=0, metavar="N", help="pixels (default: the data set's own)")
    parser.add_argument("--width", type=int, default=32, help="channels of the first layer (default: %(default)s)")
    parser.add_argument("--epochs", type=int, default=10, help="(default: %(default)s)")
    parser.add_argument("--batch-size", type=int, default=128, metavar="N", help="(default: %(default)s)")
    parser.add_argument("--learning-rate", type=float, default=0.1, metavar="LR", help="highest (default: %(default)s)")
    parser.add_argument("--shift", type=int, default=2, metavar="N", help="pixels of random shift (default: "
                        "%(default)s)")
    parser.add_argument("--flip", action="store_true", help="mirror half of the images")
    parser.add_argument("--precision", default="32-true", help="of the arithmetic (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="(default: %(default)s)")
    parser.add_argument("--out", help="path without suffix (default: among those that come with the package)")
    options = vars(parser.parse_args(arguments))
    out, data = options.pop("out"), options["data"]
    command = shlex.join(["zoo", "features", *arguments])
    accuracy = train_classifier(**options, path=Path(out) if out else None, command=command)
    for head, share in accuracy.items():
        print(f"{data}: {share:.2%} of the held-out images get the right {head}")
    if not out:
        print("its card: zoo publish --cards")
