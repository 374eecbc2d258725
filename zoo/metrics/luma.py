"""PSNR and SSIM as tables of super-resolution have them: of luma, without the border.

Luma is Y of ITU-R BT.601 in its range from 16 to 235 of 255, of pictures of 8 bits; as many pixels are cut from each
side as pictures were made larger by; numbers are of each picture, and their mean is a table's. Other tables take red,
green and blue, the largest value that occurs for the peak, or one squared error for all pictures: none compares.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from zoo.core.errors import UsageError
from zoo.metrics.pixels import BLOCK, decibels, rounded
from zoo.metrics.similarity import WINDOW, structural_similarity

SHARES = (65.481, 128.553, 24.966)  # of red, green and blue
DARKEST = 16


class Fidelity(NamedTuple):
    """How near pictures are to the true ones, (N,) float64 each.

    Attributes:
        psnr: in dB, with a peak of 1; at most 100.
        ssim: of Wang 2004, with a Gaussian window of 11 pixels and deviation 1.5.
    """

    psnr: Tensor
    ssim: Tensor


def luma(pictures: Tensor) -> Tensor:
    """Pictures (N, 1 or 3, H, W) in [0, 1] -> their Y, (N, 1, H, W) float64 in [16/255, 235/255]."""
    shares = torch.tensor(SHARES, dtype=torch.float64, device=pictures.device).view(1, 3, 1, 1)
    return ((shares * pictures.double()).sum(1, keepdim=True) + DARKEST) / 255


def fidelity(made: Tensor, true: Tensor, border: int) -> Fidelity:
    """Of pictures (N, 1 or 3, H, W) in [0, 1] to as many true ones.

    Args:
        border: pixels that are cut from each side.

    Raises:
        UsageError: pictures of which too little is left.
    """
    height, width = true.shape[2:]
    if min(height, width) < 2 * border + WINDOW:
        raise UsageError(f"pictures of {width}x{height} px are too small to be compared without a border of {border} "
                         f"px: their sides must be {2 * border + WINDOW} px or more")
    inner = (..., slice(border, height - border), slice(border, width - border))
    parts = []
    for a, b in zip(made.split(BLOCK), true.split(BLOCK), strict=True):
        ours, theirs = luma(rounded(a))[inner], luma(rounded(b))[inner]
        parts.append(Fidelity(decibels(ours, theirs), structural_similarity(ours, theirs)))
    return Fidelity(*map(torch.cat, zip(*parts, strict=True)))
