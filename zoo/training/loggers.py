"""metrics.csv of a run: one row a logging interval, kept over resumes."""

import csv
from argparse import Namespace
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import Logger
from lightning.pytorch.utilities import rank_zero_only

from zoo.core.files import atomic


class MetricsCSV(Logger):
    """Rows by images seen. Lightning's CSVLogger deletes the file of the run that it resumes; this one goes on with it.

    Args:
        path: of the file. Rows beyond ``start`` are dropped: they belong to batches that are about to be repeated.
        start: images seen at the start.
    """

    def __init__(self, path: Path, start: int = 0) -> None:
        super().__init__()
        self.path, self.start = path, start
        self._columns: list[str] = []  # none before the first row of this process

    name = "csv"
    version = ""

    def log_hyperparams(self, params: dict[str, Any] | Namespace, *args: Any, **kwargs: Any) -> None:
        """Nothing: config.json has them."""

    @rank_zero_only
    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        if not self._columns:
            self._rewrite(self._read(), ["images"])
        new = [name for name in metrics if name not in self._columns]
        if new:
            self._rewrite(self._read(), self._columns + new)
        with open(self.path, "a", newline="", encoding="utf-8") as file:
            csv.DictWriter(file, self._columns).writerow({"images": step} | metrics)

    def _read(self) -> list[dict[str, str]]:
        if not self.path.exists():
            return []
        with open(self.path, newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))

    def _rewrite(self, rows: list[dict[str, str]], columns: list[str]) -> None:
        if not self._columns:
            rows = [row for row in rows if None not in row.values()]  # the last may have been cut short
            rows = [row for row in rows if int(row["images"]) <= self.start]
            columns = list(rows[0]) if rows else columns
        self._columns = columns
        with atomic(self.path) as partial, open(partial, "w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, columns)
            writer.writeheader()
            writer.writerows(rows)
