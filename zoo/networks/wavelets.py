"""Haar's wavelet packets (Haar 1910), orthonormal: of every band of a picture four bands of half its size.

Of a square of pixels a, b above c, d they are (a+b+c+d)/2, (a-b+c-d)/2, (a+b-c-d)/2 and (a-b-c+d)/2. They are added and
not convolved, since autocast would round a convolution. So analysis is its own transpose: synthesis makes the picture
again, and squares sum to the same in both.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zoo.networks.srgan import Features, SRNorm, Upwards


def analysis(pictures: Tensor, levels: int) -> Tensor:
    """(N, C, H, W) -> (N, C * 4^levels, H / 2^levels, W / 2^levels).

    Of every channel band 0, ``low``, is 2^levels times the mean of squares of pixels, and the others are details.
    """
    for _ in range(levels):
        pictures = _mixed(F.pixel_unshuffle(pictures, 2))
    return pictures


def synthesis(bands: Tensor, levels: int) -> Tensor:
    """Pictures (N, C, H, W) of what ``analysis`` made of them."""
    for _ in range(levels):
        bands = F.pixel_shuffle(_mixed(bands), 2)
    return bands


def _mixed(quarters: Tensor) -> Tensor:
    """(N, 4 C, H, W) -> the same shape: of every four channels their sums and differences. Twice is as never."""
    a, b, c, d = quarters.unflatten(1, (-1, 4)).unbind(2)
    left, right, upper, lower = a + c, b + d, a - c, b - d
    return torch.stack([left + right, left - right, upper + lower, upper - lower], 2).flatten(1, 2) / 2


def low_and_details(bands: Tensor, levels: int) -> tuple[Tensor, Tensor]:
    """Bands (N, C * 4^levels, h, w) -> low ones (N, C, h, w), details (N, C, 4^levels - 1, h, w)."""
    each = bands.unflatten(1, (-1, 4**levels))
    return each[:, :, 0], each[:, :, 1:]


class WaveletNet(Upwards):
    """Predicts all bands of the large picture at the size of the small one, where SRResNet enlarges step by step.

    Args:
        width: channels at every place.
        blocks: residual ones.
        levels: of bands; a picture becomes 2^levels times as high and wide.
    """

    def __init__(self, channels: int, width: int, blocks: int, levels: int, norm: SRNorm) -> None:
        features = Features(channels, width, blocks, norm)
        super().__init__(features, nn.Conv2d(width, width, 3, padding=1), nn.PReLU(),
                         nn.Conv2d(width, channels * 4**levels, 3, padding=1), near=2,
                         values=max(width, channels * 4**levels))
        self.levels = levels

    def enlarged(self, found: Tensor) -> Tensor:
        return synthesis(super().enlarged(found), self.levels)
