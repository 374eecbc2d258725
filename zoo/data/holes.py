"""Pictures with holes, for a model to fill. Functions of a batch (N, C, H, W) in [-1, 1], without chance."""

import torch
from torch import Tensor

from zoo.data.chance import numbers_of

BLOCKS = 5  # squares of ``blocks``, which may overlap (Pathak 2016, arXiv:1604.07379, section 4.1)


def hole(images: Tensor) -> Tensor:
    """The centre half of height and width becomes 0 (mid-grey)."""
    return images.masked_fill(in_the_centre(images), 0)


def in_the_centre(images: Tensor) -> Tensor:
    """Where the hole of ``hole`` is, bool (N, 1, H, W)."""
    missing = torch.zeros_like(images[:, :1], dtype=torch.bool)
    missing[..., centre(images.shape[2]), centre(images.shape[3])] = True
    return missing


def centre(size: int) -> slice:
    """The middle half of ``size`` pixels."""
    first = (size - size // 2) // 2
    return slice(first, first + size // 2)


def blocks(images: Tensor) -> Tensor:
    """``holed`` by five squares, each of an eighth to a quarter of the picture's height.

    Where they lie follows from the picture, so the same one always has the same holes.
    """
    height, width = images.shape[2:]
    numbers = numbers_of(images, 3 * BLOCKS).view(-1, BLOCKS, 3, 1)
    size = (height / 8 * (1 + numbers[:, :, 0])).floor()  # (N, BLOCKS, 1)
    rows = _stretch(height, numbers[:, :, 1], size)
    columns = _stretch(width, numbers[:, :, 2], size)
    missing = (rows[..., None] & columns[:, :, None]).any(1, keepdim=True)  # (N, 1, H, W)
    return holed(images, missing)


def holed(images: Tensor, missing: Tensor) -> Tensor:
    """Pictures with 0 for ``missing`` pixels, bool (N, 1, H, W), and a plane more: -1 for these, 1 for known ones."""
    return torch.cat([images.masked_fill(missing, 0), 1 - 2 * missing.to(images)], 1)


def unknown_pixels(source: Tensor) -> Tensor:
    """What the last plane of ``holed`` says, bool (N, 1, H, W), of values in [-1, 1]."""
    return source[:, -1:] <= 0


def _stretch(length: int, place: Tensor, size: Tensor) -> Tensor:
    """Which of ``length`` pixels lie in stretches of ``size`` at a ``place`` in [0, 1): (N, BLOCKS, length)."""
    first = (place * (length - size + 1)).floor()
    pixel = torch.arange(length, device=place.device)
    return (pixel >= first) & (pixel < first + size)
