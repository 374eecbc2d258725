"""A Laplacian pyramid of images, which gives them back (Burt 1983; Denton 2015, arXiv:1506.05751, section 2.2)."""

import torch.nn.functional as F
from torch import Tensor

from zoo.core.errors import UsageError

COARSEST = (8, 10, 12, 14)  # pixels, one of which the last level has


def sides(size: int) -> list[int]:
    """Heights of the levels, the coarsest first: 64 -> [8, 16, 32, 64].

    Raises:
        UsageError: a size that is not twice, four times, ... one of ``COARSEST``.
    """
    found = [size]
    while found[0] % 2 == 0 and found[0] > max(COARSEST):
        found.insert(0, found[0] // 2)
    if len(found) == 1 or found[0] not in COARSEST:
        raise UsageError(f"{size} px have no pyramid: it has levels of {', '.join(map(str, COARSEST))} px and 2, 4, 8, "
                         "... times that (16, 28, 32, 64, 128, ...): choose another --image-size")
    return found


def down(images: Tensor) -> Tensor:
    """Half as high and wide: means of 2x2 pixels."""
    return F.avg_pool2d(images, 2)


def up(images: Tensor) -> Tensor:
    """Twice as high and wide, bilinear."""
    return F.interpolate(images, scale_factor=2, mode="bilinear")


def split(images: Tensor, levels: int) -> tuple[Tensor, list[Tensor]]:
    """The coarsest image and, from there on, what each finer level lacks: I_k - up(I_(k+1)) (equation 3)."""
    details: list[Tensor] = []
    for _ in range(levels - 1):
        coarse = down(images)
        details.insert(0, images - up(coarse))
        images = coarse
    return images, details


def joined(coarsest: Tensor, details: list[Tensor]) -> list[Tensor]:
    """The images of all levels, the coarsest first (equation 4)."""
    images = [coarsest]
    for detail in details:
        images.append(up(images[-1]) + detail)
    return images
