"""Time, CPU time and memory of the zoo and of a reference, in turns."""

import io
import multiprocessing
import statistics
import time
from argparse import Namespace
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import redirect_stdout
from functools import partial
from typing import Any, NamedTuple

from zoo.benchmark.processes import Watch, cpu_seconds

WARM_UP = 10  # batches before the clock starts


class Measured(NamedTuple):
    """One run of one side."""

    seconds: float
    cpu_seconds: float  # of the process and its children, in that time
    peak_bytes: int  # of memory, from the start of the process on; see ``processes.Watch``


class Ratio(NamedTuple):
    """Reference / zoo over the pairs: above 1 the zoo takes less."""

    median: float
    lowest: float
    highest: float


class Comparison(NamedTuple):
    """Measurements in pairs, and what else is to be told of them."""

    ours: list[Measured]
    reference: list[Measured]
    names: tuple[str, str] = ("the zoo", "reference")
    details: dict[str, Any] = {}  # for the JSON
    text: str = ""  # below the table

    def ratio(self, quantity: str) -> Ratio:
        """Of ``seconds``, ``cpu_seconds`` or ``peak_bytes``."""
        ratios = [getattr(theirs, quantity) / getattr(mine, quantity)
                  for mine, theirs in zip(self.ours, self.reference, strict=True)]
        return Ratio(statistics.median(ratios), min(ratios), max(ratios))


class Meter:
    """Wall and CPU seconds between ``start`` and ``stop``, with the GPU's work done at both, and the peak of memory.

    Attributes:
        measured: after ``stop``.
    """

    measured: Measured

    def start(self) -> None:
        self._watch = Watch()
        self._watch.start()
        self._wait()
        self._from = time.perf_counter(), cpu_seconds()

    def stop(self) -> None:
        self._wait()
        seconds, cpu = (now - then for then, now in
                        zip(self._from, (time.perf_counter(), cpu_seconds()), strict=True))
        self.measured = Measured(seconds, cpu, self._watch.stop())

    @staticmethod
    def _wait() -> None:
        import torch  # not at the top, since the process that only compares does without

        if torch.cuda.is_available():
            torch.cuda.synchronize()


Side = Callable[[Namespace, Meter], None]


def compare(ours: Side, reference: Side, options: Namespace) -> Comparison:
    """Measures both sides in turns, each time in a fresh process, ``options.pairs`` times; see ``in_turns``."""
    return in_turns(partial(in_fresh_process, ours, options), partial(in_fresh_process, reference, options),
                    options.pairs)


def in_turns(ours: Callable[[], Measured], reference: Callable[[], Measured], pairs: int) -> Comparison:
    """Calls both ``pairs`` times, the order alternating, so that a machine that slows down slows both."""
    results: tuple[list[Measured], list[Measured]] = ([], [])
    sides = list(zip((ours, reference), results, strict=True))
    for pair in range(pairs):
        for call, measured in reversed(sides) if pair % 2 else sides:
            measured.append(call())
    return Comparison(*results)


def take(batches: Iterator, count: int, meter: Meter) -> None:
    """Times the taking of ``count`` batches after the warm-up."""
    for _ in range(WARM_UP):
        next(batches)
    meter.start()
    for _ in range(count):
        next(batches)
    meter.stop()


def in_fresh_process(side: Side, options: Namespace) -> Measured:
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
        return process.submit(_measured, side, options).result()


def _measured(side: Side, options: Namespace) -> Measured:
    meter = Meter()
    with redirect_stdout(io.StringIO()):
        side(options, meter)
    return meter.measured
