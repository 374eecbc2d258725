"""Pictures with captions: out of a table beside a folder, or made of the names of classes.

Whatever is said of a picture is true of it, and one of its captions is drawn each time it is shown. Of classes in
parts, such as "pink hair, blue eyes", captions name all parts in every order, or one part alone: so a model learns
words, not classes. Captions are read without marks and in small letters.
"""

import csv
import hashlib
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import Any

import torch
from torch import Tensor

from zoo.core.errors import UsageError
from zoo.data.batches import Captioned
from zoo.data.image_spec import ImageSpec
from zoo.data.labels import class_parts, heads_of
from zoo.data.listing import say
from zoo.data.saying import said_of
from zoo.data.source import labels_of
from zoo.data.stored import chosen
from zoo.data.text_spec import CaptionSpec
from zoo.data.tokens import SPELLINGS, padded, plain

TABLE = "captions.csv"  # in a folder; beside it NAME_captions.csv
SEPARATOR = "\n"  # between the captions of one picture, none of which has one
SUBJECTS = {"anime": "a girl"}  # what pictures of a set show; of others nothing is known but that they are pictures
SHOWN = 64  # captions that a model is asked for by itself
SKIN_AND_SEX = {"1f3fb", "1f3fc", "1f3fd", "1f3fe", "1f3ff", "2640", "2642", "200d", "fe0f"}  # of variants of an emoji
PEOPLE = {"1f468", "1f469"}  # man and woman, in place of a person
PERSON = "1f9d1"


class Captions:
    """A split of images with captions.

    Args:
        images: a source of ``Labelled``.
        said: the captions of each class of it.
        class_names: of the classes, as a model is to know them; empty where classes are only captions in common.
        learnt: the classes of the pictures to train with, whose words are those that a model knows.
        unseen: how many classes to hold out of training: each of their parts is still seen, in another class.

    Raises:
        UsageError: all pictures have the same caption, or as many classes cannot be held out.
    """

    def __init__(self, images: Any, said: list[list[str]], class_names: list[str], learnt: Iterable[int],
                 unseen: int = 0) -> None:
        self.images, self.split, self.splits = images, images.split, images.splits
        spec, labels = images.spec, labels_of(images)
        if not isinstance(spec, ImageSpec):
            raise UsageError(f"{spec.name} is a set of {spec.kind}, which have no captions")
        hidden = held_out_classes(spec.name, class_names, unseen) if unseen else set()
        said = [_usable(captions) for captions in said]
        known = sorted({number for number in learnt if number not in hidden and said[number]})
        if len({*map(tuple, (said[number] for number in known))}) < 2:
            raise UsageError(f"all pictures of {spec.name} have the same caption, or none: there is nothing to learn "
                             "from it")
        words, length = _vocabulary([caption for number in known for caption in said[number]])
        rows = _numbered(said, words, length)
        self.table = torch.stack([_repeated(of_class or [[]], max(map(len, rows)), length) for of_class in rows]).int()
        kept = torch.tensor([bool(of_class) and number not in hidden for number, of_class in enumerate(rows)])[labels]
        self.rows = None if kept.all() else kept.nonzero().view(-1)
        self.labels = labels if self.rows is None else labels[self.rows]
        if not len(self.labels):
            raise UsageError(f"the {self.split} split of {spec.name} has no picture with a caption of words that "
                             "pictures to train with have")
        count = f"{len(words):,} words, up to {length} a caption"
        notes = _left_out(rows, hidden, labels)
        say("; ".join([f"captions of {spec.name}: {count} ({self.split})", *notes]))
        shown = [captions[0] for captions in said] if class_names else _spaced([said[number][0] for number in known])
        self.spec = CaptionSpec(
            name=spec.name, image_size=spec.image_size, channels=spec.channels, held_out=spec.held_out,
            class_names=class_names, images=len(self.labels), length=length, known=" ".join(words),
            captions=list(map(plain, shown)), unseen=[class_names[number] for number in sorted(hidden)],
            provenance="; ".join([spec.provenance or spec.name, f"captions of {count}", *notes]))

    def prepare(self) -> object:
        return self.images.prepare()

    def load(self) -> Captioned:
        """Images uint8 (N, C, H, W), captions (N, K, T) and class numbers (N,), zeros without classes."""
        images = self.images.load().images
        labels = self.labels if self.spec.class_names else torch.zeros_like(self.labels)
        return Captioned(images if self.rows is None else chosen(images, self.rows), self.table[self.labels], labels)


def _words(caption: str) -> list[str]:
    return SPELLINGS["words"].split(plain(caption))


def _usable(captions: list[str]) -> list[str]:
    """Those that have words, and not too many, once each."""
    return list({plain(caption): caption for caption in captions
                 if 1 <= len(_words(caption)) <= SPELLINGS["words"].most}.values())


def _vocabulary(captions: list[str]) -> tuple[list[str], int]:
    """Their words, the commonest first, and how many the longest has."""
    split = list(map(_words, captions))
    counts = Counter(word for words in split for word in words)
    return sorted(counts, key=lambda word: (-counts[word], word)), max(map(len, split))


def _numbered(said: list[list[str]], words: list[str], length: int) -> list[list[list[int]]]:
    """The captions of each class as numbers of words, from 1, without those of other words and longer ones."""
    numbers = {word: number for number, word in enumerate(words, 1)}
    split = [list(map(_words, captions)) for captions in said]
    return [[[numbers[word] for word in caption] for caption in captions
             if len(caption) <= length and numbers.keys() >= {*caption}] for captions in split]


def _left_out(rows: list[list[list[int]]], hidden: set[int], labels: Tensor) -> list[str]:
    """What a user is told of classes that are held out, and of pictures (N,) of classes that have no caption left."""
    notes = [f"{len(hidden)} combinations of classes and their pictures held out of training"] if hidden else []
    silent = torch.tensor([number not in hidden and not of_class for number, of_class in enumerate(rows)])[labels]
    left = int(silent.sum())
    return notes + ([f"left out {left:,} pictures without a caption of known words"] if left else [])


def _repeated(captions: list[list[int]], most: int, length: int) -> Tensor:
    """As many of the captions, in turn, as another class has: (most, length)."""
    return padded([captions[place % len(captions)] for place in range(most)], length)


def _spaced(captions: list[str]) -> list[str]:
    """Some different ones, evenly spaced."""
    different = list(dict.fromkeys(captions))
    count = min(SHOWN, len(different))
    return [different[place * len(different) // count] for place in range(count)]


# ---- of classes -----------------------------------------------------------------------------------------------------

def captions_of_classes(images: Any, unseen: int = 0) -> Captions:
    """Captions made of the names of classes, see ``said_of``.

    Raises:
        UsageError: a set without classes; see ``Captions``.
    """
    names = images.spec.class_names
    if not names:
        raise UsageError(f"{images.spec.name} has neither captions nor classes: give a folder with {TABLE} in it or "
                         f"NAME_{TABLE} beside it, a table of the columns file and caption, or class folders")
    subject = SUBJECTS.get(images.spec.name, "a picture")
    return Captions(images, [said_of(name, subject) for name in names], names, range(len(names)), unseen)


def held_out_classes(name: str, class_names: list[str], count: int) -> set[int]:
    """Numbers of classes that can be held out, each part of which is still in a class that is not.

    Which follows from the names alone.

    Raises:
        UsageError: classes that have no parts, or too few that can be held out.
    """
    if len(heads_of(class_names)) < 2:
        raise UsageError(f"--held-out-captions holds combinations out, such as 'pink hair, blue eyes', and {name} has "
                         "no classes in parts: leave it away")
    parts = class_parts(class_names)
    left = Counter(part for of_class in parts for part in of_class)
    found: set[int] = set()
    for number in sorted(range(len(class_names)), key=lambda k: hashlib.sha256(class_names[k].encode()).digest()):
        if len(found) < count and all(left[part] > 1 for part in parts[number]):
            found.add(number)
            left.subtract(parts[number])
    if len(found) < count:
        raise UsageError(f"of the {len(class_names)} combinations of {name} only {len(found)} can be held out so that "
                         "every word is still seen: choose a smaller --held-out-captions")
    return found


# ---- of tables ------------------------------------------------------------------------------------------------------

def captions_of_table(images: Any, training: Any) -> Captions:
    """Captions of pictures whose classes are what the table says of them, see ``read_column``.

    Args:
        training: the source of the pictures to train with.
    """
    said = [name.split(SEPARATOR) for name in images.spec.class_names]
    return Captions(images, said, [], labels_of(training).unique().tolist())


def table_of(folder: Path) -> Path | None:
    """Where the captions of a folder's pictures are, if there are any."""
    return next((path for path in (folder / TABLE, folder.with_name(f"{folder.name}_{TABLE}")) if path.is_file()), None)


def read_column(path: Path, column: str, folder: Path) -> dict[str, str]:
    """File -> text out of a CSV with the columns ``file`` and another, several rows a file on a line each.

    Files go by their path inside the folder; the folder's own name may stand before it.

    Raises:
        UsageError: other columns, no UTF-8, or a line that is cut short.
    """
    found: dict[str, list[str]] = {}
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            for row in csv.DictReader(file):
                parts = PurePosixPath(row["file"].replace("\\", "/")).parts
                name = "/".join(parts[1:] if parts[:1] == (folder.name,) else parts)
                if text := " ".join(row[column].split()):
                    found.setdefault(name, []).append(text)
    except (OSError, KeyError, AttributeError, UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"{path} cannot be read as a table with the columns file and {column}: {error!r}") from error
    return {name: SEPARATOR.join(dict.fromkeys(texts)) for name, texts in found.items()}


def base_emoji(stem: str) -> str:
    """What emoji of other skins or sexes have in common, by code points such as 1f93d-1f3fb-200d-2642-fe0f."""
    points = [PERSON if point in PEOPLE else point for point in re.split("-", stem) if point not in SKIN_AND_SEX]
    return "-".join(points) or stem
