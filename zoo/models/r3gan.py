"""R3GAN: the relativistic pairing loss with R1 and R2, Huang 2025 (https://arxiv.org/abs/2501.05441), section 2.

    min_D max_G  E_{x,z}[softplus(-(D(x) - D(G(z))))] + gamma/2 E_x[||grad D(x)||^2] + gamma/2 E_z[||grad D(G(z))||^2]

Only the difference of a real image and the fake beside it counts, so D has to tell them apart everywhere; the
zero-centred penalties on real (R1) and fake images (R2) make the game converge. No normalisation in D; Adam 2e-4 with
betas (0, 0.99); 64 latent dimensions. ``--backbone r3gan`` is the paper's network (configuration E), without which the
loss is on other ones, with batch-norm in G. Given a budget as ``--schedule-images``, these go along half a cosine over
it, as in the authors' code over their 20M images: the rate to a quarter, gamma to a tenth, beta2 from 0.9 to
``--beta2``, the half-life of the averages from 0 to ``--ema-halflife``, and the probability of ``--augment ada
--augment-target 0`` from 0 to ``--augment-p`` (theirs: 0.3, of CIFAR-10 0.55). Without one they stay.
"""

from dataclasses import dataclass

from zoo.core.config import option
from zoo.core.module import Terms
from zoo.core.registry import register
from zoo.core.schedules import cosine
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
    schedule_images: int = option(0, "budget in images over which rate, gamma, beta2, averages and augmentation change "
                                  "(0: they stay)", minimum=0)


@register("r3gan", title="R3GAN", paper="https://arxiv.org/abs/2501.05441", year=2025)
class R3GAN(GAN):
    Config = R3GANConfig
    config: R3GANConfig
    penalises_gradients = True
    says = "order"

    def along(self, first: float, last: float) -> float:
        """A value at this step of the schedule; without one the first."""
        return cosine(self.images_seen, self.config.schedule_images, first, last)

    @property
    def gamma(self) -> float:
        return self.along(self.config.gamma, self.config.gamma / 10)

    def training_step(self, batch: Labelled, batch_idx: int) -> None:
        config = self.config
        if config.schedule_images:
            for group, optimizer in zip(self.groups.names, self.optimizers(), strict=True):
                self.set_adam(group, optimizer, self.along(config.learning_rate, config.learning_rate / 4),
                              config.beta1, self.along(min(0.9, config.beta2), config.beta2))
            self.ema.halflife = round(self.along(0, config.ema_halflife))
            if config.augment == "ada" and not config.augment_target:
                self.chance.p.fill_(self.along(0, config.augment_p))
        super().training_step(batch, batch_idx)

    def discriminator_loss(self, batch: Labelled) -> Terms:
        real, fake = batch.images.detach().requires_grad_(), self.fake(batch).detach().requires_grad_()
        on_real, on_fake = self.discriminator(real), self.discriminator(fake)
        return {
            "adversarial": nll_real(on_real - on_fake),
            "r1": self.gamma / 2 * zero_centred_penalty(on_real, real),
            "r2": self.gamma / 2 * zero_centred_penalty(on_fake, fake),
        }

    def generator_loss(self, batch: Labelled) -> Terms:
        on_real, on_fake = self.discriminator(batch.images), self.discriminator(self.fake(batch))
        return {"adversarial": nll_real(on_fake - on_real)}
