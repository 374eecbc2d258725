"""Sentences out of files of one a line, of the Hub, or of a program's memory."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from zoo.core.errors import UsageError
from zoo.data.batches import Sentences
from zoo.data.folder import checked_split
from zoo.data.hub import splits_at_hub
from zoo.data.listing import SPELLINGS as SPLITS
from zoo.data.listing import few, is_hidden, say, split_named
from zoo.data.memory import memory_for_images
from zoo.data.text_spec import TextSpec
from zoo.data.tokens import END, SPELLINGS

SUFFIX = ".txt"
FEWEST = 2  # sentences to learn from


class Reading(NamedTuple):
    """How sentences are read: into words or characters, of at most how many (0: the longest that there is, up to 64
    words or 256 characters), out of the how many most frequent (0: all)."""

    tokens: str = "words"
    length: int = 0
    vocabulary: int = 0


class Lines(NamedTuple):
    """Where the lines of a class come from, as often as they are gone through."""

    label: str
    each: Callable[[], Iterable[str]]


class TextSource:
    """Sentences of some splits.

    A line is a sentence. Left out, and counted in a line that is printed, are empty ones, those of too many tokens,
    those with a token that the vocabulary lacks, and in ``train`` those that are held out. The vocabulary is that of
    the sentences to train with. Neither letters nor their case are changed.

    Args:
        lines: split -> the lines of each class.
        reading: see ``Reading``.
        split: which.
        held_out: share of the sentences of a set that has no splits, for ``test``. Which follows from a sentence alone:
            what is there twice is on one side, and sentences that are added move none.

    Raises:
        UsageError: no such split, a single sentence to learn from, or none.
    """

    def __init__(self, name: str, lines: Mapping[str, list[Lines]], reading: Reading, split: str = "train",
                 held_out: float = 0.0, provenance: str = "") -> None:
        self._spelling, self._lines, self._share = SPELLINGS[reading.tokens], lines, held_out
        if held_out and len(lines) > 1:
            raise UsageError(f"{name} has {' and '.join(lines)} already, which stay as they are: leave --held-out away")
        self.splits = ("train", "test") if held_out else tuple(lines)
        self.split = checked_split(name, split, self.splits)
        self._most = reading.length or self._spelling.most
        self._elsewhere = {_digest(words) for other in self.splits if other != "train" and not held_out
                           for _, words in self._of(other)}
        counts: Counter[str] = Counter()
        lengths = set()
        for words in self._kept("train"):
            counts.update(words)
            lengths.add(len(words))
        if not lengths:
            raise UsageError(f"{name} has no sentence to learn from: {self._left_out('train')}")
        in_order = sorted(counts, key=lambda word: (-counts[word], word))
        known = in_order[:reading.vocabulary or len(in_order)]
        class_names = sorted({part.label for parts in lines.values() for part in parts})
        spec = TextSpec(name=name, tokens=reading.tokens, length=max(lengths), ends=len(lengths) > 1,
                        known=self._spelling.separator.join(known), held_out=held_out,
                        class_names=class_names if len(class_names) > 1 else [])
        self._numbers = spec.numbers
        count = sum(1 for _ in self._encoded(split))
        if count < (FEWEST if split == "train" else 1):
            raise UsageError(f"{name} has {count} sentence{'' if count == 1 else 's'} in {split}: give at least "
                             f"{FEWEST}; {self._left_out(split)}")
        said = (f"{count:,} sentence{'' if count == 1 else 's'} of up to {spec.length} of {len(known):,} "
                f"{reading.tokens}")
        left = self._left_out(split)
        say(f"{name}: {said} ({split})" + (f"; left out {left}" if left else ""))
        _check_memory(name, count * spec.length * 4)
        self.spec = TextSpec(**vars_of(spec) | {"images": count, "provenance": "; ".join(
            filter(None, [provenance or name, said, left and f"left out {left}"]))})

    def prepare(self) -> None:
        """Nothing to download or decode."""

    def load(self) -> Sentences:
        tokens = np.full((self.spec.images, self.spec.length), END, np.int32)
        labels = np.zeros(self.spec.images, np.int64)
        names = {name: number for number, name in enumerate(self.spec.class_names)}
        for row, (label, numbers) in enumerate(self._encoded(self.split)):
            tokens[row, :len(numbers)], labels[row] = numbers, names.get(label, 0)
        return Sentences(torch.from_numpy(tokens), torch.from_numpy(labels))

    def _of(self, split: str) -> Iterator[tuple[str, list[str]]]:
        """Class and tokens of the lines that are in a split, if nothing is left out."""
        for label, each in self._lines["train" if self._share else split]:
            for line in each():
                yield label, self._words(line)

    def _words(self, line: str) -> list[str]:
        return self._spelling.split(line)

    def _kept(self, split: str) -> Iterator[list[str]]:
        return (words for _, words in self._labelled(split))

    def _labelled(self, split: str) -> Iterator[tuple[str, list[str]]]:
        """Those that a split keeps, of any vocabulary; counts the others."""
        self.left_out: Counter[str] = Counter()
        for label, words in self._of(split):
            if reason := self._unwanted(words, split):
                self.left_out[reason] += 1
            else:
                yield label, words

    def _unwanted(self, words: list[str], split: str) -> str:
        """Why a line is left out; "" if it is not."""
        if not words:
            return "empty"
        if len(words) > self._most:
            return f"of more than {self._most}"
        if self._share:
            is_test = int.from_bytes(_digest(words), "little") < self._share * 2**64
            return "" if is_test == (split == "test") else "held out" if is_test else "to train with"
        return "also in another split" if split == "train" and _digest(words) in self._elsewhere else ""

    def _encoded(self, split: str) -> Iterator[tuple[str, list[int]]]:
        """Class and numbers of those that are left when it is known what words there are."""
        for label, words in self._labelled(split):
            numbers = [self._numbers.get(word, END) for word in words]
            if END in numbers:
                self.left_out["with unknown words"] += 1
            else:
                yield label, numbers

    def _left_out(self, split: str) -> str:
        return ", ".join(f"{count:,} {reason}" for reason, count in self.left_out.most_common())


class StyledSource(TextSource):
    """Sentences of two styles, the classes, some of which people may have rewritten in the other: behind a tab.

    Raises:
        UsageError: other than two classes; see ``TextSource``.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.spec.classes != 2:
            raise UsageError(f"{self.spec.name} has {self.spec.classes or 'no'} styles, and two are rewritten into "
                             "each other: give a folder of two files, such as negative.txt and positive.txt, or "
                             "folders train and test of such files")

    def _words(self, line: str) -> list[str]:
        return self._spelling.split(line.partition("\t")[0])

    def rewrites(self) -> dict[str, list[str]]:
        """Sentences of the split -> what people made of them in the other style."""
        found: dict[str, list[str]] = {}
        for part in self._lines["train" if self._share else self.split]:
            for line in part.each():
                _, *others = line.rstrip("\n").split("\t")
                if others:
                    found.setdefault(self._spelling.join(self._words(line)), []).extend(filter(str.strip, others))
        return found


def vars_of(spec: TextSpec) -> dict:
    """The fields of a spec."""
    values = spec.to_dict()
    del values["kind"]
    return values


def _digest(words: list[str]) -> bytes:
    return hashlib.blake2b("\0".join(words).encode("utf-8", "surrogatepass"), digest_size=8).digest()


def _check_memory(name: str, size: int) -> None:
    if size > (room := memory_for_images()):
        raise UsageError(f"{name} takes {size / 1e9:,.3g} GB, more than the {room / 1e9:,.3g} GB of memory for it "
                         "($ZOO_MEMORY, else half of what is available): give a part of it, or a smaller --length")


def lines_of(path: Path) -> Iterator[str]:
    """Of a file. Raises UsageError where it is no UTF-8 or cannot be read."""
    number = 0
    try:
        with open(path, encoding="utf-8-sig") as file:
            for number, line in enumerate(file, 1):  # noqa: B007 - for the error
                yield line
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is no UTF-8 text, in or soon after line {number + 1:,} ({error.reason}): convert it, "
                         f"as with iconv -f LATIN1 -t UTF-8 {path.name}") from error
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error


def text_in_files(place: Path, reading: Reading, split: str, held_out: float, provenance: str = "",
                  kind: type[TextSource] = TextSource) -> TextSource:
    """The sentences of a file, or of a folder of files.

    Files named ``train``, ``val`` or ``test``, in any usual spelling, are splits, and so are folders; other files are
    classes, such as ``negative.txt`` and ``positive.txt``.

    Raises:
        UsageError: no files, classes beside splits, a file that is no text; see ``TextSource``.
    """
    if place.is_file():
        found = {"train": [place]}
    else:
        folders = {name: path for path in sorted(place.iterdir()) if path.is_dir() and (name := split_named(path.name))}
        found = {name: _texts(path) for name, path in folders.items()} or _by_name(place, _texts(place))
    if not any(found.values()) or "train" not in found:
        raise UsageError(f"there are no sentences to learn from in {place}: looked for files *{SUFFIX} of one a line")
    lines = {name: [Lines(path.stem if len(found[name]) > 1 else "", partial(lines_of, path)) for path in found[name]]
             for name in SPLITS if name in found}
    size = sum(path.stat().st_size for paths in found.values() for path in paths)
    _check_memory(place.name, size)
    return kind(place.resolve().stem, lines, reading, split, held_out, provenance)


def captions(place: Path, reading: Reading, split: str, held_out: float) -> TextSource:
    """Those that Texygen (Zhu 2018, arXiv:1802.01886) has, in a folder."""
    if not place.is_dir():
        raise UsageError(f"there is no folder {place}: put the captions there, one a line, in train.txt and test.txt, "
                         "or take another file of sentences")
    return text_in_files(place, reading, split, held_out, "captions of Microsoft COCO (Chen 2015, arXiv:1504.00325, "
                         "CC BY 4.0), one for each of 20,000 pictures, as Texygen has them")


def yelp(directory: Path, reading: Reading, split: str) -> StyledSource:
    """Sentences of reviews, negative and positive; in ``test`` those that people rewrote (Li 2018, arXiv:1804.06437).

    Raises:
        UsageError: files that are missing.
    """
    folder = directory / "yelp"
    files = {"train": ("yelp.sentiment.dev.{}", "yelp.sentiment.test.{}"), "test": ("lijuncen.yelp.reference.{}",)}
    lines: dict[str, list[Lines]] = {}
    for part, names in files.items():
        for number, style in enumerate(("negative", "positive")):
            paths = [folder / name.format(number) for name in names]
            if missing := [path for path in paths if not path.is_file()]:
                raise UsageError(f"there is no file {missing[0]}: put the sentences of Yelp there, one a line, as "
                                 "language-style-transfer has them, and the rewritten ones, each with its rewrite "
                                 "behind a tab")
            lines.setdefault(part, []).extend(Lines(style, partial(lines_of, path)) for path in paths)
    return StyledSource("yelp", lines, reading, split, provenance="sentences of Yelp reviews (Shen 2017, Apache-2.0); "
                        "rewrites by people (Li 2018, CC BY-SA 4.0)")


def _texts(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir()
                  if path.suffix.lower() == SUFFIX and path.is_file() and not is_hidden(path.name))


def _by_name(place: Path, files: list[Path]) -> dict[str, list[Path]]:
    """Splits by the names of files; all are classes to train with where none has such a name."""
    named = {name: [path] for path in files if (name := split_named(path.stem))}
    beside = [path.name for path in files if not split_named(path.stem)]
    if named and (beside or len(named) + len(beside) < len(files)):
        raise UsageError(f"{place} has {few(path.name for path in files)}: either all files are splits, one of each, "
                         "or all are classes; splits that have classes are folders train and test of such files")
    return named or {"train": files}


def text_in_memory(sentences: list[str], reading: Reading, split: str, held_out: float) -> TextSource:
    return TextSource("sentences", {"train": [Lines("", lambda: sentences)]}, reading, split, held_out,
                      f"{len(sentences):,} sentences given")


def _lines_in(rows: Any, column: str) -> Iterator[str]:
    """Of a column of texts, each of which may have several."""
    return (line for text in rows[column] for line in (text or "").splitlines())


def text_of_hub(repo: str, reading: Reading, split: str, held_out: float) -> TextSource:
    """The first column of texts of a data set on the Hugging Face Hub, or in a folder that ``datasets`` can read."""
    found = splits_at_hub(repo)
    lines = {}
    for name, rows in found.items():
        texts = [column for column, kind in rows.features.items()
                 if getattr(kind, "dtype", "") in ("string", "large_string")]
        if not texts:
            raise UsageError(f"the data set {repo} has no column of texts: {', '.join(rows.features)}")
        lines[name] = [Lines("", partial(_lines_in, rows, texts[0]))]
    return TextSource(repo.rstrip("/").split("/")[-1], lines, reading, split, held_out, f"Hugging Face data set {repo}")
