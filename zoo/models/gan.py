"""GAN: the minimax game of Goodfellow 2014 (https://arxiv.org/abs/1406.2661), equation 1.

    min_G max_D  E_x[log D(x)] + E_z[log(1 - D(G(z)))]

The generator descends the second term, which saturates where D is sure. Departures: leaky rectifiers instead of the
paper's mix of rectifiers, sigmoids and maxout with dropout; Adam instead of momentum.
"""

from dataclasses import dataclass

from zoo.core.module import Terms
from zoo.core.registry import register
from zoo.data.batches import Labelled
from zoo.losses import nll_fake, nll_real
from zoo.networks import BackboneName
from zoo.networks.blocks import Norm
from zoo.tasks.gan import GAN, GANConfig


@dataclass(frozen=True, kw_only=True)
class MinimaxConfig(GANConfig):
    backbone: BackboneName = "mlp"
    discriminator_norm: Norm = "none"


@register("gan", title="GAN (minimax)", paper="https://arxiv.org/abs/1406.2661", year=2014)
class MinimaxGAN(GAN):
    Config = MinimaxConfig

    def discriminator_loss(self, batch: Labelled) -> Terms:
        return {
            "real": nll_real(self.discriminator(batch.images)),
            "fake": nll_fake(self.discriminator(self.fake(batch))),
        }

    def generator_loss(self, batch: Labelled) -> Terms:
        return {"adversarial": -nll_fake(self.discriminator(self.fake(batch)))}
