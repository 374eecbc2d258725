"""The pair of the GAN-versus-VAE comparison (Lucic 2018, arXiv:1711.10337), after Chen 2016 (arXiv:1606.03657, C.1).

At ``width=64`` these are the published networks: 1024 hidden units, 64 and 128 channels, batch-norm eps 1e-3.
"""

from torch import nn

from zoo.core.errors import UsageError
from zoo.networks.blocks import Norm, Trunk, init_normal, norm_layers

EPS = 1e-3


def _quarter(size: int) -> int:
    if size < 8 or size % 4:
        raise UsageError(f"the infogan backbone makes images of 8, 12, 16, ... pixels, not {size}: choose another "
                         "--image-size, or --backbone")
    return size // 4


class InfoGANGenerator(nn.Sequential):
    """(N, latent_dim) -> (N, C, H, W), in [-1, 1]; unbounded with ``squash=False``."""

    def __init__(self, latent_dim: int, channels: int, size: int, width: int, squash: bool = True) -> None:
        base, hidden = _quarter(size), 16 * width
        shape = (2 * width, base, base)
        flat = 2 * width * base * base
        super().__init__(
            nn.Linear(latent_dim, hidden, bias=False), *norm_layers("batch", hidden, EPS), nn.LeakyReLU(0.2),
            nn.Linear(hidden, flat, bias=False), *norm_layers("batch", flat, EPS), nn.LeakyReLU(0.2),
            nn.Unflatten(1, shape),
            nn.ConvTranspose2d(2 * width, width, 4, 2, 1, bias=False),  # H/2
            *norm_layers("batch", width, EPS), nn.LeakyReLU(0.2),
            nn.ConvTranspose2d(width, channels, 4, 2, 1),  # H
            nn.Tanh() if squash else nn.Identity(),
        )
        self.apply(init_normal)


class InfoGANTrunk(Trunk):
    """(N, C, H, W) -> (N, features)."""

    def __init__(self, channels: int, size: int, width: int, norm: Norm) -> None:
        base = _quarter(size)
        self.features = 16 * width
        bias = norm != "batch"
        super().__init__(
            nn.Conv2d(channels, width, 4, 2, 1), nn.LeakyReLU(0.2),  # H/2
            nn.Conv2d(width, 2 * width, 4, 2, 1, bias=bias), *norm_layers(norm, 2 * width, EPS), nn.LeakyReLU(0.2),
            nn.Flatten(),  # H/4
            nn.Linear(2 * width * base * base, self.features, bias=bias),
            *norm_layers(norm, self.features, EPS), nn.LeakyReLU(0.2),
        )
        self.apply(init_normal)
