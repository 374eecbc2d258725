"""Large pictures in overlapping tiles, without seams."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from zoo.core.errors import UsageError
from zoo.networks.counted import Part, counting
from zoo.networks.statistics import Statistics

MadeOf = Callable[[Tensor], Tensor]

WHOLE = 1 << 20  # pixels of an answer up to which it is made in one piece
TILE = 512  # pixels of the sides of tiles, where none are asked for
RIMMED = 448  # and where the rim is told exactly: of 32 channels below 32 MiB, see ``zoo.networks.srgan.Upwards``
LARGER = 1024  # and of what is made of them, where it is larger and the network cannot leave the rim away
MOST_SAMPLED = 16  # tiles whose statistics are taken
SHARE = 4  # tiles overlap by a quarter, of whose outer quarter on either side nothing is taken


class Looks(NamedTuple):
    """How a network takes pictures.

    Attributes:
        multiple: of which their sides must be.
        largest: side that it takes, if there is one.
        reach: pixels on either side that what it makes of one depends on; None where it is not known, or all.
        factor: by which an answer is larger.
    """

    multiple: int = 1
    largest: int | None = None
    reach: int | None = None
    factor: int = 1


class _Overlap(NamedTuple):
    """Of neighbouring tiles: pixels at the rim of each that do not count, and those of the line between them."""

    rim: int
    ramp: int

    @property
    def width(self) -> int:
        return 2 * self.rim + self.ramp


def side_of(height: int, width: int, asked: int | None, looks: Looks) -> int:
    """The side of the tiles of a picture; 0 where it is made in one piece.

    Args:
        asked: by the user: a side, 0 for one piece, None for what is best.

    Raises:
        UsageError: a side below 8 px, or no tiles for a network that takes none larger.
    """
    if asked is not None and (asked < 0 or 0 < asked < 8):
        raise UsageError(f"tiles have sides of 8 px or more, and 0 is for one piece, not {asked}")
    multiple, largest, reach, factor = looks
    if largest is not None:
        if asked == 0 and max(height, width) > largest:
            raise UsageError(f"this model takes pictures of {largest}x{largest} px at most, and this one is "
                             f"{width}x{height}: leave tile=0 away")
        return largest if max(height, width) > largest else 0
    if asked is None:
        side = RIMMED if reach is not None else min(TILE, LARGER // factor)
        asked = side if height * width * factor**2 > WHOLE else 0
    if asked:
        asked = max(asked, 4 * (reach or 0))  # half of such a tile counts
    side = -(-asked // multiple) * multiple
    return side if max(height, width) > side else 0


def in_tiles(source: Tensor, made_of: MadeOf, side: int, looks: Looks) -> Iterator[Tensor]:
    """What is made of sources (N, Cs, H, W), tile by tile, each by itself: in bands, (N, C, h, W * factor), from top
    to bottom, so that no more than a row of tiles has to be kept.

    Where ``reach`` is known, see ``_in_parts``, all is the same as in one piece. Else neighbours overlap by a quarter
    of their side. There the answer goes over from one to the other in a line, and the rim of a tile, which lacks the
    picture beyond it, does not count: so what a network makes of a pixel by less than a sixteenth of the side around it
    is the same as in one piece. Instance norm, by which a network knows of the whole picture, takes the statistics of
    some tiles together: of each tile alone, tones would differ from tile to tile. They differ from those of one piece,
    but by the same everywhere.

    Args:
        made_of: sources (N, Cs, h, w) -> pictures, of the same size or larger by a factor.
        side: of tiles, h and w, as ``side_of`` says. They are placed by the multiple of the network, where the overlap
            has room for it.
    """
    if looks.reach is not None:
        yield from _in_parts(source, made_of, side, looks.reach)
        return
    height, width = source.shape[2:]
    if height < side or width < side:
        source = F.pad(source, (0, max(0, side - width), 0, max(0, side - height)), mode="replicate")
    overlap = _Overlap(side // SHARE**2, side // SHARE - 2 * (side // SHARE**2))
    rows, columns = (_places(length, side, looks.multiple, overlap) for length in source.shape[2:])
    tiles = {(top, left): source[:, :, top:top + side, left:left + side] for top in rows for left in columns}  # views
    made_of = _by_shared_statistics(list(tiles.values()), made_of)
    total, weights = torch.empty(0), torch.empty(0)  # of the rows that are not finished
    for top, following in zip(rows, [*rows[1:], source.shape[2]], strict=True):
        for left in columns:
            made = made_of(tiles[top, left])
            scale = made.shape[2] // side
            if left == 0:
                total, weights = _grown(total, weights, made, scale * source.shape[3])
            x = slice(scale * left, scale * (left + side))
            down = _fade(top > 0, top + side < source.shape[2], side, overlap, scale)
            across = _fade(left > 0, left + side < source.shape[3], side, overlap, scale)
            weight = (down[:, None] * across).to(made)
            total[..., x] += weight * made
            weights[:, x] += weight
        done = scale * (min(following, height) - top)
        if done > 0:
            yield total[:, :, :done].div_(weights[:done])[..., :scale * width]
        start = scale * (following - top)
        total, weights = total[:, :, start:].clone(), weights[start:].clone()  # views would keep what is done in memory


def _in_parts(source: Tensor, made_of: MadeOf, side: int, reach: int) -> Iterator[Tensor]:
    """The parts of an answer side by side, each of a tile that has as many pixels around it as a network looks at."""
    height, width = source.shape[2:]
    step = side - 2 * reach
    for top in range(0, height, step):
        band = torch.empty(0)
        for left in range(0, width, step):
            part = Part(top, min(height, top + step), left, min(width, left + step))
            seen = part.grown(reach, height, width)
            inner = part.within(seen)
            with counting(inner):
                made = made_of(source[(..., *seen.places())])
            scale = made.shape[2] // (seen.bottom - seen.top)
            if not left:
                band = made.new_empty(*made.shape[:2], scale * (part.bottom - top), scale * width)
            band[..., scale * left:scale * part.right] = made[(..., *inner.places(scale))]
        yield band


def _grown(total: Tensor, weights: Tensor, made: Tensor, width: int) -> tuple[Tensor, Tensor]:
    """What is not finished with rows below, up to the height of a tile."""
    height = made.shape[2]
    grown, count = made.new_zeros(*made.shape[:2], height, width), made.new_zeros(height, width)
    if total.numel():
        grown[:, :, :total.shape[2]], count[:len(weights)] = total, weights
    return grown, count


def _by_shared_statistics(tiles: list[Tensor], made_of: MadeOf) -> MadeOf:
    """``made_of`` with the instance norms of the network by statistics of tiles that are spread over the picture."""
    statistics = Statistics()
    every = -(-len(tiles) // MOST_SAMPLED)
    for number, tile in enumerate(tiles[::every]):
        if number == 1 and not statistics.norms:
            return made_of
        statistics.begin()
        with statistics:
            made_of(tile)
    statistics.settle()

    def by_statistics(tile: Tensor) -> Tensor:
        statistics.begin()
        with statistics:
            return made_of(tile)

    return by_statistics


def _places(length: int, side: int, multiple: int, overlap: _Overlap) -> list[int]:
    """Where tiles begin, from 0 to the last that fits, each overlapping its neighbours by so much or more."""
    step = side - overlap.width
    grid = multiple if multiple <= overlap.rim else 1
    count = -(-(length - side) // (step - grid + 1)) + 1
    return [round(i * (length - side) / max(count - 1, 1) / grid) * grid for i in range(count - 1)] + [length - side]


def _fade(before: bool, behind: bool, side: int, overlap: _Overlap, scale: int) -> Tensor:
    """Weights along the side of an answer: 1, and towards a neighbour falling to 0 before the rim."""
    rim, ramp = scale * overlap.rim, scale * overlap.ramp
    rise = ((torch.arange(scale * side) - rim + 0.5) / ramp).clamp(0, 1)
    weights = torch.ones(scale * side)
    if before:
        weights = weights * rise
    if behind:
        weights = weights * rise.flip(0)
    return weights
