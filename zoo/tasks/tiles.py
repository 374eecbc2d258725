"""Large pictures in overlapping tiles, without seams."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from zoo.core.errors import UsageError
from zoo.networks.statistics import Statistics

MadeOf = Callable[[Tensor], Tensor]

WHOLE = 1 << 20  # pixels up to which a picture is made in one piece
TILE = 512  # pixels of the sides of tiles, where none are asked for
MOST_SAMPLED = 16  # tiles whose statistics are taken
SHARE = 4  # tiles overlap by a quarter, of whose outer quarter on either side nothing is taken


def side_of(height: int, width: int, asked: int | None, multiple: int, largest: int | None) -> int:
    """The side of the tiles of a picture; 0 where it is made in one piece.

    Args:
        asked: by the user: a side, 0 for one piece, None for what is best.
        multiple: of sides that the network takes.
        largest: side that it takes, if there is one.

    Raises:
        UsageError: a side below 8 px, or no tiles for a network that takes none larger.
    """
    if asked is not None and (asked < 0 or 0 < asked < 8):
        raise UsageError(f"tiles have sides of 8 px or more, and 0 is for one piece, not {asked}")
    if largest is not None:
        if asked == 0 and max(height, width) > largest:
            raise UsageError(f"this model takes pictures of {largest}x{largest} px at most, and this one is "
                             f"{height}x{width}: leave tile=0 away")
        return largest if max(height, width) > largest else 0
    if asked is None:
        asked = TILE if height * width > WHOLE else 0
    side = -(-asked // multiple) * multiple
    return side if max(height, width) > side else 0


def in_tiles(source: Tensor, made_of: MadeOf, side: int, multiple: int) -> Tensor:
    """What is made of sources (N, Cs, H, W), tile by tile, each by itself.

    Neighbours overlap by a quarter of their side. There the answer goes over from one to the other in a line, and the
    rim of a tile, which lacks the picture beyond it, does not count: so what a network makes of a pixel by less than a
    sixteenth of the side around it is the same as in one piece. Instance norm, by which a network knows of the whole
    picture, takes the statistics of some tiles together: of each tile alone, tones would differ from tile to tile. They
    differ from those of one piece, but by the same everywhere.

    Args:
        made_of: sources (N, Cs, side, side) -> pictures, of the same size or larger by a factor.
        multiple: by which tiles are placed, for networks that halve, where the overlap has room for it.
    """
    height, width = source.shape[2:]
    source = F.pad(source, (0, max(0, side - width), 0, max(0, side - height)), mode="replicate")
    rows, columns = (_places(length, side, multiple) for length in source.shape[2:])
    made_of = _by_shared_statistics(source, made_of, [(top, left) for top in rows for left in columns], side)
    total: Tensor | None = None
    for top in rows:
        for left in columns:
            made = made_of(source[:, :, top:top + side, left:left + side])
            scale = made.shape[2] // side
            if total is None:
                total = made.new_zeros(*made.shape[:2], *(scale * length for length in source.shape[2:]))
                weights = made.new_zeros(total.shape[2:])
            y, x = slice(scale * top, scale * (top + side)), slice(scale * left, scale * (left + side))
            down = _fade(top > 0, top + side < source.shape[2], scale * side)
            across = _fade(left > 0, left + side < source.shape[3], scale * side)
            weight = (down[:, None] * across).to(made)
            total[:, :, y, x] += weight * made
            weights[y, x] += weight
    assert total is not None  # there is a tile
    return (total / weights)[:, :, :scale * height, :scale * width]


def _by_shared_statistics(source: Tensor, made_of: MadeOf, places: list[tuple[int, int]], side: int) -> MadeOf:
    """``made_of`` with the instance norms of the network by statistics of tiles that are spread over the picture."""
    statistics = Statistics()
    every = -(-len(places) // MOST_SAMPLED)
    for number, (top, left) in enumerate(places[::every]):
        if number == 1 and not statistics.norms:
            return made_of
        statistics.begin()
        with statistics:
            made_of(source[:, :, top:top + side, left:left + side])
    statistics.settle()

    def by_statistics(tile: Tensor) -> Tensor:
        statistics.begin()
        with statistics:
            return made_of(tile)

    return by_statistics


def _places(length: int, side: int, multiple: int) -> list[int]:
    """Where tiles begin, from 0 to the last that fits, each overlapping its neighbours by a quarter or more."""
    step = side - side // SHARE
    grid = multiple if multiple <= side // SHARE**2 else 1
    count = -(-(length - side) // (step - grid + 1)) + 1
    return [round(i * (length - side) / max(count - 1, 1) / grid) * grid for i in range(count - 1)] + [length - side]


def _fade(before: bool, behind: bool, side: int) -> Tensor:
    """Weights along a side: 1, and towards a neighbour falling to 0 a sixteenth of the side from its end."""
    rim, ramp = side // SHARE**2, side // SHARE - 2 * (side // SHARE**2)
    rise = ((torch.arange(side) - rim + 0.5) / ramp).clamp(0, 1)
    weights = torch.ones(side)
    if before:
        weights = weights * rise
    if behind:
        weights = weights * rise.flip(0)
    return weights
