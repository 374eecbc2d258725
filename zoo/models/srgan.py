"""SRGAN: pictures made larger by a GAN, Ledig 2016 (https://arxiv.org/abs/1609.04802).

G, called SRResNet, makes y = G(x) of a small picture x; the truth is t (equations 3 to 6):

    stage 1    G descends  E ||t - y||^2
    stage 2    G descends  content(t, y) - 1e-3 E[log D(y)]
               D descends  -E[log D(t)] - E[log(1 - D(y))]

By errors of pixels alone what is unsure becomes their mean, a blur, of the best PSNR; by D and features it becomes
something that could be true. ``--content pixels`` stays in stage 1: SRResNet alone. ``--adversarial relativistic`` is
the loss of ESRGAN (Wang 2018, arXiv:1809.00219, equations 1 and 2): D tells how much more real t is than the y are on
average, and both players are trained by both halves. Small pictures are made of large ones by ``--pairs half``,
``quarter`` or ``eighth``. As in the paper Adam has 1e-4 and beta1 0.9, in batches of 16.

Departures: the content term is a distance in features of a classifier that comes with the package, where the paper's
are of VGG; its weight is such that at the end of stage 1 its gradient is as long as that of the squared error, a share
of which stays, since those features see directions alone and not how bright a place is. Rates are constant, or fall by
``--decay-images``, where the paper's fall tenfold at half of stage 2.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import torch.nn.functional as F
from torch import Tensor, nn

from zoo.core import parallel
from zoo.core.config import option
from zoo.core.module import Config, Terms
from zoo.core.registry import register
from zoo.data.batches import Pair
from zoo.data.spec import PairSpec
from zoo.features.bundled import describe
from zoo.features.perceptual import PerceptualDistance
from zoo.losses import nll_fake, nll_real, relative
from zoo.networks.srgan import SRDiscriminator, SRNorm, SRResNet
from zoo.tasks.upscaler import Upscaler


@dataclass(frozen=True, kw_only=True)
class SRGANConfig(Config):
    learning_rate: float = 1e-4
    beta1: float = 0.9
    width: int = option(64, "channels of G", minimum=1, maximum=1024)
    blocks: int = option(16, "residual blocks of G", minimum=1, maximum=64)
    judge_width: int = option(64, "channels of D's first layer; its last has eight times as many", minimum=1,
                              maximum=1024)
    norm: SRNorm = option("batch", "normalisation in both networks")
    content: Literal["perceptual", "pixels"] = option("perceptual", "what G keeps to in stage 2: features and pixels; "
                                                      "with pixels there is no stage 2 and no D")
    features: str = option("cifar10", "bundled classifier whose features they are; take others than those that the "
                           "model is measured in")
    pretrain_images: int = option(20_000, "images of stage 1, in which G learns by the squared error alone", minimum=0)
    perceptual_weight: float = option(0.1, "weight of the distance in features", minimum=0)
    pixel_weight: float = option(0.1, "weight of the squared error in stage 2", minimum=0)
    adversarial: Literal["standard", "relativistic"] = option("standard", "the loss of SRGAN, or of ESRGAN")
    adversarial_weight: float = option(1e-3, "weight of the adversarial term", minimum=0)
    decay_images: int = option(0, "budget in images in whose second half the rate falls in a line to 0 (0: constant)",
                               minimum=0)


@register("srgan", title="SRGAN", paper="https://arxiv.org/abs/1609.04802", year=2016)
class SRGAN(Upscaler):
    Config = SRGANConfig
    config: SRGANConfig
    generator: SRResNet

    def __init__(self, config: SRGANConfig, data: PairSpec) -> None:
        super().__init__(config, data)
        describe(config.features)  # raises, before any work, where there is none of this name
        self.couples_images = config.adversarial == "relativistic"
        self.generator = self.build_generator()
        if config.content == "perceptual":
            self.discriminator = SRDiscriminator(data.channels, data.image_size, config.judge_width, config.norm)

    def build_generator(self) -> SRResNet:
        config = self.config
        return SRResNet(self.data.channels, config.width, config.blocks, self.factor, config.norm)

    def optimizer_groups(self) -> dict[str, list[nn.Parameter]]:
        generator = {"generator": list(self.generator.parameters())}
        if self.config.content == "pixels":
            return generator
        return {"discriminator": list(self.discriminator.parameters())} | generator

    @property
    def reach(self) -> int:
        return self.generator.reach

    def generate(self, source: Tensor, normal: Tensor | None = None) -> Tensor:
        return self.generator(source)

    def training_step(self, batch: Pair, batch_idx: int) -> None:
        config, n = self.config, len(batch.source)
        self.set_rate(n, config.decay_images)
        before = self.images_seen - n * parallel.world_size()
        if config.content == "pixels" or before < config.pretrain_images:
            self.optimize("generator", self.first_loss, batch)
        else:
            self.alternate(batch)

    @cached_property
    def distance(self) -> PerceptualDistance:
        return PerceptualDistance(self.config.features)

    def first_loss(self, batch: Pair) -> Terms:
        """The terms of stage 1."""
        return {"pixels": F.mse_loss(self.generate(batch.source), batch.target)}

    def content_loss(self, batch: Pair, fake: Tensor) -> Terms:
        """What stage 2 keeps to."""
        return {"perceptual": self.config.perceptual_weight * self.distance(fake, batch.target).mean(),
                "pixels": self.config.pixel_weight * F.mse_loss(fake, batch.target)}

    def judged(self, batch: Pair, fake: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of true and of made pictures, (N, 1) each; relativistic ones against the mean of the others."""
        real, false = self.discriminator(batch.target), self.discriminator(fake)
        return relative(real, false) if self.config.adversarial == "relativistic" else (real, false)

    def discriminator_loss(self, batch: Pair) -> Terms:
        real, fake = self.judged(batch, self.generate(batch.source))
        return {"real": nll_real(real), "fake": nll_fake(fake)}

    def generator_loss(self, batch: Pair) -> Terms:
        made = self.generate(batch.source)
        real, fake = self.judged(batch, made)
        adversarial = nll_real(fake) + (nll_fake(real) if self.config.adversarial == "relativistic" else 0)
        return self.content_loss(batch, made) | {"adversarial": self.config.adversarial_weight * adversarial}
