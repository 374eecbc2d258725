"""Images of any kind of file as arrays of 8 bits."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TypeVar

import numpy as np
from PIL import Image, ImageOps

GREY_MODES = {"1", "L", "LA", "F"}
UNREADABLE = (OSError, ValueError, SyntaxError, Image.DecompressionBombError)  # what Pillow raises for broken images
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


def _to_8_bits(image: Image.Image) -> Image.Image:
    """Grey of 16 bits, or of floats up to 1, 255 or 65535, which Pillow would clip at 255."""
    values = np.asarray(image, dtype=np.float32)
    if not np.isfinite(values).all():
        raise ValueError("it has pixels that are not finite")
    top = next((t for t in (1.0, 255.0) if values.max() <= t), 65535.0) if image.mode == "F" else 65535.0
    return Image.fromarray((values * (255 / top)).round().clip(0, 255).astype(np.uint8))


def upright(image: Image.Image, channels: int) -> Image.Image:
    """8-bit grey (1) or colour (3) from an image of any mode: upright, on white."""
    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I") or image.mode == "F":
        image = _to_8_bits(image)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert("L" if channels == 1 else "RGB")


def to_array(image: Image.Image, channels: int, size: int) -> np.ndarray:
    """uint8 (C, size, size) from an image of any mode and shape: upright, on white, centre-cropped, resampled."""
    image = ImageOps.fit(upright(image, channels), (size, size), Image.Resampling.LANCZOS)
    return np.asarray(image).reshape(size, size, channels).transpose(2, 0, 1)
