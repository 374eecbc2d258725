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
are of VGG. Its weight is such that, of x4 anime faces after 500 steps of stage 1, its gradient with respect to y is as
long as that of the squared error (6.0e-4 and 1.3e-2 without weights). That error stays beside it, since those features
see directions alone and not how bright a place is; at a tenth of it, and twice the other, faces got a pattern of dots.
Rates are constant, or fall by ``--decay-images``, where the paper's fall tenfold at half of stage 2.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import torch.nn.functional as F
from torch import Tensor

from zoo.core.config import option
from zoo.core.module import Terms
from zoo.core.registry import register
from zoo.data.batches import Pair
from zoo.data.pair_spec import PairSpec
from zoo.features.bundled import describe
from zoo.features.perceptual import PerceptualDistance
from zoo.networks.srgan import SRResNet
from zoo.tasks.upscaler import UpscalerConfig, UpscalerGAN


@dataclass(frozen=True, kw_only=True)
class SRGANConfig(UpscalerConfig):
    learning_rate: float = 1e-4
    content: Literal["perceptual", "pixels"] = option("perceptual", "what G keeps to in stage 2: features and pixels; "
                                                      "with pixels there is no stage 2 and no D")
    features: str = option("cifar10", "bundled classifier whose features they are; take others than those that the "
                           "model is measured in")
    perceptual_weight: float = option(0.05, "weight of the distance in features", minimum=0)
    pixel_weight: float = option(1.0, "weight of the squared error in stage 2", minimum=0)


@register("srgan", title="SRGAN", paper="https://arxiv.org/abs/1609.04802", year=2016)
class SRGAN(UpscalerGAN):
    Config = SRGANConfig
    config: SRGANConfig

    def __init__(self, config: SRGANConfig, data: PairSpec) -> None:
        describe(config.features)  # raises, before any work, where there is none of this name
        super().__init__(config, data)

    @property
    def plays(self) -> bool:
        return super().plays and self.config.content == "perceptual"

    def build_generator(self) -> SRResNet:
        config = self.config
        return SRResNet(self.data.channels, config.width, config.blocks, self.factor, config.norm)

    @cached_property
    def distance(self) -> PerceptualDistance:
        return PerceptualDistance(self.config.features)

    def first_loss(self, batch: Pair) -> Terms:
        return {"pixels": F.mse_loss(self.generate(batch.source), batch.target)}

    def content_loss(self, batch: Pair, made: Tensor) -> Terms:
        return {"perceptual": self.config.perceptual_weight * self.distance(made, batch.target).mean(),
                "pixels": self.config.pixel_weight * F.mse_loss(made, batch.target)}
