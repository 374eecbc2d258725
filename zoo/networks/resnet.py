"""The residual pair of SNGAN (Miyato 2018, arXiv:1802.05957, appendix B.4), after Gulrajani 2017.

Up to 32 px it is the paper's CIFAR-10 pair: as many channels at every resolution, ``width`` in the discriminator and
twice that in the generator (the paper's 128 and 256 at ``width=128``). Above, it is the paper's ImageNet pair:
``width`` channels next to the image, doubling inwards up to 16 times that (the paper's 64 to 1024 at ``width=64``).
Departures: the paper has 32 and 128 px; 28 px starts from 7x7, 64 px leaves off the innermost 16-fold stage of the
128 px pair. Initial weights, which the paper does not give, are Glorot-uniform as in the authors' code.
"""

from itertools import pairwise

from torch import Tensor, nn

from zoo.networks.blocks import Norm, Trunk, halvings, norm_layers

CIFAR = 32  # pixels up to which the pair is that of CIFAR-10
GAIN = 2**0.5  # of a convolution behind a rectifier


def glorot(layer: nn.Conv2d | nn.Linear, gain: float = 1.0) -> nn.Module:
    nn.init.xavier_uniform_(layer.weight, gain)
    assert layer.bias is not None
    nn.init.zeros_(layer.bias)
    return layer


def conv(inputs: int, outputs: int) -> nn.Module:
    return glorot(nn.Conv2d(inputs, outputs, 3, padding=1), GAIN)


class Residual(nn.Module):
    """branch(x) + shortcut(x)."""

    def __init__(self, branch: list[nn.Module], shortcut: list[nn.Module]) -> None:
        super().__init__()
        self.branch, self.shortcut = nn.Sequential(*branch), nn.Sequential(*shortcut)

    def forward(self, x: Tensor) -> Tensor:
        return self.branch(x) + self.shortcut(x)


class SumPool(nn.Module):
    """(N, C, H, W) -> (N, C)."""

    def forward(self, x: Tensor) -> Tensor:
        return x.sum((2, 3))


def _up_block(inputs: int, outputs: int) -> Residual:
    """(N, inputs, H, W) -> (N, outputs, 2H, 2W)."""
    return Residual(
        [*norm_layers("batch", inputs), nn.ReLU(), nn.Upsample(scale_factor=2), conv(inputs, outputs),
         *norm_layers("batch", outputs), nn.ReLU(), conv(outputs, outputs)],
        [glorot(nn.Conv2d(inputs, outputs, 1)), nn.Upsample(scale_factor=2)])


def _first_block(inputs: int, outputs: int, norm: Norm) -> Residual:
    """(N, inputs, H, W) -> (N, outputs, H/2, W/2), without a rectifier on the image."""
    return Residual(
        [conv(inputs, outputs), *norm_layers(norm, outputs), nn.ReLU(), conv(outputs, outputs), nn.AvgPool2d(2)],
        [nn.AvgPool2d(2), glorot(nn.Conv2d(inputs, outputs, 1))])


def _block(inputs: int, outputs: int, norm: Norm, down: bool) -> Residual:
    """(N, inputs, H, W) -> (N, outputs, H/2, W/2), or (N, outputs, H, W)."""
    pool = [nn.AvgPool2d(2)] if down else []
    projection = [glorot(nn.Conv2d(inputs, outputs, 1))] if down or inputs != outputs else []
    return Residual(
        [*norm_layers(norm, inputs), nn.ReLU(), conv(inputs, inputs),
         *norm_layers(norm, inputs), nn.ReLU(), conv(inputs, outputs), *pool],
        [*pool, *projection])


def _pyramid(stages: int, width: int) -> list[int]:
    """Channels from the image inwards, doubling up to the paper's 16 times ``width``."""
    return [width * min(2**stage, 16) for stage in range(stages + 1)]


def channels_of(size: int, width: int) -> tuple[list[int], int]:
    """Of the generator's maps, the coarsest first; and its height."""
    stages, base = halvings(size, "resnet")
    return [2 * width] * (stages + 1) if size <= CIFAR else _pyramid(stages, width)[::-1], base


class ResNetGenerator(nn.Sequential):
    """(N, latent_dim) -> (N, C, H, W), in [-1, 1]; unbounded with ``squash=False``."""

    def __init__(self, latent_dim: int, channels: int, size: int, width: int, squash: bool = True) -> None:
        hidden, base = channels_of(size, width)
        super().__init__(
            glorot(nn.Linear(latent_dim, hidden[0] * base * base)), nn.Unflatten(1, (hidden[0], base, base)),
            *[_up_block(inner, outer) for inner, outer in pairwise(hidden)],  # (N, hidden[-1], H, W)
            *norm_layers("batch", hidden[-1]), nn.ReLU(),
            glorot(nn.Conv2d(hidden[-1], channels, 3, padding=1)), nn.Tanh() if squash else nn.Identity(),
        )


class ResNetTrunk(Trunk):
    """(N, C, H, W) -> (N, features): a quarter of the size up to 32 px, 4 to 7 px above, then the sum over the map."""

    def __init__(self, channels: int, size: int, width: int, norm: Norm) -> None:
        stages, _ = halvings(size, "resnet")
        hidden, downs = ([width] * 4, 2) if size <= CIFAR else (_pyramid(stages, width), stages)
        self.features = hidden[-1]
        super().__init__(
            _first_block(channels, hidden[0], norm),
            *[_block(outer, inner, norm, down=i < downs) for i, (outer, inner) in enumerate(pairwise(hidden), 1)],
            nn.ReLU(), SumPool(),
        )
