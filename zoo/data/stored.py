"""Images and features in files: mapped into memory where they fit, else read from disk row by row."""

import os
from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import Tensor

from zoo.data.memory import memory_for_images


class OnDisk:
    """Images uint8 (N, C, H, W), or features (N, d), in a .npy file, indexed by row numbers as a tensor would be.

    Each row is read by itself, not mapped: a mapping counts as memory of the process, has the kernel read ahead far
    more than a row, and ends the process with SIGBUS where the disk fails. Several processes may share one.
    """

    device = torch.device("cpu")

    def __init__(self, path: Path) -> None:
        header = np.load(path, mmap_mode="r")  # raises if the file is shorter than it says
        self.path, self.shape, self._offset = path, torch.Size(header.shape), header.offset
        self.dtype = torch.from_numpy(np.empty(0, header.dtype)).dtype
        self._file = open(path, "rb", buffering=0)  # noqa: SIM115 - closed with the last reference to it

    def __reduce__(self) -> tuple:
        return OnDisk, (self.path,)

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def nbytes(self) -> int:
        return self.shape.numel() * self.dtype.itemsize

    def __getitem__(self, rows: Tensor) -> Tensor:
        """Of row numbers (n,), from 0. Raises OSError where the file cannot be read."""
        found = torch.empty((len(rows), *self.shape[1:]), dtype=self.dtype)
        for values, row in zip(found.numpy(), rows.tolist(), strict=True):
            if os.preadv(self._file.fileno(), [values], self._offset + row * values.nbytes) < values.nbytes:
                raise OSError(f"{self.path} has been cut short: row {row} is not there")
        return found


Images = Tensor | OnDisk  # what a source loads; both have len, shape, nbytes, device and [rows]


def load_decoded(path: Path, of: int = 1) -> Tensor:
    """The images of a cache file: mapped if they fit into ``memory_for_images``, else an OnDisk for a Tensor.

    Args:
        of: how many such files a data set has, which share the memory.
    """
    images = OnDisk(path)
    if images.nbytes * of <= memory_for_images():
        return torch.from_numpy(np.load(path, mmap_mode="c"))
    return cast(Tensor, images)  # named tuples of 3.10 have no type variables: most code meets them with Tensors
