"""What the neighbourhoods of features tell: fidelity, diversity, and collapse to few images."""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from zoo.data.stored import OnDisk

BLOCK = 10_000  # rows that are compared at once, with as many others: 400 MB of distances
NEIGHBOURS = 5  # of density and coverage, as in the paper's experiments
CROWD = 0.01  # share of the real images that is a neighbourhood, on average


def nearest_rows(these: Tensor, those: Tensor | OnDisk, k: int) -> tuple[Tensor, Tensor]:
    """Distances and rows (N, k) of the nearest, over blocks of those, which may be too many for the memory."""
    distances, nearest = these.new_empty(len(these), 0), torch.empty(len(these), 0, dtype=torch.int64)
    for rows in torch.arange(len(those)).split(max(1, min(BLOCK, BLOCK**2 // len(these)))):
        near, which = torch.cdist(these, those[rows]).topk(min(k, len(rows)), largest=False)
        distances, nearest = torch.cat([distances, near], 1), torch.cat([nearest, rows[which]], 1)
        distances, which = distances.topk(min(k, distances.shape[1]), largest=False)
        nearest = nearest.gather(1, which)
    return distances, nearest


class Covered(NamedTuple):
    """Density and coverage."""

    density: float
    coverage: float


def density_and_coverage(fake: Tensor, real: Tensor, k: int = NEIGHBOURS) -> Covered:
    """Naeem 2020, arXiv:2002.09797, equations 3 and 4, for features (M, d) and (N, d).

    Around every real image lies a ball that reaches to its k-th nearest other one. Density is the mean number of balls
    in which a generated image lies, over k: it is above 1 where they crowd about what is common. Coverage is the share
    of balls in which there is one, at most 1. Of two halves of the truth density is 1 on average, and coverage
    1 - prod_i (N - i) / (2 N - i) over i = 1 to k.
    """
    reach = nearest_rows(real, real, k + 1)[0][:, -1]  # the nearest of an image is itself
    balls, found = 0, torch.zeros(len(real), dtype=torch.bool)
    for inside in _within(fake, real, reach):
        balls += int(inside.sum())
        found |= inside.any(0)
    return Covered(balls / (k * len(fake)), found.double().mean().item())


def densest(images: Tensor, reach: float) -> float:
    """The share of the images, of features (N, d), that lie within ``reach`` of one of them, where they are densest.

    It is 1 where all are copies of one, and tells collapse that distances between distributions hardly notice.
    """
    return max(inside.double().mean(1).max().item()
               for inside in _within(images, images, torch.full((len(images),), reach)))


def usual_reach(real: Tensor) -> float:
    """How far the nearest hundredth of real images, of features (N, d), reach from one: the median over all."""
    return nearest_rows(real, real, max(2, 1 + round(CROWD * len(real))))[0][:, -1].median().item()


def _within(these: Tensor, those: Tensor, reach: Tensor) -> Iterator[Tensor]:
    """Whether these (rows of a block) lie nearer to those than each of those reaches, (n, N) bool, block by block: all
    pairs at once may be too many for the memory."""
    rows = max(1, BLOCK * BLOCK // 4 // len(those))
    for block in these.split(rows):
        yield torch.cdist(block, those) < reach
