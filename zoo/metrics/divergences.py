"""How far generated points are from real ones, on samples of both."""

import torch
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import jensenshannon
from torch import Tensor

BINS = 20  # of each coordinate
BEYOND = 0.25  # of the real points' span, on either side of it: what lies farther out is counted at the edge


def jensen_shannon(points: Tensor, real: Tensor) -> float:
    """The Jensen-Shannon divergence in nats, 0 to log 2, of histograms of points (N, C), (M, C), with C 1 or 2.

    Samples of one distribution get somewhat more than 0, the less the more points there are.
    """
    low, high = real.amin(0), real.amax(0)
    low, high = low - BEYOND * (high - low), high + BEYOND * (high - low)
    place = [((x - low) / (high - low) * BINS).long().clamp(0, BINS - 1) for x in (points, real)]
    weights = BINS ** torch.arange(points.shape[1])
    counts = [torch.bincount((x * weights).sum(1), minlength=BINS ** points.shape[1]) for x in place]
    return float(jensenshannon(*(x.double().numpy() for x in counts)) ** 2)


def earth_mover(points: Tensor, real: Tensor) -> float:
    """The mean distance by which points (N, C) have to be moved to become others (N, C), each one of them: the
    Wasserstein-1 distance of the two samples. Its cost grows with the cube of N."""
    cost = torch.cdist(points.double(), real.double())
    rows, columns = linear_sum_assignment(cost.numpy())
    return cost[rows, columns].mean().item()
