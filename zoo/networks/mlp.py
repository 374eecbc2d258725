"""Fully connected pair for small images and for point sets, after the multilayer perceptrons of Goodfellow 2014
(arXiv:1406.2661). Theirs mixes rectifiers, sigmoids and maxout; this one has leaky rectifiers throughout."""

from math import prod

from torch import nn

from zoo.networks.blocks import Norm, Trunk, norm_layers


class MLPGenerator(nn.Sequential):
    """(N, latent_dim) -> (N, C, H, W), in [-1, 1]; unbounded for points or with ``squash=False``."""

    def __init__(self, latent_dim: int, channels: int, size: int, width: int, squash: bool = True) -> None:
        shape, hidden = (channels, size, size), 8 * width
        super().__init__(
            nn.Linear(latent_dim, hidden), nn.LeakyReLU(0.2),
            nn.Linear(hidden, hidden), nn.LeakyReLU(0.2),
            nn.Linear(hidden, prod(shape)), nn.Unflatten(1, shape),
            nn.Tanh() if squash and size > 1 else nn.Identity(),
        )


class MLPTrunk(Trunk):
    """(N, C, H, W) -> (N, features)."""

    def __init__(self, channels: int, size: int, width: int, norm: Norm) -> None:
        self.features = 8 * width
        super().__init__(
            nn.Flatten(),
            nn.Linear(channels * size * size, self.features), nn.LeakyReLU(0.2),
            nn.Linear(self.features, self.features), *norm_layers(norm, self.features), nn.LeakyReLU(0.2),
        )
