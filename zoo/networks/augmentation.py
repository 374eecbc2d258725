"""What a discriminator sees pictures through, real and generated alike, so that it cannot learn a few of them by heart.

All of it is differentiable in the pictures, to any order: pixels are moved whole, by one index, and never interpolated.
Pictures are (N, C, H, W) in [-1, 1]; what is random is given as numbers, so that whoever has the numbers has the view.
"""

import math

import torch
from torch import Tensor

DIFF_NUMBERS = 7  # uniform ones that ``diff`` takes an image
ADA_UNIFORM, ADA_NORMAL = 14, 3  # that ``ada`` takes
SMALL_NUMBERS = 3  # uniform ones that ``small`` takes
FARTHEST = 1 / 8  # of a side: by how much pictures are shifted
BRIGHTNESS, CONTRAST, SATURATION = 0.2, 0.5 * math.log(2), math.log(2)  # standard deviations of ``ada``, of logarithms


def diff(images: Tensor, uniform: Tensor) -> Tensor:
    """DiffAugment (Zhao 2020, arXiv:2006.10738): colour, translation and cutout, each always.

    Brightness moves by up to 1/2 of a half of the range, saturation is multiplied by 0 to 2, contrast by 1/2 to 3/2;
    pictures are shifted by up to an eighth of their sides, with 0 beyond the border, and a square of half their height
    is 0, whose centre lies anywhere.

    Args:
        uniform: (N, DIFF_NUMBERS) in [0, 1).
    """
    brightness, saturation, contrast, down, right, top, left = uniform[:, :, None, None].unbind(1)
    x = images + (brightness - 0.5)[:, None]
    x = _about(x, x.mean(1, keepdim=True), 2 * saturation)
    x = _about(x, x.mean((1, 2, 3), keepdim=True), contrast + 0.5)
    height, width = images.shape[2:]
    rows, columns = _places(images)
    kept = ~(_within(rows, top, height) & _within(columns, left, width))
    rows, columns = rows - _shift(down, height), columns - _shift(right, width)
    inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    return _moved(x, rows.clamp(0, height - 1), columns.clamp(0, width - 1)) * (inside & kept)[:, None]


def ada(images: Tensor, uniform: Tensor, normal: Tensor, p: Tensor) -> Tensor:
    """Augmentations of which each happens to an image with the probability p (Karras 2020, arXiv:2006.06676).

    Of the paper's those that need no interpolation: left to right, quarter turns, whole shifts by up to an eighth of a
    side with the border reflected, brightness, contrast, and of colours also a flip of the luma, turns of the hue, and
    saturation. For p < 1 none hides what the pictures were like (section 2.2). At p = 0 the pictures stay as they are.

    Args:
        uniform: (N, ADA_UNIFORM) in [0, 1): what happens, then how.
        normal: (N, ADA_NORMAL).
        p: in [0, 1], ().
    """
    happens, how = (uniform[:, :8] < p).unbind(1), uniform[:, 8:].unbind(1)
    mirrored, turned, shifted = happens[:3]
    height, width = images.shape[2:]
    rows, columns = _places(images)
    rows = rows - _only(shifted, _shift(how[2][:, None, None], height))
    columns = columns - _only(shifted, _shift(how[3][:, None, None], width))
    rows, columns = _reflected(rows, height), _reflected(columns, width)
    if height == width:
        quarters = _only(turned, (4 * how[1]).long()[:, None, None])
        for turn in (quarters >= 1, quarters >= 2, quarters >= 3):
            rows, columns = torch.where(turn, width - 1 - columns, rows), torch.where(turn, rows, columns)
    columns = torch.where((mirrored & (how[0] < 0.5))[:, None, None], width - 1 - columns, columns)
    return _coloured(_moved(images, rows, columns), happens[3:], how[4], how[5], normal)


def small(images: Tensor, uniform: Tensor) -> Tensor:
    """Left to right or not, and shifted by up to an eighth of a side with the border reflected.

    Args:
        uniform: (N, SMALL_NUMBERS) in [0, 1).
    """
    mirrored, down, right = uniform[:, :, None, None].unbind(1)
    height, width = images.shape[2:]
    rows, columns = _places(images)
    rows, columns = _reflected(rows - _shift(down, height), height), _reflected(columns - _shift(right, width), width)
    return _moved(images, rows, torch.where(mirrored < 0.5, width - 1 - columns, columns))


def _coloured(images: Tensor, happens: tuple[Tensor, ...], luma: Tensor, hue: Tensor, normal: Tensor) -> Tensor:
    brightness, contrast, saturation = normal.unbind(1)
    lighter = torch.where(happens[0], BRIGHTNESS * brightness, 0)
    stronger = torch.where(happens[1], (CONTRAST * contrast).exp(), 1)
    images = (images + lighter[:, None, None, None]) * stronger[:, None, None, None]
    if images.shape[1] != 3:  # no colours
        return images
    eye = torch.eye(3, device=images.device, dtype=normal.dtype)
    grey = torch.full_like(eye, 1 / 3)  # the projection on what has no colour
    across = torch.tensor([[0, -1, 1], [1, 0, -1], [-1, 1, 0]], device=eye.device, dtype=eye.dtype) / 3**0.5
    angle = torch.where(happens[3], 2 * math.pi * (hue - 0.5), 0)[:, None, None]
    factor = torch.where(happens[4], (SATURATION * saturation).exp(), 1)[:, None, None]
    flip = (happens[2] & (luma < 0.5)).to(eye)[:, None, None]
    flipped = eye - 2 * flip * grey
    turned = angle.cos() * eye + angle.sin() * across + (1 - angle.cos()) * grey
    saturated = factor * eye + (1 - factor) * grey
    return torch.einsum("nij,njhw->nihw", saturated @ turned @ flipped, images)


def _only(happens: Tensor, values: Tensor) -> Tensor:
    """Whole numbers (N, 1, 1) where it happens (N,), else 0."""
    return torch.where(happens[:, None, None], values, 0)


def _about(x: Tensor, middle: Tensor, factor: Tensor) -> Tensor:
    """Differences from the middle multiplied, (N, 1, 1) each."""
    return (x - middle) * factor[:, None] + middle


def _places(images: Tensor) -> tuple[Tensor, Tensor]:
    """Row and column of every pixel, (N, H, W) each, as views."""
    n, _, height, width = images.shape
    rows = torch.arange(height, device=images.device)[None, :, None]
    columns = torch.arange(width, device=images.device)[None, None, :]
    return rows.expand(n, height, width), columns.expand(n, height, width)


def _shift(uniform: Tensor, side: int) -> Tensor:
    """A whole number of pixels up to ``FARTHEST`` of a side, either way, all as likely."""
    most = int(side * FARTHEST + 0.5)
    return ((2 * most + 1) * uniform).long() - most


def _within(places: Tensor, uniform: Tensor, side: int) -> Tensor:
    """Whether places are in a span of half the side, whose centre is at 0 to ``side``."""
    span = int(side / 2 + 0.5)
    first = ((side + 1 - span % 2) * uniform).long() - span // 2
    return (places >= first) & (places < first + span)


def _reflected(places: Tensor, side: int) -> Tensor:
    """Places beyond the border as in a mirror at the outermost pixels."""
    places = places.abs()
    return torch.minimum(places, 2 * (side - 1) - places)


def _moved(images: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Every pixel becomes that at ``rows`` and ``columns``, (N, H, W) each."""
    index = (rows * images.shape[3] + columns).flatten(1)[:, None].expand(-1, images.shape[1], -1)
    return images.flatten(2).gather(2, index).view(images.shape)
