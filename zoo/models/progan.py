"""ProGAN: a pair that grows from 4 px to the size of the data, Karras 2017 (https://arxiv.org/abs/1710.10196).

Equation 3 of WGAN-GP (Gulrajani 2017), and a drift of D's outputs that is held small:

    L_D = E[D(G(z))] - E[D(x)] + lambda E[(||grad D(x_hat)||_2 - 1)^2] + epsilon E[D(x)^2],    L_G = -E[D(G(z))]

with lambda 10 and epsilon 0.001. After ``phase`` images at the coarsest size both networks double it: over ``phase``
images the new layers are blended in, alpha rising from 0 to 1 by the clock, and as many follow with alpha 1. Real
images are halved to the size of the fakes and blended likewise. Until it is grown, images are enlarged to the size of
the data by nearest neighbours. Latents lie on a sphere; weights are scaled where they act (equalised learning rate);
pixel norm in G, the spread of groups of 4 images in D; one step of each, Adam 1e-3 with betas (0, 0.99), averaged
weights (appendix A). The networks are in ``zoo/networks/progressive.py`` with their departures. Further departures:
Adam goes on when a level is new, where the authors' code begins anew; the size of a batch does not change with the
level; ``phase``, 800k images in the paper, is by default short enough for a short run.
"""

from dataclasses import dataclass
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from zoo.core.config import option
from zoo.core.module import Terms
from zoo.core.registry import register
from zoo.data.batches import Labelled
from zoo.data.pyramid import down, sides
from zoo.data.spec import AnySpec
from zoo.losses import gradient_penalty
from zoo.networks.progressive import (
    COARSEST,
    Growing,
    ProgressiveDiscriminator,
    ProgressiveGenerator,
    blended,
    double,
    pixel_norm,
)
from zoo.tasks.latent_model import LatentConfig
from zoo.tasks.levels import ByLevels
from zoo.tasks.shared_fakes import Fakes, SharedFakes


@dataclass(frozen=True, kw_only=True)
class ProGANConfig(LatentConfig):
    learning_rate: float = 1e-3
    beta1: float = 0.0
    beta2: float = 0.99
    latent_dim: int = 512
    phase: int = option(6_000, "images to blend a level in, and as many until the next (the paper: 800k): 64 px are "
                        "grown after 8 phases, 128 px after 10", minimum=1)
    penalty: float = option(10.0, "weight of the gradient penalty (lambda)", minimum=0)
    drift: float = option(1e-3, "weight of the mean square of D's outputs of real images (epsilon)", minimum=0)
    group: int = option(4, "images of which D is told how far they differ (1: none)", minimum=1)


@register("progan", title="Progressive GAN", paper="https://arxiv.org/abs/1710.10196", year=2017)
class ProGAN(ByLevels, SharedFakes):
    Config = ProGANConfig
    config: ProGANConfig
    generator: ProgressiveGenerator
    kind = "hierarchical"
    spec_kinds = ("images",)
    penalises_gradients = True

    def __init__(self, config: ProGANConfig, data: AnySpec) -> None:
        self.check_kind(data)
        self.sides = sides(data.image_size, COARSEST)  # before the networks, which grow through them
        super().__init__(config, data)
        self.group_size = config.group
        self.discriminator = ProgressiveDiscriminator(data.channels, self.sides, config.width, config.phase,
                                                      config.group)

    def build_generator(self) -> ProgressiveGenerator:
        config = self.config
        return ProgressiveGenerator(config.latent_dim, self.data.channels, self.sides, config.width, config.phase)

    def prior(self, normal: Tensor) -> Tensor:
        """On the sphere of radius sqrt(latent_dim)."""
        return pixel_norm(super().prior(normal))

    def generate(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        return F.interpolate(self.generator(z), self.data.image_size)

    def stages_of(self, z: Tensor, labels: Tensor | None = None) -> dict[str, Tensor]:
        """How an image grows: every level that there is, before it blended in by half, under the names of
        ``milestones``; its colours are as they were trained last. At the end the image, which is that of the last level
        where this is no longer blended in."""
        made: dict[str, Tensor] = {}
        levels = [colour(x) for colour, x in zip(self.generator.colours, self.generator.maps(z), strict=False)]
        for level, (side, colours) in enumerate(zip(self.sides, levels, strict=False)):
            if level:
                made[f"{side} px by half"] = blended(partial(double, levels[level - 1]), colours, 0.5)
            made[f"{side} px"] = colours
        if len(levels) == len(self.sides) and self.generator.alpha == 1:
            made.popitem()
        return made | {"image": self.generate(z)}

    def milestones(self, per_update: int) -> dict[str, int]:
        """Each level when it is blended in by half, and when the next one is to come."""
        phase, (first, *others) = self.config.phase, self.sides
        found = {f"{first} px": phase}
        for level, side in enumerate(others, 1):
            found |= {f"{side} px by half": round((2 * level - 0.5) * phase), f"{side} px": (2 * level + 1) * phase}
        return found

    def training_step(self, batch: Labelled, batch_idx: int) -> None:
        self.grow(self.images_seen)
        self.alternate(batch._replace(images=self.blurred(batch.images)))

    def grow(self, seen: int) -> None:
        """All networks, the averaged too, to where the clock stands at ``seen`` images."""
        for network in (self.generator, self.discriminator, *self.ema.values()):
            assert isinstance(network, Growing)
            network.grow(seen)
        self.track("side", float(self.sides[self.generator.level]))
        self.track("alpha", self.generator.alpha)

    def blurred(self, images: Tensor) -> Tensor:
        """Images (N, C, H, W) at the size of the fakes, and as far without the details of the level that is new."""
        images = self.real(images, self.generator.level)
        return blended(lambda: double(down(images)), images, self.generator.alpha)

    def make_fakes(self, batch: Labelled) -> Fakes:
        """At the size of the level."""
        latent = self.latent(len(batch.images))
        return Fakes(latent, self.generator(latent))

    def discriminator_loss(self, batch: Labelled) -> Terms:
        """Of real images at the size of the level."""
        images = batch.images
        fake = self.fake(batch)
        on_real, on_fake = self.discriminator(images), self.discriminator(fake)
        share = self.draw(torch.rand, len(images), 1, 1, 1)
        penalty = gradient_penalty(self.discriminator, images, fake, share)
        return {"real": -on_real.mean(), "fake": on_fake.mean(), "penalty": self.config.penalty * penalty,
                "drift": self.config.drift * on_real.square().mean()}

    def generator_loss(self, batch: Labelled) -> Terms:
        return {"adversarial": -self.discriminator(self.fake(batch)).mean()}
