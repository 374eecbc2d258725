"""The random numbers of a step with instance noise, in the last of 512 processes and in the only one.

Nothing is exchanged for them, so one process tells what each of many does: the time must not grow with their number.
"""

import statistics
import time
from argparse import Namespace
from functools import partial

import torch

from zoo.benchmark.by_hand import DEVICE, LATENT
from zoo.benchmark.measure import WARM_UP, Comparison, Meter, compare
from zoo.core.randomness import Draws

PROCESSES = (1, 8, 64, 512)


def step(draws: Draws, options: Namespace, number: int) -> None:
    """What ``dcgan`` draws in a step of both players: noise on real images, and a latent and noise for each's fakes."""
    images = (options.batch_size, 3, options.image_size, options.image_size)
    draws.begin(0, number)
    draws(torch.randn, *images, device=DEVICE, dtype=torch.float32)
    for _ in range(2):
        draws(torch.randn, options.batch_size, LATENT, device=DEVICE, dtype=torch.float32)
        draws(torch.randn, *images, device=DEVICE, dtype=torch.float32)


def in_last_of(processes: int, options: Namespace, meter: Meter) -> None:
    draws = Draws(rank=lambda: processes - 1)
    for number in range(WARM_UP):
        step(draws, options, number)
    meter.start()
    for number in range(options.batches):
        step(draws, options, number)
    meter.stop()


def table(options: Namespace) -> str:
    """Milliseconds of a step by the number of processes, beside drawing for the whole batch as one process would."""
    lines = ["", "", "| processes | ms of a step's draws | ms where each draws for the whole batch |", "|---|---|---|"]
    for processes in PROCESSES:
        draws, whole = Draws(rank=lambda p=processes: p - 1), Draws()  # type: ignore[misc]  # bound now, on purpose
        everything = Namespace(**vars(options) | {"batch_size": options.batch_size * processes})
        lines.append(f"| {processes} | {_milliseconds(draws, options, 20):.3f} | "
                     f"{_milliseconds(whole, everything, 1):.3f} |")
    return "\n".join(lines)


def _milliseconds(draws: Draws, options: Namespace, times: int) -> float:
    taken = []
    for number in range(times + 1):
        start = time.perf_counter()
        step(draws, options, number)
        taken.append((time.perf_counter() - start) * 1e3)
    return statistics.median(taken[1:])


def measure(options: Namespace) -> Comparison:
    found = compare(partial(in_last_of, PROCESSES[-1]), partial(in_last_of, 1), options)
    return found._replace(names=(f"the last of {PROCESSES[-1]} processes", "the only process"), text=table(options))
