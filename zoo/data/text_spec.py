"""What a model needs to know of sentences, or of pictures with captions, besides their origin."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cached_property
from typing import Any, ClassVar

from torch import Tensor

from zoo.core.errors import UsageError, unknown
from zoo.data.image_spec import ImageSpec, checked_share
from zoo.data.labels import is_iterable
from zoo.data.origin import DataSpec
from zoo.data.tokens import SPELLINGS, padded, plain, tidied

MOST_PLACES = 4096  # of a sentence
SHOWN = 60  # characters of a sentence in an error
NAMED = 5  # unknown words in an error


@dataclass(frozen=True, kw_only=True)
class TextSpec(DataSpec):
    """Sentences of at most ``length`` tokens out of a vocabulary that is known."""

    kind = "text"
    has_mirror_images = False
    bounded: ClassVar[bool] = False

    tokens: str  # "words" or "characters"
    length: int  # places of a sentence
    known: str  # the tokens in the order of their numbers from 1: words with a space between them, or characters
    ends: bool  # whether some sentence has fewer tokens than there are places
    held_out: float = 0.0  # see ``ImageSpec``

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.tokens not in SPELLINGS:
            raise unknown("kind of tokens", self.tokens, SPELLINGS)
        self.check_whole("length", 1, most=MOST_PLACES)
        checked_share(self.held_out)
        if not isinstance(self.known, str) or not self.known or len({*self.words}) != len(self.words):
            raise UsageError("known must be a text of tokens, each of them once")
        if not isinstance(self.ends, bool):
            raise UsageError(f"ends must be true or false, not {self.ends!r}")

    @cached_property
    def words(self) -> list[str]:
        """The tokens that there are; the first has the number 1."""
        separator = SPELLINGS[self.tokens].separator
        return self.known.split(separator) if separator else list(self.known)

    @cached_property
    def numbers(self) -> dict[str, int]:
        return {word: number for number, word in enumerate(self.words, 1)}

    @property
    def vocabulary(self) -> int:
        """Numbers of tokens, that of the end among them."""
        return 1 + len(self.words)

    @property
    def shape(self) -> tuple[int]:
        """Of an example, (T,)."""
        return (self.length,)

    @property
    def opening(self) -> dict[str, Any]:
        return {"tokens": self.tokens, "length": self.length, "vocabulary": len(self.words), "held_out": self.held_out}

    def is_like(self, other: DataSpec) -> bool:
        """Always: sentences are brought into the numbers of the words that are known here."""
        return True

    @property
    def brought(self) -> str:
        return "in sentences of the words that it knows"

    def encode(self, sentence: str) -> list[int]:
        """The numbers of a sentence's tokens, without an end. Raises UsageError for what the model cannot know."""
        split = SPELLINGS[self.tokens].split(sentence)
        if not 1 <= len(split) <= self.length:
            raise UsageError(f"a sentence has 1 to {self.length} {self.tokens} here, and {_begin(sentence)} has "
                             f"{len(split):,}")
        strange = [word for word in dict.fromkeys(split) if word not in self.numbers]
        if strange:
            raise UsageError(f"the model does not know {_some(strange)} of {_begin(sentence)}: it knows the "
                             f"{len(self.words):,} {self.tokens} of {self.name}, such as {self._near(strange[:NAMED])}")
        return [self.numbers[word] for word in split]

    def _near(self, strange: list[str]) -> str:
        """Known words that unknown ones are near to; where there are none, the most frequent of all."""
        near = [get_close_matches(word, self.words, 3) for word in strange] if self.tokens == "words" else []
        return ", such as ".join(" or ".join(words) for words in near if words) or ", ".join(
            word if word.strip() else repr(word) for word in self.words[:NAMED])

    def read(self, sentences: Iterable[str]) -> Tensor:
        """Sentences as (N, T) int64.

        Raises:
            UsageError: none, what is no text, unknown words, and sentences that are too long.
        """
        several = not isinstance(sentences, str) and is_iterable(sentences)
        rows = [self.encode(sentence) for sentence in checked_texts("sentences", sentences if several else [sentences])]
        if not rows:
            raise UsageError("give a sentence, or several")
        return padded(rows, self.length)

    def decode(self, tokens: Tensor) -> list[str]:
        """Sentences (N, T) as text."""
        join = SPELLINGS[self.tokens].join
        return [join([self.words[k - 1] for k in row if k]) for row in tidied(tokens).tolist()]


@dataclass(frozen=True, kw_only=True)
class CaptionSpec(ImageSpec):
    """Square images with captions."""

    kind = "captions"

    length: int  # words of a caption
    known: str  # words of the captions in the order of their numbers from 1, with a space between them
    captions: list[str] = field(default_factory=list)  # one of each class, in their order; without classes some
    unseen: list[str] = field(default_factory=list)  # classes that were held out of training

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("captions", "unseen"):
            given = getattr(self, name)
            if not isinstance(given, list) or not all(isinstance(text, str) for text in given):
                raise UsageError(f"{name} must be a list of strings, not {given!r}")
        if not self.captions:
            raise UsageError("captions must be some of them, not none")
        self.read_captions(self.captions, len(self.captions))  # raises for words that there are not

    @cached_property
    def text(self) -> TextSpec:
        """What the captions are as sentences."""
        return TextSpec(name=self.name, tokens="words", length=self.length, known=self.known, ends=True)

    @property
    def opening(self) -> dict[str, Any]:
        return super().opening | {"held_out_captions": len(self.unseen)}

    def asks_like(self, other: Any) -> bool:
        return super().asks_like(other) and self.known == other.known and self.length == other.length

    def read_captions(self, captions: Any, n: int) -> Tensor:
        """Captions as (n, T) int64.

        Args:
            captions: one text for all, or one an image; letters may be capitals, and marks are read over.

        Raises:
            UsageError: none, too few or many, what is no text, an empty or too long one, or unknown words.
        """
        if captions is None:
            raise UsageError(f"this model makes what a caption says: give captions, one text or {n} of them, such as "
                             f"{self.captions[0]!r}")
        several = not isinstance(captions, str) and is_iterable(captions)
        given = checked_texts("captions", captions if several else [captions] * n)
        if len(given) != n:
            raise UsageError(f"{len(given)} captions for {n} images: give one, or one an image")
        known = {text: self._read(text) for text in dict.fromkeys(given)}
        return padded([known[text] for text in given], self.length)

    def _read(self, caption: str) -> list[int]:
        if not plain(caption):
            raise UsageError(f"a caption has words, and {_begin(caption)} has none: say what is to be made, such as "
                             f"{self.captions[0]!r}")
        return self.text.encode(plain(caption))


def checked_texts(what: str, given: Iterable[Any]) -> list[str]:
    """All of what is given. Raises UsageError for what is no text."""
    texts = list(given)
    if wrong := [text for text in texts if not isinstance(text, str)]:
        raise UsageError(f"{what} are texts, not {wrong[0]!r}")
    return texts


def _some(words: list[str]) -> str:
    """The first words, and how many others there are."""
    others = [f"{len(words) - NAMED:,} others"] if len(words) > NAMED else []
    return " and ".join([*map(_begin, words[:NAMED]), *others])


def _begin(sentence: str) -> str:
    """As much of a sentence as an error shows."""
    return repr(sentence if len(sentence) <= SHOWN else f"{sentence[:SHOWN]}...")
