"""LAPGAN: a GAN a level of a Laplacian pyramid, Denton 2015 (https://arxiv.org/abs/1506.05751).

With d halving and u doubling an image, level k of I = I_0 lacks h_k = I_k - u(d(I_k)), and l_k = u(I_(k+1)) is what it
has. At the coarsest level K a GAN makes I_K of z_K. At every other one (equations 4 and 5)

    min_G max_D  E[log D_k(l_k + h_k)] + E[log(1 - D_k(l_k + G_k(z_k, l_k)))]

with l_k of real images, so that all levels learn by themselves, side by side. To sample, each is given what the coarser
ones made: I_k = u(I_(k+1)) + G_k(z_k, u(I_(k+1))), z_k a plane of noise. As in the authors' code D_k sees the sum, G's
are shallow, and G ascends log D. Departures: batch-norm; Adam for SGD with momentum, and no dropout in D; the mean of
2x2 pixels for d, bilinear u; levels of other sizes than the paper's 8, 16, 32 (64) px, down to 8 px or a few more.
"""

from dataclasses import dataclass
from functools import partial
from typing import Literal

import torch
from torch import Tensor, nn

from zoo.core.config import option
from zoo.core.module import Terms
from zoo.core.registry import register
from zoo.data.batches import Labelled
from zoo.data.pyramid import sides, up
from zoo.data.spec import AnySpec
from zoo.losses import nll_fake, nll_real
from zoo.networks.blocks import TrunkWithHead, init_normal, norm_layers
from zoo.networks.dcgan import DCGANTrunk
from zoo.networks.mlp import MLPGenerator, MLPTrunk
from zoo.tasks.latent_model import LatentConfig
from zoo.tasks.levels import ByLevels
from zoo.tasks.sampler import Sampler

LevelNorm = Literal["batch", "none"]


@dataclass(frozen=True, kw_only=True)
class LAPGANConfig(LatentConfig):
    layers: int = option(4, "convolutions of each G_k", minimum=2, maximum=32)
    norm: LevelNorm = option("batch", "normalisation in G_k and D_k")


class Detail(nn.Sequential):
    """G_k: l_k and a plane of noise, (N, C + 1, S, S), to h_k (N, C, S, S), which no bound is known of."""

    def __init__(self, channels: int, width: int, layers: int, norm: LevelNorm) -> None:
        inner: list[nn.Module] = []
        for _ in range(layers - 2):
            inner += [nn.Conv2d(width, width, 5, padding=2, bias=norm == "none"), *norm_layers(norm, width), nn.ReLU()]
        super().__init__(nn.Conv2d(channels + 1, width, 5, padding=2), nn.ReLU(), *inner,
                         nn.Conv2d(width, channels, 5, padding=2))
        self.apply(init_normal)


class Pyramid(nn.Module):
    """Latents (N, latent_dim + planes of noise) to images of all levels, the coarsest first."""

    def __init__(self, coarsest: nn.Module, details: list[Detail], latent_dim: int, sides: list[int]) -> None:
        super().__init__()
        self.coarsest, self.details = coarsest, nn.ModuleList(details)
        self.parts = [latent_dim, *(side * side for side in sides[1:])]

    def forward(self, z: Tensor) -> list[Tensor]:
        first, *planes = z.split(self.parts, 1)
        images = [self.coarsest(first)]
        for level, plane in enumerate(planes):
            known = up(images[-1])
            images.append(known + self.detail(level, known, plane))
        return images

    def detail(self, level: int, known: Tensor, plane: Tensor) -> Tensor:
        """G_k(z_k, l_k), from a plane of noise (N, S * S)."""
        return self.details[level](torch.cat([known, plane.view(len(known), 1, *known.shape[2:])], 1))


@register("lapgan", title="LAPGAN", paper="https://arxiv.org/abs/1506.05751", year=2015)
class LAPGAN(ByLevels, Sampler):
    Config = LAPGANConfig
    config: LAPGANConfig
    generator: Pyramid
    kind = "hierarchical"
    spec_kinds = ("images",)

    def __init__(self, config: LAPGANConfig, data: AnySpec) -> None:
        self.check_kind(data)
        self.sides = sides(data.image_size)  # before the networks, which take as many
        super().__init__(config, data)
        trunks = [MLPTrunk(data.channels, self.sides[0], config.width, config.norm),
                  *(DCGANTrunk(data.channels, side, config.width, config.norm) for side in self.sides[1:])]
        self.discriminators = nn.ModuleList(TrunkWithHead(trunk, 1) for trunk in trunks)

    def optimizer_groups(self) -> dict[str, list[nn.Parameter]]:
        """A pair a level, named by its height."""
        groups = {}
        for level, side in enumerate(self.sides):
            groups[f"discriminator_{side}"] = list(self.discriminators[level].parameters())
            groups[f"generator_{side}"] = list(self.network(level).parameters())
        return groups

    def network(self, level: int) -> nn.Module:
        """What makes the images, or details, of a level; 0 is the coarsest."""
        return self.generator.details[level - 1] if level else self.generator.coarsest

    def build_generator(self) -> Pyramid:
        config, channels = self.config, self.data.channels
        coarsest = MLPGenerator(config.latent_dim, channels, self.sides[0], config.width)
        details = [Detail(channels, config.width, config.layers, config.norm) for _ in self.sides[1:]]
        return Pyramid(coarsest, details, config.latent_dim, self.sides)

    @property
    def latent_size(self) -> int:
        return self.config.latent_dim + sum(side * side for side in self.sides[1:])

    def generate(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        return self.generator(z)[-1]

    def stages_of(self, z: Tensor, labels: Tensor | None = None) -> dict[str, Tensor]:
        """The image of every level, the coarsest first."""
        return {f"{side} px": x for side, x in zip(self.sides, self.generator(z), strict=True)}

    def training_step(self, batch: Labelled, batch_idx: int) -> None:
        for level, side in enumerate(self.sides):
            self.optimize(f"discriminator_{side}", partial(self.discriminator_loss_of, level), batch)
            self.optimize(f"generator_{side}", partial(self.generator_loss_of, level), batch)

    def fake(self, level: int, images: Tensor) -> Tensor:
        """l_k + G_k(z_k, l_k) with l_k of real images; at the coarsest level G_K(z_K)."""
        z = self.prior(self.draw(torch.randn, len(images), self.generator.parts[level]))
        if not level:
            return self.generator.coarsest(z)
        known = up(self.real(images, level - 1))
        return known + self.generator.detail(level - 1, known, z)

    def discriminator_loss_of(self, level: int, batch: Labelled) -> Terms:
        judge = self.discriminators[level]
        return {"real": nll_real(judge(self.real(batch.images, level))),
                "fake": nll_fake(judge(self.fake(level, batch.images)))}

    def generator_loss_of(self, level: int, batch: Labelled) -> Terms:
        return {"adversarial": nll_real(self.discriminators[level](self.fake(level, batch.images)))}
