"""Formulas that two or more variants use. Logits are (N, 1); every result is a mean over the batch."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from zoo.core.parallel import gather


def nll_real(logits: Tensor) -> Tensor:
    """-E[log D], with D = sigmoid(logits)."""
    return F.softplus(-logits).mean()


def nll_fake(logits: Tensor) -> Tensor:
    """-E[log(1 - D)], with D = sigmoid(logits)."""
    return F.softplus(logits).mean()


def hinge_real(logits: Tensor) -> Tensor:
    """E[max(0, 1 - D)] (Lim 2017, arXiv:1705.02894)."""
    return F.relu(1 - logits).mean()


def hinge_fake(logits: Tensor) -> Tensor:
    """E[max(0, 1 + D)]."""
    return F.relu(1 + logits).mean()


def relative(real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
    """C(x) - E[C(y)] of real and of fake logits, each against the mean of the others over the batch of all processes
    (Jolicoeur-Martineau 2018, arXiv:1807.00734, section 4.2)."""
    return real - gather(fake).mean(), fake - gather(real).mean()


def squared_error(outputs: Tensor, target: float) -> Tensor:
    """E[(D - target)^2] of outputs (N, ...)."""
    return (outputs - target).square().mean()


def input_gradient(outputs: Tensor, images: Tensor) -> Tensor:
    """grad_x D(x) of every image, flat: (N, 1), (N, C, H, W) -> (N, C * H * W), differentiable in D's parameters."""
    (gradient,) = torch.autograd.grad(outputs.sum(), images, create_graph=True)
    return gradient.flatten(1)


def gradient_norm(discriminator: Callable[[Tensor], Tensor], images: Tensor) -> Tensor:
    """|| grad_x D(x) ||_2 of every image: (N, C, H, W) -> (N,), differentiable in D's parameters."""
    images = images.detach().requires_grad_(True)
    return input_gradient(discriminator(images), images).norm(dim=1)


def gradient_penalty(critic: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor, share: Tensor,
                     one_sided: bool = False) -> Tensor:
    """E[(||grad D(x_hat)||_2 - 1)^2] at x_hat = share x + (1 - share) G(z), between real and fake images (Gulrajani
    2017, arXiv:1704.00028, equation 3).

    Args:
        critic: D, (N, C, H, W) -> (N, ...).
        real, fake: (N, C, H, W).
        share: of U(0, 1), (N, 1, 1, 1).
        one_sided: whether norms below 1 are let be (their section 4).
    """
    excess = gradient_norm(critic, share * real + (1 - share) * fake) - 1
    return (excess.clamp(min=0) if one_sided else excess).square().mean()


def zero_centred_penalty(outputs: Tensor, images: Tensor) -> Tensor:
    """E[||grad_x D(x)||^2] of outputs (N, 1) with respect to their images (N, C, H, W) (Mescheder 2018,
    arXiv:1801.04406)."""
    return input_gradient(outputs, images).square().sum(1).mean()


def squared_mmd(x: Tensor, y: Tensor, kernel: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    """The unbiased estimate of MMD^2 from codes (N, d) and (N, d): pairs of a sample with itself are left out.

    Args:
        kernel: (N, d), (M, d) -> (N, M).
    """
    n = len(x)
    within_x, within_y = (k.sum() - k.diagonal().sum() for k in (kernel(x, x), kernel(y, y)))
    return (within_x + within_y) / (n * (n - 1)) - 2 * kernel(x, y).mean()


def kl_to_standard_normal(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL(N(mean, exp(log_variance)) || N(0, 1)) in nats, (N, d) -> (N,) (Kingma 2013, appendix B)."""
    return 0.5 * (mean.square() + log_variance.exp() - log_variance - 1).sum(1)
