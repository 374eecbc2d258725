"""Pictures that people send: looked at before they are decoded, kept small, and for a while."""

import base64
import io
import secrets
from collections import OrderedDict

from PIL import Image, ImageOps

from zoo.core.errors import UsageError
from zoo.data.pixels import UNREADABLE, upright

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")
LARGEST = 20 * 2**20  # bytes
MOST_PIXELS = 40_000_000
SIDE = 1024  # pixels of the longer side that are kept
KEPT = 64  # pictures of all people together


class Pictures:
    """Pictures under names that nobody can guess; the newest are kept."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, Image.Image] = OrderedDict()

    def keep(self, picture: Image.Image) -> str:
        """Its name."""
        name = secrets.token_urlsafe(12)
        self._kept[name] = picture
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return name

    def find(self, name: object) -> Image.Image:
        """Raises UsageError for a picture that there is not, or no more."""
        found = self._kept.get(name) if isinstance(name, str) else None
        if found is None:
            raise UsageError("this picture is no longer here: give it again")
        return found


def opened(sent: bytes) -> Image.Image:
    """A picture in red, green and blue, upright, on white, of at most SIDE pixels a side.

    Raises:
        UsageError: what is no picture of one of FORMATS, or has more than MOST_PIXELS.
    """
    if sent.lstrip()[:5].lower() in (b"<svg ", b"<?xml") or b"<svg" in sent[:1000].lower():
        raise UsageError("this is a drawing of lines (SVG): save it as PNG first")
    try:
        with Image.open(io.BytesIO(sent), formats=FORMATS) as picture:
            width, height = picture.size
            if width * height > MOST_PIXELS:
                raise UsageError(f"this picture has {width * height / 1e6:,.0f} megapixels: make it smaller than "
                                 f"{MOST_PIXELS / 1e6:.0f} first")
            picture.draft("RGB", (SIDE, SIDE))  # JPEG need not be decoded at full size
            found = upright(picture, 3, {})
    except UNREADABLE as error:
        if isinstance(error, UsageError):
            raise
        raise UsageError(f"this is no picture that can be read: send {', '.join(FORMATS)}") from error
    return ImageOps.contain(found, (SIDE, SIDE)) if max(found.size) > SIDE else found


def as_address(picture: Image.Image) -> str:
    """A PNG as an address that a page can show."""
    file = io.BytesIO()
    picture.save(file, format="png", compress_level=1)
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"
