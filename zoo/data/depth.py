"""Images of more than 8 bits a value: what is white in them, decided once for a set, so that dark ones stay dark.

Files of 16 bits often hold values of a camera's 12, and do not say so. So white is 1, or what 8, 10, 12, 14 or 16 bits
can hold: the least that no value of the set is above. What this would guess wrongly is refused.
"""

import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image

from zoo.core.errors import UsageError
from zoo.core.files import write_json
from zoo.data.decoded import cache_folder, hash_of
from zoo.data.pixels import COLOUR, FLOAT, FULL, INTEGER, UNREADABLE, Item, Tops, kind_of, values_of

WHITES = (1, *(2**bits - 1 for bits in (8, 10, 12, 14, 16)))
OF_A_SET = {FLOAT: WHITES, INTEGER: WHITES, COLOUR: (1, FULL)}  # colour comes from Pillow as 8 bits of 16
OF_A_FEW = {FLOAT: (1, 255, FULL), INTEGER: (1, FULL)}  # which may be of fewer bits, or the dark ones of a set
LEAST = 16  # values that end between 1 and this are no brightness of 8 bits: numbers of classes, or just above [0, 1]
SUFFIXES = {".png", ".tif", ".tiff", ".pgm", ".pnm"}  # of files that may have more than 8 bits a value
Whites = Mapping[str, Sequence[int]]  # what white may be, by kind of image


class Span(NamedTuple):
    """The least and greatest value of images, and which have them."""

    least: tuple[float, str]
    most: tuple[float, str]


def tops_of(name: str, items: Iterable[Item], read: Callable[[Item], Image.Image],
            name_of: Callable[[Item], str] = str, allowed: Whites = OF_A_SET) -> Tops:
    """The value that is white, by kind of image. Broken images do not count: ``decode`` names them.

    Raises:
        UsageError: values that do not say what is black and white.
    """
    def span(item: Item) -> tuple[str, Span] | None:
        with suppress(*UNREADABLE), read(item) as image:
            if kind := kind_of(image):
                values = values_of(image, kind)
                return kind, Span((float(values.min()), name_of(item)), (float(values.max()), name_of(item)))
        return None

    spans: dict[str, Span] = {}
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for kind, more in filter(None, pool.map(span, items)):
            known = spans.get(kind, more)
            spans[kind] = Span(min(known.least, more.least), max(known.most, more.most))
    return {kind: _top(name, kind, span, allowed[kind]) for kind, span in sorted(spans.items())}


def _top(name: str, kind: str, span: Span, allowed: Sequence[int]) -> int:
    (least, darkest), (most, brightest) = span
    top = next((white for white in WHITES if most <= white), 0)
    if least < 0 or 1 < most < LEAST or top not in allowed:
        raise UsageError(
            f"the {kind} pictures of {name} have values from {least:,.10g} (in {darkest}) to {most:,.10g} (in "
            f"{brightest}): that does not say what is black and what is white. Convert them to 8 bits"
            + ("" if kind == COLOUR else ", or to floats in [0, 1]"))
    return top


def tops_of_some(images: Sequence[Image.Image]) -> Tops:
    """``tops_of`` a few images in memory."""
    deep = [image for image in images if kind_of(image)]
    return tops_of("those given", deep, lambda image: image.copy(),
                   lambda image: getattr(image, "filename", "") or "memory", OF_A_FEW)


def tops_of_files(name: str, files: Sequence[Path]) -> Tops:
    """``tops_of`` files; noted in the cache, since all must be looked into."""
    suspects = [file for file in files if file.suffix.lower() in SUFFIXES]
    if not suspects:
        return {}
    stats = [(str(f), (stat := f.stat()).st_size, stat.st_mtime_ns) for f in suspects]
    note = cache_folder() / "decoded" / f"{name}-{hash_of(stats)}.json"
    with suppress(OSError, ValueError):  # not there, or cut short
        return json.loads(note.read_text(encoding="utf-8"))
    tops = tops_of(name, suspects, Image.open)
    with suppress(OSError):  # ``decode`` says what to do
        write_json(note, tops)
    return tops


def in_key(tops: Tops) -> list[Any]:
    """What a cache file's key has of it: nothing where white is that of 16 bits, which it was before there was this."""
    changed = {kind: top for kind, top in tops.items() if kind == FLOAT or top != FULL}
    return [changed] if changed else []


def said(tops: Tops) -> str:
    """Such as "white of integer pictures is 4,095"; "" if all have 8 bits."""
    return ", ".join(f"white of {kind} pictures is {top:,}" for kind, top in tops.items() if kind != COLOUR)
