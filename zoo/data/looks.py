"""How pictures look: what they are compared by to find copies, see ``zoo.data.copies``."""

import hashlib
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from zoo.data.progress import bar_of
from zoo.data.stored import Images

SIDE = 16  # pixels of a thumbnail
COARSE = 4  # pixels of what the tree compares, along a side
NEAR = 5.0  # root mean square, of 255 levels, up to which thumbnails are near copies ...
ALIKE = 0.12  # ... if it is no more than this share of their contrast: else all pictures of plain colours were copies
PLAIN = 2.0  # contrast below which a picture is plain, and has no copies but the same to the pixel
CHUNK = 2_048  # pictures that are looked at at once


class Looks(NamedTuple):
    """What pictures are compared by.

    Attributes:
        thumbs: uint8 (N, C, 16, 16).
        digests: of the pixels, the same for a picture and its mirror image; (N, 2) uint64.
        turned: whether the mirror image comes first in the order of bytes, (N,) bool: it tells the two apart.
    """

    thumbs: Tensor
    digests: np.ndarray
    turned: np.ndarray


def looks_of(name: str, images: Images) -> Looks:
    """What the images of a set are compared by."""
    with bar_of(f"looking at {name}", len(images)) as bar:
        found = []
        for rows in torch.arange(len(images)).split(CHUNK):
            found.append(look_at(images[rows]))
            bar.update(len(rows))
    return join_looks(found)


def look_at(images: Tensor) -> Looks:
    """What some images, uint8 (N, C, H, W), are compared by."""
    digests, turned = [], []
    for picture, mirror in zip(images.numpy(), images.flip(3).numpy(), strict=True):
        one, other = picture.tobytes(), mirror.tobytes()
        digests.append(hashlib.blake2b(min(one, other), digest_size=16).digest())
        turned.append(other < one)
    return Looks(F.adaptive_avg_pool2d(images.float(), SIDE).round().byte(),
                 np.frombuffer(b"".join(digests), "<u8").reshape(-1, 2), np.array(turned, bool))


def join_looks(parts: list[Looks]) -> Looks:
    thumbs, digests, turned = zip(*parts, strict=True)
    return Looks(torch.cat(thumbs), np.concatenate(digests), np.concatenate(turned))


def no_looks() -> Looks:
    """Of no pictures; of colour."""
    return Looks(torch.empty(0, 3, SIDE, SIDE, dtype=torch.uint8), np.empty((0, 2), np.uint64), np.empty(0, bool))


def reach_of(thumbs: Tensor) -> Tensor:
    """How far from each a near copy may be, (n,) in levels of 255; 0 for pictures that are plain."""
    return torch.where(is_plain(thumbs), 0, (ALIKE * _contrast(thumbs)).clamp(max=NEAR))


def is_plain(thumbs: Tensor) -> Tensor:
    """Of which pictures (N,) only those count as copies that are the same to the pixel."""
    return _contrast(thumbs) < PLAIN


def _contrast(thumbs: Tensor) -> Tensor:
    """Standard deviation (N,) of a picture's channels."""
    return thumbs.float().var((2, 3)).mean(1).sqrt()


def coarse(thumbs: Tensor) -> Tensor:
    """Features (n, d) that a picture has in common with its mirror image, in levels of 255.

    They are the even part of a coarser thumbnail and what its odd part is without the sign. Their Euclidean distance is
    no more than the root mean square difference of the thumbnails, one of them turned round or not.
    """
    small = F.avg_pool2d(thumbs.float(), SIDE // COARSE)
    even, odd = (small + small.flip(3)) / 2, (small - small.flip(3)) / 2
    halves = torch.cat([even, odd.abs()], 1)[..., :COARSE // 2].flatten(1)
    return halves * (2 / small[0].numel()) ** 0.5
