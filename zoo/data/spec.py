"""What a model needs to know of its data besides their origin: a class a kind of data."""

from collections.abc import Iterable
from dataclasses import MISSING, dataclass, field, fields
from difflib import get_close_matches
from functools import cached_property
from typing import Any, ClassVar

import torch
from torch import Tensor

from zoo.core.errors import UsageError, unknown
from zoo.data.derived import AS_FILES, DERIVED, Way
from zoo.data.labels import is_iterable
from zoo.data.origin import DataSpec, as_text
from zoo.data.pictures import Pictures, as_tensor
from zoo.data.tokens import SPELLINGS, padded, plain, tidied

BETWEEN = ";"  # names of domains, of which a comma may be a part
FILES = "files"  # in place of a way to derive pairs: they are there
FRONTAL = "frontal"  # and so are these, in classes that are persons: see ``zoo.data.frontal``
MOST_HELD_OUT = 0.5  # of a set of single images, or of sentences
MOST_PLACES = 4096  # of a sentence
SHOWN = 60  # characters of a sentence in an error
NAMED = 5  # unknown words in an error


def checked_share(value: Any) -> float:
    """``value``. Raises UsageError if it is no share that may be held out of training."""
    if type(value) not in (int, float) or not 0 <= value <= MOST_HELD_OUT:
        raise UsageError(f"held_out must be a share from 0 to {MOST_HELD_OUT}, not {value!r}")
    return value


@dataclass(frozen=True, kw_only=True)
class ImageSpec(DataSpec):
    """Square images."""

    kind = "images"
    has_mirror_images = True
    bounded: ClassVar[bool] = True  # values end at -1 and 1

    image_size: int  # height and width in pixels
    channels: int  # 1 grey, 3 colour
    held_out: float = 0.0  # share that the split test was made of, see ``zoo.data.heldout``; 0: the set's own splits

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_whole("image_size", 2, most=4096)
        checked_share(self.held_out)
        if self.channels not in (1, 3) or type(self.channels) is not int:
            raise UsageError(f"channels must be 1 (grey) or 3 (colour), not {self.channels!r}")

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of an example, (C, H, W)."""
        return (self.channels, self.image_size, self.image_size)

    @property
    def opening(self) -> dict[str, Any]:
        return {"image_size": self.image_size, "held_out": self.held_out}

    def check_range(self, batch: Any) -> None:
        """Pictures are uint8, or floats in [-1, 1]."""
        for x in batch:
            if x.is_floating_point() and not (x.amin() >= -1.001 and x.amax() <= 1.001):  # nor is NaN
                raise UsageError(f"images for training are uint8, or floats in [-1, 1], not floats from {x.amin():.4g} "
                                 f"to {x.amax():.4g}: scale them first")

    @staticmethod
    def to_unit(x: Tensor) -> Tensor:
        """From the [-1, 1] of networks to [0, 1]."""
        return ((x.float() + 1) / 2).clamp(0, 1)

    @staticmethod
    def from_unit(x: Tensor) -> Tensor:
        """From [0, 1] to the [-1, 1] of networks."""
        return 2 * x - 1

    def read(self, images: Pictures) -> Tensor:
        """A user's pictures as (N, C, H, W) in [0, 1]. Raises UsageError for those of another size."""
        x = as_tensor(images, self.channels)
        if x.shape[2:] != (self.image_size, self.image_size):
            raise UsageError(f"the model knows images of {self.image_size}x{self.image_size} pixels, not of "
                             f"{x.shape[3]}x{x.shape[2]}: resize them first")
        return x


@dataclass(frozen=True, kw_only=True)
class PointSpec(DataSpec):
    """Points with unbounded coordinates, which networks see as images (C, 1, 1)."""

    kind = "points"
    has_mirror_images = False
    image_size: ClassVar[int] = 1
    bounded: ClassVar[bool] = False

    channels: int  # coordinates

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_whole("channels", 1, most=64)

    @property
    def shape(self) -> tuple[int, int, int]:
        return (self.channels, 1, 1)

    @staticmethod
    def to_unit(x: Tensor) -> Tensor:
        """The coordinates as they are."""
        return x.float()

    @staticmethod
    def from_unit(x: Tensor) -> Tensor:
        """The coordinates as they are."""
        return x

    def read(self, points: Pictures) -> Tensor:
        """A user's points as (N, C, 1, 1). Raises UsageError for those of other dimensions."""
        x = torch.as_tensor(points)
        if x.shape[1:] not in ((self.channels,), self.shape):
            raise UsageError(f"points are (N, {self.channels}), not of the shape {tuple(x.shape)}")
        return x.float().view(-1, *self.shape)


@dataclass(frozen=True, kw_only=True)
class PairSpec(ImageSpec):
    """Square source pictures and the target pictures that belong to them; size and channels are the targets'."""

    kind = "pairs"

    source_size: int
    source_channels: int
    pairs: str  # "files", "frontal", or how the sources are derived from the targets: see ``zoo.data.derived``
    reverse: bool = False  # of files: whether source and target have changed places

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_whole("source_size", 1, most=4096)
        self.check_whole("source_channels", 1, most=64)
        if not isinstance(self.pairs, str) or self.pairs not in (FILES, FRONTAL, *DERIVED):
            raise unknown("way to make pairs", self.pairs, [FILES, FRONTAL, *DERIVED])
        if not isinstance(self.reverse, bool):
            raise UsageError(f"reverse must be true or false, not {self.reverse!r}")

    @property
    def opening(self) -> dict[str, Any]:
        return super().opening | {"pairs": self.pairs, "reverse": self.reverse}

    @property
    def way(self) -> Way:
        """How the pairs come out of images."""
        return DERIVED.get(self.pairs, AS_FILES)

    @property
    def target_channels(self) -> int:
        """Of what a network makes, which need not be red, green and blue."""
        return self.way.target_channels or self.channels


@dataclass(frozen=True, kw_only=True)
class DomainSpec(ImageSpec):
    """Square pictures of two sets that are not paired; ``images`` are those of the first."""

    kind = "domains"

    domains: list[str]  # names of the first set and of the second
    images_b: int = 0  # of the second set
    pairs: str = FILES  # how the first set is derived of such pictures, see ``zoo.data.derived``; "files": it is not

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_whole("images_b", 0)
        if not isinstance(self.pairs, str) or self.pairs not in (FILES, *DERIVED):
            raise unknown("way to make pairs", self.pairs, [FILES, *DERIVED])
        names = self.domains
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names) or len({*names}) != 2:
            raise UsageError(f"domains must be the names of two sets of pictures, not {names!r}")
        object.__setattr__(self, "domains", [as_text(name) for name in names])

    @property
    def targets(self) -> int:
        return self.images_b

    @property
    def source_size(self) -> int:
        """Height and width of the pictures that a model is given."""
        return self.image_size

    @property
    def source_channels(self) -> int:
        return self.channels

    @property
    def opening(self) -> dict[str, Any]:
        given = {"domains": BETWEEN.join(self.domains)} if self.pairs == FILES else {"pairs": self.pairs}
        return super().opening | given

    @property
    def way(self) -> Way:
        """How the first set is derived."""
        return DERIVED.get(self.pairs, AS_FILES)


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
        strange = [word for word in dict.fromkeys(split) if word not in self.numbers][:NAMED]
        if strange:
            near = [get_close_matches(word, self.words, 3) for word in strange] if self.tokens == "words" else []
            raise UsageError(f"the model does not know {' and '.join(map(repr, strange))} of {_begin(sentence)}: it "
                             f"knows the {len(self.words):,} {self.tokens} of {self.name}"
                             + ("".join(f", such as {' or '.join(words)}" for words in near if words)))
        return [self.numbers[word] for word in split]

    def read(self, sentences: Iterable[str]) -> Tensor:
        """Sentences as (N, T) int64. Raises UsageError for none, unknown words, and those that are too long."""
        rows = [self.encode(sentence) for sentence in ([sentences] if isinstance(sentences, str) else sentences)]
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
        given = list(captions) if several else [captions] * n
        if wrong := [text for text in given if not isinstance(text, str)]:
            raise UsageError(f"captions are texts, not {wrong[0]!r}")
        if len(given) != n:
            raise UsageError(f"{len(given)} captions for {n} images: give one, or one an image")
        known = {text: self._read(text) for text in dict.fromkeys(given)}
        return padded([known[text] for text in given], self.length)

    def _read(self, caption: str) -> list[int]:
        if not plain(caption):
            raise UsageError(f"a caption has words, and {_begin(caption)} has none: say what is to be made, such as "
                             f"{self.captions[0]!r}")
        return self.text.encode(plain(caption))


def _begin(sentence: str) -> str:
    """As much of a sentence as an error shows."""
    return repr(sentence if len(sentence) <= SHOWN else f"{sentence[:SHOWN]}...")


AnySpec = ImageSpec | PointSpec  # CaptionSpec, PairSpec and DomainSpec are the former
KINDS: dict[str, type[AnySpec | TextSpec]] = {
    cls.kind: cls for cls in (ImageSpec, PointSpec, CaptionSpec, PairSpec, DomainSpec, TextSpec)}


def read_spec(values: dict[str, Any]) -> AnySpec | TextSpec:
    """A spec out of config.json. Format 1 has no kinds: images, of one pixel where they are points.

    Raises:
        UsageError: an unknown kind or field, a missing one, or a value out of range.
    """
    values = dict(values)
    if "kind" not in values:
        points = type(values.get("image_size")) is int and values["image_size"] == 1
        values |= {"kind": "points" if points else "images"}
        if points:
            del values["image_size"]
    kind = values.pop("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        raise unknown("kind of data", kind, KINDS)
    cls = KINDS[kind]
    known = {f.name for f in fields(cls)}
    for name in values:
        if name not in known:
            raise unknown("data field", name, known)
    missing = {f.name for f in fields(cls) if f.default is MISSING and f.default_factory is MISSING} - set(values)
    if missing:
        raise UsageError(f"the data set lacks {', '.join(sorted(missing))}")
    return cls(**values)
