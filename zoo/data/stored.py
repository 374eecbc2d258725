"""Images and features in files: mapped into memory where they fit, else read row by row."""

import os
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import Tensor

from zoo.data.memory import memory_for_images


class Streamed(ABC):
    """Rows that are read when they are asked for, indexed by their numbers as a tensor would be.

    Args:
        shape, dtype: of all rows that there are.
        chosen: numbers of those that it has, as if there were no others; None for all.
    """

    device = torch.device("cpu")

    def __init__(self, shape: Sequence[int], dtype: torch.dtype, chosen: Tensor | None = None) -> None:
        self.shape = torch.Size((shape[0] if chosen is None else len(chosen), *shape[1:]))
        self.dtype, self._chosen = dtype, chosen

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def nbytes(self) -> int:
        return self.shape.numel() * self.dtype.itemsize

    def __getitem__(self, rows: Tensor) -> Tensor:
        """Of row numbers (n,), from 0."""
        return self._read(rows if self._chosen is None else self._chosen[rows])

    @abstractmethod
    def _read(self, rows: Tensor) -> Tensor:
        """Of row numbers (n,) among all that there are."""

    @abstractmethod
    def chosen(self, rows: Tensor) -> "Streamed":
        """Those of row numbers (n,), none of which is read yet."""


class OnDisk(Streamed):
    """Images uint8 (N, C, H, W), or features (N, d), in a .npy file.

    Each row is read by itself, not mapped: a mapping counts as memory of the process, has the kernel read ahead far
    more than a row, and ends the process with SIGBUS where the disk fails. Several processes may share one.

    Indexing raises OSError where the file cannot be read.
    """

    def __init__(self, path: Path, chosen: Tensor | None = None) -> None:
        header = np.load(path, mmap_mode="r")  # raises if the file is shorter than it says
        super().__init__(header.shape, torch.from_numpy(np.empty(0, header.dtype)).dtype, chosen)
        self.path, self._offset = path, header.offset
        self._file = open(path, "rb", buffering=0)  # noqa: SIM115 - closed with the last reference to it

    def __reduce__(self) -> tuple:
        return OnDisk, (self.path, self._chosen)

    def _read(self, rows: Tensor) -> Tensor:
        found = torch.empty((len(rows), *self.shape[1:]), dtype=self.dtype)
        for values, row in zip(found.numpy(), rows.tolist(), strict=True):
            if os.preadv(self._file.fileno(), [values], self._offset + row * values.nbytes) < values.nbytes:
                raise OSError(f"{self.path} has been cut short: row {row} is not there")
        return found

    def chosen(self, rows: Tensor) -> "OnDisk":
        return OnDisk(self.path, rows if self._chosen is None else self._chosen[rows])


Images = Tensor | Streamed  # what a source loads; both have len, shape, nbytes, device and [rows]


def chosen(images: Tensor, rows: Tensor) -> Tensor:
    """Images by their row numbers (n,); those that are streamed are not read yet."""
    return cast(Tensor, images.chosen(rows)) if isinstance(images, Streamed) else images[rows]


def load_decoded(path: Path, of: int = 1) -> Tensor:
    """The images of a cache file: mapped if they fit into ``memory_for_images``, else an OnDisk for a Tensor.

    Args:
        of: how many such files a data set has, which share the memory.
    """
    images = OnDisk(path)
    if images.nbytes * of <= memory_for_images():
        return torch.from_numpy(np.load(path, mmap_mode="c"))
    return cast(Tensor, images)  # named tuples of 3.10 have no type variables: most code meets them with Tensors
