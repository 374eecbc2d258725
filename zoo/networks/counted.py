"""The part of a tile that counts, which a network can be told so that it need not make the rest.

A tile of a large picture is seen with a rim, and what is made of the rim is not taken. Where most of the work is in the
layers that make a picture larger, a network does better to leave the rim away before them.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple


class Part(NamedTuple):
    """Rows and columns of a tile, the last ones excluded."""

    top: int
    bottom: int
    left: int
    right: int

    def grown(self, by: int, height: int, width: int) -> "Part":
        """With so many pixels on every side, as far as a picture of this size has them."""
        return Part(max(0, self.top - by), min(height, self.bottom + by),
                    max(0, self.left - by), min(width, self.right + by))

    def within(self, other: "Part") -> "Part":
        """The same in what was cut out of the tile."""
        return Part(self.top - other.top, self.bottom - other.top, self.left - other.left, self.right - other.left)

    def places(self, scale: int = 1) -> tuple[slice, slice]:
        """Of the last two dimensions of a tensor as large, or larger by ``scale``."""
        return (slice(scale * self.top, scale * self.bottom), slice(scale * self.left, scale * self.right))

    def pieces(self, most: int) -> Iterator["Part"]:
        """It in pieces with sides of so many pixels at most, and about as large as each other."""
        for top, bottom in _cuts(self.top, self.bottom, most):
            for left, right in _cuts(self.left, self.right, most):
                yield Part(top, bottom, left, right)


def _cuts(start: int, end: int, most: int) -> Iterator[tuple[int, int]]:
    count = -(-(end - start) // most)
    edges = [start + i * (end - start) // count for i in range(count + 1)]
    return zip(edges, edges[1:], strict=False)


_counted: ContextVar[Part | None] = ContextVar("counted", default=None)


@contextmanager
def counting(part: Part) -> Iterator[None]:
    """Meanwhile a network may make of what it is given this part alone, and anything at the other places."""
    token = _counted.set(part)
    try:
        yield
    finally:
        _counted.reset(token)


def counted() -> Part | None:
    """The part that counts; None where all does."""
    return _counted.get()
