"""WGAN-GP: a Wasserstein critic held 1-Lipschitz by a penalty, Gulrajani 2017 (https://arxiv.org/abs/1704.00028).

Equation 3:  L = E[D(fake)] - E[D(real)] + lambda E[(||grad D(x_hat)||_2 - 1)^2],  x_hat on straight lines between
real and fake. Algorithm 1: lambda 10, 5 critic steps, Adam 1e-4 with betas (0, 0.9), no batch-norm in the critic.
``one_sided`` penalises only norms above 1 (their section 4, appendix).
"""

from dataclasses import dataclass

import torch

from zoo.core.config import option
from zoo.core.module import Terms
from zoo.core.registry import register
from zoo.data.batches import Labelled
from zoo.losses import gradient_penalty
from zoo.networks.blocks import Norm
from zoo.tasks.gan import GAN, GANConfig


@dataclass(frozen=True, kw_only=True)
class WGANGPConfig(GANConfig):
    critic_steps: int = 5
    learning_rate: float = 1e-4
    beta1: float = 0.0
    beta2: float = 0.9
    discriminator_norm: Norm = "none"
    penalty: float = option(10.0, "weight of the gradient penalty (lambda)", minimum=0)
    one_sided: bool = option(False, "penalise gradient norms above 1 only: max(0, norm - 1)^2")


@register("wgan-gp", title="WGAN-GP", paper="https://arxiv.org/abs/1704.00028", year=2017)
class WGANGP(GAN):
    Config = WGANGPConfig
    config: WGANGPConfig
    says = "order"
    penalises_gradients = True
    searched = ("penalty",)

    def discriminator_loss(self, batch: Labelled) -> Terms:
        images, config = batch.images, self.config
        fake = self.fake(batch)
        on_real, on_fake = self.discriminator(images).mean(), self.discriminator(fake).mean()
        self.track("discriminator/distance", on_real - on_fake)  # the estimate of W(real, fake)
        share = self.draw(torch.rand, len(images), 1, 1, 1)
        penalty = gradient_penalty(self.discriminator, images, fake, share, config.one_sided)
        return {"real": -on_real, "fake": on_fake, "penalty": config.penalty * penalty}

    def generator_loss(self, batch: Labelled) -> Terms:
        return {"adversarial": -self.discriminator(self.fake(batch)).mean()}
