"""MMD GAN: maximum mean discrepancy in a learned code space, Li 2017 (https://arxiv.org/abs/1705.08584), algorithm 1.

    min_G max_f  M(f(x), f(G(z))) + lambda_r min(E[f(x)] - E[f(G(z))], 0) - lambda_a E_y[||y - decoder(f(y))||^2]

with y both real and generated, M^2 the unbiased estimate of MMD^2 (equation 1) under a sum of Gaussian kernels of
standard deviations 1, 2, 4, 8 and 16, and the second term, their reduction of the feasible set, a mean over the code's
dimensions. f's weights are clipped to [-c, c] after each of its 5 steps, the decoder's are not; RMSProp 5e-5. The code
has the dimensions of the latent, the decoder the shape of G. Departures: M stays at 1e-4 where the estimate of M^2 is
smaller or negative (the authors' code takes the biased one); no longer rounds of critic steps at the start.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from typing import Literal

import torch
from torch import Tensor, nn

from zoo.core.config import option
from zoo.core.module import Terms
from zoo.core.parallel import gather
from zoo.core.registry import register
from zoo.data.batches import Labelled
from zoo.losses import squared_mmd
from zoo.networks.blocks import AutoEncoder, clip_weights
from zoo.tasks.gan import GAN, GANConfig

BANDWIDTHS = (1.0, 2.0, 4.0, 8.0, 16.0)


@dataclass(frozen=True, kw_only=True)
class MMDGANConfig(GANConfig):
    critic_steps: int = 5
    optimizer: Literal["adam", "rmsprop"] = "rmsprop"
    learning_rate: float = 5e-5
    latent_dim: int = 128
    clip: float = option(0.01, "bound on the magnitude of the encoder's weights (c)", minimum=1e-6)
    reconstruction: float = option(8.0, "weight of the reconstruction error, real and fake each (lambda_a)", minimum=0)
    order: float = option(16.0, "weight of the order E[f(x)] >= E[f(G(z))] (lambda_r)", minimum=0)


@register("mmdgan", title="MMD GAN", paper="https://arxiv.org/abs/1705.08584", year=2017)
class MMDGAN(GAN):
    Config = MMDGANConfig
    config: MMDGANConfig
    says = "nothing"
    searched = ("clip",)
    discriminator: AutoEncoder
    couples_images = True

    def build_discriminator(self) -> nn.Module:
        return self.build_auto_encoder()

    def optimize(self, group: str, loss: Callable[[Labelled], Terms], batch: Labelled) -> None:
        super().optimize(group, loss, batch)
        if group == "discriminator":
            clip_weights(self.discriminator.encoder, self.config.clip)

    def verdicts(self, images: Tensor) -> None:
        """None: its encoder is compared over whole batches."""

    def discriminator_loss(self, batch: Labelled) -> Terms:
        images = batch.images
        fake = self.fake(batch)
        on_real, on_fake = self.discriminator.encoder(images), self.discriminator.encoder(fake)  # (N, latent)
        terms = self.discrepancy(on_real, on_fake)
        self.track("discriminator/distance", terms["mmd"])
        return {
            "mmd": -terms["mmd"],
            "order": -terms["order"],
            "reconstruct_real": self.config.reconstruction * self.reconstruction_error(images, on_real),
            "reconstruct_fake": self.config.reconstruction * self.reconstruction_error(fake, on_fake),
        }

    def generator_loss(self, batch: Labelled) -> Terms:
        return self.discrepancy(self.discriminator.encoder(batch.images), self.discriminator.encoder(self.fake(batch)))

    def discrepancy(self, on_real: Tensor, on_fake: Tensor) -> Terms:
        """What the encoder ascends and G descends, from the codes (N, latent) of real and generated images."""
        on_real, on_fake = gather(on_real), gather(on_fake)
        return {"mmd": squared_mmd(on_real, on_fake, kernel).clamp(min=1e-8).sqrt(),
                "order": self.config.order * (on_real.mean(0) - on_fake.mean(0)).clamp(max=0).mean()}

    def reconstruction_error(self, images: Tensor, codes: Tensor) -> Tensor:
        return (images - self.discriminator.decoder(codes)).square().mean()


def kernel(x: Tensor, y: Tensor) -> Tensor:
    """sum_s exp(-||x_i - y_j||^2 / (2 s^2)) - 1: (N, d), (M, d) -> (N, M). The -1 cancels in MMD and saves digits."""
    distance = (x[:, None] - y[None]).square().sum(2)
    return reduce(torch.add, (torch.expm1(-distance / (2 * s**2)) for s in BANDWIDTHS))
