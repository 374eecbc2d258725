"""Judges: small networks that learn from real pictures in an evaluation, to be asked about made ones."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zoo.metrics.real import progress

UNKNOWN = -1  # in place of a class, where it is not told
SEED = 0
Lesson = tuple[Tensor, Tensor]  # pictures (n, C, H, W) in [-1, 1] and what is right of them, (n, ...) int64


class Schooling(NamedTuple):
    """How a judge learns: so many pictures, in batches, by Adam on one cycle (Smith 2017, arXiv:1708.07120)."""

    pictures: int
    batch_size: int
    learning_rate: float  # the highest

    def __str__(self) -> str:
        return f"{self.pictures:,} pictures in batches of {self.batch_size}, rate {self.learning_rate:g}, seed {SEED}"


def schooled(build: Callable[[], nn.Module], lessons: Iterator[Lesson], schooling: Schooling, what: str,
             device: torch.device) -> nn.Module:
    """A network that has learnt to tell, in evaluation mode. Its first weights are the same every time.

    Args:
        build: it, from pictures (n, C, H, W) in [-1, 1] to logits (n, classes, ...).
        lessons: batches without end.
        what: for the bar.
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(SEED)
        network = build().to(device).train()
    steps = schooling.pictures // schooling.batch_size
    optimizer = torch.optim.Adam(network.parameters(), schooling.learning_rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, schooling.learning_rate, steps)
    with torch.enable_grad(), progress(what, steps * schooling.batch_size) as bar:
        for _ in range(steps):
            pictures, right = next(lessons)
            optimizer.zero_grad()
            F.cross_entropy(network(pictures.to(device)), right.to(device), ignore_index=UNKNOWN).backward()
            optimizer.step()
            schedule.step()
            bar.update(len(pictures))
    return network.eval().requires_grad_(False)


def rows_in_turn(count: int, batch_size: int, seed: int = SEED) -> Iterator[Tensor]:
    """Batches of row numbers without end, every row once before any comes again."""
    random, queue = torch.Generator().manual_seed(seed), torch.empty(0, dtype=torch.int64)
    while True:
        while len(queue) < batch_size:
            queue = torch.cat([queue, torch.randperm(count, generator=random)])
        yield queue[:batch_size]
        queue = queue[batch_size:]


def at_most(pixels: int, pictures: Tensor) -> Tensor:
    """Square pictures (N, C, S, S) in [0, 1] as they are or, if they are larger, at so many pixels a side."""
    if pictures.shape[2] <= pixels:
        return pictures
    return F.interpolate(pictures, (pixels, pixels), mode="bilinear", antialias=True)


@torch.no_grad()
def told(network: nn.Module, pictures: Tensor, batch_size: int, device: torch.device) -> Tensor:
    """What a judge says of pictures (N, C, H, W) in [0, 1]: the likeliest classes, (N, ...) int64."""
    return torch.cat([network((2 * batch - 1).to(device)).argmax(1).cpu() for batch in pictures.split(batch_size)])
