"""Where every latent begins: standard normals from a seed, and the way between two of them."""

import math
import operator

import torch
from torch import Tensor

from zoo.core.errors import UsageError


def standard_normals(n: int, size: int, seed: int | None = None, truncation: float | None = None) -> Tensor:
    """(n, size) on the CPU. The first rows of many are those of few.

    Args:
        seed: the same seed gives the same numbers; None gives others every time.
        truncation: keeps them within this magnitude.

    Raises:
        UsageError: n below 1, a seed of more than 64 bits, a truncation that is not above 0.
    """
    n, seed = operator.index(n), None if seed is None else operator.index(seed)  # numbers of numpy too
    if n < 1:
        raise UsageError(f"ask for at least 1, not {n}")
    if seed is not None and not -2**63 <= seed < 2**63:
        raise UsageError(f"seed must be a number of 64 bits, not {seed}")
    if truncation is not None and not truncation > 0:
        raise UsageError(f"truncation must be above 0, not {truncation}")
    random = torch.Generator("cpu")
    random.manual_seed(seed) if seed is not None else random.seed()
    # torch fills in blocks of 16, so rows in multiples of 16 make the first of many equal those of few.
    # Whatever torch's default device and type are: a seed gives the same numbers in every program.
    normal = torch.empty(-(-n // 16) * 16, size, device="cpu", dtype=torch.float32)
    if truncation is None:
        return normal.normal_(generator=random)[:n]
    # By the inverse of the distribution: nn.init.trunc_normal_ draws again over the whole tensor, so rows mix.
    inside = math.erf(truncation / 2**0.5)  # the share of normals within +-truncation
    normal = torch.erfinv(normal.uniform_(-inside, inside, generator=random)) * 2**0.5
    return normal.clamp(-truncation, truncation)[:n]


def between(start: Tensor, end: Tensor, t: Tensor | float) -> Tensor:
    """Normals (..., size) at the share ``t`` of the way from some to others, on great circles (spherical interpolation,
    White 2016, arXiv:1609.04468).

    Where there is no great circle, as between the numbers of a latent of one dimension, the way is straight.
    """
    cosine = torch.cosine_similarity(start, end, dim=-1)[..., None]
    angle, t = torch.acos(cosine.clamp(-1, 1)), torch.as_tensor(t, dtype=start.dtype)
    arc = (torch.sin((1 - t) * angle) * start + torch.sin(t * angle) * end) / torch.sin(angle)
    return torch.where(cosine.abs() < 0.99999, arc, torch.lerp(start, end, t))
