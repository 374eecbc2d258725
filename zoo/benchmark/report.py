"""What a comparison found, as a table and as JSON."""

import os
import statistics
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from zoo.benchmark.measure import Comparison, Measured
from zoo.core.files import write_json
from zoo.core.version import __version__
from zoo.training.provenance import commit, libraries, processor

QUANTITIES = {"seconds": "wall time, s", "cpu_seconds": "CPU time, s", "peak_bytes": "peak memory, MiB"}


def table(comparison: Comparison) -> str:
    """Medians of both sides and the ratios with their range, as Markdown."""
    ours, reference = comparison.names
    lines = [f"| | {' | '.join(QUANTITIES.values())} |", "|---|---|---|---|",
             _row(ours, comparison.ours), _row(reference, comparison.reference),
             _ratios(f"{reference} / {ours}", comparison)]
    return "\n".join(lines) + f"\n\n{_circumstances(comparison)}{comparison.text}"


def rows(found: Mapping[str, Comparison]) -> str:
    """The ratios of several comparisons with their range, as Markdown, by what is compared."""
    first = next(iter(found.values()))
    ours, reference = first.names
    lines = [f"| {reference} / {ours} | {' | '.join(QUANTITIES.values())} |".replace(", s", "").replace(", MiB", ""),
             "|---|---|---|---|", *(_ratios(name, comparison) for name, comparison in found.items())]
    texts = "".join(comparison.text for comparison in found.values())
    return "\n".join(lines) + f"\n\n{_circumstances(first)}{texts}"


def _ratios(name: str, comparison: Comparison) -> str:
    ratios = [comparison.ratio(quantity) for quantity in QUANTITIES]
    return f"| {name} | " + " | ".join(
        f"{ratio.median:.2f} ({ratio.lowest:.2f} to {ratio.highest:.2f})" for ratio in ratios) + " |"


def _circumstances(comparison: Comparison) -> str:
    here, made_of = machine(), versions()
    hardware = f"{here['gpu']} and " if here["gpu"] else ""
    return (
        f"Medians (and ranges) of {len(comparison.ours)} pairs in turns on {hardware}{here['cores']} cores of "
        f"{here['processor']} (threads: {here['threads']}; load average: {here['load_average']:.1f}); "
        f"{', '.join(f'{name} {number}' for name, number in made_of.items())}.")


def write(path: Path, command: str, found: Comparison | Mapping[str, Comparison]) -> None:
    """All of it as JSON, measurement by measurement; bytes and seconds."""
    measured = ({"comparisons": {name: _measured(comparison) for name, comparison in found.items()}}
                if isinstance(found, Mapping) else _measured(found))
    write_json(path, {"command": command, "machine": machine(), "versions": versions(), "commit": commit()} | measured)


def _measured(comparison: Comparison) -> dict[str, Any]:
    ours, reference = comparison.names
    return {
        f"{reference} / {ours}": {quantity: comparison.ratio(quantity)._asdict() for quantity in QUANTITIES},
        "medians": {ours: medians(comparison.ours), reference: medians(comparison.reference)},
        "measured": {ours: [side._asdict() for side in comparison.ours],
                     reference: [side._asdict() for side in comparison.reference]},
    } | comparison.details


def medians(side: list[Measured]) -> dict[str, float]:
    return {quantity: statistics.median(getattr(measured, quantity) for measured in side) for quantity in QUANTITIES}


def machine() -> dict[str, Any]:
    """What it was measured on, and how busy that has been."""
    return {
        "processor": processor(),
        "cores": len(os.sched_getaffinity(0)),
        "threads": torch.get_num_threads(),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "load_average": os.getloadavg()[0],
    }


def versions() -> dict[str, str]:
    """Of what was measured and what it rests on."""
    return {"zoo": __version__} | libraries()


def _row(name: str, side: list[Measured]) -> str:
    seconds, cpu_seconds, peak_bytes = medians(side).values()
    return f"| {name} | {seconds:.3f} | {cpu_seconds:.3f} | {peak_bytes / 2**20:.0f} |"
