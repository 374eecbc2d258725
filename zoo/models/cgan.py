"""CGAN: both players are told the class, Mirza 2014 (https://arxiv.org/abs/1411.1784), equation 2.

    min_G max_D  E_x[log D(x|y)] + E_z[log(1 - D(G(z|y)))]

G gets y beside z: one-hot or, for classes such as "pink hair, blue eyes", with a 1 for each part. D gets it as constant
planes beside the image; more than 32 numbers are embedded to as many. Departures: convolutional networks instead of the
paper's perceptrons (``--backbone mlp`` for those), the non-saturating loss for G, Adam instead of momentum.
"""

from zoo.base import Batch, Terms
from zoo.gan import GAN
from zoo.losses import nll_fake, nll_real
from zoo.registry import register


@register("cgan", title="Conditional GAN", paper="https://arxiv.org/abs/1411.1784", year=2014)
class ConditionalGAN(GAN):
    kind = "conditional"
    conditional = True

    def discriminator_loss(self, batch: Batch) -> Terms:
        images, labels = batch
        return {
            "real": nll_real(self.discriminator(images, labels)),
            "fake": nll_fake(self.discriminator(self.fake(batch), labels)),
        }

    def generator_loss(self, batch: Batch) -> Terms:
        _, labels = batch
        return {"adversarial": nll_real(self.discriminator(self.fake(batch), labels))}
