"""Trains a small network in whose features the zoo compares images of a data set's kind, or tries what there are.

    zoo features --data mnist --width 16 --epochs 6                      # one that tells the classes
    zoo features --data mnist --objective contrast --width 16 --epochs 6   # one that learns without labels
    zoo features --data mnist --try mnist-simclr,mnist                     # does the distance rise as images get worse
"""

from collections.abc import Callable
from pathlib import Path
from typing import cast

from zoo.cards.tables import responses_table
from zoo.commands import cli
from zoo.core.errors import UsageError
from zoo.data.batches import Labelled
from zoo.features.bundled import describe, note
from zoo.metrics.comparison import How
from zoo.metrics.features import feature_space
from zoo.metrics.responses import responses
from zoo.training.classifiers import ClassifierCourse, train_classifier
from zoo.training.contrast import ContrastCourse, train_encoder
from zoo.training.learning import Course, lessons

OBJECTIVES: dict[str, tuple[type[Course], Callable]] = {
    "classes": (ClassifierCourse, train_classifier), "contrast": (ContrastCourse, train_encoder)}


def main(arguments: list[str]) -> None:
    parser = cli.Parser("Train a small network in whose features images of a data set's kind are compared.")
    parser.add_argument("--data", required=True, help="data set, with classes if these are what is to be told")
    parser.add_argument("--data-dir", metavar="DIR", help="where it is")
    parser.add_argument("--objective", choices=OBJECTIVES, default="classes", help="classes: tell those of the data "
                        "set; contrast: find views of an image again, without labels (default: %(default)s)")
    parser.add_argument("--try", dest="tried", metavar="NAMES", help="train nothing: show how the Frechet distance in "
                        "these bundled features answers to held-out images that are made worse, and write it on "
                        "their cards")
    parser.add_argument("--out", help="path without suffix (default: among those that come with the package)")
    parser.add_options(Course, "course")
    for objective, (course, _) in OBJECTIVES.items():
        parser.add_options(course, f"with --objective {objective}", beyond=Course)
    options = parser.parse_args(arguments)
    if options.tried:
        for name in options.tried.split(","):
            print(f"{name}\n{tried(name, options.data, options.data_dir)}\n", flush=True)
        return
    course, train = OBJECTIVES[options.objective]
    chosen = {name: value for kind, _ in OBJECTIVES.values() for name, value in cli.given(options, kind).items()}
    others = [name for name in chosen if name not in cli.given(options, course)]
    if others:
        raise UsageError(f"--{others[0].replace('_', '-')} is of another --objective than {options.objective}")
    found = train(options.data, options.data_dir, course(**chosen), Path(options.out) if options.out else None,
                  cli.command_without(("--data-dir", "--out"), ["zoo", "features", *arguments]))
    for what, share in found.items():
        print(f"{options.data}: {what} {share:.2%} of the held-out images")
    if not options.out:
        print("its card: zoo publish --cards")


def tried(name: str, data: str, data_dir: str | None) -> str:
    """Notes a bundled network's responses to held-out images of a data set, and gives their table."""
    images = lessons(data, data_dir, describe(name)["network"]["image_size"]).measuring
    found = responses(feature_space(name), cast(Labelled, images.load()), How().device)
    note(name, responses={"of": images.spec.name} | found)
    return responses_table(describe(name)["responses"])
