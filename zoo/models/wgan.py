"""WGAN: a critic that estimates a Wasserstein distance, Arjovsky 2017 (https://arxiv.org/abs/1701.07875), algorithm 1.

    min_G max_D  E_x[D(x)] - E_z[D(G(z))]

with D's weights clipped to [-c, c] after each of its steps, which keeps D Lipschitz: c 0.01, 5 critic steps, RMSProp
5e-5. The critic has batch-norm, as the paper's DCGAN critic, and its scales and shifts are clipped with the rest;
without it the outputs of a clipped critic shrink from layer to layer.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from zoo.core.config import option
from zoo.core.module import Terms
from zoo.core.registry import register
from zoo.data.batches import Labelled
from zoo.networks.blocks import clip_weights
from zoo.tasks.gan import GAN, GANConfig


@dataclass(frozen=True, kw_only=True)
class WGANConfig(GANConfig):
    critic_steps: int = 5
    optimizer: Literal["adam", "rmsprop"] = "rmsprop"
    learning_rate: float = 5e-5
    clip: float = option(0.01, "bound on the magnitude of the critic's weights (c)", minimum=1e-6)


@register("wgan", title="WGAN", paper="https://arxiv.org/abs/1701.07875", year=2017)
class WGAN(GAN):
    Config = WGANConfig
    config: WGANConfig
    says = "order"
    searched = ("clip",)

    def optimize(self, group: str, loss: Callable[[Labelled], Terms], batch: Labelled) -> None:
        super().optimize(group, loss, batch)
        if group == "discriminator":
            clip_weights(self.discriminator, self.config.clip)

    def discriminator_loss(self, batch: Labelled) -> Terms:
        on_real, on_fake = self.discriminator(batch.images).mean(), self.discriminator(self.fake(batch)).mean()
        self.track("discriminator/distance", on_real - on_fake)  # proportional to the estimate of W(real, fake)
        return {"real": -on_real, "fake": on_fake}

    def generator_loss(self, batch: Labelled) -> Terms:
        return {"adversarial": -self.discriminator(self.fake(batch)).mean()}
