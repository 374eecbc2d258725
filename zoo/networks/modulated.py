"""Translators that are told a vector, such as a class or a style, by the gains and biases of their instance norm.

AdaIN of Huang 2017 (arXiv:1703.06868, equation 8): a map is brought to mean 0 and variance 1, and from there to what
follows from the vector; of classes it is Dumoulin 2016's conditional instance norm (arXiv:1610.07629). So all of the
picture is told. Constant planes beside the image would not do: where reflection padding and instance norm follow, a
constant is what the norm takes away.
"""

import torch.nn.functional as F
from torch import Tensor, nn

from zoo.networks.blocks import init_normal
from zoo.networks.translation import SMALLEST, check_sides, downwards


class AdaptiveNorm(nn.Module):
    """(N, C, H, W), (N, inputs) -> (N, C, H, W): (1 + gain) (x - mean) / deviation + bias, map by map.

    Gain and bias are a linear layer of the vector.
    """

    def __init__(self, channels: int, inputs: int) -> None:
        super().__init__()
        self.affine = nn.Linear(inputs, 2 * channels)

    def forward(self, x: Tensor, vector: Tensor) -> Tensor:
        gain, bias = self.affine(vector).chunk(2, 1)
        # The maps of all pictures as those of one, whose gains torch multiplies in the same pass: a third less time.
        maps = x.reshape(1, -1, *x.shape[2:])
        return F.instance_norm(maps, weight=1 + gain.reshape(-1), bias=bias.reshape(-1)).view_as(x)


class ModulatedBlock(nn.Module):
    """x + two reflected 3x3 convolutions of it, each with an AdaptiveNorm."""

    def __init__(self, channels: int, inputs: int) -> None:
        super().__init__()
        self.first, self.second = (nn.Conv2d(channels, channels, 3, bias=False) for _ in range(2))
        self.first_norm, self.second_norm = (AdaptiveNorm(channels, inputs) for _ in range(2))
        self.pad = nn.ReflectionPad2d(1)

    def forward(self, x: Tensor, vector: Tensor) -> Tensor:
        hidden = F.relu(self.first_norm(self.first(self.pad(x)), vector))
        return x + self.second_norm(self.second(self.pad(hidden)), vector)


class ModulatedDecoder(nn.Module):
    """(N, 4 width, H/4, W/4), (N, inputs) -> (N, C, H, W) in [-1, 1]: blocks, two transposed convolutions, one 7x7."""

    def __init__(self, channels: int, width: int, blocks: int, inputs: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(ModulatedBlock(4 * width, inputs) for _ in range(blocks))
        self.ups = nn.ModuleList(nn.ConvTranspose2d(2 * outer, outer, 4, 2, 1, bias=False)
                                 for outer in (2 * width, width))
        self.norms = nn.ModuleList(AdaptiveNorm(outer, inputs) for outer in (2 * width, width))
        self.last = nn.Sequential(nn.ReflectionPad2d(3), nn.Conv2d(width, channels, 7), nn.Tanh())

    def forward(self, x: Tensor, vector: Tensor) -> Tensor:
        for block in self.blocks:
            x = block(x, vector)
        for up, norm in zip(self.ups, self.norms, strict=True):
            x = F.relu(norm(up(x), vector))
        return self.last(x)


class ModulatedTranslator(nn.Module):
    """(N, Cs, H, W) in [-1, 1], (N, inputs) -> (N, C, H, W) in [-1, 1]: StarGAN's generator, told otherwise.

    That of Choi 2017 (arXiv:1711.09020, appendix) is ResNetTranslator with strided convolutions of 4x4. Here the vector
    comes to the layers behind the two that shrink the picture.
    """

    multiple = 4
    smallest = SMALLEST

    def __init__(self, source_channels: int, channels: int, width: int, blocks: int, inputs: int) -> None:
        super().__init__()
        self.encoder = nn.Sequential(*downwards(source_channels, width, kernel=4))
        self.decoder = ModulatedDecoder(channels, width, blocks, inputs)
        self.apply(init_normal)

    def forward(self, images: Tensor, vector: Tensor) -> Tensor:
        check_sides(images, self.multiple)
        return self.decoder(self.encoder(images), vector)
