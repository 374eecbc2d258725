"""NSGAN: the non-saturating game of Goodfellow 2014 (https://arxiv.org/abs/1406.2661), section 3.

The discriminator is that of ``gan``; the generator ascends E_z[log D(G(z))] instead, whose gradient does not vanish
where D is sure. The fixed point is the same.

``--relativistic`` lets D compare (Jolicoeur-Martineau 2018, arXiv:1807.00734). Of pairs, each image and the fake beside
it, D descends softplus(-(C(x) - C(y))) and G the same with both exchanged. Of averages, D(x) = sigmoid(C(x) - E[C(y)])
and D(y) = sigmoid(C(y) - E[C(x)]) over the batch, and both players are trained by both.
"""

from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from zoo.core.config import option
from zoo.core.module import Terms
from zoo.core.registry import register
from zoo.data.batches import Labelled
from zoo.data.spec import AnySpec
from zoo.losses import nll_fake, nll_real, relative
from zoo.models.gan import MinimaxConfig, MinimaxGAN


@dataclass(frozen=True, kw_only=True)
class NonSaturatingConfig(MinimaxConfig):
    relativistic: Literal["none", "pairs", "average"] = option("none", "what D compares an image with: nothing, the "
                                                               "fake beside it, or the mean of the fakes")


@register("nsgan", title="GAN (non-saturating)", paper="https://arxiv.org/abs/1406.2661", year=2014)
class NonSaturatingGAN(MinimaxGAN):
    Config = NonSaturatingConfig
    config: NonSaturatingConfig

    def __init__(self, config: NonSaturatingConfig, data: AnySpec) -> None:
        if config.relativistic != "none":
            self.says = "order"
        super().__init__(config, data)
        self.couples_images = config.relativistic == "average"

    def judged(self, batch: Labelled) -> tuple[Tensor, Tensor]:
        """C of real images and of fakes, (N, 1) each."""
        return self.discriminator(batch.images), self.discriminator(self.fake(batch))

    def discriminator_loss(self, batch: Labelled) -> Terms:
        real, fake = self.judged(batch)
        if self.config.relativistic == "pairs":
            return {"pairs": nll_real(real - fake)}
        if self.config.relativistic == "average":
            real, fake = relative(real, fake)
        return {"real": nll_real(real), "fake": nll_fake(fake)}

    def generator_loss(self, batch: Labelled) -> Terms:
        if self.config.relativistic == "none":
            return {"adversarial": nll_real(self.discriminator(self.fake(batch)))}
        real, fake = self.judged(batch)
        if self.config.relativistic == "pairs":
            return {"pairs": nll_real(fake - real)}
        real, fake = relative(real, fake)
        return {"real": nll_fake(real), "adversarial": nll_real(fake)}
