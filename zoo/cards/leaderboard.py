"""One table of everything that was measured in a folder of models."""

import csv
from pathlib import Path
from typing import NamedTuple

from zoo.cards.markdown import escape
from zoo.core.errors import UsageError
from zoo.core.files import atomic, write_text
from zoo.store.catalogue import BUNDLED, pretrained
from zoo.store.layout import leads, read_config, read_metrics
from zoo.store.locating import locate


class Entry(NamedTuple):
    """A model and its numbers by name."""

    model: str
    variant: str
    data: str
    images_seen: int
    metrics: dict[str, float]


def entries(folder: Path) -> list[Entry]:
    """Every measured model in or below ``folder`` and of the package, by data set, then by its first Frechet distance,
    or likelihood; those by the same lie together.

    Raises:
        UsageError: there is none.
    """
    places = [(path.parent, path.parent.relative_to(folder).as_posix()) for path in sorted(folder.rglob("config.json"))]
    places += [(place, model.name) for model in pretrained()
               if model.where == BUNDLED and (place := locate(model.name))]
    found = []
    for place, name in places:
        metrics = {key: float(metric["value"]) for key, metric in read_metrics(place).items()}
        if any(map(leads, metrics)):
            config = read_config(place)
            seen = config.get("images_seen")
            found.append(Entry(name, config["variant"], str(config["data"].get("name", "")),
                               seen if isinstance(seen, int) else 0, metrics))
    if not found:
        raise UsageError(f"no model in {folder} has been evaluated: zoo evaluate RUN")
    return sorted(found, key=lambda e: (e.data, next((k, v) for k, v in e.metrics.items() if leads(k))))


def columns(table: list[Entry]) -> list[str]:
    """The numbers that any of them has, spreads and references apart, in the order of their appearance."""
    return list(dict.fromkeys(name for entry in table for name in entry.metrics if "/" not in name))


def markdown(table: list[Entry]) -> str:
    """One table a data set: numbers in different data are not comparable."""
    sections = []
    for data in dict.fromkeys(entry.data for entry in table):
        rows = [entry for entry in table if entry.data == data]
        names = columns(rows)
        lines = [f"**{escape(data)}**\n", f"| model | variant | images seen | {' | '.join(map(escape, names))} |",
                 f"|---|---|---|{'---|' * len(names)}"]
        lines += [f"| {escape(e.model)} | `{escape(e.variant)}` | {e.images_seen:,} | "
                  f"{' | '.join(_with_spread(e.metrics, n) for n in names)} |" for e in rows]
        sections.append("\n".join(lines))
    return "\n\n".join(sections) + "\n"


def _with_spread(metrics: dict[str, float], name: str) -> str:
    """A number, and its spread where that was measured; empty where neither was."""
    if name not in metrics:
        return ""
    spread = metrics.get(f"{name}/std")
    return f"{metrics[name]:.4g}" + ("" if spread is None else f" ± {spread:.2g}")


def write(table: list[Entry], path: Path) -> None:
    """Writes PATH.md and PATH.csv; the latter has every number, spreads too."""
    write_text(path.with_suffix(".md"), markdown(table))
    names = list(dict.fromkeys(name for entry in table for name in entry.metrics))
    table_file = path.with_suffix(".csv")
    with atomic(table_file) as partial, open(partial, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ["model", "variant", "data", "images_seen", *names])
        writer.writeheader()
        for entry in table:
            first = {name: value for name, value in entry._asdict().items() if name != "metrics"}
            writer.writerow(first | entry.metrics)
