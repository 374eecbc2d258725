"""Context encoder: fills a hole from what is around it, Pathak 2016 (https://arxiv.org/abs/1604.07379).

Equations 1 to 3. With M^ the hole, x the picture and F(x) the answer to x without the hole:

    F descends  lambda_rec E ||w * M^ * (x - F)||^2  -  lambda_adv E[log D(M^ * F)]
    D descends  -E[log D(M^ * x)] - E[log(1 - D(M^ * F))]

with lambda_rec 0.999 and lambda_adv 0.001. The patch that F is trained on reaches a band of pixels into what it is
given, where w^2 is 10 times that in the hole: so the answer joins (section 3.2). D sees the patch and never the
context, which would tell it the fakes by their seam. Pairs are ``--pairs hole``, the centre half, or ``blocks``, five
squares. As in the authors' code Adam has 2e-4 for D, ten times that for F, beta1 0.5, in batches of 64; F ascends log
D.

Departures: DCGAN's layers for AlexNet's; F makes the whole picture, of which the patch alone counts, so that one
network does for both kinds of holes; squares are filled with mid-grey, not with the mean colour; the squared error is a
mean over the patch; a band of 4 pixels at 64 px (the paper's 7 are of 227).
"""

from dataclasses import dataclass, replace

import torch.nn.functional as F
from torch import Tensor

from zoo.core.config import option
from zoo.core.errors import UsageError
from zoo.core.module import Terms
from zoo.core.registry import register
from zoo.data.batches import Pair
from zoo.data.pair_spec import PairSpec
from zoo.losses import nll_fake, nll_real
from zoo.networks import BACKBONES
from zoo.networks.blocks import TrunkWithHead
from zoo.networks.context import ContextGenerator, ContextNorm
from zoo.tasks.paired import Judged, PairedTranslator
from zoo.tasks.task import WidthConfig

IN_THE_BAND = 10  # weight of squared errors there, in the hole 1


@dataclass(frozen=True, kw_only=True)
class ContextEncoderConfig(WidthConfig):
    norm: ContextNorm = option("batch", "normalisation in both networks")
    band: int = option(4, "pixels by which the patch that is made reaches into what is known", minimum=0, maximum=64)
    reconstruction: float = option(0.999, "weight of the squared error (lambda_rec)", minimum=0)
    adversarial: float = option(0.001, "weight of the adversarial term (lambda_adv); with 0 there is no D", minimum=0)
    generator_rate: float = option(10.0, "learning rate of F, in parts of D's", minimum=0)
    jitter: bool = option(True, "cut pictures at random from somewhat larger ones, mirrored or not")


@register("context-encoder", title="context encoder", paper="https://arxiv.org/abs/1604.07379", year=2016)
class ContextEncoder(PairedTranslator):
    Config = ContextEncoderConfig
    config: ContextEncoderConfig
    generator: ContextGenerator
    smallest_batch = 2  # of batch-norm
    ways = ("hole", "blocks")

    def __init__(self, config: ContextEncoderConfig, data: PairSpec) -> None:
        super().__init__(config, data)
        if self.way.missing is None:
            raise UsageError(f"a context encoder fills holes: --pairs hole or --pairs blocks, not {data.pairs}")
        size, width = data.image_size, config.width
        self.generator = ContextGenerator(data.source_channels, data.channels, size, width, config.norm)
        if config.adversarial:
            trunk = BACKBONES["dcgan"].trunk(data.channels, size, width, config.norm)
            self.discriminator = TrunkWithHead(trunk, 1)

    @classmethod
    def spec(cls, image_size: int = 32, channels: int = 1, classes: int = 0) -> PairSpec:
        return replace(super().spec(image_size, channels, classes), pairs="hole")

    def learning_rate_of(self, group: str) -> float:
        return self.config.learning_rate * (self.config.generator_rate if group == "generator" else 1)

    @property
    def multiple(self) -> int:
        return self.generator.size

    @property
    def largest(self) -> int:
        return self.generator.size

    def generate(self, source: Tensor, normal: Tensor | None = None) -> Tensor:
        return self.generator(source)

    def training_step(self, batch: Pair, batch_idx: int) -> None:
        self.alternate(self.jittered(batch) if self.config.jitter else batch)

    def weights(self, source: Tensor) -> Tensor:
        """Of squared errors, (N, 1, H, W): 1 in the hole, 10 in the band around it, 0 beyond."""
        hole = self.missing(source).to(source)
        reach = 2 * self.config.band + 1
        patch = F.max_pool2d(hole, reach, 1, self.config.band)
        return IN_THE_BAND * patch - (IN_THE_BAND - 1) * hole

    def patch(self, source: Tensor, pictures: Tensor) -> Tensor:
        """What D sees: the pictures in hole and band, 0 elsewhere."""
        return pictures * (self.weights(source) > 0)

    def discriminator_loss(self, batch: Judged) -> Terms:
        return {"real": nll_real(self.discriminator(self.patch(batch.source, batch.target))),
                "fake": nll_fake(self.discriminator(self.patch(batch.source, batch.fake)))}

    def generator_terms(self, batch: Pair, fake: Tensor) -> Terms:
        config, weights = self.config, self.weights(batch.source)
        squares = (weights * (batch.target - fake).square().mean(1, keepdim=True)).sum((1, 2, 3))
        error = squares / (weights > 0).sum((1, 2, 3)).clamp(min=1)  # (N,), over the pixels of each patch
        terms = {"reconstruction": config.reconstruction * error.mean()}
        if config.adversarial:
            judged = self.discriminator(self.patch(batch.source, fake))
            terms["adversarial"] = config.adversarial * nll_real(judged)
        return terms
