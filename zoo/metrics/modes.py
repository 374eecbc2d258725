"""Mode coverage on mixtures whose modes are known (Srivastava 2017, arXiv:1705.07761, section 4.1)."""

from typing import NamedTuple

import torch
from torch import Tensor

from zoo.data.mixtures import Mixture

SAMPLES = 2_500  # the paper's


class ModeCoverage(NamedTuple):
    """Of generated points: modes with at least one high-quality point, their number, share of high-quality points,
    and KL(nearest modes of the high-quality points || uniform) in nats; the KL is infinite when there are none."""

    covered: int
    modes: int
    high_quality: float
    kl: float


def mode_coverage(points: Tensor, mixture: Mixture) -> ModeCoverage:
    """Counts points (N, C, 1, 1) by nearest centre; high-quality is within three standard deviations of it."""
    distance = torch.cdist(points.flatten(1), mixture.centres)  # (N, modes)
    nearest, which = distance.min(dim=1)
    good = nearest <= 3 * mixture.std
    counts = torch.bincount(which[good], minlength=len(mixture.centres)).double()
    share = counts / counts.sum()
    kl = torch.special.xlogy(share, share * len(counts)).sum().item() if counts.sum() else float("inf")
    return ModeCoverage(int((counts > 0).sum()), len(counts), good.float().mean().item(), kl)
