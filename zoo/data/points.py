"""Point sets (N, C, 1, 1) for the ``mlp`` backbone: mixtures of Gaussians with known modes, curves, and one's own."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from zoo.core.errors import UsageError
from zoo.data.batches import Labelled
from zoo.data.source import Place
from zoo.data.spec import PointSpec

POINTS = 100_000
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


class PointSource:
    """100,000 points of a mixture or a curve; the same points every time."""

    split, splits = "train", ("train",)

    def __init__(self, name: str, place: Place) -> None:
        if place.image_size:
            raise UsageError(f"{name} is a set of points, which has no image size: leave --image-size away")
        self.mixture = POINT_SETS[name]()
        modes, channels = self.mixture.centres.shape
        along = " along a curve" if name in CURVES else ""
        self.spec = PointSpec(name=name, channels=channels, images=POINTS,
                             provenance=f"synthetic: {modes} Gaussians{along} of standard deviation {self.mixture.std}")

    def prepare(self) -> None:
        """Nothing to download."""

    def load(self) -> Labelled:
        """Float points (N, C, 1, 1) and zeros for labels (N,)."""
        random = torch.Generator().manual_seed(0)
        modes, channels = self.mixture.centres.shape
        which = torch.randint(modes, (POINTS,), generator=random)
        noise = torch.randn(POINTS, channels, generator=random)
        points = self.mixture.centres[which] + self.mixture.std * noise
        return Labelled(points[:, :, None, None], torch.zeros(POINTS, dtype=torch.int64))


class OwnPoints:
    """Points that a program has in memory, as a source.

    Args:
        points: (N, C), finite.

    Raises:
        UsageError: fewer than two, of another shape, or not finite.
    """

    split, splits = "train", ("train",)

    def __init__(self, points: Tensor, name: str = "points") -> None:
        if points.dim() != 2 or len(points) < 2 or not torch.isfinite(points).all():
            raise UsageError(f"points are at least two rows of finite coordinates, not {tuple(points.shape)}")
        self.points = points.float()
        self.spec = PointSpec(name=name, channels=points.shape[1], images=len(points), provenance="one's own points")

    def prepare(self) -> None:
        """Nothing to download."""

    def load(self) -> Labelled:
        """Float points (N, C, 1, 1) and zeros for labels (N,)."""
        return Labelled(self.points[:, :, None, None], torch.zeros(len(self.points), dtype=torch.int64))
