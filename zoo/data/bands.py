"""Pictures that come in bands, from top to bottom, and are written as they come."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from PIL import Image
from torch import Tensor
from torchvision.transforms.functional import to_pil_image

from zoo.data.png import PNG

SKETCH = 512  # pixels


class Made:
    """A picture that comes in bands, and is written so: only one of them is in memory.

    Args:
        bands: (1, C, h, width) in [0, 1] from top to bottom.
        alpha: how opaque it is, as a grey picture of any size; None where it is so all over.
        width, height: pixels.

    Attributes:
        small: after ``written``, the picture with sides of 512 pixels at most, such as for thumbnails.
    """

    def __init__(self, bands: Iterator[Tensor], alpha: Image.Image | None, width: int, height: int) -> None:
        self.bands, self.alpha, self.width, self.height = bands, alpha, width, height
        self.share = min(1.0, SKETCH / max(width, height))

    def written(self, path: Path, keep: bool) -> list[Tensor]:
        """Writes a PNG file; returns the bands, uint8 (1, C, h, width), if they are to be kept."""
        top, kept = 0, []
        with ExitStack() as stack:
            for band in self.bands:
                part = band.mul_(255).round_().byte()
                rows = part[0].permute(1, 2, 0).numpy()
                if top == 0:
                    file = stack.enter_context(PNG(path, self.width, self.height,
                                                   rows.shape[2] + (self.alpha is not None)))
                file.write(self._with_alpha(rows, top))
                self._sketch(to_pil_image(part[0]), top)
                top += len(rows)
                if keep:
                    kept.append(part)
                del band, part, rows  # or they would be in memory until the next are there
        return kept

    def _with_alpha(self, rows: np.ndarray, top: int) -> np.ndarray:
        if self.alpha is None:
            return rows
        scale = self.alpha.height / self.height
        alpha = self.alpha.resize((self.width, len(rows)), Image.Resampling.BICUBIC,
                                  (0, top * scale, self.alpha.width, (top + len(rows)) * scale))
        return np.dstack([rows, np.asarray(alpha)])

    def _sketch(self, part: Image.Image, top: int) -> None:
        if top == 0:
            self.small = Image.new(part.mode, [max(1, round(self.share * x)) for x in (self.width, self.height)])
        first, last = (round(self.small.height * x / self.height) for x in (top, top + part.height))
        if first < last:
            self.small.paste(part.resize((self.small.width, last - first), Image.Resampling.BOX), (0, first))
