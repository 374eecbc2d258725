"""Sentences out of lines, wherever these come from: see ``zoo.data.lines``."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import torch

from zoo.core.errors import UsageError
from zoo.data.batches import Sentences
from zoo.data.folder import checked_split
from zoo.data.listing import say
from zoo.data.memory import memory_for_images
from zoo.data.text_spec import TextSpec
from zoo.data.tokens import END, SPELLINGS

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
            what is there twice is on one side, and sentences that are added move none. At least one is held out.

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
        self._elsewhere = {digest(words) for other in self.splits if other != "train" and not held_out
                           for _, words in self.each(other)}
        self._bound = self._least_bound(int(held_out * 2**64)) if held_out else 0
        counts: Counter[str] = Counter()
        lengths = set()
        for words in self._kept("train"):
            counts.update(words)
            lengths.add(len(words))
        if not lengths:
            raise UsageError(f"{name} has no sentence to learn from{self._but_for('train')}")
        in_order = sorted(counts, key=lambda word: (-counts[word], word))
        known = in_order[:reading.vocabulary or len(in_order)]
        class_names = sorted({part.label for parts in lines.values() for part in parts})
        spec = TextSpec(name=name, tokens=reading.tokens, length=max(lengths), ends=len(lengths) > 1,
                        known=self._spelling.separator.join(known), held_out=held_out,
                        class_names=class_names if len(class_names) > 1 else [])
        self._numbers = spec.numbers
        count = sum(1 for _ in self._encoded(split))
        if count < (FEWEST if split == "train" else 1):
            needed = f"{FEWEST} are" if split == "train" else "1 is"
            raise UsageError(f"{name} has {count} sentence{'' if count == 1 else 's'} in {split}, and at least "
                             f"{needed} needed{self._but_for(split)}")
        said = (f"{count:,} sentence{'' if count == 1 else 's'} of up to {spec.length} of {len(known):,} "
                f"{reading.tokens}")
        left = self._left_out(split)
        say(f"{name}: {said} ({split})" + (f"; left out {left}" if left else ""))
        check_memory(name, count * spec.length * 4)
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

    def each(self, split: str) -> Iterator[tuple[str, list[str]]]:
        """Class and tokens of the lines of a split, none of which is left out."""
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
        for label, words in self.each(split):
            if reason := self._unwanted(words, split):
                self.left_out[reason] += 1
            else:
                yield label, words

    def _unwanted(self, words: list[str], split: str) -> str:
        """Why a line is left out; "" if it is not."""
        if reason := self._unfit(words):
            return reason
        if self._share:
            is_test = _draw(words) < self._bound
            return "" if is_test == (split == "test") else "held out" if is_test else "to train with"
        return "also in another split" if split == "train" and digest(words) in self._elsewhere else ""

    def _unfit(self, words: list[str]) -> str:
        """Why a line is in no split; "" if it can be."""
        if not words:
            return "empty"
        return f"of more than {self._most}" if len(words) > self._most else ""

    def _least_bound(self, bound: int) -> int:
        """``bound``, or more where no sentence's draw is below: so much that one is."""
        least = 2**64 - 1
        for _, words in self.each("train"):
            if not self._unfit(words):
                least = min(least, _draw(words))
                if least < bound:
                    return bound
        return least + 1

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

    def _but_for(self, split: str) -> str:
        """What is behind a sentence that says that there are too few."""
        left = self._left_out(split)
        return f"; left out {left}" if left else ""


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


def digest(words: list[str]) -> bytes:
    """Of a sentence: what tells it from others."""
    return hashlib.blake2b("\0".join(words).encode("utf-8", "surrogatepass"), digest_size=8).digest()


def _draw(words: list[str]) -> int:
    """Of a sentence a number from 0 to 2^64 - 1, uniform over sentences."""
    return int.from_bytes(digest(words), "little")


def check_memory(name: str, size: int) -> None:
    """Raises UsageError where sentences of so many bytes have no room."""
    if size > (room := memory_for_images()):
        raise UsageError(f"{name} takes {size / 1e9:,.3g} GB, more than the {room / 1e9:,.3g} GB of memory for it "
                         "($ZOO_MEMORY, else half of what is available): give a part of it, or a smaller --length")
