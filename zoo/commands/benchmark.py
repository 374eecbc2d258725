"""Times the zoo against a plain reference that does the same, in one run on this machine.

    zoo benchmark step
    zoo benchmark step --variant cgan
    zoo benchmark train --variant dcgan --json train.json
    zoo benchmark train --variant gan --backbone mlp --data-loading memory
    zoo benchmark train --variant cyclegan --image-size 64 --width 16 --batch-size 4 --data-loading memory
    zoo benchmark options --options augment=diff --image-size 64
    zoo benchmark sample
    zoo benchmark translate --variant pix2pix --samples 1k
    zoo benchmark upscale --image-size 1024 --pairs 3
    zoo benchmark upscale --image-size 3464 --pairs 1      # 12 megapixels
    zoo benchmark load --model runs/dcgan-anime
    zoo benchmark data
    zoo benchmark data --folder 200k --image-size 64 --batches 200
    zoo benchmark evaluate --features mnist
    zoo benchmark precision --features anime --image-size 64 --samples 2k
    zoo benchmark scale --batches 20
    zoo benchmark write --width 32
    zoo benchmark bleu
    zoo benchmark draw --batch-size 8 --image-size 64
"""

import importlib
import shlex
from argparse import ArgumentTypeError
from pathlib import Path

from zoo.commands import cli
from zoo.core.errors import UsageError

# The modules of zoo.benchmark that measure.
WHAT = ("step", "train", "options", "sample", "translate", "upscale", "load", "data", "evaluate", "precision", "scale",
        "draw", "write", "bleu")


def positive(text: str) -> int:
    """A count from 1."""
    value = cli.count(text)
    if value < 1:
        raise ArgumentTypeError(f"it takes a number from 1, not {text}")
    return value


def parser() -> cli.Parser:
    parser = cli.Parser("Time the zoo against a plain reference that does the same. Leave the machine to it.")
    parser.add_argument("what", choices=WHAT, help="what to time")
    parser.add_argument("--variant", help="of training, sampling, translating and scale (default: dcgan, of translate "
                        "cyclegan, of step all that are written by hand)")
    parser.add_argument("--backbone", default="dcgan", help="likewise (default: %(default)s)")
    parser.add_argument("--width", type=positive, default=64, help="likewise (default: %(default)s)")
    parser.add_argument("--image-size", type=positive, default=32, metavar="N", help="pixels (default: %(default)s)")
    parser.add_argument("--batch-size", type=positive, default=64, metavar="N", help="a process (default: %(default)s)")
    parser.add_argument("--batches", type=positive, default=50, metavar="N",
                        help="of train, data and scale (default: %(default)s)")
    parser.add_argument("--data-loading", default="tutorial", choices=["tutorial", "memory"],
                        help="of the bare loop: PIL images by two workers, or floats in memory (default: %(default)s)")
    parser.add_argument("--engineered", action="store_true", help="the bare loop has a fused Adam and convolutions "
                        "with the channels last, as a good engineer would; step has it with and without")
    parser.add_argument("--folder", type=positive, metavar="N", help="of data: stream a generated folder of so many "
                        "JPEG files, such as 200k, which takes minutes and up to 3 GB of disk at 64 px")
    parser.add_argument("--model", help="what to load: a dcgan's folder or name (default: dcgan-anime, else a new one);"
                        " of precision any that makes pictures of latents; of upscale one that makes pictures larger "
                        "(default: srgan-anime)")
    parser.add_argument("--features", default="mnist", help="feature space of evaluate and precision (default: "
                        "%(default)s)")
    parser.add_argument("--samples", type=positive, default=10_000, help="images to draw, translate or measure, and "
                        "sentences (default: 10k)")
    parser.add_argument("--step-ms", type=positive, nargs="+", default=[5, 20, 100], metavar="N",
                        help="of scale: milliseconds of a step on one GPU to predict for (default: 5 20 100)")
    parser.add_argument("--options", nargs="+", metavar="NAME=VALUE", help="of options: what training is timed "
                        "with and without, such as augment=diff or r1=1")
    parser.add_argument("--pairs", type=positive, default=5, help="measurements of each (default: %(default)s)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write every measurement there")
    return parser


def main(arguments: list[str]) -> None:
    options = parser().parse_args(arguments)
    options.variant = options.variant or {"translate": "cyclegan", "step": None}.get(options.what, "dcgan")
    if not Path("/proc/self/status").exists():
        raise UsageError("memory is measured out of /proc: run this on Linux")
    found = importlib.import_module(f"zoo.benchmark.{options.what}").measure(options)
    from zoo.benchmark import report  # torch takes seconds to import, and --help does without

    command = shlex.join(["zoo", "benchmark", *arguments])
    if options.json:
        report.write(options.json, command, found)
    print(f"{command}\n\n{report.rows(found) if isinstance(found, dict) else report.table(found)}")
