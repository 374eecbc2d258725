"""The figures of a report, as PNG."""

import io
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter

from zoo.study.analysis import best_of
from zoo.study.few import Curves, means

WIDE = 20  # from such a ratio of largest to smallest on, the axis is logarithmic
CROWDED = 10  # models, above which they stand closer
BLUE, RED = "#35618f", "#d1495b"
COLOURS = [RED, BLUE, "#3a8f5c", "#b0802c"]


def boxes(groups: Mapping[str, Sequence[float]], title: str, distance: str) -> bytes:
    """A box a model over its distances, every run a dot and the best a star, in the style of the paper's figures."""
    crowded = len(groups) > CROWDED
    figure = Figure(figsize=(1.6 + (0.55 if crowded else 1.05) * len(groups), 4.2), dpi=120, layout="constrained")
    axes = figure.subplots()
    finite = [[value for value in group if value < math.inf] for group in groups.values()]
    axes.boxplot(finite, widths=0.55, showfliers=False, patch_artist=True, medianprops={"color": "black"},
                 boxprops={"facecolor": "#cfe0f1", "edgecolor": BLUE}, whiskerprops={"color": BLUE},
                 capprops={"color": BLUE})
    for place, values in enumerate(finite, 1):
        offsets = [place + 0.14 * ((i * 7) % 5 - 2) / 2 for i in range(len(values))]  # side by side, always alike
        axes.plot(offsets, values, ".", color=BLUE, alpha=0.55, markersize=5)
        if values:
            axes.plot(place, min(values), "*", color=RED, markersize=13, markeredgecolor="white")
    labels = []
    for name, group in groups.items():
        failed = sum(value == math.inf for value in group)
        labels.append(f"{name}\nn={len(group)}" + (f"\n{failed} failed" if failed else ""))
    slant: dict[str, Any] = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"} if crowded else {}
    axes.set_xticks(range(1, len(groups) + 1), labels, fontsize=9, **slant)
    _dress(axes, [value for values in finite for value in values], title)
    axes.set_ylabel(distance)
    return _png(figure)


def searches(groups: Mapping[str, Sequence[float]], images: int, title: str, distance: str) -> bytes:
    """The best distance that so many trials find: a panel a model, its median and a band from 5 to 95 percent.

    The medians of the others are grey behind it.
    """
    columns = min(4, len(groups))
    rows = -(-len(groups) // columns)
    figure = Figure(figsize=(0.8 + 2.3 * columns, 0.9 + 1.75 * rows), dpi=100, layout="constrained")
    panels = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).flatten()
    quantiles = {name: [[value if value < math.inf else math.nan for value in best_of(distances, quantile)]
                        for quantile in (0.05, 0.5, 0.95)] for name, distances in groups.items()}
    drawn = [value for of in quantiles.values() for values in of for value in values if not math.isnan(value)]
    longest = max(map(len, groups.values()))
    for axes, name in zip(panels, groups, strict=False):
        for _, other, _ in quantiles.values():
            axes.plot(range(1, len(other) + 1), other, color="#cccccc", linewidth=0.7)
        low, middle, high = quantiles[name]
        trials = range(1, len(middle) + 1)
        axes.fill_between(trials, low, high, color=BLUE, alpha=0.2, linewidth=0)
        axes.plot(trials, middle, color=BLUE, marker="o", markersize=3)
        axes.set_xticks([k for k in range(1, longest + 1) if longest <= 10 or k == 1 or k % (longest // 5) == 0])
        _dress(axes, drawn, name)
    for axes in panels[len(groups):]:
        axes.set_visible(False)
    figure.suptitle(title, fontsize=11)
    figure.supxlabel(f"trials, of {images:,} images each", fontsize=9)
    figure.supylabel(distance, fontsize=9)
    return _png(figure)


def way(points: Mapping[str, tuple[float, float]], other: tuple[str, tuple[float, float]], title: str,
        names: tuple[str, str]) -> bytes:
    """Points (x, y) in turn, joined by a line and each with its name, and another beside them."""
    figure = Figure(figsize=(5.6, 4.2), dpi=100, layout="constrained")
    axes = figure.subplots()
    axes.plot(*zip(*points.values(), strict=True), color=BLUE, marker="o", markersize=5)
    axes.plot(*other[1], "s", color=RED, markersize=6)
    for name, place in [*points.items(), other]:
        axes.annotate(name, place, (6, 4), textcoords="offset points", fontsize=8)
    axes.margins(0.12)
    axes.set_title(title, fontsize=11)
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_xlabel(names[0])
    axes.set_ylabel(names[1])
    return _png(figure)


def few(curves: Curves, augments: Sequence[str], title: str) -> bytes:
    """The distance against the number of training pictures: a colour a kind of augmentation, whole at the end of a run
    and dashed at its best, every run a dot; grey the pictures themselves, dotted what real ones are apart."""
    figure = Figure(figsize=(6.4, 4.2), dpi=120, layout="constrained")
    axes = figure.subplots()
    for augment, colour in zip(augments, COLOURS * len(augments), strict=False):
        for which, line in (("last", "-"), ("best", "--")):
            mean = means(curves.scores, augment, which)
            name = f"augment {augment}" + (", at best" if which == "best" else "")
            axes.plot(list(mean), list(mean.values()), line, color=colour, label=name, linewidth=1.6)
        own = [score for score in curves.scores if score.augment == augment]
        axes.plot([score.pictures for score in own], [score.last for score in own], "o", color=colour, markersize=4)
    axes.plot(list(curves.copied), list(curves.copied.values()), color="#999999", linewidth=1,
              label="the pictures themselves")
    axes.axhline(curves.floor, color="#999999", linestyle=":", label="two halves of the test pictures")
    axes.set_xscale("log")
    axes.set_xticks(list(curves.copied), [f"{count:,}" for count in curves.copied])
    axes.xaxis.set_minor_locator(NullLocator())
    drawn = [value for score in curves.scores for value in (score.last, score.best)]
    _dress(axes, [*drawn, *curves.copied.values()], title)
    axes.set_xlabel("pictures to learn from")
    axes.set_ylabel(curves.distance)
    axes.legend(fontsize=8, frameon=False)
    return _png(figure)


def bands(measures: Mapping[str, Mapping[str, Mapping[int, Sequence[float]]]], levels: Mapping[str, float]) -> bytes:
    """A panel a measure: of each arm the mean over seeds by the examples seen, in a band of one standard deviation.

    Args:
        measures: name -> arm -> examples seen -> values of the seeds.
        levels: of some measures what real data get, a dashed line.
    """
    figure = Figure(figsize=(4.8 * len(measures), 3.8), dpi=100, layout="constrained")
    panels = figure.subplots(1, len(measures), squeeze=False)[0]
    for axes, (name, arms) in zip(panels, measures.items(), strict=True):
        for number, (arm, points) in enumerate(arms.items()):
            seen = sorted(points)
            middle = np.array([np.mean(points[at]) for at in seen])
            spread = np.array([np.std(points[at], ddof=1) if len(points[at]) > 1 else 0.0 for at in seen])
            axes.plot(seen, middle, color=f"C{number}", label=arm, linewidth=1.2)
            axes.fill_between(seen, middle - spread, middle + spread, color=f"C{number}", alpha=0.2, linewidth=0)
        if name in levels:
            axes.axhline(levels[name], color="black", linestyle="--", linewidth=0.8, label="real")
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
        axes.tick_params(axis="x", labelsize=8)
        _dress(axes, [], name)
    panels[0].legend(fontsize=8)
    figure.supxlabel("examples seen", fontsize=9)
    return _png(figure)


def _dress(axes: Axes, values: Sequence[float], title: str) -> None:
    if values and min(values) > 0 and max(values) / min(values) > WIDE:
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if max(values) / min(values) < 500 else (1, 3)))
        axes.yaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.set_title(title, fontsize=11)
    axes.grid(axis="y", alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)


def _png(figure: Figure) -> bytes:
    file = io.BytesIO()
    figure.savefig(file, format="png")
    return file.getvalue()
