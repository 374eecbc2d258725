"""Trains a small network in whose features the zoo compares images of a data set's kind, or tries what there are.

    zoo features --data mnist --width 16 --epochs 6                      # one that tells the classes
    zoo features --data mnist --objective contrast --width 16 --epochs 6   # one that learns without labels
    zoo features --data mnist --try mnist-simclr,mnist                     # does the distance rise as images get worse
    zoo features --from runs/lstm-news --for captions                      # what a language model reads in sentences
"""

from collections.abc import Callable
from pathlib import Path
from typing import cast

from zoo.cards.tables import responses_table
from zoo.commands import cli
from zoo.core.config import flag_of
from zoo.core.errors import UsageError
from zoo.core.files import write_json
from zoo.data.batches import Labelled, Sentences
from zoo.data.recurrent import Recurrent
from zoo.data.sources import open_source
from zoo.data.text_spec import TextSpec
from zoo.features.bundled import bundled, describe, note, save_network
from zoo.features.sentences import READERS, Reader, describe_reader, load_reader, readers
from zoo.metrics.comparison import How
from zoo.metrics.features import feature_space
from zoo.metrics.reading import responses as sentence_responses
from zoo.metrics.responses import responses
from zoo.store.layout import read_config
from zoo.store.loading import find, load
from zoo.training.classifiers import ClassifierCourse, train_classifier
from zoo.training.contrast import ContrastCourse, train_encoder
from zoo.training.learning import Course, lessons

OBJECTIVES: dict[str, tuple[type[Course], Callable]] = {
    "classes": (ClassifierCourse, train_classifier), "contrast": (ContrastCourse, train_encoder)}


def main(arguments: list[str]) -> None:
    parser = cli.Parser("Train a small network in whose features images of a data set's kind are compared.")
    parser.add_argument("--data", help="data set, with classes if these are what is to be told")
    parser.add_argument("--data-dir", metavar="DIR", help="where it is")
    parser.add_argument("--objective", choices=OBJECTIVES, default="classes", help="classes: tell those of the data "
                        "set; contrast: find views of an image again, without labels (default: %(default)s)")
    parser.add_argument("--try", dest="tried", metavar="NAMES", help="train nothing: show how the Frechet distance in "
                        "these features answers to held-out images that are made worse, and write it on the cards of "
                        "bundled ones that are for this data set")
    parser.add_argument("--from", dest="given", metavar="MODEL", help="train nothing: take the LSTM of a trained "
                        "model that writes, in whose states sentences are compared")
    parser.add_argument("--for", dest="data_for", metavar="DATA", help="with --from: the set of sentences that it is "
                        "for, other than what it was trained on")
    parser.add_argument("--out", help="path without suffix (default: among those that come with the package)")
    parser.add_options(Course, "course")
    for objective, (course, _) in OBJECTIVES.items():
        parser.add_options(course, f"with --objective {objective}", beyond=Course)
    options = parser.parse_args(arguments)
    if options.given:
        path = read_by(options.given, options.data_for, Path(options.out) if options.out else None)
        print(f"{path}: {path.with_name(f'{path.name}.safetensors').stat().st_size:,} bytes; its card: zoo publish "
              "--cards")
        return
    if not options.data:
        raise UsageError("--data says of which data set, such as --data mnist")
    if options.tried:
        for name in filter(None, options.tried.split(",")):
            print(f"{name}\n{tried(name, options.data, options.data_dir)}\n", flush=True)
        return
    course, train = OBJECTIVES[options.objective]
    chosen = {name: value for kind, _ in OBJECTIVES.values() for name, value in cli.given(options, kind).items()}
    others = [name for name in chosen if name not in cli.given(options, course)]
    if others:
        raise UsageError(f"{flag_of(others[0])} is of another --objective than {options.objective}")
    found = train(options.data, options.data_dir, course(**chosen), Path(options.out) if options.out else None,
                  cli.command_without(("--data-dir", "--out"), ["zoo", "features", *arguments]))
    for what, share in found.items():
        print(f"{options.data}: {what} {share:.2%} of the held-out images")
    if not options.out:
        print("its card: zoo publish --cards")


def tried(name: str, data: str, data_dir: str | None) -> str:
    """The table of how features answer to held-out images, or sentences, of a data set. Of a bundled network and the
    set that it is for, it is noted too, for its card."""
    if name in readers():
        source = open_source(data, data_dir, kind="text", split="test")
        assert isinstance(source.spec, TextSpec)  # as asked for
        reader = describe_reader(name)
        found = {"of": source.spec.name} | sentence_responses(load_reader(name), source.spec,
                                                              cast(Sentences, source.load()))
        if source.spec.name == reader["for"]:
            write_json(READERS / f"{name}.json", reader | {"responses": found})
        return responses_table(found)
    space, facts = feature_space(name), describe(name) if name in bundled() else None
    images = lessons(data, data_dir, facts["network"]["image_size"] if facts else 0).measuring
    found = {"of": images.spec.name} | responses(space, cast(Labelled, images.load()), How().device)
    if facts and images.spec.name == facts["data"]:
        note(name, responses=found)
    return responses_table(found)


def read_by(given: str, data: str | None, path: Path | None) -> Path:
    """Keeps what the LSTM of a trained model reads, as DATA-VARIANT unless there is a path. Returns the path.

    Raises:
        UsageError: no model that writes, or none of words; it was trained on what it is to compare.
    """
    folder = find(given)
    model = load(folder)
    if not isinstance(getattr(model, "generator", None), Recurrent) or model.data.tokens != "words":
        raise UsageError(f"{given} is no model that writes sentences of words: train one with --variant lstm")
    if data in (None, model.data.name):
        raise UsageError(f"--for names the data set whose sentences are compared, other than {model.data.name}, which "
                         "the model was trained on")
    config, path = read_config(folder), path or READERS / f"{data}-{model.variant}"
    reader = Reader.of(model.generator, model.data.words)
    save_network(reader, path, {"for": data, "data": model.data.name, "provenance": model.data.provenance,
                                "images_seen": config["images_seen"], "command": config["command"]})
    return path
