"""The runs of a study as rows, and as a table for other tools."""

import csv
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from zoo.core.files import atomic
from zoo.study.space import Hyperparameters, Value


@dataclass(frozen=True)
class Row:
    """One finished run.

    Attributes:
        data, variant: names.
        index, seed: of its hyperparameters and its own; the search has seed 0.
        values: the hyperparameters that the search varies.
        distance: its name, such as ``fd10k[mnist]``; empty if it failed.
        curve: images seen and distance at every measurement; empty if it failed.
        failure: why, in a line; empty if it did not.
        seconds: of its last part, if it was taken up again, as are ``images_per_second`` and ``host``.
    """

    data: str
    variant: str
    index: int
    seed: int
    values: Hyperparameters
    distance: str = ""
    curve: tuple[tuple[int, float], ...] = ()
    failure: str = ""
    seconds: float = math.nan
    images_per_second: float = math.nan
    host: str = ""

    @property
    def best(self) -> float:
        """The smallest distance; infinite for a failure."""
        return min((value for _, value in self.curve), default=math.inf)

    @property
    def last(self) -> float:
        """The distance at the end; infinite for a failure."""
        return self.curve[-1][1] if self.curve else math.inf

    @property
    def best_images(self) -> int:
        """Images seen where it was smallest; 0 for a failure."""
        return min(self.curve, key=lambda point: point[1])[0] if self.curve else 0


def name_of(variant: str, index: int, seed: int) -> str:
    """Such as ``wgan-trial-3``, and ``wgan-trial-3-seed-2`` for a repetition: in messages, and of folders."""
    return f"{variant}-trial-{index}" + (f"-seed-{seed}" if seed else "")


def short(value: Value) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def write_csv(rows: Iterable[Row], path: Path) -> None:
    """One line a run, with everything that is known of it."""
    rows = list(rows)
    fields = list(dict.fromkeys(name for row in rows for name in row.values))
    columns = ["data", "variant", "index", "seed", *fields, "distance", "best", "best_images", "last", "curve",
               "failure", "seconds", "images_per_second"]  # not the host: the table goes to others
    with atomic(path) as partial, open(partial, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        for row in rows:
            line = {name: getattr(row, name) for name in columns if hasattr(row, name)}
            line["curve"] = " ".join(f"{images}:{value!r}" for images, value in row.curve)
            writer.writerow(line | row.values)
