"""The generator of TP-GAN (Huang 2017, arXiv:1704.04086, section 3.1): a global pathway and one for each part.

All pathways are U-Nets of 4x4 convolutions that halve, with ``width`` channels at the size of the picture, doubling up
to 8 times that: the global one down to a single pixel, those of the parts three times at most. Each is given the face
and, beside it, its mirror image, so that an eye that is hidden can be made of the other one; in the authors' code the
global pathway and that of one eye are. What parts have is put in their places, of which the maximum is taken where they
overlap, and two convolutions make the answer of it and of what the global pathway has.

Departures: places without any part are left out of the maximum, where the authors' code has zeros in them, above which
no negative value of a part ever comes; neither noise nor a maxout layer at the bottleneck.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zoo.core.errors import UsageError
from zoo.networks.blocks import init_normal
from zoo.networks.patchgan import has_own_bias, map_norm
from zoo.networks.unet import UNetNorm

GRID = 8  # of whose lines parts are bounded
SMALLEST = 16  # pixels
HALVED = 3  # times at most, of a part


class Box(NamedTuple):
    """Where a part lies, in eighths of the picture."""

    top: int
    left: int
    height: int
    width: int

    def cut(self, pictures: Tensor) -> Tensor:
        """(N, C, S, S) -> that part of them, (N, C, h, w)."""
        unit = pictures.shape[-1] // GRID
        top, left, height, width = (unit * side for side in self)
        return pictures[..., top:top + height, left:left + width]

    def around(self, size: int) -> tuple[int, int, int, int]:
        """Pixels left, right, above and below it in a picture of a size, as ``F.pad`` takes them."""
        unit = size // GRID
        return (unit * self.left, size - unit * (self.left + self.width),
                unit * self.top, size - unit * (self.top + self.height))


def read_boxes(words: str) -> list[Box]:
    """Boxes out of "2,1,3,3;2,4,3,3": top, left, height and width of each, in eighths of the picture.

    Raises:
        UsageError: what is no such text, or does not lie in the picture.
    """
    boxes = []
    for word in words.split(";"):
        numbers = [int(number) for number in word.split(",") if number.strip().isdecimal()]
        if len(numbers) != 4 or word.count(",") != 3:
            raise UsageError(f"a part of a face is top,left,height,width in eighths of the picture, with ; between "
                             f"parts, such as 2,1,3,3;2,4,3,3, and not {word!r}")
        box = Box(*numbers)
        if not (box.height and box.width and box.top + box.height <= GRID and box.left + box.width <= GRID):
            raise UsageError(f"the part {word} does not lie in the picture, which is {GRID} eighths high and wide")
        boxes.append(box)
    return boxes


class Pathway(nn.Module):
    """(N, C, H, W) -> maps from coarse to fine, each twice as high and wide as that before, the last (N, width, H, W).

    Args:
        inputs: C.
        hidden: channels from the size of the picture inwards, of each layer half as high and wide as the one before.
    """

    def __init__(self, inputs: int, hidden: Sequence[int], norm: UNetNorm) -> None:
        super().__init__()
        bias, last = has_own_bias(norm), len(hidden) - 2
        self.first = nn.Sequential(nn.Conv2d(inputs, hidden[0], 3, 1, 1), nn.LeakyReLU(0.2))
        self.down = nn.ModuleList(
            nn.Sequential(nn.Conv2d(outer, inner, 4, 2, 1, bias=bias or layer == last),
                          # none innermost: over a single pixel instance norm gives 0, whatever it is
                          *(map_norm(norm, inner) if layer < last else []), nn.LeakyReLU(0.2))
            for layer, (outer, inner) in enumerate(pairwise(hidden)))
        inwards = [hidden[-1], *(2 * channels for channels in hidden[-2:0:-1])]  # of which half are from a skip
        self.up = nn.ModuleList(
            nn.Sequential(nn.ConvTranspose2d(inner, outer, 4, 2, 1, bias=bias), *map_norm(norm, outer), nn.ReLU())
            for inner, outer in zip(inwards, hidden[-2::-1], strict=True))
        self.last = nn.Sequential(nn.Conv2d(2 * hidden[0], hidden[0], 3, 1, 1), nn.ReLU())

    def forward(self, x: Tensor) -> list[Tensor]:
        skips = [self.first(x)]
        for layer in self.down:
            skips.append(layer(skips[-1]))
        x, maps = skips.pop(), []
        for layer in self.up:
            x = torch.cat([layer(x), skips.pop()], 1)
            maps.append(x)
        return [*maps[:-1], self.last(x)]


class Faces(NamedTuple):
    """What is made of a source, all in [-1, 1].

    Attributes:
        image: the answer, (N, C, S, S).
        small: those of the global pathway alone, (N, C, S/2, S/2) and (N, C, S/4, S/4).
        parts: of each part what its own pathway makes, (N, C, h, w).
    """

    image: Tensor
    small: list[Tensor]
    parts: list[Tensor]


class TwoPathways(nn.Module):
    """Source (N, Cs, S, S) -> target (N, C, S, S), both in [-1, 1].

    Args:
        source_channels: Cs.
        channels: C.
        size: S, a power of two from 16.
        boxes: of the parts.

    Raises:
        UsageError: another size.
    """

    def __init__(self, source_channels: int, channels: int, size: int, width: int, boxes: list[Box],
                 norm: UNetNorm) -> None:
        super().__init__()
        halvings = size.bit_length() - 1
        if size < SMALLEST or size != 2**halvings:
            raise UsageError(f"two pathways take faces of {SMALLEST}, 32, 64, 128, ... px, not {size}: choose another "
                             "--image-size")
        self.size, self.boxes = size, boxes
        hidden = [width * min(2**layer, 8) for layer in range(halvings + 1)]
        self.whole = Pathway(2 * source_channels, hidden, norm)
        in_part = hidden[:min(HALVED, (size // GRID).bit_length() - 1) + 1]
        self.parts = nn.ModuleList(Pathway(2 * source_channels, in_part, norm) for _ in boxes)
        self.small = nn.ModuleList(_to_image(2 * inner, channels) for inner in hidden[1:3])
        self.own = nn.ModuleList(_to_image(width, channels) for _ in boxes)
        self.together = nn.Sequential(nn.Conv2d(2 * width + channels, width, 3, 1, 1), nn.ReLU(),
                                      _to_image(width, channels))
        self.apply(init_normal)

    def forward(self, source: Tensor) -> Tensor:
        return self.faces(source).image

    def faces(self, source: Tensor) -> Faces:
        """The answer, and what else is made on the way to it."""
        both = torch.cat([source, source.flip(3)], 1)
        maps = self.whole(both)
        features = [pathway(box.cut(both))[-1] for pathway, box in zip(self.parts, self.boxes, strict=True)]
        images = [head(found) for head, found in zip(self.own, features, strict=True)]
        joined = torch.cat([maps[-1], fused(features, self.boxes, self.size), fused(images, self.boxes, self.size)], 1)
        small = [head(found) for head, found in zip(self.small, (maps[-2], maps[-3]), strict=True)]
        return Faces(self.together(joined), small, images)


def fused(parts: Sequence[Tensor], boxes: Sequence[Box], size: int) -> Tensor:
    """Parts (N, C, h, w) in their places: the maximum where several lie, 0 where none does, (N, C, size, size)."""
    padded = [F.pad(part, box.around(size), value=-torch.inf) for part, box in zip(parts, boxes, strict=True)]
    most = padded[0]
    for other in padded[1:]:
        most = torch.maximum(most, other)
    return most.masked_fill(most == -torch.inf, 0)


def _to_image(inputs: int, channels: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, channels, 3, 1, 1), nn.Tanh())
