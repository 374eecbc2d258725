"""SAGAN: self-attention in both networks, Zhang 2018 (https://arxiv.org/abs/1805.08318).

Convolutions see neighbourhoods; a layer of attention lets every place of a map look at all others, times a gamma that
begins as 0, so that near things are learnt first. The game is that of the hinge, on residual networks that are told the
class, G in its batch-norms and D by projection (Miyato 2018, https://arxiv.org/abs/1802.05637):

    L_D = E[max(0, 1 - D(x, y))] + E[max(0, 1 + D(G(z, y), y))],    L_G = -E[D(G(z, y), y)]

with spectral normalisation in both and two rates, 1e-4 for G and 4e-4 for D, betas (0, 0.9), one step of each.
Departures: sizes and widths are those of ``sngan``; attention is at 16 px in images of 32 px, at 32 px in larger ones.
"""

from dataclasses import dataclass
from typing import Literal

from torch import nn

from zoo.core.config import option
from zoo.core.module import Terms
from zoo.core.registry import register
from zoo.data.batches import Labelled
from zoo.losses import hinge_fake, hinge_real
from zoo.networks.attention import AttentiveGenerator, attentive_trunk
from zoo.networks.blocks import normalise_spectrally
from zoo.networks.conditioning import ByLabel, ProjectionDiscriminator
from zoo.tasks.gan import GAN, AdversarialConfig


@dataclass(frozen=True, kw_only=True)
class SAGANConfig(AdversarialConfig):
    learning_rate: float = option(1e-4, "learning rate of the generator", minimum=0)
    discriminator_learning_rate: float = option(4e-4, "learning rate of the discriminator", minimum=0)
    beta1: float = 0.0
    beta2: float = 0.9
    latent_dim: int = 128
    norm: Literal["spectral", "none"] = option("spectral", "normalisation of the weights of both networks")
    generator_norm: Literal["batch", "none"] = option("batch", "normalisation in G, which the class scales and shifts")


@register("sagan", title="SAGAN", paper="https://arxiv.org/abs/1805.08318", year=2018)
class SAGAN(GAN):
    Config = SAGANConfig
    config: SAGANConfig
    kind = "conditional"
    spec_kinds = ("images",)
    Condition = ByLabel
    pool = False  # of the map that is looked at

    def build_generator(self) -> nn.Module:
        return self.attentive(embedding=0, chunks=False)

    def attentive(self, embedding: int, chunks: bool) -> nn.Module:
        """A generator, see ``AttentiveGenerator``."""
        config, data = self.config, self.data
        return AttentiveGenerator(config.latent_dim, data.channels, data.image_size, config.width, data.class_names,
                                  embedding, chunks, self.pool, config.generator_norm, config.norm == "spectral")

    def build_discriminator(self) -> nn.Module:
        data, norm = self.data, self.config.norm
        trunk = attentive_trunk(data.channels, data.image_size, self.config.width, norm, self.pool)
        return ProjectionDiscriminator(normalise_spectrally(trunk) if norm == "spectral" else trunk, data.class_names)

    def learning_rate_of(self, group: str) -> float:
        return self.config.discriminator_learning_rate if group == "discriminator" else self.config.learning_rate

    def discriminator_loss(self, batch: Labelled) -> Terms:
        images, labels = batch
        return {"real": hinge_real(self.discriminator(images, labels)),
                "fake": hinge_fake(self.discriminator(self.fake(batch), labels))}

    def generator_loss(self, batch: Labelled) -> Terms:
        return {"adversarial": -self.discriminator(self.fake(batch), batch.labels).mean()}
