"""What a source loads and a loss gets: a named tuple of columns with one first dimension, a type a kind of data."""

from typing import NamedTuple, TypeVar

import torch
from torch import Tensor

from zoo.data.stored import OnDisk


class Labelled(NamedTuple):
    """Images and their classes.

    Attributes:
        images: (N, C, H, W), uint8 where they are stored, in a step floats in [-1, 1]; points (N, C, 1, 1) as they are.
            Stored ones may be an OnDisk, for a Tensor.
        labels: class numbers (N,) int64; zeros without classes.
    """

    images: Tensor
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


AnyColumns = Labelled | Pair
Columns = TypeVar("Columns", bound=AnyColumns)


def take(columns: Columns, rows: Tensor) -> Columns:
    """Some examples, by their numbers (n,)."""
    return type(columns)(*(column[rows] for column in columns))


def where(first: Tensor, these: Columns, those: Columns) -> Columns:
    """Row by row one or the other, by (N,) bool."""
    return type(these)(*(torch.where(first.view(-1, *[1] * (a.dim() - 1)), a, b)
                         for a, b in zip(these, those, strict=True)))


def mirrored(columns: Columns) -> Columns:
    """Every picture, which is what has numbers of 8 bits, left to right."""
    return type(columns)(*(column.flip(3) if column.dtype == torch.uint8 else column for column in columns))


def streamed(columns: AnyColumns) -> bool:
    """Whether some of it is read from disk row by row."""
    return any(isinstance(column, OnDisk) for column in columns)
