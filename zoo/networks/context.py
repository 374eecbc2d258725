"""The generator of context encoders (Pathak 2016, arXiv:1604.07379, section 3.1), with the layers of DCGAN.

4x4 convolutions of stride 2 down to 4x4, with ``width`` channels next to the image, doubling up to 8 times that; a
channel-wise fully connected layer, so that each place may know of all others at a 1/C of the price of a full one; a 1x1
convolution, by which channels know of each other; transposed 4x4 convolutions back to the size of the image. Batch-norm
but for the outermost layers, leaky ReLU 0.2 in the encoder, ReLU in the decoder.
"""

from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn

from zoo.core.errors import UsageError
from zoo.networks.blocks import init_normal, norm_layers

ContextNorm = Literal["batch", "none"]
INNERMOST = 4  # height and width of the map between encoder and decoder


class ChannelwiseLinear(nn.Module):
    """(N, C, h, w) -> (N, C, h, w): of each map a linear function of its own."""

    def __init__(self, channels: int, size: int) -> None:
        super().__init__()
        places = size * size
        self.weight = nn.Parameter(torch.randn(channels, places, places) * places**-0.5)

    def forward(self, x: Tensor) -> Tensor:
        return torch.einsum("ncp,cpq->ncq", x.flatten(2), self.weight).view_as(x)


class ContextGenerator(nn.Sequential):
    """(N, Cs, S, S) -> (N, C, S, S), both in [-1, 1].

    Args:
        source_channels: Cs.
        channels: C.
        size: S, a power of two from 16.

    Raises:
        UsageError: another size, also in ``forward``.
    """

    def __init__(self, source_channels: int, channels: int, size: int, width: int, norm: ContextNorm) -> None:
        halvings = (size // INNERMOST).bit_length() - 1
        if halvings < 2 or size != INNERMOST * 2**halvings:
            raise UsageError(f"a context encoder takes 16, 32, 64, 128, ... px, not {size}: choose another "
                             "--image-size")
        self.size = size
        hidden = [width * min(2**layer, 8) for layer in range(halvings)]
        deepest, bias = hidden[-1], norm == "none"
        layers: list[nn.Module] = [nn.Conv2d(source_channels, width, 4, 2, 1), nn.LeakyReLU(0.2)]
        for outer, inner in pairwise(hidden):
            layers += [nn.Conv2d(outer, inner, 4, 2, 1, bias=bias), *norm_layers(norm, inner), nn.LeakyReLU(0.2)]
        layers += [ChannelwiseLinear(deepest, INNERMOST), nn.Conv2d(deepest, deepest, 1, bias=bias),
                   *norm_layers(norm, deepest), nn.ReLU()]
        for inner, outer in pairwise(hidden[::-1]):
            layers += [nn.ConvTranspose2d(inner, outer, 4, 2, 1, bias=bias), *norm_layers(norm, outer), nn.ReLU()]
        super().__init__(*layers, nn.ConvTranspose2d(width, channels, 4, 2, 1), nn.Tanh())
        self.apply(init_normal)

    def forward(self, images: Tensor) -> Tensor:
        if images.shape[2:] != (self.size, self.size):
            raise UsageError(f"this context encoder takes pictures of {self.size}x{self.size} px, not of "
                             f"{images.shape[2]}x{images.shape[3]}: resize or crop them")
        return super().forward(images)
