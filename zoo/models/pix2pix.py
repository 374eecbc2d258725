"""pix2pix: a conditional GAN on pairs of pictures, Isola 2016 (https://arxiv.org/abs/1611.07004), section 3.

    min_G max_D  E[log D(x, y)] + E[log(1 - D(x, G(x, z)))] + lambda E ||y - G(x, z)||_1

with lambda 100. G is a U-Net whose only noise is dropout in its three innermost decoder layers; D judges overlapping
patches of the pair (``--patch-layers`` 0, 1, 3, 5: 1, 16, 70 and 286 px, the last the paper's for whole images).
``--generator resnet`` is CycleGAN's, which has no noise and takes pictures of any size. As in the paper, G ascends log
D, D's loss is halved, Adam has 2e-4 and beta1 0.5, batches are of one pair, and pairs are enlarged by 286/256 and cut
back at random, mirrored or not. Departures: dropout takes whole channels and follows from latent normals, so that a
seed gives the same picture everywhere; instance norm, which at one pair a batch is the paper's batch-norm, by default,
since it makes the same of a picture in training, alone and in any batch (``--norm batch`` for the other).
"""

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from zoo.core.config import option
from zoo.core.errors import UsageError
from zoo.core.module import Terms
from zoo.core.registry import register
from zoo.data.batches import Pair
from zoo.data.pair_spec import PairSpec
from zoo.losses import nll_fake, nll_real
from zoo.networks.patchgan import PatchGAN, default_layers
from zoo.networks.translation import ResNetTranslator
from zoo.networks.unet import UNetGenerator, UNetNorm
from zoo.tasks.paired import Judged, PairedTranslator
from zoo.tasks.task import WidthConfig


@dataclass(frozen=True, kw_only=True)
class Pix2PixConfig(WidthConfig):
    generator: Literal["unet", "resnet"] = option("unet", "G: a U-Net, or CycleGAN's ResNet, with instance norm alone")
    blocks: int = option(6, "residual blocks of the ResNet", minimum=1, maximum=64, needs="generator=resnet")
    norm: UNetNorm = option("instance", "normalisation in both networks")
    patch_layers: int | None = option(None, "strided layers of D: 0 to 5 for patches of 1, 16, 34, 70, 142, 286 px "
                                      "(default: 3 from 128 px on, 2 at 64 px, 1 below)", minimum=0, maximum=5)
    reconstruction: float = option(100.0, "weight of the L1 error (lambda)", minimum=0)
    adversarial: float = option(1.0, "weight of the adversarial term; with 0 there is no D, and L1 alone",
                                minimum=0)
    jitter: bool = option(True, "cut pairs at random from somewhat larger ones, mirrored or not")


@register("pix2pix", title="pix2pix", paper="https://arxiv.org/abs/1611.07004", year=2016)
class Pix2Pix(PairedTranslator):
    Config = Pix2PixConfig
    config: Pix2PixConfig
    generator: UNetGenerator | ResNetTranslator
    channels_last = False  # a U-Net with instance norm takes a seventh more time so

    def __init__(self, config: Pix2PixConfig, data: PairSpec) -> None:
        super().__init__(config, data)
        self.generator = self.build_generator()
        if config.adversarial:
            layers = config.patch_layers if config.patch_layers is not None else default_layers(data.image_size)
            self.discriminator = PatchGAN(data.source_channels + data.target_channels, config.width, layers,
                                          config.norm)

    def build_generator(self) -> UNetGenerator | ResNetTranslator:
        """The network from sources, at the size of the targets, to targets."""
        config, data = self.config, self.data
        channels = data.source_channels, data.target_channels
        if config.generator == "unet":
            return UNetGenerator(*channels, data.image_size, config.width, config.norm)
        if config.norm != "instance":
            raise UsageError(f"--generator resnet has instance norm: leave --norm {config.norm} away, or take the unet")
        return ResNetTranslator(*channels, config.width, config.blocks)

    @property
    def noise_size(self) -> int:
        return self.generator.noise_size if isinstance(self.generator, UNetGenerator) else 0

    @property
    def multiple(self) -> int:
        return self.generator.multiple

    @property
    def smallest(self) -> int:
        return self.generator.smallest

    def generate(self, source: Tensor, normal: Tensor | None) -> Tensor:
        return self.made(self.enlarged(source), normal)

    def made(self, source: Tensor, normal: Tensor | None) -> Tensor:
        """G(x, z) of sources at the size of the target, with what they have already in place of it."""
        made = self.generator(source, normal) if self.noise_size else self.generator(source)
        return self.completed(source, made)

    def enlarged(self, source: Tensor) -> Tensor:
        """The source at the size of the target: G changes no sizes."""
        scale = self.data.image_size // self.data.source_size
        return source if scale == 1 else F.interpolate(source, scale_factor=scale, mode="bicubic").clamp(-1, 1)

    def training_step(self, batch: Pair, batch_idx: int) -> None:
        batch = self.jittered(batch) if self.config.jitter else batch
        self.alternate(batch._replace(source=self.enlarged(batch.source)))

    def fake(self, batch: Pair) -> Tensor:
        """G(x, z) for the sources of a batch, (N, C, H, W)."""
        normal = self.draw(torch.randn, len(batch.source), self.noise_size) if self.noise_size else None
        return self.made(batch.source, normal)

    def judge(self, batch: Pair | Judged, target: Tensor) -> Tensor:
        """D's logits of patches (N, 1, h, w), of the sources with these targets."""
        return self.discriminator(torch.cat([batch.source, target], 1))

    def discriminator_loss(self, batch: Judged) -> Terms:
        return {"real": 0.5 * nll_real(self.judge(batch, batch.target)),
                "fake": 0.5 * nll_fake(self.judge(batch, batch.fake))}

    def generator_terms(self, batch: Pair, fake: Tensor) -> Terms:
        config = self.config
        play = {"adversarial": config.adversarial * nll_real(self.judge(batch, fake))} if config.adversarial else {}
        return play | {"reconstruction": config.reconstruction * F.l1_loss(fake, batch.target)}
