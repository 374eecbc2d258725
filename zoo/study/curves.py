"""How numbers go along training: several arms, each a variant with its options, over the same seeds.

Every run is measured every so many examples. ``curves.csv`` has all numbers, ``curves.png`` the means with a band of
one standard deviation over seeds, beside what real data get where a measure tells. Started again it does what is
missing.
"""

import copy
import csv
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean, stdev
from typing import Any, NamedTuple

from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import Callback

from zoo.core.errors import UsageError
from zoo.core.files import atomic, read_json, write_json
from zoo.core.module import Batch
from zoo.metrics.comparison import Comparison, How
from zoo.metrics.measures import taken
from zoo.metrics.protocol import Protocol
from zoo.study.plots import bands
from zoo.tasks.task import Task
from zoo.training.callbacks import crossed
from zoo.training.options import Training
from zoo.training.run import Run

COLUMNS = ("arm", "seed", "images", "measure", "value")
Row = tuple[str, int, int, str, float]
Points = dict[int, list[float]]  # examples seen -> values of the seeds


class Arm(NamedTuple):
    """What is compared, under the words that it was given by."""

    name: str
    variant: str
    config: dict[str, Any]


class Following(Callback):
    """Measures a model every so many examples and at the end of the budget.

    Attributes:
        found: examples seen and the numbers by name, each time.
    """

    def __init__(self, protocol: Protocol, measures: Sequence[str], every: int, budget: int,
                 data_dir: str | None = None, accelerator: str = "auto") -> None:
        self.protocol, self.measures, self.every, self.budget = protocol, measures, every, budget
        self.how = How(data_dir, accelerator=accelerator)  # where the run trains: the model stays there
        self.found: list[tuple[int, dict[str, float]]] = []
        self._start: Comparison | None = None

    def on_train_batch_end(self, trainer: Trainer, model: Task, outputs: Any, batch: Batch,  # type: ignore[override]
                           batch_idx: int) -> None:
        if model.images_seen < self.budget and not crossed(model, batch, self.every):
            return
        if self._start is None:
            self._start = Comparison(model, self.protocol, self.how)
            _ = self._start.columns, self._start.training_columns  # which all that follow share
        comparison, numbers = copy.copy(self._start), dict[str, float]()
        for values in taken(self.measures, comparison).values():
            numbers |= values
        self.found.append((model.images_seen, numbers))


def follow(arms: Sequence[Arm], training: Training, seeds: int, every: int, measures: Sequence[str], samples: int,
           folder: Path) -> list[Row]:
    """Trains every arm with seeds 0, 1, ... and measures it on its way, as far as that was not done before.

    Args:
        training: of every run, but for the seed.
        every: examples between measurements.
        samples: to make each time, and real ones to compare with at most.
        folder: of the table of numbers, which has those of every run as soon as it ends.

    Raises:
        UsageError: the folder has numbers of other settings; what a run raises.
    """
    shared = {name: value for name, value in training.to_dict().items() if name not in ("data_dir", "seed", "images")}
    settings = {"training": shared | {"images": training.images}, "every": every, "measures": list(measures),
                "samples": samples}
    place, table = folder / "curves.json", folder / "curves.csv"
    if place.exists() and read_json(place) != settings:
        raise UsageError(f"{folder} has numbers of other settings: give another --out, or remove it")
    folder.mkdir(parents=True, exist_ok=True)
    write_json(place, settings)
    rows = read_rows(table) if table.exists() else []
    done = {(arm, seed) for arm, seed, *_ in rows}
    protocol = Protocol(data=training.data, samples=samples, real=samples)
    for seed in range(seeds):  # of all arms the first seed first: half of it says something too
        for arm in arms:
            if (arm.name, seed) not in done:
                rows += _run(arm, seed, training, Following(protocol, measures, every, training.images,
                                                            training.data_dir, training.accelerator))
                _write(table, rows)
    return rows


def _run(arm: Arm, seed: int, training: Training, following: Following) -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="zoo-") as folder:
        run = Run(arm.variant, arm.config, Training.from_dict(training.to_dict() | {"seed": seed}), folder)
        run.more_callbacks = [following]
        if status := run.train():
            raise UsageError(f"stopped by signal {status - 128}: the same command goes on after the runs that ended")
    return [(arm.name, seed, seen, name, value) for seen, numbers in following.found for name, value in numbers.items()]


def read_rows(table: Path) -> list[Row]:
    with open(table, encoding="utf-8", newline="") as file:
        return [(row["arm"], int(row["seed"]), int(row["images"]), row["measure"], float(row["value"]))
                for row in csv.DictReader(file)]


def _write(table: Path, rows: Sequence[Row]) -> None:
    with atomic(table) as partial, open(partial, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        writer.writerows(rows)


def by_arm(rows: Sequence[Row], measure: str) -> dict[str, Points]:
    """The values of one measure over seeds, by arm and examples seen."""
    found: dict[str, Points] = {}
    for arm, _, seen, name, value in rows:
        if name == measure:
            found.setdefault(arm, {}).setdefault(seen, []).append(value)
    return found


def telling(rows: Sequence[Row]) -> list[str]:
    """The measures that are not always the same."""
    values: dict[str, set[float]] = {}
    for _, _, _, name, value in rows:
        values.setdefault(name, set()).add(value)
    return [name for name, found in values.items() if "/" not in name and len(found) > 1]


def drawn(rows: Sequence[Row]) -> bytes:
    """The measures side by side, as PNG."""
    names = telling(rows)
    real = {name: [value for _, _, _, other, value in rows if other == f"{name}/real"] for name in names}
    return bands({name: by_arm(rows, name) for name in names},
                 {name: fmean(values) for name, values in real.items() if values})


def ends(rows: Sequence[Row]) -> str:
    """A table: mean and standard deviation over seeds at the end, and of all on the way the lowest mean."""
    names = telling(rows)
    lines = ["| arm | seeds | " + " | ".join(f"{name} at the end | lowest, at" for name in names) + " |",
             "|---|---|" + "---|---|" * len(names)]
    for arm in dict.fromkeys(row[0] for row in rows):
        cells = [arm, str(len({row[1] for row in rows if row[0] == arm}))]
        for name in names:
            points = by_arm(rows, name).get(arm, {})
            if not points:
                cells += ["", ""]
                continue
            last = points[max(points)]
            lowest = min(points, key=lambda seen: fmean(points[seen]))
            spread = f" ± {stdev(last):.4f}" if len(last) > 1 else ""
            cells += [f"{fmean(last):.4f}{spread}", f"{fmean(points[lowest]):.4f} at {lowest:,}"]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)
