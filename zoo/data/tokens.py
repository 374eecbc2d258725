"""Sentences as tokens and back: what a word is, and what ends a sentence."""

import re
from collections.abc import Callable
from typing import Literal, NamedTuple

import torch
from torch import Tensor

Tokens = Literal["words", "characters"]
END = 0  # the number of what ends a sentence, and of all places after it
MARKS = ".,!?;:"  # that are words of their own behind a word


class Spelling(NamedTuple):
    """How a line comes apart, how it is put together, and how many tokens a sentence has unless it is said."""

    split: Callable[[str], list[str]]
    join: Callable[[list[str]], str]
    separator: str
    most: int


def _words(line: str) -> list[str]:
    """At white space; of the marks at the end of a word each is one of its own."""
    found: list[str] = []
    for word in line.split():
        stem = word.rstrip(MARKS)
        found += [stem, *word[len(stem):]] if stem else word
    return found


def _sentence(words: list[str]) -> str:
    """The marks stand at the word before them, so that what was written is read again."""
    return re.sub(rf" (?=[{MARKS}](?: |$))", "", " ".join(words)) if words else ""


SPELLINGS: dict[str, Spelling] = {
    "words": Spelling(_words, _sentence, " ", 64),
    "characters": Spelling(lambda line: list(" ".join(line.split())), "".join, "", 256)}


def plain(caption: str) -> str:
    """Words in small letters with a space between them, without marks: what tells one caption from another."""
    return " ".join(re.findall(r"\w+(?:[-'’.]\w+)*", caption.lower()))


def padded(rows: list[list[int]], length: int) -> Tensor:
    """Numbers of tokens with ends after them, (N, length) int64."""
    return torch.tensor([row + [END] * (length - len(row)) for row in rows], dtype=torch.int64, device="cpu")


def counted(tokens: Tensor) -> Tensor:
    """Which places of sentences (N, T) count: all up to the first end, and this, (N, T) bool."""
    ends = tokens == END
    return ends.cumsum(1) <= ends.long()


def tidied(tokens: Tensor) -> Tensor:
    """Sentences (N, T) with nothing but ends after the first."""
    return torch.where(counted(tokens), tokens, END)
