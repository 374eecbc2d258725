"""LSGAN: least squares instead of cross-entropy, Mao 2016 (https://arxiv.org/abs/1611.04076), equation 2.

    min_D  1/2 E_x[(D(x) - b)^2] + 1/2 E_z[(D(G(z)) - a)^2],    min_G  1/2 E_z[(D(G(z)) - c)^2]

on D's linear output. With b - c = 1 and b - a = 2, as in (a, b, c) = (-1, 1, 0), G descends a Pearson chi-squared
divergence; the default (0, 1, 1) is their 0-1 coding. Departure: networks and learning rate are DCGAN's.
"""

from dataclasses import dataclass

from torch import Tensor

from zoo.core.config import option
from zoo.core.module import Terms
from zoo.core.registry import register
from zoo.data.batches import Labelled
from zoo.losses import squared_error
from zoo.tasks.gan import GAN, GANConfig


@dataclass(frozen=True, kw_only=True)
class LSGANConfig(GANConfig):
    a: float = option(0.0, "what D is to say of fakes (a)")
    b: float = option(1.0, "what D is to say of real images (b)")
    c: float = option(1.0, "what G wants D to say of fakes (c)")


@register("lsgan", title="LSGAN", paper="https://arxiv.org/abs/1611.04076", year=2016)
class LSGAN(GAN):
    Config = LSGANConfig
    config: LSGANConfig

    def verdict(self, images: Tensor, labels: Tensor) -> Tensor:
        """How far D is above the middle of what it is to say."""
        return super().verdict(images, labels) - (self.config.a + self.config.b) / 2

    def discriminator_loss(self, batch: Labelled) -> Terms:
        return {
            "real": half_squared_error(self.discriminator(batch.images), self.config.b),
            "fake": half_squared_error(self.discriminator(self.fake(batch)), self.config.a),
        }

    def generator_loss(self, batch: Labelled) -> Terms:
        return {"adversarial": half_squared_error(self.discriminator(self.fake(batch)), self.config.c)}


def half_squared_error(outputs: Tensor, target: float) -> Tensor:
    """1/2 E[(D - target)^2] of outputs (N, 1)."""
    return 0.5 * squared_error(outputs, target)
