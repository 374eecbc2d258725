"""What a source loads and a loss gets: a named tuple of columns with one first dimension, a type a kind of data."""

from typing import NamedTuple, TypeVar

import torch
from torch import Tensor

from zoo.data.stored import Streamed


class Labelled(NamedTuple):
    """Images and their classes.

    Attributes:
        images: (N, C, H, W), uint8 where they are stored, in a step floats in [-1, 1]; points (N, C, 1, 1) as they are.
            Stored ones may be Streamed, for a Tensor.
        labels: class numbers (N,) int64; zeros without classes.
    """

    images: Tensor
    labels: Tensor

    @property
    def truth(self) -> Tensor:
        """What a model of these data is to make: the images."""
        return self.images


class Captioned(NamedTuple):
    """Images and what is said of them.

    Attributes:
        images: (N, C, H, W), see ``Labelled.images``.
        captions: numbers of words (N, K, T), int32 where they are stored, in a step int64; each of the K captions of an
            image is true of it, see ``zoo.data.captions``. After the last word END, see ``zoo.data.tokens``.
        labels: class numbers (N,) int64; zeros without classes.
    """

    images: Tensor
    captions: Tensor
    labels: Tensor

    @property
    def truth(self) -> Tensor:
        """What a model of these data is to make: the images."""
        return self.images


class Pair(NamedTuple):
    """Pictures and what is to be made of them.

    Attributes:
        source: (N, Cs, Hs, Ws), uint8 where they are stored, in a step floats in [-1, 1]; see ``Labelled.images``.
        target: (N, C, H, W), likewise.
        labels: class numbers (N,) int64; zeros without classes.
    """

    source: Tensor
    target: Tensor
    labels: Tensor

    @property
    def truth(self) -> Tensor:
        """What a model of these data is to make: the targets."""
        return self.target


class Domains(NamedTuple):
    """Pictures of two sets that are not paired: a row of one has nothing to do with that of the other.

    Where they are stored the sets have as many as they have; in a step both have N, each in an order of its own.

    Attributes:
        a: (N, C, H, W), uint8 where they are stored, in a step floats in [-1, 1]; see ``Labelled.images``.
        b: likewise.
        labels: zeros int64, as many as the larger of them has.
    """

    a: Tensor
    b: Tensor
    labels: Tensor

    @property
    def source(self) -> Tensor:
        """What a model of these data is given: pictures of the first set."""
        return self.a

    @property
    def truth(self) -> Tensor:
        """What it is to make the like of: pictures of the second set."""
        return self.b

    @property
    def sets(self) -> "tuple[Labelled, ...]":
        """Each set by itself, of which an epoch has every picture once."""
        return Labelled(self.a, self.labels[:len(self.a)]), Labelled(self.b, self.labels[:len(self.b)])

    @classmethod
    def together(cls, *batches: Labelled) -> "Domains":
        """A batch out of one of each set."""
        (a, labels), (b, _) = batches
        return cls(a, b, labels)


class Originals(Domains):
    """Two sets of which the first is still to be made of the pictures that it has: see ``DomainSpec.pairs``."""

    __slots__ = ()


class Sentences(NamedTuple):
    """Sentences and their classes.

    Attributes:
        tokens: numbers of the tokens (N, T), int32 where they are stored, in a step int64; after the last word of a
            sentence END to its last place, see ``zoo.data.tokens``.
        labels: class numbers (N,) int64; zeros without classes.
    """

    tokens: Tensor
    labels: Tensor

    @property
    def truth(self) -> Tensor:
        """What a model of these data is to make: the sentences."""
        return self.tokens


AnyColumns = Labelled | Captioned | Pair | Domains | Sentences
Columns = TypeVar("Columns", bound=AnyColumns)


def take(columns: Columns, rows: Tensor) -> Columns:
    """Some examples, by their numbers (n,); of a set that has fewer it begins again."""
    return type(columns)(*(column[rows % len(column)] for column in columns))


def where(first: Tensor, these: Columns, those: Columns) -> Columns:
    """Row by row one or the other, by (N,) bool."""
    return type(these)(*(torch.where(first.view(-1, *[1] * (a.dim() - 1)), a, b)
                         for a, b in zip(these, those, strict=True)))


def mirrored(columns: Columns) -> Columns:
    """Every picture, which is what has numbers of 8 bits, left to right."""
    return type(columns)(*(column.flip(3) if column.dtype == torch.uint8 else column for column in columns))


def streamed(columns: AnyColumns) -> bool:
    """Whether some of it is read row by row."""
    return any(isinstance(column, Streamed) for column in columns)
