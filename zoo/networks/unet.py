"""The generator of pix2pix, a U-Net (Isola 2016, arXiv:1611.07004, section 6.1.1; Ronneberger 2015, arXiv:1505.04597).

4x4 convolutions halve the image to one pixel, with ``width`` channels next to the image, doubling up to 8 times that;
transposed ones double it back, each on the map of its size in the encoder beside that of the decoder. At ``width=64``
and 256 px these are the paper's channels. Leaky ReLU 0.2 in the encoder, ReLU in the decoder; no normalisation of the
first layer, nor of the single pixel: over one value it gives 0, whatever the image.

Departure: the dropout of one half on the three innermost decoder layers, which is the paper's only noise and stays on
when the model is used, drops whole channels. Then its masks are few enough to be made from latent normals, and the same
latents give the same image everywhere.
"""

from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn

from zoo.core.errors import UsageError
from zoo.networks.blocks import init_normal
from zoo.networks.patchgan import has_own_bias, map_norm

UNetNorm = Literal["batch", "instance"]
SMALLEST = 16  # pixels: four halvings, so that there are three layers with dropout and one without
DROPPING = 3  # decoder layers with dropout, from the innermost


class UNetGenerator(nn.Module):
    """Source (N, Cs, H, W) in [-1, 1] and normals (N, noise_size) -> (N, C, H, W) in [-1, 1].

    H and W are multiples of ``multiple``, which is ``size``: one pixel is left of each square of ``size``, and larger
    images have more such squares.

    Args:
        source_channels: Cs.
        channels: C.
        size: a power of two from 16.

    Raises:
        UsageError: another size, or, in ``forward``, sides that are no multiples of it.
    """

    def __init__(self, source_channels: int, channels: int, size: int, width: int, norm: UNetNorm) -> None:
        super().__init__()
        halvings = size.bit_length() - 1
        if size < SMALLEST or size != 2**halvings:
            raise UsageError(f"a U-Net halves images to one pixel: it takes {SMALLEST}, 32, 64, 128, 256, ... px, not "
                             f"{size}: choose another --image-size")
        self.multiple = self.smallest = size
        hidden = [width * min(2**layer, 8) for layer in range(halvings)]
        self.encoder = nn.ModuleList(_encoder(source_channels, hidden, norm))
        self.decoder = nn.ModuleList(_decoder(channels, hidden[::-1], norm))
        self.dropping = hidden[::-1][1:1 + DROPPING]  # channels of each layer with dropout
        self.noise_size = sum(self.dropping)
        self.apply(init_normal)

    def forward(self, source: Tensor, normal: Tensor) -> Tensor:
        self._check_size(*source.shape[2:])
        maps = [source]
        for down in self.encoder:
            maps.append(down(maps[-1]))
        x = maps.pop()
        masks = keep_masks(normal).to(x).split(self.dropping, 1)
        for layer, up in enumerate(self.decoder[:-1]):
            x = up(x)
            if layer < DROPPING:
                x = x * masks[layer][:, :, None, None]
            x = torch.cat([x, maps.pop()], 1)
        return self.decoder[-1](x).tanh()

    def _check_size(self, height: int, width: int) -> None:
        if height % self.multiple or width % self.multiple:
            raise UsageError(f"height and width must be multiples of {self.multiple} px, not {height}x{width}: resize, "
                             "crop or pad the images")


def keep_masks(normal: Tensor) -> Tensor:
    """Standard normals (...) -> dropout with probability 1/2: 2 where a normal is positive, else 0."""
    return 2 * (normal > 0)


def _encoder(channels: int, hidden: list[int], norm: UNetNorm) -> list[nn.Module]:
    """Layers that halve, from the image inwards; what they give is not rectified, as both sides rectify it."""
    *outer, innermost = pairwise(hidden)
    return [
        nn.Conv2d(channels, hidden[0], 4, 2, 1),
        *[nn.Sequential(nn.LeakyReLU(0.2), nn.Conv2d(*pair, 4, 2, 1, bias=has_own_bias(norm)), *map_norm(norm, pair[1]))
          for pair in outer],
        nn.Sequential(nn.LeakyReLU(0.2), nn.Conv2d(*innermost, 4, 2, 1)),
    ]


def _decoder(channels: int, hidden: list[int], norm: UNetNorm) -> list[nn.Module]:
    """Layers that double, from the innermost outwards; all but the first get twice the channels, half from a skip."""
    inputs = [hidden[0], *[2 * skip for skip in hidden[1:]]]
    return [
        *[nn.Sequential(nn.ReLU(), nn.ConvTranspose2d(inner, outer, 4, 2, 1, bias=has_own_bias(norm)),
                        *map_norm(norm, outer))
          for inner, outer in zip(inputs[:-1], hidden[1:], strict=True)],
        nn.Sequential(nn.ReLU(), nn.ConvTranspose2d(inputs[-1], channels, 4, 2, 1)),
    ]
