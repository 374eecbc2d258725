"""A small U-Net that tells the class of every pixel (Ronneberger 2015, arXiv:1505.04597), and how right it is."""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

HALVINGS = 4


def _block(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(*(layer for c in (inputs, outputs) for layer in (
        nn.Conv2d(c, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU())))


class PixelClassifier(nn.Module):
    """Pictures (N, C, H, W) of any size -> logits of every pixel (N, classes, H, W).

    The first convolution halves the picture, and its logits are of half of its size, enlarged.

    Args:
        width: channels at half of the size; twice as many at each halving after.
    """

    def __init__(self, channels: int, classes: int, width: int) -> None:
        super().__init__()
        hidden = [width * 2**level for level in range(HALVINGS)]
        self.first = nn.Sequential(nn.Conv2d(channels, width, 4, 2, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU())
        self.down = nn.ModuleList([_block(*pair) for pair in pairwise([width, *hidden])])
        self.up = nn.ModuleList([_block(outer + inner, outer) for outer, inner in pairwise(hidden)])
        self.last = nn.Conv2d(width, classes, 1)

    def forward(self, pictures: Tensor) -> Tensor:
        maps = [self.down[0](self.first(pictures))]
        for block in self.down[1:]:
            maps.append(block(F.max_pool2d(maps[-1], 2, ceil_mode=True)))
        x = maps.pop()
        for block in reversed(self.up):
            outer = maps.pop()
            x = block(torch.cat([outer, F.interpolate(x, outer.shape[2:])], 1))
        return F.interpolate(self.last(x), pictures.shape[2:], mode="bilinear")
