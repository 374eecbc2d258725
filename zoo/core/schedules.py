"""What changes in the course of a run, by the clock: images seen."""

import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from torch.optim import Optimizer


def linear_decay(seen: int, budget: int) -> float:
    """1 for the first half of a budget in images, then in a line to 0, where it stays; 1 without a budget."""
    return min(1.0, max(0.0, 2 * (1 - seen / budget))) if budget else 1.0


def cosine(seen: int, budget: int, first: float, last: float) -> float:
    """From first to last along half a wave of a cosine over a budget in images, then last; first without a budget."""
    done = min(seen / budget, 1.0) if budget else 0.0
    return last + (first - last) * (1 + math.cos(math.pi * done)) / 2


@contextmanager
def scaled(optimizer: Optimizer, factor: float) -> Iterator[None]:
    """Meanwhile every group of parameters has so many times its learning rate, whatever else sets that."""
    rates = [group["lr"] for group in optimizer.param_groups]
    for group, rate in zip(optimizer.param_groups, rates, strict=True):
        group["lr"] = rate * factor
    try:
        yield
    finally:
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group["lr"] = rate


def set_rates(optimizers: Iterable[Optimizer], rate: float) -> None:
    """Gives every group of parameters this learning rate."""
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = rate
