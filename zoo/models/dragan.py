"""DRAGAN: a gradient penalty around the real data, Kodali 2017 (https://arxiv.org/abs/1705.07215).

The non-saturating game with, in D's loss,

    lambda E_{x, delta}[(||grad D(x + delta)||_2 - k)^2],    delta = 1/2 std(X) u,    u uniform on [0, 1]^d

with lambda 10, k 1 and one standard deviation of all values of the batch, over all processes. The noise is that of the
authors' code; the paper's later text writes N(0, cI). Departures: the penalised point is x + delta as in the formula,
where the authors' code draws it between x and x + delta; the penalty acts on D's logits, as theirs does; no batch-norm
in D, which would make one image's gradient depend on the others.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from zoo.core.config import option
from zoo.core.module import Terms
from zoo.core.parallel import gather
from zoo.core.registry import register
from zoo.data.batches import Labelled
from zoo.losses import gradient_norm, nll_fake, nll_real
from zoo.networks.blocks import Norm
from zoo.tasks.gan import GAN, GANConfig


@dataclass(frozen=True, kw_only=True)
class DRAGANConfig(GANConfig):
    discriminator_norm: Norm = "none"
    penalty: float = option(10.0, "weight of the gradient penalty (lambda)", minimum=0)
    slope: float = option(1.0, "gradient norm that the penalty asks for (k)", minimum=0)
    perturbation: float = option(0.5, "largest perturbation of a pixel, in standard deviations of the batch", minimum=0)


@register("dragan", title="DRAGAN", paper="https://arxiv.org/abs/1705.07215", year=2017)
class DRAGAN(GAN):
    Config = DRAGANConfig
    config: DRAGANConfig
    penalises_gradients = True
    searched = ("penalty",)
    couples_images = True

    def discriminator_loss(self, batch: Labelled) -> Terms:
        images = batch.images
        return {
            "real": nll_real(self.discriminator(images)),
            "fake": nll_fake(self.discriminator(self.fake(batch))),
            "penalty": self.config.penalty * self.penalty(images),
        }

    def penalty(self, real: Tensor) -> Tensor:
        """E[(norm - k)^2] at perturbed real images (N, C, H, W)."""
        delta = self.config.perturbation * standard_deviation(real) * self.draw(torch.rand, *real.shape)
        return (gradient_norm(self.discriminator, real + delta) - self.config.slope).square().mean()

    def generator_loss(self, batch: Labelled) -> Terms:
        return {"adversarial": nll_real(self.discriminator(self.fake(batch)))}


def standard_deviation(images: Tensor) -> Tensor:
    """Of all values of the batch of all processes."""
    means, variances = gather(torch.stack([images.mean(), images.var(unbiased=False)])[None]).unbind(1)
    return (variances.mean() + means.var(unbiased=False)).sqrt()
