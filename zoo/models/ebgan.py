"""EBGAN: an auto-encoder's error as an energy, Zhao 2016 (https://arxiv.org/abs/1609.03126), equations 1 and 2.

    L_D = D(x) + max(0, m - D(G(z))),    L_G = D(G(z)) + pt_weight PT(codes of G(z)),    D(x) = ||Dec(Enc(x)) - x||_2

The pulling-away term PT (section 2.4) is the mean squared cosine of pairs of codes, and keeps the fakes apart; 0.1 is
the paper's weight (EBGAN-PT), 0 its plain EBGAN. The energy is the Euclidean norm over all pixels, so that a good
margin grows with the image. Encoder and decoder are the trunk and generator of the backbone, DCGAN's after the paper's
own, with a code of the latent's size. Departure: D's weights start as G's, N(0, 0.02), not N(0, 0.002).
"""

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor, nn

from zoo.core.config import option
from zoo.core.module import Terms
from zoo.core.parallel import gather
from zoo.core.registry import register
from zoo.data.batches import Labelled
from zoo.networks.blocks import AutoEncoder
from zoo.tasks.gan import GAN, GANConfig


@dataclass(frozen=True, kw_only=True)
class EBGANConfig(GANConfig):
    margin: float = option(10.0, "energy that fakes are pushed up to (m); the paper's: 10 on MNIST, 20 on CelebA, 80 "
                                 "on LSUN", minimum=0)
    pt_weight: float = option(0.1, "weight of the pulling-away term (0: none)", minimum=0)


@register("ebgan", title="EBGAN", paper="https://arxiv.org/abs/1609.03126", year=2016)
class EBGAN(GAN):
    Config = EBGANConfig
    config: EBGANConfig
    says = "nothing"
    discriminator: AutoEncoder
    couples_images = True

    def build_discriminator(self) -> nn.Module:
        return self.build_auto_encoder()

    def verdicts(self, images: Tensor) -> Tensor:
        return -energy(images, self.discriminator(images))

    def discriminator_loss(self, batch: Labelled) -> Terms:
        images = batch.images
        fake = self.fake(batch)
        return {
            "real": energy(images, self.discriminator(images)).mean(),
            "fake": (self.config.margin - energy(fake, self.discriminator(fake))).clamp(min=0).mean(),
        }

    def generator_loss(self, batch: Labelled) -> Terms:
        fake = self.fake(batch)
        codes = self.discriminator.encoder(fake)
        return {
            "adversarial": energy(fake, self.discriminator.decoder(codes)).mean(),
            "pulling_away": self.config.pt_weight * pulling_away(gather(codes)),
        }


def energy(images: Tensor, reconstructions: Tensor) -> Tensor:
    """||Dec(Enc(x)) - x||_2 of every image: (N, C, H, W), (N, C, H, W) -> (N,)."""
    return (reconstructions - images).flatten(1).norm(dim=1)


def pulling_away(codes: Tensor) -> Tensor:
    """The mean squared cosine of the N (N - 1) pairs of codes (N, d), the paper's f_PT: from 0 to 1."""
    n = len(codes)
    directions = F.normalize(codes, dim=1)
    cosines = directions @ directions.T  # (N, N)
    return (cosines.square().sum() - cosines.diagonal().square().sum()) / (n * (n - 1))
