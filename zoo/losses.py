"""Formulas that two or more variants use. Logits are (N, 1); every result is a mean over the batch."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor


def nll_real(logits: Tensor) -> Tensor:
    """-E[log D], with D = sigmoid(logits)."""
    return F.softplus(-logits).mean()


def nll_fake(logits: Tensor) -> Tensor:
    """-E[log(1 - D)], with D = sigmoid(logits)."""
    return F.softplus(logits).mean()


def gradient_norm(discriminator: Callable[[Tensor], Tensor], images: Tensor) -> Tensor:
    """|| grad_x D(x) ||_2 of every image: (N, C, H, W) -> (N,), differentiable in D's parameters."""
    images = images.detach().requires_grad_(True)
    (gradient,) = torch.autograd.grad(discriminator(images).sum(), images, create_graph=True)
    return gradient.flatten(1).norm(dim=1)
