"""The tables of a report, as HTML."""

import math
from collections.abc import Sequence
from html import escape

from zoo.study import paper
from zoo.study.analysis import LEVEL, Effect, differences, summary
from zoo.study.findings import Groups, number
from zoo.study.results import Row, short


def table(header: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """Of plain text; the first column names the lines."""
    head = "".join(f"<th>{escape(cell)}</th>" for cell in header)
    body = "".join(f"<tr><th>{escape(line[0])}</th>" + "".join(f"<td>{escape(cell)}</td>" for cell in line[1:])
                   + "</tr>\n" for line in lines)
    return f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody></table>\n"


def distances(rows: dict[str, list[Row]]) -> str:
    """Figures of every variant's runs, of the best distance on the way and of the last."""
    lines = []
    for variant, own in rows.items():
        best = summary([row.best for row in own])
        cells = [variant, f"n={best.n}", str(best.failed)]
        for figures in (best, summary([row.last for row in own])):
            spread = f"n={figures.n}" if figures.n < 2 else number(figures.std)
            cells += [number(figures.median), number(figures.mean), spread, number(figures.least)]
        lines.append(cells)
    measures = ["median", "mean", "std", "min"]
    return table(["model", "runs", "failed", *(f"best: {name}" for name in measures),
                  *(f"last: {name}" for name in measures)], lines)


def chosen(best: dict[str, Row]) -> str:
    """Each variant's best trial: its distance, where on the way it was, and its hyperparameters."""
    return table(["model", "trial", "distance", "images seen", "hyperparameters"],
                 [[variant, str(row.index), number(row.best), f"{row.best_images:,}",
                   ", ".join(f"{name} {short(value)}" for name, value in row.values.items())]
                  for variant, row in best.items()])


def significance(groups: Groups) -> str:
    """Which variant of a line is lower or higher than that of a column, beyond chance."""
    groups = {name: group for name, group in groups.items() if group}
    p_values = differences(groups)
    lines = []
    for one in groups:
        cells = [f"{one} (n={len(groups[one])})"]
        for other in groups:
            p = p_values.get((one, other), p_values.get((other, one), math.nan))
            lower = summary(groups[one]).median < summary(groups[other]).median
            verdict = ("lower" if lower else "higher") if p < LEVEL else "not distinguishable"
            cells.append("" if one == other else f"{verdict} (p={p:.2g})")
        lines.append(cells)
    return table(["", *groups], lines)


def sensitivity(effects: Sequence[Effect]) -> str:
    """How each variant's distance goes with each of its hyperparameters."""
    lines = []
    for effect in effects:
        how = (f"rank correlation {number(effect.correlation)}" if effect.correlation is not None else
               "median " + ", ".join(f"{number(value)} with {name}" for name, value in effect.medians.items()))
        lines.append([effect.variant, effect.name, how, number(effect.p), f"n={effect.n}"])
    return table(["model", "hyperparameter", "best distance", "p", "trials"], lines)


def beside_the_paper(data: str, repeated: Groups) -> str:
    """The paper's FID and our distances; empty for a data set that it does not have."""
    lines = []
    for variant, (mean, std) in paper.fid_of(data).items():
        ours = summary(repeated.get(variant, []))
        lines.append([variant, f"{mean} ± {std}", f"{number(ours.mean)} ± {number(ours.std)}", f"n={ours.n}"])
    return table(["model", "the paper's FID", "here", "runs"], lines) if lines else ""
