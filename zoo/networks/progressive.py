"""The pair that grows (Karras 2017, arXiv:1710.10196, appendix A.1 and table 2).

Both begin at the coarsest of some sizes. A level doubles the size by two 3x3 convolutions; while it is new, what it
makes is blended with what was made without it. Leaky ReLU 0.2, no tanh behind the colours, nearest neighbours to
double and means of 2x2 to halve. Channels double inwards up to 8 times those next to the image, where the paper has 512
at most, which is 32 times those next to its 1024 px.
"""

from collections.abc import Callable
from itertools import pairwise
from typing import Any, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrize import register_parametrization

from zoo.core.errors import UsageError
from zoo.data.pyramid import down

COARSEST = (4, 5, 6, 7)  # pixels, one of which the first level has
GAIN = 2**0.5  # of a layer before a leaky rectifier (He 2015, arXiv:1502.01852)
Layer = TypeVar("Layer", nn.Conv2d, nn.Linear)


class Scaled(nn.Module):
    """A weight as it acts: its stored values times a constant."""

    def __init__(self, scale: float) -> None:
        super().__init__()
        self.scale = scale

    def forward(self, weight: Tensor) -> Tensor:
        return weight * self.scale


def equalised(layer: Layer, gain: float = GAIN, rate: float = 1.0) -> Layer:
    """The layer with weights stored as N(0, 1) that act times gain / sqrt(fan-in), and biases of 0 (section 4.1).

    Adam's steps do not depend on the size of a gradient: so each weight moves in proportion to what is usual in its
    layer.

    Args:
        rate: what the layer's learning rate is multiplied by.
    """
    nn.init.normal_(layer.weight, std=1 / rate)
    assert layer.bias is not None
    nn.init.zeros_(layer.bias)
    register_parametrization(layer, "weight", Scaled(rate * gain / layer.weight[0].numel()**0.5))
    if rate != 1:
        register_parametrization(layer, "bias", Scaled(rate))
    return layer


def pixel_norm(x: Tensor) -> Tensor:
    """(N, C, ...) with a mean square of 1 over the channels at each place (section 4.2)."""
    return x * (x.square().mean(1, keepdim=True) + 1e-8).rsqrt()


class PixelNorm(nn.Module):
    """``pixel_norm`` as a layer."""

    def forward(self, x: Tensor) -> Tensor:
        return pixel_norm(x)


class Spread(nn.Module):
    """Adds a channel that tells how far the images of a group differ: (N, C, H, W) -> (N, C + 1, H, W) (section 3).

    It is the standard deviation over the group, as a mean over channels and places. Groups are of rows next to each
    other, so that they stay the same however many processes, or parts, a batch is shared by.

    Raises:
        UsageError: in ``forward``, for rows that are no multiple of the group.
    """

    def __init__(self, group: int) -> None:
        super().__init__()
        self.group = group

    def forward(self, x: Tensor) -> Tensor:
        if len(x) % self.group:
            raise UsageError(f"the {len(x)} images that a process sees at once cannot be shared by groups of "
                             f"{self.group}: choose a multiple of {self.group} for each process and part with "
                             "--batch-size, or another --group")
        # Squares of half-precision activations need more digits.
        grouped = x.unflatten(0, (-1, self.group)).to(torch.promote_types(x.dtype, torch.float32))
        spread = (grouped.var(1, unbiased=False) + 1e-8).sqrt().mean((1, 2, 3))
        plane = spread.repeat_interleave(self.group)[:, None, None, None].expand(-1, 1, *x.shape[2:])
        return torch.cat([x, plane.to(x)], 1)


def growth(seen: int, phase: int, levels: int) -> tuple[int, float]:
    """The level that is grown to after ``seen`` images, from 0, and how far it is blended in (alpha, in [0, 1]).

    ``phase`` images at the coarsest level; then as many to blend a level in, and as many with it as it is; and so on.
    """
    number, rest = divmod(seen, phase)
    if number >= 2 * (levels - 1):
        return levels - 1, 1.0
    return (number + 1) // 2, rest / phase if number % 2 else 1.0


def double(images: Tensor) -> Tensor:
    """Twice as high and wide, by nearest neighbours."""
    return F.interpolate(images, scale_factor=2.0)


def blended(make: Callable[[], Tensor], x: Tensor, alpha: float) -> Tensor:
    """(1 - alpha) make() + alpha x, to the bit one of them at 0 and 1."""
    return torch.lerp(make(), x, alpha) if alpha < 1 else x


class Growing(nn.Module):
    """A network that grows by the clock.

    Args:
        levels: that it can grow to.
        phase: see ``growth``.

    Attributes:
        seen: the clock up to which it has grown; int64, since averages are taken of floats.
        level, alpha: what follows, see ``growth``; so that no device has to be waited for.
    """

    seen: Tensor

    def __init__(self, levels: int, phase: int) -> None:
        super().__init__()
        self.levels, self.phase = levels, phase
        self.register_buffer("seen", torch.zeros((), dtype=torch.int64))
        self.level, self.alpha = growth(0, phase, levels)
        self.register_load_state_dict_post_hook(_grown_again)

    def grow(self, seen: int) -> None:
        """To where the clock stands at ``seen`` images."""
        self.seen.fill_(seen)
        self.level, self.alpha = growth(seen, self.phase, self.levels)


def _grown_again(network: Growing, keys: Any) -> None:
    network.grow(int(network.seen))


def channels_of(levels: int, width: int) -> list[int]:
    """Of each level, the coarsest first."""
    return [width * min(2**level, 8) for level in reversed(range(levels))]


def _conv(inputs: int, outputs: int) -> list[nn.Module]:
    return [equalised(nn.Conv2d(inputs, outputs, 3, padding=1)), nn.LeakyReLU(0.2)]


class ProgressiveGenerator(Growing):
    """Latents (N, latent_dim) -> images of the level that it has grown to (N, C, S, S), which no bound is known of."""

    def __init__(self, latent_dim: int, channels: int, sides: list[int], width: int, phase: int) -> None:
        super().__init__(len(sides), phase)
        hidden, base = channels_of(len(sides), width), sides[0]
        first = [equalised(nn.Linear(latent_dim, hidden[0] * base * base)), nn.Unflatten(1, (hidden[0], base, base)),
                 nn.LeakyReLU(0.2), PixelNorm(), *_conv(hidden[0], hidden[0]), PixelNorm()]
        self.blocks = nn.ModuleList([nn.Sequential(*first), *(
            nn.Sequential(nn.Upsample(scale_factor=2), *_conv(inner, outer), PixelNorm(), *_conv(outer, outer),
                          PixelNorm()) for inner, outer in pairwise(hidden))])
        self.colours = nn.ModuleList(equalised(nn.Conv2d(inputs, channels, 1), gain=1.0) for inputs in hidden)

    def maps(self, z: Tensor) -> list[Tensor]:
        """The activations of every level up to that which it has grown to."""
        maps, x = [], z
        for block in self.blocks[:self.level + 1]:
            x = block(x)
            maps.append(x)
        return maps

    def forward(self, z: Tensor) -> Tensor:
        maps = self.maps(z)
        return blended(lambda: double(self.colours[self.level - 1](maps[-2])), self.colours[self.level](maps[-1]),
                       self.alpha)


class ProgressiveDiscriminator(Growing):
    """Images of the level that it has grown to, (N, C, S, S) -> (N, 1).

    Args:
        group: images that ``Spread`` compares.
    """

    def __init__(self, channels: int, sides: list[int], width: int, phase: int, group: int) -> None:
        super().__init__(len(sides), phase)
        hidden, base = channels_of(len(sides), width), sides[0]
        self.colours = nn.ModuleList(nn.Sequential(equalised(nn.Conv2d(channels, outputs, 1)), nn.LeakyReLU(0.2))
                                     for outputs in hidden)
        self.blocks = nn.ModuleList(nn.Sequential(*_conv(outer, outer), *_conv(outer, inner), nn.AvgPool2d(2))
                                    for inner, outer in pairwise(hidden))
        self.last = nn.Sequential(
            Spread(group), *_conv(hidden[0] + 1, hidden[0]), nn.Flatten(),
            equalised(nn.Linear(hidden[0] * base * base, hidden[0])), nn.LeakyReLU(0.2),
            equalised(nn.Linear(hidden[0], 1), gain=1.0))

    def forward(self, images: Tensor) -> Tensor:
        x, level = self.colours[self.level](images), self.level
        if level:
            x = blended(lambda: self.colours[level - 1](down(images)), self.blocks[level - 1](x), self.alpha)
        for block in reversed(self.blocks[:max(level - 1, 0)]):
            x = block(x)
        return self.last(x)
