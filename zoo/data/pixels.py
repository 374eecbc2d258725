"""Images of any kind of file as arrays of 8 bits."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import TypeVar

import numpy as np
from PIL import Image, ImageOps

GREY_MODES = {"1", "L", "LA", "F"}
UNREADABLE = (OSError, ValueError, SyntaxError, Image.DecompressionBombError)  # what Pillow raises for broken images
FLOAT, INTEGER, COLOUR = "float", "integer", "colour"  # kinds of images of more than 8 bits a value
FULL = 65535  # white in 16 bits
Tops = Mapping[str, int]  # the value that is white, by kind of image: see ``zoo.data.depth``
Item = TypeVar("Item")  # what an image is read from


def is_grey(image: Image.Image) -> bool:
    return image.mode in GREY_MODES or image.mode.startswith("I")


def channels_of(items: Iterable[Item], read: Callable[[Item], Image.Image]) -> int:
    """1 if every image is grey, else 3. Broken ones do not count: ``decode`` names them."""
    for item in items:
        with suppress(*UNREADABLE), read(item) as image:
            if not is_grey(image):
                return 3
    return 1


def kind_of(image: Image.Image) -> str | None:
    """``float``, ``integer`` or ``colour``, if its file has more than 8 bits a value; the last until it is loaded."""
    if image.mode == "F":
        return FLOAT
    if image.mode.startswith("I"):
        return INTEGER
    return COLOUR if ";16" in str(getattr(image, "tile", "")) else None


def values_of(image: Image.Image, kind: str) -> np.ndarray:
    """The numbers of such an image. Of colour Pillow reads the upper 8 bits of 16.

    Raises:
        ValueError: some are not finite.
    """
    values = np.asarray(image.convert("RGB") if kind == COLOUR else image, dtype=np.float64)
    if not np.isfinite(values).all():
        raise ValueError("it has pixels that are not finite")
    return values * (FULL / 255 if kind == COLOUR else 1)


def _to_8_bits(image: Image.Image, kind: str, top: int) -> Image.Image:
    """Grey with ``top`` for white, of which Pillow would clip all above 255."""
    return Image.fromarray((values_of(image, kind) * (255 / top)).round().clip(0, 255).astype(np.uint8))


def upright(image: Image.Image, channels: int, tops: Tops) -> Image.Image:
    """8-bit grey (1) or colour (3) from an image of any mode: upright, on white."""
    image = ImageOps.exif_transpose(image)
    if (kind := kind_of(image)) in (FLOAT, INTEGER):
        image = _to_8_bits(image, kind, tops.get(kind, FULL))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    if image.mode == "LAB":  # of which Pillow makes colours, but no grey
        image = image.convert("RGB")
    return image.convert("L" if channels == 1 else "RGB")


def to_array(image: Image.Image, channels: int, size: int, tops: Tops) -> np.ndarray:
    """uint8 (C, size, size) from an image of any mode and shape: upright, on white, centre-cropped, resampled."""
    image = ImageOps.fit(upright(image, channels, tops), (size, size), Image.Resampling.LANCZOS)
    return np.asarray(image).reshape(size, size, channels).transpose(2, 0, 1)
