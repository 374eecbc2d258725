"""What a study found, in sentences with their numbers."""

import math
from collections.abc import Mapping, Sequence

from zoo.study import paper
from zoo.study.analysis import LEVEL, differences, least_p, rank_correlation, summary

Groups = Mapping[str, Sequence[float]]  # variant -> distances


def findings(data: str, search: Groups, repeated: Groups) -> list[str]:
    """Of one data set, from the distances of the search's trials and of the repetitions of the best ones."""
    groups, over = (repeated, "repetitions of the best trials") if all(repeated.values()) else (search, "trials")
    return [line for line in (_medians(groups, over), _spreads(search, "trials"), _held(groups, over),
                              _encoder_against_games(search, "trials"), _failures(search), _ranks(data, groups))
            if line]


def _medians(groups: Groups, over: str) -> str:
    medians = {name: summary(group).median for name, group in groups.items()}
    order = sorted(medians, key=medians.__getitem__)
    return f"Median distance over the {over}: " + ", ".join(f"{name} {number(medians[name])}" for name in order) + "."


def _spreads(groups: Groups, over: str) -> str:
    spreads = {name: summary(group).iqr for name, group in groups.items() if len(group) > 1}
    spreads = {name: spread for name, spread in spreads.items() if not math.isnan(spread)}
    if len(spreads) < 2:
        return ""
    least, most = min(spreads, key=spreads.__getitem__), max(spreads, key=spreads.__getitem__)
    return (f"The middle half of the {over} that came to an end spans least for {least} ({number(spreads[least])}) and "
            f"most for {most} ({number(spreads[most])}).")


def _held(groups: Groups, over: str) -> str:
    p_values = differences(groups)
    if not p_values:
        return ""
    held = sum(p < LEVEL for p in p_values.values())
    text = f"Of {len(p_values)} pairs of models, {held} can be told apart over the {over}."
    counts = sorted(len(group) for group in groups.values())
    least = least_p(counts[-1], counts[-2], len(p_values))
    if least >= LEVEL:
        text += (f" With n={counts[-1]} none could be: corrected for their number, p is never under {least:.2g}. "
                 "It takes more runs.")
    return text


def _encoder_against_games(groups: Groups, over: str) -> str:
    """The question of the paper's figures: is the VAE's spread the smallest and its median worse?"""
    if "vae" not in groups or len(groups) < 2 or any(len(group) < 2 for group in groups.values()):
        return ""
    figures = {name: summary(group) for name, group in groups.items()}
    narrower = [name for name in figures if figures[name].iqr < figures["vae"].iqr]
    better = [name for name in figures if figures[name].median < figures["vae"].median]
    return (f"The VAE's spread over the {over} is "
            + (f"wider than that of {', '.join(narrower)}" if narrower else "the smallest") + ", its median "
            + (f"worse than that of {len(better)} of the {len(groups) - 1} others" if better else "the best") + ".")


def _failures(groups: Groups) -> str:
    failed = {name: summary(group).failed for name, group in groups.items()}
    named = ", ".join(f"{name} {count} of {len(groups[name])}" for name, count in failed.items() if count)
    return f"Trials that failed: {named or 'none'}."


def _ranks(data: str, groups: Groups) -> str:
    theirs = paper.fid_of(data)
    both = [name for name in groups if name in theirs and groups[name]]
    if len(both) < 3:
        return ""
    ours = [summary(groups[name]).median for name in both]
    correlation, p = rank_correlation(ours, [theirs[name][0] for name in both])
    return (f"Spearman's rank correlation of these medians with the paper's FID over the {len(both)} models of both is "
            f"{correlation:.2f} (p={p:.2g}).")


def number(value: float) -> str:
    """Three digits, for tables and text."""
    if math.isnan(value):
        return "–"
    return "failed" if math.isinf(value) else f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"
