"""What the rows of a study say: figures, and which differences are more than chance.

A failed run has an infinite distance: it enters medians, quantiles and tests by its rank, and not means.
"""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np
from scipy.stats import kruskal, mannwhitneyu, permutation_test, rankdata

from zoo.study.results import Row

LEVEL = 0.05  # of significance


@dataclass(frozen=True)
class Summary:
    """Of some distances: how many and how many infinite, the median of all, and mean, spread and least of the finite.

    ``std`` is the sample's standard deviation, NaN for fewer than two; ``iqr`` is the range of the middle half.
    """

    n: int
    failed: int
    median: float
    mean: float
    std: float
    iqr: float
    least: float


def summary(distances: Sequence[float]) -> Summary:
    finite = np.array([value for value in distances if value < math.inf])
    few = len(finite) < 2
    return Summary(
        n=len(distances), failed=len(distances) - len(finite), median=median(distances) if distances else math.nan,
        mean=finite.mean() if len(finite) else math.nan, std=math.nan if few else finite.std(ddof=1),
        iqr=math.nan if few else float(np.subtract(*np.percentile(finite, [75, 25]))),
        least=min(distances, default=math.nan))


def best_of(distances: Sequence[float], quantile: float) -> list[float]:
    """Of the least of k distances drawn with replacement, k = 1 ... n, the quantile: what k trials would have found.

    That is the bootstrap of a random search, without drawing: P(least > the i-th) = (1 - i/n)^k.
    """
    ordered, n = sorted(distances), len(distances)
    beyond = 1 - np.arange(1, n + 1) / n
    return [ordered[int(np.argmax(1 - beyond**k >= quantile - 1e-12))] for k in range(1, n + 1)]


def differences(groups: Mapping[str, Sequence[float]]) -> dict[tuple[str, str], float]:
    """Two-sided p-values of the Mann-Whitney test for every pair of groups, corrected for their number (Holm 1979)."""
    pairs = list(itertools.combinations([name for name, distances in groups.items() if len(distances) > 0], 2))
    return dict(zip(pairs, holm([_mann_whitney(groups[a], groups[b]) for a, b in pairs]), strict=True))


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values corrected for their number, in their order."""
    p = np.asarray(p_values, dtype=float)
    order = np.argsort(p)
    corrected = np.empty_like(p)
    corrected[order] = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)).clip(max=1)
    return corrected.tolist()


def least_p(n: int, m: int, pairs: int) -> float:
    """The least p-value that two groups of n and m can have among so many pairs, however far apart they are."""
    return min(1.0, pairs * 2 / math.comb(n + m, n))


@dataclass(frozen=True)
class Effect:
    """How the distance goes with a hyperparameter of a variant's search.

    Attributes:
        correlation: Spearman's, for numbers; else None.
        p: of the correlation, or of the Mann-Whitney test between two values; NaN where there are too few runs.
        medians: of the distances, for each of two values; else empty.
        n: runs.
    """

    variant: str
    name: str
    correlation: float | None
    p: float
    medians: dict[str, float]
    n: int


def effects(rows: Sequence[Row]) -> list[Effect]:
    """Of every hyperparameter that a variant's search varied, on its best distance; seeds' repetitions left away."""
    found = []
    search = [row for row in rows if row.seed == 0]
    for variant in dict.fromkeys(row.variant for row in search):
        own = [row for row in search if row.variant == variant]
        for name in own[0].values:
            known = [(row.values[name], row.best) for row in own if name in row.values]
            if len({value for value, _ in known}) > 1:
                found.append(_effect(variant, name, known))
    return found


def _effect(variant: str, name: str, known: list[tuple[float | int | str, float]]) -> Effect:
    values, distances = zip(*known, strict=True)
    if isinstance(values[0], float):
        return Effect(variant, name, *rank_correlation(values, distances), {}, len(known))
    groups = {str(value): [d for v, d in known if v == value] for value in sorted(set(values), key=str)}
    return Effect(variant, name, None, _any_differs(list(groups.values())),
                  {value: median(d) for value, d in groups.items()}, len(known))


def rank_correlation(these: Sequence[float], those: Sequence[float]) -> tuple[float, float]:
    """Spearman's, which infinite distances have too, and its p-value by permutation: exact for up to seven pairs.

    NaN for fewer than three pairs, and where one side is constant.
    """
    x, y = ((ranks - ranks.mean()) / max(ranks.std(), 1e-12) for ranks in (rankdata(these), rankdata(those)))
    if len(x) < 3 or not (x.any() and y.any()):
        return math.nan, math.nan
    test = permutation_test((x,), lambda x, axis: (x * y).mean(axis), permutation_type="pairings", vectorized=True,
                            n_resamples=9_999, rng=0)
    return float(test.statistic), float(test.pvalue)


def _any_differs(groups: Sequence[Sequence[float]]) -> float:
    """The p-value of Mann and Whitney's test, of more than two groups of Kruskal and Wallis'."""
    if len(groups) == 2:
        return _mann_whitney(*groups)
    ranks = rankdata([value for group in groups for value in group])
    if len(set(ranks)) == 1:  # all are alike
        return 1.0
    ends = np.cumsum([len(group) for group in groups])
    return float(kruskal(*np.split(ranks, ends[:-1])).pvalue)


def _mann_whitney(these: Sequence[float], those: Sequence[float]) -> float:
    ranks = rankdata([*these, *those])  # infinities have no differences
    p = float(mannwhitneyu(ranks[:len(these)], ranks[len(these):]).pvalue)
    return 1.0 if math.isnan(p) else p  # all are alike
