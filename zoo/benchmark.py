"""Times of the zoo beside those of a plain reference that does the same, in one run."""

import statistics
import time
from collections.abc import Callable
from typing import NamedTuple

import torch


class Comparison(NamedTuple):
    """Medians over the pairs. A ratio above 1 says that the zoo is the faster one."""

    wall: float  # reference / zoo, wall time
    cpu: float  # reference / zoo, CPU time of this process
    lowest: float  # of the wall ratios
    highest: float
    zoo_seconds: float
    reference_seconds: float


def compare(ours: Callable[[], object], reference: Callable[[], object], pairs: int = 5) -> Comparison:
    """Calls both in turn, the order alternating, once unmeasured."""
    ours(), reference()
    times: dict[str, list[tuple[float, float]]] = {"ours": [], "reference": []}
    for pair in range(pairs):
        calls = [("ours", ours), ("reference", reference)]
        for name, call in calls if pair % 2 else reversed(calls):
            times[name].append(_seconds(call))
    ratios = [[r / o for o, r in zip(ours_, reference_, strict=True)]
              for ours_, reference_ in zip(zip(*times["ours"], strict=True), zip(*times["reference"], strict=True),
                                           strict=True)]
    wall, cpu = ratios
    return Comparison(statistics.median(wall), statistics.median(cpu), min(wall), max(wall),
                      *(statistics.median(w for w, _ in times[name]) for name in ("ours", "reference")))


def _seconds(call: Callable[[], object]) -> tuple[float, float]:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    wall, cpu = time.perf_counter(), time.process_time()
    call()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - wall, time.process_time() - cpu
