"""StyleGAN2: an image from styles, Karras 2019 (https://arxiv.org/abs/1912.04958).

z is mapped to w, which scales the channels of every convolution; the scales are taken out of the weights again
(demodulation). The non-saturating game with three more terms, in updates of their own every few updates (appendix B):

    D:  gamma / 2 E[||grad D(x)||^2]                         every 16
    G:  2 E[(||J^T y||_2 - a)^2],  J = dG / dw,  y normal    every 4, of half a batch

where a follows the mean of these lengths, so that steps in w are as long in images everywhere (equation 4). Of 0.9 of
the fakes in training a second w takes over from some layer on (style mixing, Karras 2018, arXiv:1812.04948). Noise is
part of the latent, so that a seed gives the same image everywhere. ``truncation`` is the paper's, in W: 0 gives the
mean face, 1 all there is. gamma is best 0.0002 size^2 / batch (the code of Karras 2020, arXiv:2006.06676). The networks
are in ``zoo/networks/stylegan2.py`` with their departures; four layers of 128 where the paper has eight of 512.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from zoo.core.config import option
from zoo.core.errors import UsageError
from zoo.core.module import Terms
from zoo.core.registry import register
from zoo.data.batches import Labelled
from zoo.data.pyramid import sides
from zoo.data.spec import AnySpec
from zoo.losses import nll_fake, nll_real
from zoo.networks.progressive import COARSEST
from zoo.networks.stylegan2 import StyleDiscriminator, StyleGenerator
from zoo.tasks.adaptation import Followed
from zoo.tasks.gan import GAN, AdversarialConfig
from zoo.tasks.latents import between
from zoo.tasks.shared_fakes import Fakes


@dataclass(frozen=True, kw_only=True)
class StyleGAN2Config(AdversarialConfig):
    learning_rate: float = 2e-3
    beta1: float = 0.0
    beta2: float = 0.99
    width: int = 16
    latent_dim: int = option(128, "dimensions of z and of w", minimum=1, maximum=65536)
    latent: Literal["normal"] = "normal"  # noise is a part of it
    r1: float = 0.05  # of 64 px in batches of 16
    layers: int = option(4, "of the mapping", minimum=1, maximum=32)
    mixing: float = option(0.9, "share of the fakes in training that have two styles", minimum=0, maximum=1)
    group: int = option(4, "images of which D is told how far they differ (1: none)", minimum=1)
    path: float = option(2.0, "weight of the penalty on path lengths (0: none)", minimum=0)
    path_every: int = option(4, "generator updates to one of that penalty, times as many", minimum=1, needs="path")


@register("stylegan2", title="StyleGAN2", paper="https://arxiv.org/abs/1912.04958", year=2019)
class StyleGAN2(GAN):
    Config = StyleGAN2Config
    config: StyleGAN2Config
    generator: StyleGenerator
    kind = "styled"
    spec_kinds = ("images",)
    penalises_gradients = True
    spaces = ("z", "w")
    untruncated = 1.0

    def __init__(self, config: StyleGAN2Config, data: AnySpec) -> None:
        self.check_kind(data)
        self.sides = sides(data.image_size, COARSEST)  # before the networks, which have a level each
        super().__init__(config, data)
        self.group_size = config.group
        self.paths = Followed(size=1, decay=0.99)
        self.styles = Followed(size=config.latent_dim, decay=0.995)

    def build_generator(self) -> StyleGenerator:
        config = self.config
        return StyleGenerator(config.latent_dim, self.data.channels, self.sides, config.width, config.layers)

    def build_discriminator(self) -> StyleDiscriminator:
        return StyleDiscriminator(self.data.channels, self.sides, self.config.width, self.config.group)

    @property
    def latent_size(self) -> int:
        return self.config.latent_dim + self.generator.noise_size

    def on_the_way(self, space: str, start: Tensor, end: Tensor, t: Tensor, labels: Tensor | None) -> Tensor:
        """As of any model; but all of the way has the noise of its start, and in W it is straight."""
        z, noise = start.split([self.config.latent_dim, self.generator.noise_size], 1)
        other = end[:, :self.config.latent_dim]
        if space == "z":
            return self.generator(torch.cat([between(z, other, t), noise], 1))
        w = torch.lerp(self.generator.mapping(z), self.generator.mapping(other), t)
        return self.generator.synthesise(w[:, None].expand(-1, self.generator.layers, -1), noise)

    def share_of(self, group: str) -> float:
        every = self.config.path_every
        return every / (every + 1) if group == "generator" and self.config.path else super().share_of(group)

    def mixed(self, n: int) -> Tensor:
        """Styles (n, layers, latent_dim) of n images in training, of which some have two, the first in layer 0."""
        z = self.draw(torch.randn, n, 2, self.config.latent_dim)
        first, second = self.generator.mapping(z.flatten(0, 1)).unflatten(0, (n, 2)).unbind(1)
        chance, place = self.draw(torch.rand, n, 2)[:, :, None].unbind(1)
        layers = self.generator.layers
        since = torch.where(chance < self.config.mixing, 1 + (place * (layers - 1)).long(), layers)  # (n, 1)
        taken = torch.arange(layers, device=z.device) >= since
        return torch.where(taken[:, :, None], second[:, None], first[:, None])

    def make_fakes(self, batch: Labelled) -> Fakes:
        """Of mixed styles, (n, layers, latent_dim)."""
        n = len(batch.images)
        noise, w = self.draw(torch.randn, n, self.generator.noise_size), self.mixed(n)
        self.styles.note(w[:, 0].mean(0))
        return Fakes(w, self.seen(self.generator.synthesise(w, noise)))

    def discriminator_loss(self, batch: Labelled) -> Terms:
        return {"real": nll_real(self.discriminator(batch.images)),
                "fake": nll_fake(self.discriminator(self.fake(batch)))}

    def generator_loss(self, batch: Labelled) -> Terms:
        return {"adversarial": nll_real(self.discriminator(self.fake(batch)))}

    def training_step(self, batch: Labelled, batch_idx: int) -> None:
        before = self.updates["generator"]
        super().training_step(batch, batch_idx)
        every, now = self.config.path_every, self.updates["generator"]
        if self.config.path and now > before and (now - now // (every + 1)) % every == 0:
            parts = self.accumulate  # which get as many each
            half = max(len(batch.images) // (2 * parts), 1) * parts
            self.optimize("generator", self.path_loss, Labelled(*(x[:half] for x in batch)))
            self.paths.move()
            self.track("generator/path_length", self.paths.means[0].clone())
        self.styles.move()
        self.generator.centre.copy_(self.styles.means)

    def path_loss(self, batch: Labelled) -> Terms:
        n = len(batch.images)
        w, noise = self.mixed(n), self.draw(torch.randn, n, self.generator.noise_size)
        y = self.draw(torch.randn, n, *self.data.shape) / self.data.image_size
        lengths = path_lengths(self.generator.synthesise(w, noise), w, y)
        self.paths.note(lengths.mean()[None])
        error = (lengths - self.paths.means).square().mean()
        return {"path": self.config.path_every * self.config.path * error}

    # ---- asked by a user --------------------------------------------------------------------------------------

    @contextmanager
    def truncating(self, truncation: float | None) -> Iterator[None]:
        """Meanwhile w is drawn towards its mean: ``truncation`` is what is left of its way from there, 0 to 1.

        Raises:
            UsageError: a truncation outside.
        """
        psi = self.untruncated if truncation is None else truncation
        if not 0 <= psi <= 1:
            raise UsageError(f"truncation of {self.variant} is from 0 (the mean) to 1 (all there is), not {psi:g}")
        networks: list[Any] = [self.generator, *self.ema.values()]
        for network in networks:
            network.psi = psi
        try:
            yield
        finally:
            for network in networks:
                network.psi = self.untruncated


def path_lengths(images: Tensor, w: Tensor, y: Tensor) -> Tensor:
    """||J^T y||_2 of every image (N, C, H, W) with respect to its styles (N, layers, d), as a mean over the layers of
    the squares: (N,), differentiable."""
    (gradient,) = torch.autograd.grad((images * y).sum(), w, create_graph=True)
    return (gradient.square().sum(2).mean(1) + 1e-8).sqrt()
