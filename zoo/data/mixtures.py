"""Densities of points: mixtures of Gaussians with known modes, and of many along a curve."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

ALONG = 100  # Gaussians of a curve


@dataclass(frozen=True)
class Mixture:
    """Equally likely Gaussians of one standard deviation."""

    centres: Tensor  # (modes, C)
    std: float

    def density(self, points: Tensor) -> Tensor:
        """Of points (N, C), (N,)."""
        squared = torch.cdist(points, self.centres.to(points)).square() / self.std**2
        normalisation = len(self.centres) * (2 * math.pi * self.std**2) ** (points.shape[1] / 2)
        return (-squared / 2).exp().sum(1) / normalisation


def _ring() -> Mixture:
    angles = torch.arange(8) * (2 * math.pi / 8)
    return Mixture(2 * torch.stack([angles.cos(), angles.sin()], 1), 0.02)


def _grid() -> Mixture:
    line = torch.linspace(-4, 4, 5)
    return Mixture(torch.cartesian_prod(line, line), 0.05)


def _two_peaks() -> Mixture:
    return Mixture(torch.tensor([[-1.0], [1.0]]), 0.1)


def _moons() -> Mixture:
    angles = torch.linspace(0, math.pi, ALONG)
    upper = torch.stack([angles.cos() - 0.5, angles.sin() - 0.25], 1)
    return Mixture(2 * torch.cat([upper, -upper]), 0.08)


def _spiral() -> Mixture:
    angles = torch.linspace(0.25, 1, ALONG).sqrt() * 4 * math.pi  # as dense outside as inside
    return Mixture((angles / (2 * math.pi))[:, None] * torch.stack([angles.cos(), angles.sin()], 1), 0.05)


# 8 Gaussians on a ring and 25 on a grid: Srivastava 2017 (arXiv:1705.07761), section 4.1, the ring after Metz 2016.
MIXTURES = {"ring": _ring, "grid": _grid, "two-peaks": _two_peaks}
# Gaussians so near to each other that they are no modes: two half circles, and two turns.
CURVES = {"moons": _moons, "spiral": _spiral}
POINT_SETS = MIXTURES | CURVES
