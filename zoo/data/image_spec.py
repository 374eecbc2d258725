"""What a model needs to know of single pictures, or of points, besides their origin."""

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from zoo.core.errors import UsageError
from zoo.data.origin import DataSpec
from zoo.data.pictures import Pictures, as_tensor

MOST_HELD_OUT = 0.5  # of a set of single images, or of sentences


def checked_share(value: Any) -> float:
    """``value``. Raises UsageError if it is no share that may be held out of training."""
    if type(value) not in (int, float) or not 0 <= value <= MOST_HELD_OUT:
        raise UsageError(f"held_out must be a share from 0 to {MOST_HELD_OUT}, not {value!r}")
    return value


@dataclass(frozen=True, kw_only=True)
class ImageSpec(DataSpec):
    """Square images."""

    kind = "images"
    has_mirror_images = True
    are_pictures = True
    bounded: ClassVar[bool] = True  # values end at -1 and 1

    image_size: int  # height and width in pixels
    channels: int  # 1 grey, 3 colour
    held_out: float = 0.0  # share that the split test was made of, see ``zoo.data.heldout``; 0: the set's own splits
    pictures: int = 0  # that there were to learn from, see ``zoo.data.few``; 0: all

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_whole("image_size", 2, most=4096)
        checked_share(self.held_out)
        self.check_whole("pictures", 0)
        if self.channels not in (1, 3) or type(self.channels) is not int:
            raise UsageError(f"channels must be 1 (grey) or 3 (colour), not {self.channels!r}")

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of an example, (C, H, W)."""
        return (self.channels, self.image_size, self.image_size)

    @property
    def opening(self) -> dict[str, Any]:
        few = {"pictures": self.pictures} if self.pictures else {}
        return {"image_size": self.image_size, "held_out": self.held_out} | few

    def check_range(self, batch: Any) -> None:
        """Pictures are uint8, or floats in [-1, 1]."""
        for x in batch:
            if x.is_floating_point() and not (x.amin() >= -1.001 and x.amax() <= 1.001):  # nor is NaN
                raise UsageError(f"images for training are uint8, or floats in [-1, 1], not floats from {x.amin():.4g} "
                                 f"to {x.amax():.4g}: scale them first")

    @staticmethod
    def to_unit(x: Tensor) -> Tensor:
        """From the [-1, 1] of networks to [0, 1]."""
        return ((x.float() + 1) / 2).clamp(0, 1)

    @staticmethod
    def from_unit(x: Tensor) -> Tensor:
        """From [0, 1] to the [-1, 1] of networks."""
        return 2 * x - 1

    def read(self, images: Pictures) -> Tensor:
        """A user's pictures as (N, C, H, W) in [0, 1]. Raises UsageError for those of another size."""
        x = as_tensor(images, self.channels)
        if x.shape[2:] != (self.image_size, self.image_size):
            raise UsageError(f"the model knows images of {self.image_size}x{self.image_size} pixels, not of "
                             f"{x.shape[3]}x{x.shape[2]}: resize them first")
        return x


@dataclass(frozen=True, kw_only=True)
class PointSpec(DataSpec):
    """Points with unbounded coordinates, which networks see as images (C, 1, 1)."""

    kind = "points"
    has_mirror_images = False
    image_size: ClassVar[int] = 1
    bounded: ClassVar[bool] = False

    channels: int  # coordinates

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_whole("channels", 1, most=64)

    @property
    def shape(self) -> tuple[int, int, int]:
        return (self.channels, 1, 1)

    @staticmethod
    def to_unit(x: Tensor) -> Tensor:
        """The coordinates as they are."""
        return x.float()

    @staticmethod
    def from_unit(x: Tensor) -> Tensor:
        """The coordinates as they are."""
        return x

    def read(self, points: Pictures) -> Tensor:
        """A user's points as (N, C, 1, 1). Raises UsageError for those of other dimensions."""
        x = torch.as_tensor(points)
        if x.shape[1:] not in ((self.channels,), self.shape):
            raise UsageError(f"points are (N, {self.channels}), not of the shape {tuple(x.shape)}")
        return x.float().view(-1, *self.shape)
