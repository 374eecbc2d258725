"""R3GAN: the relativistic pairing loss with R1 and R2, Huang 2025 (https://arxiv.org/abs/2501.05441), section 2.

    min_D max_G  E_{x,z}[softplus(-(D(x) - D(G(z))))] + gamma/2 E_x[||grad D(x)||^2] + gamma/2 E_z[||grad D(G(z))||^2]

Only the difference of a real image and the fake beside it counts, so D has to tell them apart everywhere; the
zero-centred penalties on real (R1) and fake images (R2) make the game converge. No normalisation in D; Adam 2e-4 with
betas (0, 0.99); 64 latent dimensions. Departures: the backbones are the zoo's, with batch-norm in G, instead of the
paper's residual ones without; learning rate, gamma, beta2 and the averaging stay where the paper changes them along
cosines; no augmentation.
"""

from dataclasses import dataclass

from zoo.core.config import option
from zoo.core.module import Terms
from zoo.core.registry import register
from zoo.data.batches import Labelled
from zoo.losses import nll_real, zero_centred_penalty
from zoo.networks.blocks import Norm
from zoo.tasks.gan import GAN, GANConfig


@dataclass(frozen=True, kw_only=True)
class R3GANConfig(GANConfig):
    beta1: float = 0.0
    beta2: float = 0.99
    latent_dim: int = 64
    discriminator_norm: Norm = "none"
    gamma: float = option(1.0, "weight of R1 and R2 (gamma); the paper starts at 0.05 on CIFAR-10, 1 on ImageNet-64, 2 "
                               "on FFHQ-64 and 150 on FFHQ-256", minimum=0)


@register("r3gan", title="R3GAN", paper="https://arxiv.org/abs/2501.05441", year=2025)
class R3GAN(GAN):
    Config = R3GANConfig
    config: R3GANConfig
    penalises_gradients = True
    says = "order"

    def discriminator_loss(self, batch: Labelled) -> Terms:
        real, fake = batch.images.detach().requires_grad_(), self.fake(batch).detach().requires_grad_()
        on_real, on_fake = self.discriminator(real), self.discriminator(fake)
        return {
            "adversarial": nll_real(on_real - on_fake),
            "r1": self.config.gamma / 2 * zero_centred_penalty(on_real, real),
            "r2": self.config.gamma / 2 * zero_centred_penalty(on_fake, fake),
        }

    def generator_loss(self, batch: Labelled) -> Terms:
        on_real, on_fake = self.discriminator(batch.images), self.discriminator(self.fake(batch))
        return {"adversarial": nll_real(on_fake - on_real)}
