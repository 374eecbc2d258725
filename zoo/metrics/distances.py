"""torch-fidelity's formulas, on features, and how much chance there is in a Frechet distance."""

import torch
from torch import Tensor
from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric
from torch_fidelity.metric_isc import isc_features_to_metric
from torch_fidelity.metric_kid import kid_features_to_metric
from torch_fidelity.metric_prc import prc_features_to_metric

WHOLE = 10_000  # images up to which the distances between all pairs are held at once; of more as many, in blocks
RANK = 1e-5  # of the largest standard deviation: the smallest that is one
SUBSET = 1_000  # images of a subset of the kernel distance, at most


def frechet_distance(these: Tensor, those: Tensor) -> float:
    """Squared Frechet distance between Gaussians fitted to features (N, d) and (M, d) (Heusel 2017, equation 6)."""
    statistics = [fid_features_to_statistics(x) for x in (these, those)]
    return fid_statistics_to_metric(*statistics, verbose=False)["frechet_inception_distance"]


def between_halves(real: Tensor) -> float:
    """The Frechet distance between the even and the odd rows of features (N, d)."""
    return frechet_distance(real[::2], real[1::2])


def by_chance(halves: float, real: int, samples: int) -> float:
    """The Frechet distance of so many samples from so many real examples where both come from one distribution, by that
    ``between_halves`` of the real ones.

    To first order what chance adds grows with 1 / samples + 1 / real (Chong & Forsyth 2020, arXiv:1911.07023).
    """
    return halves * (1 / samples + 1 / real) / (4 / real)


def frechet_spread(these: Tensor, those: Tensor) -> float:
    """Standard deviation of ``frechet_distance`` over other features (N, d) and (M, d) from the same distributions.

    To first order (the delta method): each example adds to the distance as much as it moves its Gaussian's mean and
    covariance times the distance's slope in these, so the variance is that of what examples add, over their number. It
    does not tell of the training: another seed of it gives another distribution.
    """
    parts = [_added(a, b) for a, b in ((these, those), (those, these))]
    return sum((x.var() / len(x)).item() for x in parts) ** 0.5


def _added(of: Tensor, to: Tensor) -> Tensor:
    """What each example (N,) of one side adds to the distance, but for a constant.

    The distance's slope in the mean is 2 (m - m'), in the covariance I - T, where T, which is
    S^-1/2 (S^1/2 S' S^1/2)^1/2 S^-1/2, is the optimal transport between both Gaussians (Olkin & Pukelsheim 1982).
    """
    x, other = of.double(), to.double()
    apart = x.mean(0) - other.mean(0)
    x, other = x - x.mean(0), other - other.mean(0)
    axes, deviations = _principal_axes(x)
    stretched = other @ (axes * deviations) / (len(other) - 1) ** 0.5
    values, turns = torch.linalg.eigh(stretched.T @ stretched)  # S^1/2 S' S^1/2, along the axes of S
    white = x @ axes / deviations @ turns
    return 2 * x @ apart + x.square().sum(1) - white.square() @ values.clamp(min=0).sqrt()


def _principal_axes(x: Tensor) -> tuple[Tensor, Tensor]:
    """Of features (N, d) around 0: axes (d, r) and the standard deviations (r,) along them; no more than there are
    examples, and none of features that are always alike."""
    if len(x) > x.shape[1]:
        values, axes = torch.linalg.eigh(x.T.cov())
        deviations = values.clamp(min=0).sqrt()
    else:
        _, sizes, rows = torch.linalg.svd(x, full_matrices=False)
        axes, deviations = rows.T, sizes / (len(x) - 1) ** 0.5
    kept = deviations > RANK * deviations.max()
    return axes[:, kept], deviations[kept]


def inception_score(logits: Tensor) -> tuple[float, float]:
    """Mean and standard deviation over ten parts of logits (N, K) (Salimans 2016, arXiv:1606.03498)."""
    found = isc_features_to_metric(logits)
    return found["inception_score_mean"], found["inception_score_std"]


def kernel_distance(fake: Tensor, real: Tensor) -> tuple[float, float]:
    """Mean and standard deviation over subsets of features (N, d), (M, d) (Binkowski 2018, arXiv:1801.01401).

    A subset has 1,000 images, but at most half of either side: subsets of all of them would be all alike.
    """
    size = min(SUBSET, len(fake) // 2, len(real) // 2)
    found = kid_features_to_metric(fake, real, kid_subset_size=size, verbose=False)
    return found["kernel_inception_distance_mean"], found["kernel_inception_distance_std"]


def precision_and_recall(fake: Tensor, real: Tensor) -> tuple[float, float]:
    """Shares of features (N, d), (M, d) that lie among the others (Kynkaanniemi 2019, arXiv:1904.06991)."""
    most = max(len(fake), len(real))
    found = prc_features_to_metric(fake, real, save_cpu_ram=most > WHOLE, verbose=False,
                                   prc_batch_size=max(1, min(WHOLE, WHOLE**2 // most)))
    return found["precision"], found["recall"]
