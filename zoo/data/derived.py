"""Pairs that are made of images, so that any set of images is one of pairs: a ``Way`` by its name.

Functions of a batch (N, C, H, W) in [-1, 1], on its device, without chance. They add pixel by pixel, since a
convolution or a matrix product would be rounded under autocast and on TF32 units.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from zoo.core.errors import UsageError, unknown
from zoo.data.colours import coloured, grey, lightness, opponents
from zoo.data.holes import blocks, hole, in_the_centre, unknown_pixels
from zoo.data.turns import turned

EDGE = 0.2  # Sobel magnitude from which a pixel is one of an edge; a straight step from black to white has 1
SHRINK = {"half": 2, "quarter": 4, "eighth": 8}


def edges(images: Tensor) -> Tensor:
    """(N, C, H, W) -> (N, 1, H, W): -1 (black) where luma has a gradient of ``EDGE`` or more, else 1 (white)."""
    return 1 - 2 * (sobel(grey(images)) >= EDGE).to(images)


def sobel(luma: Tensor) -> Tensor:
    """Magnitude of Sobel's gradient, (N, 1, H, W) -> the same shape; 1 at a straight step from -1 to 1.

    The border is repeated outwards, where zeros would make it an edge.
    """
    padded = F.pad(luma, (1, 1, 1, 1), mode="replicate")
    down = padded[..., :-2, :] + 2 * padded[..., 1:-1, :] + padded[..., 2:, :]  # smoothed along the height
    across = padded[..., :-2] + 2 * padded[..., 1:-1] + padded[..., 2:]  # and along the width
    horizontal = down[..., 2:] - down[..., :-2]
    vertical = across[..., 2:, :] - across[..., :-2, :]
    return torch.hypot(horizontal, vertical) / 8


def shrink(images: Tensor, factor: int) -> Tensor:
    """(N, C, H, W) -> (N, C, H/factor, W/factor), bicubic with anti-aliasing, at the 256 levels that a file has.

    Raises:
        UsageError: ``factor`` does not divide the sides.
    """
    height, width = (_shrunk(side, factor) for side in images.shape[2:])
    small = F.interpolate(images, (height, width), mode="bicubic", antialias=True)
    return ((small + 1) * 127.5).round().clamp(0, 255) / 127.5 - 1


def _shrunk(size: int, factor: int) -> int:
    if size % factor:
        raise UsageError(f"{size} px cannot be made smaller by {factor}: choose an --image-size that {factor} divides")
    return size // factor


class Way(NamedTuple):
    """How pairs come out of images, and pictures out of what a network makes of a source. All is in [-1, 1].

    Attributes:
        source: images (N, C, H, W) -> what the network is given, (N, Cs, H/factor, W/factor); None: pairs in files.
        target: images -> what it is to make, (N, Ct, H, W); None: the images.
        picture: source and what was made -> pictures (N, C, H, W); None: what was made.
        missing: source -> the pixels that it lacks, bool (N, 1, H, W), of which alone the answer consists; None: all.
        channels: of the images, of which a source has ``source_channels`` and a target ``target_channels``; 0 for as
            many as the images, and for ``source_channels`` -1 for one more.
        factor: by which sources are smaller.
    """

    source: Callable[[Tensor], Tensor] | None = None
    target: Callable[[Tensor], Tensor] | None = None
    picture: Callable[[Tensor, Tensor], Tensor] | None = None
    missing: Callable[[Tensor], Tensor] | None = None
    channels: tuple[int, ...] = (1, 3)
    source_channels: int = 0
    target_channels: int = 0
    factor: int = 1


AS_FILES = Way()
DERIVED: dict[str, Way] = {
    "grey": Way(grey, channels=(3,), source_channels=1),
    "lab": Way(lightness, opponents, coloured, channels=(3,), source_channels=1, target_channels=2),
    "edges": Way(edges, source_channels=1),
    "hole": Way(hole, missing=in_the_centre),
    "blocks": Way(blocks, missing=unknown_pixels, source_channels=-1),
    "turned": Way(turned),
    **{name: Way(partial(shrink, factor=factor), factor=factor) for name, factor in SHRINK.items()},
}


def source_channels(name: str, channels: int) -> int:
    """Channels of the sources that are made so of images with ``channels``.

    Raises:
        UsageError: an unknown name, or images of which it makes none, such as grey ones of grey ones.
    """
    way = _known(name)
    if channels not in way.channels:
        raise UsageError("the images are grey already: choose other --pairs, such as edges, or images of colour")
    return {0: channels, -1: channels + 1}.get(way.source_channels, way.source_channels)


def source_size(name: str, size: int) -> int:
    """Height and width of the sources that are made so of images of ``size``.

    Raises:
        UsageError: an unknown name, or a size that cannot be made smaller so.
    """
    return _shrunk(size, _known(name).factor)


def _known(name: str) -> Way:
    if name not in DERIVED:
        raise unknown("way to derive pairs", name, DERIVED)
    return DERIVED[name]
