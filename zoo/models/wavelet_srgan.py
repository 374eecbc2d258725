"""Wavelet-SRGAN: all bands of a larger picture predicted, Huang 2017 (https://doi.org/10.1109/ICCV.2017.187).

Called Wavelet-SRNet by its authors, before its sequel with a discriminator (Huang 2019,
https://doi.org/10.1007/s11263-019-01154-8). Of a small picture G makes the Haar packets of the large one, c_0 the means
of squares of as many pixels as it is larger, the others details. With c' the bands of the truth t, y the picture made:

    bands      0.99 sum over details ||c - c'||^2  +  0.01 ||c_0 - c_0'||^2
    image      0.1 ||y - t||^2
    texture    sum over details  max(0, 1.2 c'^2 - c^2)

In stage 1 G descends these, in stage 2 also -1e-3 log D(y), against SRGAN's discriminator; ``--adversarial-weight 0``
stays in stage 1. Since bands are orthonormal, by equal weights the first is the squared error of pixels; details weigh
more here, and texture keeps them from vanishing where they are unsure. Departures: terms are means over all pixels, not
sums; SRResNet's body for the authors' embedding and their nets for each band, which makes both comparable; no weight
decay; texture by each value, not by its band.
"""

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor

from zoo.core.config import option
from zoo.core.module import Terms
from zoo.core.registry import register
from zoo.data.batches import Pair
from zoo.networks.wavelets import WaveletNet, analysis, low_and_details
from zoo.tasks.upscaler import UpscalerConfig, UpscalerGAN


@dataclass(frozen=True, kw_only=True)
class WaveletSRGANConfig(UpscalerConfig):
    detail_weight: float = option(0.99, "weight of the squared error of details", minimum=0)
    low_weight: float = option(0.01, "weight of that of the means", minimum=0)
    image_weight: float = option(0.1, "weight of that of pixels", minimum=0)
    texture_weight: float = option(1.0, "weight of the texture term", minimum=0)
    texture: float = option(1.2, "energy of details, in parts of the true one, up to which texture pulls", minimum=0)


@register("wavelet-srgan", title="Wavelet-SRGAN", paper="https://doi.org/10.1109/ICCV.2017.187", year=2017)
class WaveletSRGAN(UpscalerGAN):
    Config = WaveletSRGANConfig
    config: WaveletSRGANConfig

    @property
    def levels(self) -> int:
        return self.factor.bit_length() - 1

    def build_generator(self) -> WaveletNet:
        config = self.config
        return WaveletNet(self.data.channels, config.width, config.blocks, self.levels, config.norm)

    def first_loss(self, batch: Pair) -> Terms:
        return self.content_loss(batch, self.generate(batch.source))

    def content_loss(self, batch: Pair, made: Tensor) -> Terms:
        config, pixels = self.config, made.numel()
        (low, details), (true_low, true_details) = (
            low_and_details(analysis(x, self.levels), self.levels) for x in (made, batch.target))
        missing = (config.texture * true_details.square() - details.square()).relu()
        return {"details": config.detail_weight * (details - true_details).square().sum() / pixels,
                "low": config.low_weight * (low - true_low).square().sum() / pixels,
                "image": config.image_weight * F.mse_loss(made, batch.target),
                "texture": config.texture_weight * missing.sum() / pixels}
