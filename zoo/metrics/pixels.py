"""Errors of pictures against the true ones, pixel by pixel."""

import torch
from torch import Tensor

from zoo.metrics.similarity import structural_similarity

BLOCK = 16  # pictures that are compared at once


def errors(made: Tensor, true: Tensor) -> dict[str, float]:
    """Means over the pictures (N, C, H, W) in [0, 1], of 8 bits as a file has them.

    ``l1`` is the mean absolute error of [0, 1]; ``psnr`` is in dB, with a peak of 1, over all channels of a picture,
    at most 100; ``ssim`` is that of Wang 2004 with a Gaussian window of 11 pixels.
    """
    parts = [_errors(a, b) for a, b in zip(rounded(made).split(BLOCK), rounded(true).split(BLOCK), strict=True)]
    return {name: torch.cat([part[name] for part in parts]).mean().item() for name in parts[0]}


def rounded(pictures: Tensor) -> Tensor:
    """At the 256 levels of a file."""
    return (pictures.clamp(0, 1) * 255).round() / 255


def _errors(made: Tensor, true: Tensor) -> dict[str, Tensor]:
    """Of each picture, (n,)."""
    return {"l1": (made - true).double().abs().flatten(1).mean(1),
            "psnr": decibels(made, true),
            "ssim": structural_similarity(made, true)}


def decibels(made: Tensor, true: Tensor) -> Tensor:
    """PSNR of each picture (N, C, H, W), (N,), with a peak of 1; at most 100."""
    squares = (made - true).double().square().flatten(1).mean(1)
    return -10 * squares.clamp(min=1e-10).log10()


def l1(made: Tensor, true: Tensor) -> float:
    """Mean absolute error of pictures (N, C, H, W) as they are, not rounded."""
    return (made - true).double().abs().mean().item()


def moments(pictures: Tensor) -> Tensor:
    """Mean and standard deviation of each channel, (N, C, H, W) -> (N, 2 C)."""
    deviation, mean = torch.std_mean(pictures, (2, 3), correction=0)
    return torch.cat([mean, deviation], 1)
