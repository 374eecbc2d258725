"""Times of the zoo beside those of a plain reference that does the same, in one run."""

import statistics
import time
from collections.abc import Callable
from typing import NamedTuple

import torch


class Meter:
    """Wall and CPU seconds of this process between ``start`` and ``stop``, with the GPU's work done at both."""

    def start(self) -> None:
        self._wait()
        self._from = time.perf_counter(), time.process_time()

    def stop(self) -> None:
        self._wait()
        self.seconds = time.perf_counter() - self._from[0]
        self.cpu_seconds = time.process_time() - self._from[1]

    @staticmethod
    def _wait() -> None:
        if torch.cuda.is_available():
            torch.cuda.synchronize()


class Comparison(NamedTuple):
    """Reference / zoo, so that more than 1 says that the zoo is the faster one: medians over the pairs."""

    wall: float
    cpu: float
    lowest: float  # of the wall ratios
    highest: float
    pairs: int

    def __str__(self) -> str:
        return (f"the reference takes {self.wall:.2f} times as long as the zoo (from {self.lowest:.2f} to "
                f"{self.highest:.2f} in {self.pairs} pairs) and {self.cpu:.2f} times the CPU time")


def compare(ours: Callable[[Meter], None], reference: Callable[[Meter], None], pairs: int = 5) -> Comparison:
    """Calls both in turn, the order alternating, after a call of each that does not count.

    Args:
        ours, reference: each starts and stops the meter that it is given.
    """
    wall, cpu = [], []
    for pair in range(-1, pairs):
        mine, theirs = Meter(), Meter()
        calls = [(ours, mine), (reference, theirs)]
        for call, meter in calls if pair % 2 else reversed(calls):
            call(meter)
        if pair >= 0:
            wall.append(theirs.seconds / mine.seconds)
            cpu.append(theirs.cpu_seconds / mine.cpu_seconds)
    return Comparison(statistics.median(wall), statistics.median(cpu), min(wall), max(wall), pairs)
