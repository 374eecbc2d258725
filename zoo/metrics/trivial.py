"""Trivial answers, which take no model: what the numbers of a translator, and of what makes pictures in steps, have to
be better than."""

from collections.abc import Callable, Iterator, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from zoo.data.pictures import bicubic

COARSE = 16  # pixels a side, at which pictures are looked up
BLOCK = 256  # pictures that are made coarse, or drawn, at once


def copies(source: Tensor, true: Tensor) -> Tensor:
    """The pictures that were given, (N, Cs, Hs, Ws) in [0, 1], at the size and in the channels of the true ones.

    Where they have a channel more than those, it says where holes are, and is left away.
    """
    if source.shape[2:] != true.shape[2:]:
        source = bicubic(source, *true.shape[2:])
    if source.shape[1] == true.shape[1] + 1:
        source = source[:, :-1]
    if source.shape[1] != true.shape[1]:
        source = source.mean(1, keepdim=True).expand(-1, true.shape[1], -1, -1)
    return source


def means(true: Tensor) -> Tensor:
    """The mean of all true pictures, every time; it even knows these."""
    return true.mean(0, keepdim=True).expand_as(true)


def noise(n: int, shape: Sequence[int], seed: int) -> Iterator[Tensor]:
    """n pictures (C, H, W), at most ``BLOCK`` at a time, whose numbers are uniform in [0, 1], each by itself; as the
    chains of an energy begin, unless they begin at normals."""
    random = torch.Generator().manual_seed(seed)
    for rows in torch.arange(n).split(BLOCK):
        yield torch.rand(len(rows), *shape, generator=random)


def nearest(given: Tensor, look: Callable[[Tensor], Tensor], count: int, own: Tensor | None = None) -> Tensor:
    """Numbers (N,) of those of ``count`` pictures that are the most like those given, by the squared error of both
    averaged to 16 x 16 pixels.

    Args:
        given: (N, C, H, W).
        look: numbers (n,) -> those pictures, (n, C, H, W), of the size of the given ones.
        own: for each of the given ones the number of a picture that does not count, as it is itself.
    """
    asked = _coarse(given)
    least, found = torch.full((len(given),), torch.inf), torch.zeros(len(given), dtype=torch.int64)
    for rows in torch.arange(count).split(BLOCK):
        apart = torch.cdist(asked, _coarse(look(rows)))
        if own is not None:
            apart = apart.masked_fill(own[:, None] == rows, torch.inf)
        nearer, which = apart.min(1)
        found = torch.where(nearer < least, rows[which], found)
        least = torch.minimum(nearer, least)
    return found


def _coarse(pictures: Tensor) -> Tensor:
    """(N, C, H, W) -> (N, C * 256)."""
    return F.adaptive_avg_pool2d(pictures.float(), COARSE).flatten(1)
