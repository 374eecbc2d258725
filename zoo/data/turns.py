"""Faces turned to one side, for a model to turn back. Functions of a batch (N, C, H, W) in [-1, 1], without chance."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from zoo.data.chance import numbers_of

LEAST, MOST = 30.0, 60.0  # degrees
DISTANCE = 4.0  # of the eye from the middle of a picture, in halves of its sides


def turned(images: Tensor) -> Tensor:
    """A picture as a plane that is turned about the vertical line through its middle, by 30 to 60 degrees to one side.

    The half that goes away from the eye is mid-grey, as the far half of a face is hidden by the near one, and so is
    what the plane does not cover; the near half becomes narrower, and higher the nearer it comes. Angle and side follow
    from the picture. Made at the 256 levels that a file has.
    """
    numbers = numbers_of(images, 2)
    angle = (LEAST + (MOST - LEAST) * numbers[:, 0]) * math.pi / 180
    return turned_by(images, torch.where(numbers[:, 1] < 0.5, -angle, angle))


def turned_by(images: Tensor, angle: Tensor) -> Tensor:
    """The same by angles (N,) in radians, of less than 75 degrees to either side; at 0 nothing is hidden.

    A point x, y of the plane, both in [-1, 1], comes to lie x sin(angle) behind the middle, and is seen at x cos(angle)
    and y, both over 1 + x sin(angle) / DISTANCE.
    """
    height, width = images.shape[2:]
    across, down = (_centres(size, images) for size in (width, height))
    cos, sin = (f(angle)[:, None].to(images) for f in (torch.cos, torch.sin))
    x = across / (cos - across * sin / DISTANCE)  # (N, W) of what is seen there
    y = down[:, None] * (1 + x * sin / DISTANCE)[:, None]  # (N, H, W)
    place = torch.stack([x[:, None].expand_as(y), y], -1)
    seen = F.grid_sample(images, place, mode="bilinear", padding_mode="border", align_corners=False)
    hidden = (place.abs() > 1).any(-1) | ((x * sin)[:, None] > 0)
    return ((seen.masked_fill(hidden[:, None], 0) + 1) * 127.5).round().clamp(0, 255) / 127.5 - 1


def _centres(size: int, like: Tensor) -> Tensor:
    """Of ``size`` pixels between -1 and 1."""
    return (2 * torch.arange(size, device=like.device, dtype=like.dtype) + 1) / size - 1
