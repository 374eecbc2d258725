"""Random pieces of pictures, the same for all pictures of an example."""

import torch
import torch.nn.functional as F
from torch import Tensor

ENLARGED = 286 / 256  # of pix2pix and cyclegan


def jittered(pictures: Tensor, place: Tensor) -> Tensor:
    """A piece (N, C, S, S) of each picture (N, C, S, S) in [-1, 1] enlarged; ``place`` as for ``pieces``."""
    size = pictures.shape[2]
    large = F.interpolate(pictures, (round(size * ENLARGED),) * 2, mode="bicubic").clamp(-1, 1)
    return pieces(large, place, size)


def pieces(pictures: Tensor, place: Tensor, size: int) -> Tensor:
    """A square of each picture, left to right or not.

    Args:
        pictures: (N, C, H, W), at least ``size`` high and wide.
        place: (N, 3) uniform in [0, 1): from top and left, and mirrored from 1/2.

    Returns:
        (N, C, size, size).
    """
    n, _, height, width = pictures.shape
    room = torch.tensor([height - size + 1, width - size + 1], device=place.device)
    corner = (place[:, :2] * room).long()  # (N, 2)
    span = torch.arange(size, device=place.device)
    rows, columns = corner[:, :1] + span, corner[:, 1:] + span  # (N, size) each
    columns = torch.where(place[:, 2:] < 0.5, columns, columns.flip(1))
    which = torch.arange(n, device=place.device)[:, None, None]
    return pictures[which, :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)
