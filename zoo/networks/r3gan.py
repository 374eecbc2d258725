"""The pair of R3GAN (Huang 2025, arXiv:2501.05441, section 3, configuration E): residual, and without normalisation.

A block is x + a 1x1 convolution to twice the channels, a 3x3 one in groups, and a 1x1 one back, which begins as 0, with
leaky rectifiers 0.2 behind biases between them. The generator begins with a learnt basis of the coarsest map times a
linear map of z; a stage is a 1x1 convolution to its channels, doubling by the filter [1, 2, 1], and blocks; 1x1 to
colours, which no tanh bounds. The discriminator is its mirror and ends in a depthwise convolution over the whole map.
Other weights begin as N(0, g^2 / fan-in), g = sqrt(2 / 1.04) (blocks of the network)^(-1/4) in a block and 1 elsewhere.

Departures: one block a stage, where the paper has two; channels double inwards up to 4 times those next to the image;
maps are continued at their borders by their outermost values, so that a constant stays one there too; on request there
is batch-norm before the rectifiers, or spectral normalisation, under which no layer can begin as 0.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn

from zoo.networks.blocks import Norm, Trunk, halvings, norm_layers
from zoo.networks.resnet import Residual

SLOPE = 0.2  # of the rectifiers
GAIN = (2 / (1 + SLOPE**2)) ** 0.5
GROUP = 16  # channels of a group


def double(x: Tensor) -> Tensor:
    """(N, C, H, W) -> (N, C, 2H, 2W): between every two places their mean."""
    for dim in (2, 3):
        last = x.shape[dim] - 1
        beside = torch.cat([x.narrow(dim, 1, last), x.narrow(dim, last, 1)], dim)
        x = torch.stack([x, (x + beside) / 2], dim + 1).flatten(dim, dim + 1)
    return x


def halve(x: Tensor) -> Tensor:
    """(N, C, 2H, 2W) -> (N, C, H, W): every second place and both beside it, by the filter [1, 2, 1] / 4."""
    for dim in (2, 3):
        at, after = x.unflatten(dim, (-1, 2)).unbind(dim + 1)
        before = torch.cat([at.narrow(dim, 0, 1), after.narrow(dim, 0, after.shape[dim] - 1)], dim)
        x = (before + 2 * at + after) / 4
    return x


class Double(nn.Module):
    """``double`` as a layer."""

    def forward(self, x: Tensor) -> Tensor:
        return double(x)


class Halve(nn.Module):
    """``halve`` as a layer."""

    def forward(self, x: Tensor) -> Tensor:
        return halve(x)


class Basis(nn.Module):
    """(N, latent_dim) -> (N, C, S, S): a learnt map, each of whose channels is multiplied by a number from z."""

    def __init__(self, latent_dim: int, channels: int, size: int) -> None:
        super().__init__()
        self.basis = nn.Parameter(torch.randn(channels, size, size))
        self.factors = _scaled(nn.Linear(latent_dim, channels, bias=False))

    def forward(self, z: Tensor) -> Tensor:
        return self.basis * self.factors(z)[:, :, None, None]


class Rectifier(nn.LeakyReLU):
    """The leaky one of all layers."""

    def __init__(self) -> None:
        super().__init__(SLOPE)


def _scaled(layer: nn.Conv2d | nn.Linear, gain: float = 1.0) -> nn.Module:
    nn.init.normal_(layer.weight, 0, gain * layer.weight[0].numel() ** -0.5)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


def groups_of(channels: int) -> int:
    """As many as there are groups of ``GROUP`` channels, or fewer that share them evenly; at least one."""
    return next(count for count in range(max(channels // GROUP, 1), 0, -1) if channels % count == 0)


def block(channels: int, blocks: int, norm: Norm) -> Residual:
    """(N, C, H, W) -> (N, C, H, W), the identity at first.

    Args:
        blocks: of the whole network.
    """
    hidden, gain, biased = 2 * channels, GAIN * blocks ** -0.25, norm != "batch"
    return Residual([
        _scaled(nn.Conv2d(channels, hidden, 1, bias=biased), gain), *norm_layers(norm, hidden), Rectifier(),
        _scaled(nn.Conv2d(hidden, hidden, 3, padding=1, groups=groups_of(hidden), bias=biased), gain),
        *norm_layers(norm, hidden), Rectifier(),
        _scaled(nn.Conv2d(hidden, channels, 1, bias=False), gain if norm == "spectral" else 0.0)], [])


def _resized(inputs: int, outputs: int) -> list[nn.Module]:
    """The 1x1 convolution between stages of other channels."""
    return [] if inputs == outputs else [_scaled(nn.Conv2d(inputs, outputs, 1, bias=False))]


def channels_of(size: int, width: int) -> tuple[list[int], int]:
    """Of every stage from the image inwards; and the height of the coarsest map."""
    stages, base = halvings(size, "r3gan")
    return [width * min(2**stage, 4) for stage in range(stages + 1)], base


class R3Generator(nn.Sequential):
    """(N, latent_dim) -> (N, C, H, W), which no bound is known of whatever ``squash`` says, which every ``Backbone`` is
    told: in the paper no tanh follows."""

    def __init__(self, latent_dim: int, channels: int, size: int, width: int, squash: bool = True) -> None:
        outwards, base = channels_of(size, width)
        hidden = outwards[::-1]
        stages = [[*_resized(inner, outer), Double(), block(outer, len(hidden), "none")]
                  for inner, outer in pairwise(hidden)]
        super().__init__(Basis(latent_dim, hidden[0], base), block(hidden[0], len(hidden), "none"),
                         *[layer for stage in stages for layer in stage],
                         _scaled(nn.Conv2d(hidden[-1], channels, 1, bias=False)))


class R3Trunk(Trunk):
    """(N, C, H, W) -> (N, features)."""

    def __init__(self, channels: int, size: int, width: int, norm: Norm) -> None:
        hidden, base = channels_of(size, width)
        stages = [[block(outer, len(hidden), norm), Halve(), *_resized(outer, inner)]
                  for outer, inner in pairwise(hidden)]
        self.features = hidden[-1]
        self.head_std = self.features ** -0.5
        super().__init__(_scaled(nn.Conv2d(channels, hidden[0], 1, bias=False)),
                         *[layer for stage in stages for layer in stage], block(hidden[-1], len(hidden), norm),
                         _scaled(nn.Conv2d(hidden[-1], hidden[-1], base, groups=hidden[-1], bias=False)), nn.Flatten())
