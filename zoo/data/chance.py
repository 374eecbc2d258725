"""What is like chance and yet follows from a picture, so that the same one always gets the same."""

import torch
from torch import Tensor


def numbers_of(images: Tensor, count: int) -> Tensor:
    """Numbers in [0, 1) out of the 256 levels of a picture: (N, C, H, W) -> (N, count) float64.

    By the linear congruential generator of Knuth's MMIX, in int64 that wraps round.
    """
    levels = ((images + 1) * 127.5).round().long().flatten(1)
    state = (levels * torch.arange(1, 2 * levels.shape[1], 2, device=images.device)).sum(1)
    numbers = []
    for _ in range(count + 1):  # the first is nearly alike for pictures that are
        state = state * 6364136223846793005 + 1442695040888963407
        numbers.append(((state >> 33) & 0x3FFFFFFF).double() / 2**30)
    return torch.stack(numbers[1:], 1)
