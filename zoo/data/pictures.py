"""Pictures of any sort that a user has, as tensors."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from zoo.core.errors import UsageError

Pictures = Any  # a tensor or array, a PIL image, a path, or a list of such


def as_tensor(pictures: Pictures, channels: int) -> Tensor:
    """Floats (N, channels, H, W) in [0, 1].

    Args:
        pictures: a tensor (N, C, H, W) or (C, H, W), floats in [0, 1] or uint8; an array (H, W), (H, W, C) or
            (N, H, W, C), likewise; a PIL image; a path; or a list of any of these, all of one size. Of more than 8
            bits a value, white must be plain: floats up to 1 or 255, or what 16 bits can hold.
        channels: 1 or 3: colour is made grey, and grey is repeated.

    Raises:
        UsageError: what is none of these, values outside their range, or pictures of several sizes.
    """
    many = [pictures] if not isinstance(pictures, Sequence) or isinstance(pictures, str) else list(pictures)
    if not many:
        raise UsageError("there are no pictures in the list")
    many = [_opened(Path(picture).expanduser()) if isinstance(picture, str | Path) else picture for picture in many]
    tops = _whites([picture for picture in many if hasattr(picture, "convert")])
    found = [_one(picture, channels, tops) for picture in many]
    if len({x.shape[2:] for x in found}) > 1:
        sizes = ", ".join(sorted({f"{x.shape[3]}x{x.shape[2]}" for x in found}))
        raise UsageError(f"the pictures are of several sizes ({sizes}): give those of one size at once")
    return torch.cat(found) if len(found) > 1 else found[0]  # not once more, which may be large


def _whites(images: list) -> Mapping[str, int]:
    """What is white in images of PIL of more than 8 bits a value."""
    if not images:
        return {}
    from zoo.data.depth import tops_of_some

    return tops_of_some(images)


def _one(picture: Any, channels: int, tops: Mapping[str, int]) -> Tensor:
    if hasattr(picture, "convert"):  # of PIL
        from zoo.data.pixels import UNREADABLE, upright

        try:
            picture = np.array(upright(picture, channels, tops))
        except UNREADABLE as error:
            raise UsageError(f"{getattr(picture, 'filename', '') or 'an image'} cannot be read: {error}") from error
    if isinstance(picture, np.ndarray):
        return _unit(torch.from_numpy(picture), channels, last=True)
    if isinstance(picture, Tensor):
        return _unit(picture, channels, last=False)
    raise UsageError(f"a picture is a tensor, an array, a PIL image or a path, not {type(picture).__name__}")


def _opened(path: Path) -> Any:
    from PIL import Image

    from zoo.data.pixels import UNREADABLE

    try:
        image = Image.open(path)
        image.load()
    except UNREADABLE as error:
        raise UsageError(f"{path} cannot be read as a picture: {error}") from error
    return image


def _unit(x: Tensor, channels: int, last: bool) -> Tensor:
    """(N, channels, H, W) in [0, 1] from one or several, with channels first or last, in [0, 1] or of 8 bits."""
    if last:
        x = (x[..., None] if x.dim() == 2 else x).movedim(-1, -3)
    x = x[None] if x.dim() == 3 else x
    if x.dim() != 4 or x.shape[1] not in (1, 3) or not x.numel():
        raise UsageError(f"a picture has 1 or 3 channels and a height and width, not the shape {tuple(x.shape)}")
    if x.dtype == torch.uint8:
        x = x.float().div_(255)
    elif not x.is_floating_point() or not (x.amin() >= 0 and x.amax() <= 1):
        raise UsageError(f"pictures are uint8, or floats in [0, 1], not {x.dtype} from {x.amin()} to {x.amax()}")
    if x.shape[1] == channels:
        return x
    return x.expand(-1, channels, -1, -1) if x.shape[1] == 1 else x.mean(1, keepdim=True)


def bicubic(pictures: Tensor, height: int, width: int) -> Tensor:
    """Pictures (N, C, H, W) in [0, 1] at another size, with anti-aliasing where it is smaller (Keys 1981, a = -1/2)."""
    return F.interpolate(pictures, (height, width), mode="bicubic", antialias=True).clamp(0, 1)
