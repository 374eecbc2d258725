"""pix2pix: a conditional GAN on pairs of pictures, Isola 2016 (https://arxiv.org/abs/1611.07004), section 3.

    min_G max_D  E[log D(x, y)] + E[log(1 - D(x, G(x, z)))] + lambda E ||y - G(x, z)||_1

with lambda 100. G is a U-Net whose only noise is dropout in its three innermost decoder layers; D judges overlapping
patches of the pair (``--patch-layers`` 0, 1, 3, 5: 1, 16, 70 and 286 px). As in the paper, G ascends log D, D's loss is
halved, Adam has 2e-4 and beta1 0.5, batches are of one pair, and pairs are enlarged by 286/256 and cut back at random,
mirrored or not. Departures: dropout takes whole channels and follows from latent normals, so that a seed gives the same
picture everywhere; instance norm, which at one pair a batch is the paper's batch-norm, by default, since it makes the
same of a picture in training, alone and in any batch (``--norm batch`` for the other).
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zoo.core.config import option
from zoo.core.module import Config, Terms
from zoo.core.registry import register
from zoo.data.batches import Pair
from zoo.data.jitter import jittered
from zoo.data.spec import PairSpec
from zoo.losses import nll_fake, nll_real
from zoo.networks.patchgan import PatchGAN, default_layers
from zoo.networks.unet import UNetGenerator, UNetNorm
from zoo.tasks.translator import Translator


@dataclass(frozen=True, kw_only=True)
class Pix2PixConfig(Config):
    width: int = option(64, "channels of the layer nearest the image; the others are multiples of it", minimum=1,
                        maximum=1024)
    norm: UNetNorm = option("instance", "normalisation in both networks")
    patch_layers: int | None = option(None, "strided layers of D: 0 to 5 for patches of 1, 16, 34, 70, 142, 286 px "
                                      "(default: 3 from 128 px on, 2 at 64 px, 1 below)", minimum=0, maximum=5)
    reconstruction: float = option(100.0, "weight of the L1 error (lambda)", minimum=0)
    adversarial: float = option(1.0, "weight of the adversarial term; with 0 the U-Net learns by L1 alone", minimum=0)
    jitter: bool = option(True, "cut pairs at random from somewhat larger ones, mirrored or not")


@register("pix2pix", title="pix2pix", paper="https://arxiv.org/abs/1611.07004", year=2016)
class Pix2Pix(Translator):
    Config = Pix2PixConfig
    config: Pix2PixConfig
    generator: UNetGenerator
    channels_last = False  # a U-Net with instance norm takes a seventh more time so

    def __init__(self, config: Pix2PixConfig, data: PairSpec) -> None:
        super().__init__(config, data)
        self.generator = UNetGenerator(data.source_channels, data.channels, data.image_size, config.width, config.norm)
        layers = config.patch_layers if config.patch_layers is not None else default_layers(data.image_size)
        self.discriminator = PatchGAN(data.source_channels + data.channels, config.width, layers, config.norm)

    def optimizer_groups(self) -> dict[str, list[nn.Parameter]]:
        return {"discriminator": list(self.discriminator.parameters()),
                "generator": list(self.generator.parameters())}

    @property
    def noise_size(self) -> int:
        return self.generator.noise_size

    @property
    def multiple(self) -> int:
        return self.generator.multiple

    def generate(self, source: Tensor, normal: Tensor | None) -> Tensor:
        return self.generator(self.enlarged(source), normal)

    def enlarged(self, source: Tensor) -> Tensor:
        """The source at the size of the target: G changes no sizes."""
        scale = self.data.image_size // self.data.source_size
        return source if scale == 1 else F.interpolate(source, scale_factor=scale, mode="bicubic").clamp(-1, 1)

    def training_step(self, batch: Pair, batch_idx: int) -> None:
        batch = batch._replace(source=self.enlarged(batch.source))
        self.alternate(self.jittered(batch) if self.config.jitter else batch)

    def jittered(self, batch: Pair) -> Pair:
        """The pair enlarged, and a piece of it, the same of both."""
        channels = self.data.source_channels
        both = torch.cat([batch.source, batch.target], 1)
        piece = jittered(both, self.draw(torch.rand, len(both), 3))
        return batch._replace(source=piece[:, :channels], target=piece[:, channels:])

    def fake(self, batch: Pair) -> Tensor:
        """G(x, z) for the sources of a batch, (N, C, H, W)."""
        normal = self.draw(torch.randn, len(batch.source), self.noise_size)
        return self.generator(batch.source, normal)

    def judge(self, batch: Pair, target: Tensor) -> Tensor:
        """D's logits of patches (N, 1, h, w), of the sources with these targets."""
        return self.discriminator(torch.cat([batch.source, target], 1))

    def discriminator_loss(self, batch: Pair) -> Terms:
        return {"real": 0.5 * nll_real(self.judge(batch, batch.target)),
                "fake": 0.5 * nll_fake(self.judge(batch, self.fake(batch)))}

    def generator_loss(self, batch: Pair) -> Terms:
        fake = self.fake(batch)
        return {"adversarial": self.config.adversarial * nll_real(self.judge(batch, fake)),
                "reconstruction": self.config.reconstruction * F.l1_loss(fake, batch.target)}
