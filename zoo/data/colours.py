"""Colours: luma, and CIE Lab (D65, 2 degrees) of sRGB pictures (IEC 61966-2-1; CIE 15).

Functions of batches (N, C, H, W) in [-1, 1], on their device. They add plane by plane, since a matrix product would be
rounded under autocast and on TF32 units.
"""

import torch
from torch import Tensor

from zoo.core.errors import UsageError

BT601 = (0.299, 0.587, 0.114)  # luma of red, green and blue
TO_XYZ = ((0.4124564, 0.3575761, 0.1804375), (0.2126729, 0.7151522, 0.0721750), (0.0193339, 0.1191920, 0.9503041))
TO_RGB = tuple(map(tuple, torch.tensor(TO_XYZ, dtype=torch.float64).inverse().tolist()))
WHITE = tuple(sum(row) for row in TO_XYZ)  # XYZ of (1, 1, 1), so that greys have no colour
KNEE = 6 / 29  # of Lab's cube root, below which it is a line
AB = 110  # |a| and |b| of every sRGB colour are below it


def grey(images: Tensor) -> Tensor:
    """Luma of ITU-R BT.601, (N, 3, H, W) -> (N, 1, H, W) in [-1, 1]; grey images as they are.

    Raises:
        UsageError: images of other than 1 or 3 channels.
    """
    if images.shape[1] == 1:
        return images
    if images.shape[1] != 3:
        raise UsageError(f"images of 1 (grey) or 3 channels (colour) have a luma, those of {images.shape[1]} have "
                         "none: choose other pairs")
    return _weighted(images, BT601)


def lightness(images: Tensor) -> Tensor:
    """The grey picture of the same lightness L: (N, 3, H, W) -> (N, 1, H, W)."""
    return _encoded(_weighted(_linear(images), TO_XYZ[1]))


def opponents(images: Tensor) -> Tensor:
    """The colours a and b of Lab over ``AB``: (N, 3, H, W) -> (N, 2, H, W) in (-1, 1)."""
    linear = _linear(images)
    x, y, z = (_root(_weighted(linear, row) / white) for row, white in zip(TO_XYZ, WHITE, strict=True))
    return torch.cat([500 * (x - y), 200 * (y - z)], 1) / AB


def coloured(light: Tensor, colours: Tensor) -> Tensor:
    """Pictures (N, 3, H, W) in [-1, 1] of the lightness of grey ones (N, 1, H, W) and colours a, b over ``AB``.

    Of a colour that sRGB does not have, red, green and blue are cut off, which moves its lightness as well.
    """
    a, b = (AB * colours).split(1, 1)
    y = _root(_linear(light))
    xyz = torch.cat([_cube(root) * white for root, white in zip((y + a / 500, y, y - b / 200), WHITE, strict=True)], 1)
    return _encoded(torch.cat([_weighted(xyz, row) for row in TO_RGB], 1).clamp(0, 1))


def _weighted(planes: Tensor, weights: tuple[float, ...]) -> Tensor:
    first, second, third = planes.split(1, 1)
    return weights[0] * first + weights[1] * second + weights[2] * third


def _linear(pictures: Tensor) -> Tensor:
    """Intensities in [0, 1] of sRGB values in [-1, 1]."""
    x = ((pictures + 1) / 2).clamp(0, 1)
    return torch.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4)


def _encoded(intensities: Tensor) -> Tensor:
    """The inverse of ``_linear``."""
    x = intensities.clamp(min=1e-9)  # where the power has a gradient
    return 2 * torch.where(intensities <= 0.0031308, 12.92 * intensities, 1.055 * x ** (1 / 2.4) - 0.055) - 1


def _root(t: Tensor) -> Tensor:
    return torch.where(t > KNEE**3, t.clamp(min=KNEE**3) ** (1 / 3), t / (3 * KNEE**2) + 4 / 29)


def _cube(f: Tensor) -> Tensor:
    """The inverse of ``_root``."""
    return torch.where(f > KNEE, f**3, 3 * KNEE**2 * (f - 4 / 29))
