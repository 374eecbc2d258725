"""The figures of a report, as PNG."""

import io
import math
from collections.abc import Sequence

from matplotlib.figure import Figure

from zoo.study.analysis import best_of

WIDE = 20  # from such a ratio of largest to smallest on, the axis is logarithmic


def boxes(groups: dict[str, Sequence[float]], title: str, distance: str) -> bytes:
    """A box a model over its distances, every run a dot and the best a star, in the style of the paper's figures."""
    figure = Figure(figsize=(1.6 + 1.05 * len(groups), 4.2), dpi=120, layout="constrained")
    axes = figure.subplots()
    finite = [[value for value in group if value < math.inf] for group in groups.values()]
    axes.boxplot(finite, widths=0.55, showfliers=False, patch_artist=True, medianprops={"color": "black"},
                 boxprops={"facecolor": "#cfe0f1", "edgecolor": "#35618f"}, whiskerprops={"color": "#35618f"},
                 capprops={"color": "#35618f"})
    for place, values in enumerate(finite, 1):
        offsets = [place + 0.14 * ((i * 7) % 5 - 2) / 2 for i in range(len(values))]  # side by side, always alike
        axes.plot(offsets, values, ".", color="#35618f", alpha=0.55, markersize=5)
        if values:
            axes.plot(place, min(values), "*", color="#d1495b", markersize=13, markeredgecolor="white")
    labels = []
    for name, group in groups.items():
        failed = sum(value == math.inf for value in group)
        labels.append(f"{name}\nn={len(group)}" + (f"\n{failed} failed" if failed else ""))
    axes.set_xticks(range(1, len(groups) + 1), labels, fontsize=9)
    _dress(axes, [value for values in finite for value in values], title, distance)
    return _png(figure)


def searches(groups: dict[str, Sequence[float]], images: int, title: str, distance: str) -> bytes:
    """The best distance that so many trials find: a line a model at the median, a band from 5 to 95 percent."""
    figure = Figure(figsize=(7.6, 4.4), dpi=120, layout="constrained")
    axes = figure.subplots()
    drawn = []
    for number, (name, distances) in enumerate(groups.items()):
        colour, trials = f"C{number % 10}", range(1, len(distances) + 1)
        low, middle, high = ([value if value < math.inf else math.nan for value in best_of(distances, quantile)]
                             for quantile in (0.05, 0.5, 0.95))
        axes.plot(trials, middle, color=colour, label=name, marker="o", markersize=3,
                  linestyle="-" if number < 10 else "--")
        axes.fill_between(trials, low, high, color=colour, alpha=0.12, linewidth=0)
        drawn += [value for value in (*low, *middle, *high) if not math.isnan(value)]
    longest = max(map(len, groups.values()))
    axes.set_xticks([k for k in range(1, longest + 1) if longest <= 20 or k == 1 or k % (longest // 10) == 0])
    axes.set_xlabel(f"trials, of {images:,} images each")
    axes.legend(fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)
    _dress(axes, drawn, title, distance)
    return _png(figure)


def _dress(axes, values: Sequence[float], title: str, distance: str) -> None:
    if values and min(values) > 0 and max(values) / min(values) > WIDE:
        axes.set_yscale("log")
    axes.set_ylabel(distance)
    axes.set_title(title, fontsize=11)
    axes.grid(axis="y", which="both", alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)


def _png(figure: Figure) -> bytes:
    file = io.BytesIO()
    figure.savefig(file, format="png")
    return file.getvalue()
