"""SNGAN: a discriminator held 1-Lipschitz layer by layer, Miyato 2018 (https://arxiv.org/abs/1802.05957).

Every weight of D is divided by its largest singular value (equation 8). The hinge loss (equations 16 and 17):

    L_D = E_x[max(0, 1 - D(x))] + E_z[max(0, 1 + D(G(z)))],    L_G = -E_z[D(G(z))]

with residual networks, 5 critic steps and Adam 2e-4 with betas (0, 0.9), their CIFAR-10 setting (appendix B.4);
``width=128`` is theirs, half of it the default. Departures: the learning rate stays, where theirs falls linearly; G's
batch is D's, not twice that; the linear head of D has a bias.
"""

from dataclasses import dataclass

from zoo.core.module import Terms
from zoo.core.registry import register
from zoo.data.batches import Labelled
from zoo.losses import hinge_fake, hinge_real
from zoo.networks import BackboneName
from zoo.networks.blocks import Norm
from zoo.tasks.gan import GAN, GANConfig


@dataclass(frozen=True, kw_only=True)
class SNGANConfig(GANConfig):
    backbone: BackboneName = "resnet"
    discriminator_norm: Norm = "spectral"
    latent_dim: int = 128
    critic_steps: int = 5
    beta1: float = 0.0
    beta2: float = 0.9


@register("sngan", title="SNGAN", paper="https://arxiv.org/abs/1802.05957", year=2018)
class SNGAN(GAN):
    Config = SNGANConfig
    defining = ("discriminator_norm",)

    def discriminator_loss(self, batch: Labelled) -> Terms:
        return {
            "real": hinge_real(self.discriminator(batch.images)),
            "fake": hinge_fake(self.discriminator(self.fake(batch))),
        }

    def generator_loss(self, batch: Labelled) -> Terms:
        return {"adversarial": -self.discriminator(self.fake(batch)).mean()}
