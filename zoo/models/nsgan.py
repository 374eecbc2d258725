"""NSGAN: the non-saturating game of Goodfellow 2014 (https://arxiv.org/abs/1406.2661), section 3.

The discriminator is that of ``gan``; the generator ascends E_z[log D(G(z))] instead, whose gradient does not vanish
where D is sure. The fixed point is the same.
"""

from zoo.core.module import Terms
from zoo.core.registry import register
from zoo.data.batches import Labelled
from zoo.losses import nll_real
from zoo.models.gan import MinimaxGAN


@register("nsgan", title="GAN (non-saturating)", paper="https://arxiv.org/abs/1406.2661", year=2014)
class NonSaturatingGAN(MinimaxGAN):
    def generator_loss(self, batch: Labelled) -> Terms:
        return {"adversarial": nll_real(self.discriminator(self.fake(batch)))}
