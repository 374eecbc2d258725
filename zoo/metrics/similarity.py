"""SSIM: structural similarity of pictures, Wang 2004 (https://doi.org/10.1109/TIP.2003.819861), equation 13.

Means, variances and the covariance are those in windows of 11 pixels, weighted by a Gaussian of deviation 1.5, of
pictures that are mirrored beyond the border, as torchmetrics has them, and in float64: in float32 variances of smooth
places are differences of numbers that are nearly the same. A window is applied along one side and then along the other,
each as a product with a band matrix: torchmetrics' convolution takes forty times as long in float64.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

WINDOW = 11  # pixels
DEVIATION = 1.5  # of the Gaussian
STRIP = 64  # pixels of a line that are a row of the product
C1, C2 = 0.01**2, 0.03**2  # the paper's constants, for a range of 1


def structural_similarity(made: Tensor, true: Tensor) -> Tensor:
    """Of pictures (N, C, H, W) in [0, 1], with sides of 6 pixels or more, to as many true ones: (N,) float64, the mean
    over places and channels, at most 1."""
    edge = (WINDOW // 2,) * 4
    a, b = (F.pad(pictures.double(), edge, mode="reflect") for pictures in (made, true))
    mean_a, mean_b, square_a, square_b, product = _windowed(_windowed(torch.stack([a, b, a * a, b * b, a * b])).mT).mT
    covariance, both = product - mean_a * mean_b, mean_a.square() + mean_b.square()
    variances = (square_a - mean_a.square()).clamp(min=0) + (square_b - mean_b.square()).clamp(min=0)
    similarity = (2 * mean_a * mean_b + C1) * (2 * covariance + C2) / ((both + C1) * (variances + C2))
    return similarity.flatten(1).mean(1)


def _windowed(lines: Tensor) -> Tensor:
    """Weighted means of windows, (..., L) -> (..., L - 10)."""
    offsets = torch.arange(WINDOW, device=lines.device) - WINDOW // 2
    weights = torch.exp(-offsets.double().square() / (2 * DEVIATION**2))
    band = lines.new_zeros(STRIP + WINDOW - 1, STRIP)
    for k, weight in enumerate(weights / weights.sum()):
        band.diagonal(-k).fill_(weight)
    length = lines.shape[-1] - WINDOW + 1
    strips = F.pad(lines, (0, -length % STRIP)).unfold(-1, STRIP + WINDOW - 1, STRIP)
    return (strips @ band).flatten(-2)[..., :length]
