"""The networks of VQGAN (Esser 2020, arXiv:2012.09841): an auto-encoder whose code is a grid of numbers, and a prior of
such grids.

Residual blocks with group norm (Wu 2018, arXiv:1803.08494) and attention at the grid, as the paper's; nothing looks at
other images, so an image alone gets what it gets in a batch. Departures: small; images are halved before the first
block; the prior is an LSTM in place of a transformer.
"""

from math import gcd

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zoo.core.choosing import choose
from zoo.core.errors import UsageError
from zoo.data.recurrent import Recurrent
from zoo.data.tokens import END
from zoo.networks.attention import Attention

MOST = 8  # places a side of a grid


def halvings_to_a_grid(size: int) -> tuple[int, int]:
    """How often images are halved, twice at least, and the side of the grid that is left: 28 -> (2, 7), 64 -> (3, 8).

    Raises:
        UsageError: a size of which no grid of 3 to 8 places a side is left.
    """
    count, side = 0, size
    while side % 2 == 0 and (side > MOST or count < 2):
        count, side = count + 1, side // 2
    if count < 2 or not 3 <= side <= MOST:
        raise UsageError(f"vqgan halves images, twice at least, to grids of 3 to {MOST} places a side, which {size} px "
                         "do not come to: choose an --image-size such as 28, 32, 64 or 96")
    return count, side


def group_norm(channels: int) -> nn.GroupNorm:
    return nn.GroupNorm(gcd(8, channels), channels)


class ResidualBlock(nn.Sequential):
    """x + two 3x3 convolutions of it: (N, C, H, W) -> (N, C, H, W)."""

    def __init__(self, channels: int) -> None:
        super().__init__(*(layer for _ in range(2) for layer in (
            group_norm(channels), nn.SiLU(), nn.Conv2d(channels, channels, 3, padding=1))))

    def forward(self, x: Tensor) -> Tensor:
        return x + super().forward(x)


def _channels(count: int, width: int) -> list[int]:
    """From the image inwards, doubling up to 4 times ``width``."""
    return [width * min(2**level, 4) for level in range(count)]


class GridEncoder(nn.Sequential):
    """(N, C, H, W) -> a vector a place of the grid, (N, dim, h, w)."""

    def __init__(self, channels: int, size: int, width: int, dim: int) -> None:
        count, _ = halvings_to_a_grid(size)
        hidden = _channels(count, width)
        layers = [layer for outer, inner in zip([channels, *hidden], hidden, strict=False) for layer in (
            nn.Conv2d(outer, inner, 4, 2, 1), ResidualBlock(inner))]
        super().__init__(*layers, Attention(hidden[-1], pool=False), group_norm(hidden[-1]), nn.SiLU(),
                         nn.Conv2d(hidden[-1], dim, 1))


class GridDecoder(nn.Sequential):
    """(N, dim, h, w) -> (N, C, H, W), not bounded.

    Attributes:
        last: its last layer.
    """

    def __init__(self, channels: int, size: int, width: int, dim: int) -> None:
        count, _ = halvings_to_a_grid(size)
        hidden = _channels(count, width)[::-1]
        layers: list[nn.Module] = [nn.Conv2d(dim, hidden[0], 3, padding=1), Attention(hidden[0], pool=False)]
        for inner, outer in zip(hidden, [*hidden[1:], width], strict=True):
            layers += [ResidualBlock(inner), nn.Upsample(scale_factor=2), nn.Conv2d(inner, outer, 3, padding=1)]
        last = nn.Conv2d(width, channels, 3, padding=1)
        super().__init__(*layers, group_norm(width), nn.SiLU(), last)

    @property
    def last(self) -> nn.Conv2d:
        layer = self[-1]
        assert isinstance(layer, nn.Conv2d)
        return layer


class Codebook(nn.Module):
    """Vectors that a place of a grid can have.

    Args:
        count: how many (K).
        dim: numbers of each.
    """

    def __init__(self, count: int, dim: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(count, dim))

    @torch.no_grad()
    def nearest(self, vectors: Tensor) -> Tensor:
        """The numbers of the nearest, (N, dim, h, w) -> (N, h, w) int64."""
        x = vectors.to(torch.promote_types(vectors.dtype, torch.float32)).movedim(1, -1)
        with torch.autocast(x.device.type, enabled=False):  # near ones are to be told apart
            apart = torch.cdist(x.flatten(0, -2), self.weight.to(x), compute_mode="donot_use_mm_for_euclid_dist")
        return apart.argmin(1).view(x.shape[:-1])

    def forward(self, numbers: Tensor) -> Tensor:
        """(N, h, w) int64 -> (N, dim, h, w)."""
        return F.embedding(numbers, self.weight).movedim(-1, 1)


class GridPrior(Recurrent):
    """pi(y_t | y_1..t-1) of the places of a grid, line by line, by an LSTM that is told the number before, that above
    and where it is.

    Numbers are words without an end, so their tokens are from 1 on; the end stands for what is beyond the border.

    Args:
        count: numbers that a place can have.
        side: places of a line, as many as there are lines.
        width: of the embeddings and of the LSTM.
    """

    def __init__(self, count: int, side: int, width: int) -> None:
        super().__init__(count + 1, width, ends=False)
        self.side = side
        self.above = nn.Embedding(count + 1, width)
        self.places = nn.Parameter(0.1 * torch.randn(side * side, width))

    def embedded(self, before: Tensor) -> Tensor:
        """What the LSTM is told at every place: the token before, that above and where it is, from the tokens before
        each place, (N, T) -> (N, T, width)."""
        above = F.pad(before[:, 1:], (self.side, 0), value=END)[:, :before.shape[1]]
        return self.embedding(before) + self.above(above) + self.places[:before.shape[1]]

    def sentences(self, uniform: Tensor) -> Tensor:
        """Tokens (N, side * side) that follow from uniform numbers (N, side * side), one from each."""
        beyond = torch.full_like(uniform[:, 0], END, dtype=torch.int64)
        tokens, (_, state) = [beyond], self.start(len(uniform))
        for place, u in enumerate(uniform.unbind(1)):
            above = tokens[place + 1 - self.side] if place >= self.side else beyond
            told = self.embedding(tokens[place]) + self.above(above) + self.places[place]
            logits, state = self.step(told, state, first=place == 0)
            tokens.append(choose(logits, u))
        return torch.stack(tokens[1:], 1)
