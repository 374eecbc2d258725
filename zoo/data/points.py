"""Point sets (N, C, 1, 1) for the ``mlp`` backbone: of known mixtures and curves, and one's own."""

import torch
from torch import Tensor

from zoo.core.errors import UsageError
from zoo.data.batches import Labelled
from zoo.data.image_spec import PointSpec
from zoo.data.mixtures import CURVES, POINT_SETS
from zoo.data.source import Place

POINTS = 100_000


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
