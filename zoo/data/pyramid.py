"""The levels of a Laplacian pyramid (Burt 1983; Denton 2015, arXiv:1506.05751, section 2.2).

Of an image I_k a level keeps what it lacks when it is halved and doubled, I_k - up(down(I_k)), so that it comes back.
"""

import torch.nn.functional as F
from torch import Tensor

from zoo.core.errors import UsageError

COARSEST = (8, 10, 12, 14)  # pixels, one of which the last level has


def sides(size: int, coarsest: tuple[int, ...] = COARSEST) -> list[int]:
    """Heights of the levels, the coarsest first: 64 -> [8, 16, 32, 64].

    Args:
        coarsest: pixels, one of which the last level has.

    Raises:
        UsageError: a size that is not twice, four times, ... one of those.
    """
    found = [size]
    while found[0] % 2 == 0 and found[0] > max(coarsest):
        found.insert(0, found[0] // 2)
    if len(found) == 1 or found[0] not in coarsest:
        raise UsageError(f"{size} px have no pyramid: it has levels of {', '.join(map(str, coarsest))} px and 2, 4, 8, "
                         "... times that (16, 28, 32, 64, 128, ...): choose another --image-size")
    return found


def reduced(images: Tensor, side: int) -> Tensor:
    """Images (N, C, H, W) halved as often as it takes to be of this height: (N, C, S, S)."""
    return F.avg_pool2d(images, images.shape[-1] // side)


def down(images: Tensor) -> Tensor:
    """Half as high and wide: means of 2x2 pixels."""
    return F.avg_pool2d(images, 2)


def up(images: Tensor) -> Tensor:
    """Twice as high and wide, bilinear."""
    return F.interpolate(images, scale_factor=2, mode="bilinear")
