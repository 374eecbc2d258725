"""The DCGAN pair (Radford 2015, arXiv:1511.06434, section 3 and figure 1).

At ``width=128`` the 64 px generator has the paper's 1024, 512, 256, 128 channels. Departures: kernels are 4x4 instead
of 5x5, so that the stride of 2 divides them (no checkerboard: Odena 2016, distill.pub/2016/deconv-checkerboard); 28 px
starts from 7x7; 128 px repeats the widest stage once.
"""

from itertools import pairwise

from torch import nn

from zoo.networks.blocks import Norm, Trunk, halvings, init_normal, norm_layers


def _channels(stages: int, width: int) -> list[int]:
    """Channels from the image inwards, doubling up to the paper's 8 times ``width``."""
    return [width * min(2**stage, 8) for stage in range(stages)]


class DCGANGenerator(nn.Sequential):
    """(N, latent_dim) -> (N, C, H, W), in [-1, 1]; unbounded with ``squash=False``."""

    def __init__(self, latent_dim: int, channels: int, size: int, width: int, squash: bool = True) -> None:
        stages, base = halvings(size, "dcgan")
        hidden = _channels(stages, width)[::-1]
        layers: list[nn.Module] = [
            nn.Unflatten(1, (latent_dim, 1, 1)),
            nn.ConvTranspose2d(latent_dim, hidden[0], base, bias=False),  # (N, 8 width, 4, 4)
            *norm_layers("batch", hidden[0]), nn.ReLU(),
        ]
        for inner, outer in pairwise(hidden):
            layers += [nn.ConvTranspose2d(inner, outer, 4, 2, 1, bias=False), *norm_layers("batch", outer), nn.ReLU()]
        layers += [nn.ConvTranspose2d(hidden[-1], channels, 4, 2, 1), nn.Tanh() if squash else nn.Identity()]
        super().__init__(*layers)
        self.apply(init_normal)


class DCGANTrunk(Trunk):
    """(N, C, H, W) -> (N, features). The paper's last 4x4 convolution is the linear head on the flattened map."""

    def __init__(self, channels: int, size: int, width: int, norm: Norm) -> None:
        stages, base = halvings(size, "dcgan")
        hidden = _channels(stages, width)
        layers: list[nn.Module] = [nn.Conv2d(channels, hidden[0], 4, 2, 1), nn.LeakyReLU(0.2)]
        for outer, inner in pairwise(hidden):
            layers += [nn.Conv2d(outer, inner, 4, 2, 1, bias=norm != "batch"), *norm_layers(norm, inner),
                       nn.LeakyReLU(0.2)]
        self.features = hidden[-1] * base * base
        super().__init__(*layers, nn.Flatten())
        self.apply(init_normal)
