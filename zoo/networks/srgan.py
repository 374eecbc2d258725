"""The two networks of SRGAN (Ledig 2016, arXiv:1609.04802, figure 4).

SRResNet in the paper's words k9n64s1, residual blocks of two k3n64s1 with parametric rectifiers, a k3n64s1 behind them
and a skip around them all, then sub-pixel layers (Shi 2016, arXiv:1609.05158) of k3n256s1, each of which doubles height
and width, and k9n3s1; at ``width=64``. It takes pictures of any size. The discriminator has eight 3x3
convolutions of 64 to 512 channels, every second one strided, then 1,024 and one neuron, for pictures of one size.
"""

import math
from typing import Literal

from torch import Tensor, nn

from zoo.networks.blocks import norm_layers
from zoo.networks.counted import counted
from zoo.networks.resnet import Residual

SRNorm = Literal["batch", "none"]
DENSE = 6  # places a side that the neurons look at at most: those of the paper's crops of 96 px
UPWARDS = 2  # of a sub-pixel layer
FLOAT = 4  # bytes
AT_ONCE = 24 * 2**20  # bytes of the largest tensor where a piece is made larger; see ``Upwards``
LEAST = 64  # pixels of the sides of a piece, where that is more


class Features(nn.Sequential):
    """Pictures (N, C, H, W) in [-1, 1] -> what is found at every place of them, (N, width, H, W)."""

    def __init__(self, channels: int, width: int, blocks: int, norm: SRNorm) -> None:
        residual = [Residual([*_convolved(width, norm), nn.PReLU(), *_convolved(width, norm)], [])
                    for _ in range(blocks)]
        super().__init__(nn.Conv2d(channels, width, 9, padding=4), nn.PReLU(),
                         Residual([*residual, *_convolved(width, norm)], []))
        self.reach = 4 + 2 * blocks + 1  # pixels on either side that a place depends on

    def forward(self, pictures: Tensor) -> Tensor:
        return super().forward((pictures + 1) / 2)  # in [0, 1] as in the paper, so that beyond the border it is black


class Upwards(nn.Sequential):
    """Pictures (N, C, H, W) in [-1, 1] -> such pictures (N, C, H * factor, W * factor), not bounded.

    The first layer finds features at every place of the small picture, those behind it make the large one of them.
    Where a part of a picture counts, see ``zoo.networks.counted``, these get no more than it, and piece by piece. glibc
    has the system map every tensor of 32 MiB or more anew, page by page, which takes as long as half of the layers:
    pieces are so small that none is as large.

    Args:
        features, behind: its layers in turn.
        near: pixels on either side of a place that those behind the features look at, at most.
        values: that they make of a place at most, of all channels and of all pixels that it becomes.

    Attributes:
        reach: pixels on either side that what is made of one depends on at most.
    """

    def __init__(self, features: Features, *behind: nn.Module, near: int, values: int) -> None:
        super().__init__(features, *behind)
        self.near, self.reach = near, features.reach + near
        self.piece = max(LEAST, math.isqrt(AT_ONCE // (FLOAT * values)) - 2 * near)  # pixels of the sides

    def enlarged(self, found: Tensor) -> Tensor:
        """Large pictures of features (N, width, H, W)."""
        for layer in list(self)[1:]:
            found = layer(found)
        return found

    def forward(self, pictures: Tensor) -> Tensor:
        found, part = self[0](pictures), counted()
        if part is None:
            return self.enlarged(found)
        made = found.new_empty(0)
        for piece in part.pieces(self.piece):
            seen = piece.grown(self.near, *found.shape[2:])
            large = self.enlarged(found[(..., *seen.places())])
            scale = large.shape[2] // (seen.bottom - seen.top)
            if not made.numel():
                made = large.new_zeros(*large.shape[:2], *(scale * length for length in found.shape[2:]))
            made[(..., *piece.places(scale))] = large[(..., *piece.within(seen).places(scale))]
        return made


class SRResNet(Upwards):
    """Enlarges step by step.

    Args:
        width: channels at every place.
        blocks: residual ones.
        factor: 2, 4 or 8.
    """

    def __init__(self, channels: int, width: int, blocks: int, factor: int, norm: SRNorm) -> None:
        features, upwards = Features(channels, width, blocks, norm), []
        for _ in range(factor.bit_length() - 1):
            upwards += [nn.Conv2d(width, width * UPWARDS**2, 3, padding=1), nn.PixelShuffle(UPWARDS), nn.PReLU()]
        last = nn.Conv2d(width, channels, 9, padding=4)
        super().__init__(features, *upwards, last, near=3,  # less, the larger the pictures of the last layers are
                         values=width * factor**2)


def _convolved(width: int, norm: SRNorm) -> list[nn.Module]:
    return [nn.Conv2d(width, width, 3, padding=1, bias=norm == "none"), *norm_layers(norm, width)]


class SRDiscriminator(nn.Sequential):
    """Pictures (N, C, S, S) of one size -> logits (N, 1). Beyond 96 px places are averaged before the neurons."""

    def __init__(self, channels: int, size: int, width: int, norm: SRNorm) -> None:
        layers: list[nn.Module] = [nn.Conv2d(channels, width, 3, padding=1), nn.LeakyReLU(0.2)]
        before = width
        for layer in range(1, 8):
            after, stride = width * 2**(layer // 2), 1 + layer % 2
            layers += [nn.Conv2d(before, after, 3, stride, 1, bias=norm == "none"), *norm_layers(norm, after),
                       nn.LeakyReLU(0.2)]
            before, size = after, -(-size // stride)
        places = min(size, DENSE)
        super().__init__(*layers, *([nn.AdaptiveAvgPool2d(places)] if size > places else []), nn.Flatten(),
                         nn.Linear(before * places**2, 16 * width), nn.LeakyReLU(0.2), nn.Linear(16 * width, 1))
