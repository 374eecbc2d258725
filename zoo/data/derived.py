"""Source pictures that are made from their targets, so that any set of images is one of pairs.

Functions of a batch (N, C, H, W) in [-1, 1], on its device, without chance. They add pixel by pixel, since a
convolution or a matrix product would be rounded under autocast and on TF32 units.
"""

from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from zoo.core.errors import UsageError, unknown

BT601 = (0.299, 0.587, 0.114)  # luma of red, green and blue
EDGE = 0.2  # Sobel magnitude from which a pixel is one of an edge; a straight step from black to white has 1
SHRINK = {"half": 2, "quarter": 4, "eighth": 8}


def grey(images: Tensor) -> Tensor:
    """Luma of ITU-R BT.601, (N, 3, H, W) -> (N, 1, H, W) in [-1, 1]; grey images as they are.

    Raises:
        UsageError: images of other than 1 or 3 channels.
    """
    if images.shape[1] == 1:
        return images
    if images.shape[1] != 3:
        raise UsageError(f"images of 1 (grey) or 3 channels (colour) have a luma, those of {images.shape[1]} have "
                         "none: choose other pairs")
    red, green, blue = images.split(1, 1)
    return BT601[0] * red + BT601[1] * green + BT601[2] * blue


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


def hole(images: Tensor) -> Tensor:
    """The centre half of height and width becomes 0 (mid-grey)."""
    holed = images.clone()
    holed[..., centre(images.shape[2]), centre(images.shape[3])] = 0
    return holed


def centre(size: int) -> slice:
    """The middle half of ``size`` pixels."""
    first = (size - size // 2) // 2
    return slice(first, first + size // 2)


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


DERIVED: dict[str, Callable[[Tensor], Tensor]] = {
    "grey": grey,
    "edges": edges,
    "hole": hole,
    **{name: partial(shrink, factor=factor) for name, factor in SHRINK.items()},
}


def source_channels(name: str, channels: int) -> int:
    """Channels of what ``DERIVED[name]`` makes of images with ``channels``.

    Raises:
        UsageError: an unknown name, or grey pictures of grey ones.
    """
    if name == "grey" and channels == 1:
        raise UsageError("the images are grey already: choose other --pairs, such as edges, or images of colour")
    return 1 if _known(name) in ("grey", "edges") else channels


def source_size(name: str, size: int) -> int:
    """Height and width of what ``DERIVED[name]`` makes of images of ``size``.

    Raises:
        UsageError: an unknown name, or a size that cannot be made smaller so.
    """
    return _shrunk(size, SHRINK.get(_known(name), 1))


def _known(name: str) -> str:
    if name not in DERIVED:
        raise unknown("way to derive pairs", name, DERIVED)
    return name
