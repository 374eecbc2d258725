"""The networks of StyleGAN2 (Karras 2019, arXiv:1912.04958, figure 2 and section 2; Karras 2018, arXiv:1812.04948).

A mapping of pixel-normalised z to w by fully connected layers, whose rate is a hundredth; a synthesis of 3x3
convolutions that w modulates, from a learnt map, with noise added to every place and colours summed over the levels; a
residual discriminator that is told how far groups of images differ. All rates are equalised, and leaky rectifiers 0.2
are followed by sqrt(2). Departures: maps are resampled beside the convolutions and not within, and continued at their
borders by their outermost values; channels double inwards up to 8 times those next to the image.
"""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zoo.data.pyramid import up
from zoo.networks.blocks import Trunk
from zoo.networks.progressive import GAIN, PixelNorm, Spread, channels_of, equalised

MAPPING_RATE = 0.01


# Sums and factors of whole maps are taken in place where nothing needs what was there: a step is bound by memory.


def rectified(x: Tensor) -> Tensor:
    """The leaky rectifier 0.2 times sqrt(2)."""
    return F.leaky_relu(x, 0.2).mul_(GAIN)


class Rectifier(nn.Module):
    """``rectified`` as a layer."""

    def forward(self, x: Tensor) -> Tensor:
        return rectified(x)


class Blurred(nn.Module):
    """(N, C, 2H, 2W) -> (N, C, H, W), by the filter [1, 3, 3, 1] / 8."""

    def forward(self, x: Tensor) -> Tensor:
        for dim in (2, 3):
            first, second = x.unflatten(dim, (-1, 2)).unbind(dim + 1)
            last = first.shape[dim] - 1
            before = torch.cat([first.narrow(dim, 0, 1), second.narrow(dim, 0, last)], dim)
            after = torch.cat([first.narrow(dim, 1, last), second.narrow(dim, last, 1)], dim)
            x = before.add_(first, alpha=3).add_(second, alpha=3).add_(after).div_(8)
        return x


class ModulatedConv(nn.Module):
    """(N, C, H, W), w (N, D) -> (N, outputs, H, W): a convolution whose input channels w scales, picture by picture.

    With ``demodulate`` every output is divided by the norm of the scaled weights, so that white input of variance 1
    gives variance 1 (equations 1 and 3). Scaling what goes in and what comes out does the same as weights of each
    picture's own, in one convolution.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, latent_dim: int, demodulate: bool = True) -> None:
        super().__init__()
        self.demodulate = demodulate
        self.convolution = equalised(nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2), gain=1.0)
        self.style = equalised(nn.Linear(latent_dim, inputs), gain=1.0)
        assert self.style.bias is not None
        nn.init.ones_(self.style.bias)

    def forward(self, x: Tensor, w: Tensor, noise: Tensor | None = None) -> Tensor:
        """``noise``, (N, 1, H, W), is added before the bias."""
        style, weight, bias = self.style(w), self.convolution.weight, self.convolution.bias
        assert bias is not None
        x = F.conv2d(x * style[:, :, None, None], weight, padding=weight.shape[2] // 2)
        if self.demodulate:
            norm = style.square() @ weight.square().sum((2, 3)).T  # (N, outputs)
            x = x * (norm + 1e-12).rsqrt()[:, :, None, None]
        if noise is not None:
            x = x.add_(noise)
        return x.add_(bias[:, None, None])


class Layer(nn.Module):
    """A modulated 3x3 convolution, noise of a learnt strength, and the rectifier."""

    def __init__(self, inputs: int, outputs: int, latent_dim: int) -> None:
        super().__init__()
        self.convolution = ModulatedConv(inputs, outputs, 3, latent_dim)
        self.strength = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor, w: Tensor, noise: Tensor) -> Tensor:
        return rectified(self.convolution(x, w, self.strength * noise))


class StyleGenerator(nn.Module):
    """Normals (N, latent_dim + ``noise_size``) -> images (N, C, H, W), which no bound is known of.

    Args:
        sides: of the levels in pixels, the coarsest first.
        layers: of the mapping.

    Attributes:
        noise_size: normals that are noise: one a place of every 3x3 convolution's map.
        layers: number of w that an image takes.
        centre: the mean of w, (latent_dim,).
        psi: how far w is from there: ``centre`` + psi (w - ``centre``).
    """

    centre: Tensor

    def __init__(self, latent_dim: int, channels: int, sides: list[int], width: int, layers: int) -> None:
        super().__init__()
        self.latent_dim, self.psi = latent_dim, 1.0
        hidden = channels_of(len(sides), width)
        self.mapping = nn.Sequential(PixelNorm(), *[
            part for _ in range(layers)
            for part in (equalised(nn.Linear(latent_dim, latent_dim), gain=1.0, rate=MAPPING_RATE), Rectifier())])
        self.first = nn.Parameter(torch.randn(hidden[0], sides[0], sides[0]))
        self.convolutions = nn.ModuleList([Layer(hidden[0], hidden[0], latent_dim), *(
            Layer(inputs, outer, latent_dim) for inner, outer in pairwise(hidden) for inputs in (inner, outer))])
        self.colours = nn.ModuleList(ModulatedConv(inputs, channels, 1, latent_dim, demodulate=False)
                                     for inputs in hidden)
        self.maps = [sides[0], *(side for side in sides[1:] for _ in range(2))]
        self.noise_size = sum(side * side for side in self.maps)
        self.layers = len(self.convolutions) + 1  # the last is of colours
        self.register_buffer("centre", torch.zeros(latent_dim))

    def forward(self, normal: Tensor) -> Tensor:
        z, noise = normal.split([self.latent_dim, self.noise_size], 1)
        w = self.mapping(z)
        if self.psi != 1:
            w = torch.lerp(self.centre.to(w).expand_as(w), w, self.psi)
        return self.synthesise(w[:, None].expand(-1, self.layers, -1), noise)

    def synthesise(self, w: Tensor, noise: Tensor) -> Tensor:
        """Images of a w a layer, (N, layers, latent_dim), and noise (N, noise_size)."""
        planes = [part.view(len(w), 1, side, side) for part, side in
                  zip(noise.split([side * side for side in self.maps], 1), self.maps, strict=True)]
        x = self.convolutions[0](self.first.expand(len(w), -1, -1, -1), w[:, 0], planes[0])
        image = self.colours[0](x, w[:, 1])
        for level in range(1, len(self.colours)):
            at = 2 * level - 1
            x = self.convolutions[at](up(x), w[:, at], planes[at])
            x = self.convolutions[at + 1](x, w[:, at + 1], planes[at + 1])
            image = up(image) + self.colours[level](x, w[:, at + 2])
        return image


class ResidualDown(nn.Module):
    """(N, C, 2H, 2W) -> (N, outputs, H, W), the sum of two ways divided by sqrt(2)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.way = nn.Sequential(
            equalised(nn.Conv2d(inputs, inputs, 3, padding=1), gain=1.0), Rectifier(), Blurred(),
            equalised(nn.Conv2d(inputs, outputs, 3, padding=1), gain=1.0), Rectifier())
        self.shortcut = nn.Sequential(Blurred(), equalised(nn.Conv2d(inputs, outputs, 1), gain=1.0))

    def forward(self, x: Tensor) -> Tensor:
        return (self.way(x) + self.shortcut(x)) / 2**0.5


class StyleDiscriminator(nn.Module):
    """(N, C, H, W) -> (N, 1).

    Args:
        group: images that ``Spread`` compares.
    """

    def __init__(self, channels: int, sides: list[int], width: int, group: int) -> None:
        super().__init__()
        hidden, base = channels_of(len(sides), width), sides[0]
        self.trunk = Trunk(
            equalised(nn.Conv2d(channels, hidden[-1], 1), gain=1.0), Rectifier(),
            *[ResidualDown(outer, inner) for outer, inner in pairwise(hidden[::-1])],
            Spread(group), equalised(nn.Conv2d(hidden[0] + 1, hidden[0], 3, padding=1), gain=1.0), Rectifier(),
            nn.Flatten(), equalised(nn.Linear(hidden[0] * base * base, hidden[0]), gain=1.0), Rectifier())
        self.trunk.features = hidden[0]
        self.head = equalised(nn.Linear(hidden[0], 1), gain=1.0)

    def forward(self, images: Tensor) -> Tensor:
        return self.head(self.trunk(images))
