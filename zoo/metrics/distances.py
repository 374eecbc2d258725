"""torch-fidelity's formulas, on features."""

from torch import Tensor
from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric
from torch_fidelity.metric_isc import isc_features_to_metric
from torch_fidelity.metric_kid import kid_features_to_metric
from torch_fidelity.metric_prc import prc_features_to_metric

WHOLE = 10_000  # images up to which the distances between all pairs are held at once
SUBSET = 1_000  # images of a subset of the kernel distance


def frechet_distance(these: Tensor, those: Tensor) -> float:
    """Squared Frechet distance between Gaussians fitted to features (N, d) and (M, d) (Heusel 2017, equation 6)."""
    statistics = [fid_features_to_statistics(x) for x in (these, those)]
    return fid_statistics_to_metric(*statistics, verbose=False)["frechet_inception_distance"]


def inception_score(logits: Tensor) -> tuple[float, float]:
    """Mean and standard deviation over ten parts of logits (N, K) (Salimans 2016, arXiv:1606.03498)."""
    found = isc_features_to_metric(logits)
    return found["inception_score_mean"], found["inception_score_std"]


def kernel_distance(fake: Tensor, real: Tensor) -> tuple[float, float]:
    """Mean and standard deviation over subsets of features (N, d), (M, d) (Binkowski 2018, arXiv:1801.01401)."""
    found = kid_features_to_metric(fake, real, kid_subset_size=min(SUBSET, len(fake), len(real)), verbose=False)
    return found["kernel_inception_distance_mean"], found["kernel_inception_distance_std"]


def precision_and_recall(fake: Tensor, real: Tensor) -> tuple[float, float]:
    """Shares of features (N, d), (M, d) that lie among the others (Kynkaanniemi 2019, arXiv:1904.06991)."""
    found = prc_features_to_metric(fake, real, save_cpu_ram=len(fake) > WHOLE, verbose=False)
    return found["precision"], found["recall"]
