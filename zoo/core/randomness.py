"""What is drawn in a training step follows from the seed, the clock and the row of the batch, and from nothing else.

A process draws the rows that it needs and no others, so the cost does not grow with the number of processes, nor does
the result depend on it, or on how many parts a batch is taken in.
"""

import hashlib
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from zoo.core import parallel

APART = 1 << 32  # the number of the first draw aside
BLOCK = 16  # rows that are drawn with one seed: what a process may draw too many of, at each end of its share


class Draws:
    """The random numbers of the steps of a run.

    Args:
        rank: of this process, asked for at every draw.
    """

    def __init__(self, rank: Callable[[], int] = parallel.rank) -> None:
        self._rank = rank
        self._step = (0, 0)  # seed, images seen
        self._count = 0  # of the draws in this step
        self._part = (0, 1)  # which of how many parts of the process's share is drawn for

    def begin(self, seed: int, images_seen: int) -> None:
        """A new step: the draws are counted from 0."""
        self._step, self._count = (seed, images_seen), 0

    @contextmanager
    def again(self, seed: int, images_seen: int) -> Iterator[None]:
        """Meanwhile what is drawn is that of another step; afterwards this one goes on as if nothing had been drawn."""
        kept = self._step, self._count
        self.begin(seed, images_seen)
        try:
            yield
        finally:
            self._step, self._count = kept

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Meanwhile draws are counted apart, in every turn of a step from the same number: what is drawn so a second
        time is the same."""
        kept, self._count = self._count, APART
        try:
            yield
        finally:
            self._count = kept

    @contextmanager
    def parts(self, number: int) -> Iterator[Iterator[int]]:
        """``for index in parts``: each part of a share draws as often as another, for rows of its own."""
        start = self._count

        def each() -> Iterator[int]:
            for index in range(number):
                self._count, self._part = start, (index, number)
                yield index

        try:
            yield each()
        finally:
            self._part = (0, 1)

    def __call__(self, distribution: Callable[..., Tensor], n: int, *shape: int, device: torch.device,
                 dtype: torch.dtype) -> Tensor:
        """(n, *shape) of ``torch.randn`` or ``torch.rand``: the rows of this process, and of the part it is at."""
        part, parts = self._part
        first = (self._rank() * parts + part) * n
        blocks = range(first // BLOCK, -(-(first + n) // BLOCK))
        drawn = torch.empty(len(blocks) * BLOCK, *shape, device=device, dtype=dtype)
        generator = torch.Generator(device)
        for rows, block in zip(drawn.split(BLOCK), blocks, strict=True):
            generator.manual_seed(_mixed(*self._step, self._count, block))
            distribution(*rows.shape, generator=generator, out=rows)
        self._count += 1
        return drawn[first - blocks.start * BLOCK:][:n]


def _mixed(*numbers: int) -> int:
    """A seed of 64 bits out of several numbers; near ones give unrelated seeds."""
    packed = struct.pack(f"<{len(numbers)}q", *numbers)
    return int.from_bytes(hashlib.blake2b(packed, digest_size=8).digest(), "little") - 2**63
