"""StarGAN: one generator turns pictures of many classes into each other, Choi 2017 (https://arxiv.org/abs/1711.09020).

Equations 1 to 6, with equation 8 in place of 1. D_src is a critic, D_cls tells the class c of a picture x, and G makes
the picture that it would be in another class c':

    D descends  -E[D_src(x)] + E[D_src(G(x, c'))] + lambda_gp E[(||grad D_src(x_hat)||_2 - 1)^2]
                + lambda_cls E[-log D_cls(c|x)]
    G descends  -E[D_src(G(x, c'))] + lambda_cls E[-log D_cls(c'|G(x, c'))] + lambda_rec E |x - G(G(x, c'), c)|_1

with lambda_gp 10, lambda_cls 1 and lambda_rec 10; c' are the classes of the batch in another order. D steps five times
for one step of G; Adam has 1e-4 and betas 0.5 and 0.999. As in the authors' code D_src is the mean over patches, and
the penalty is on their sum. Of classes in parts, such as "pink hair, blue eyes", D_cls is a softmax for each head,
whose terms add up. Departures: G is told c' by the gains and biases of its instance norms instead of planes beside x;
and of c' in parts a head is left out with probability ``stay``, though never all: that head of G(x, c') is then to be
as in c. So a user can ask for hair alone. The fall of the learning rate in the second half of the run has to be asked
for with the run's images (``--decay-images``), since a run may be gone on with.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zoo.core import parallel
from zoo.core.config import option
from zoo.core.module import Terms
from zoo.core.registry import register
from zoo.data.batches import Labelled
from zoo.data.image_spec import ImageSpec
from zoo.data.labels import STAYS
from zoo.losses import gradient_penalty
from zoo.networks.conditioning import AskedVectors
from zoo.networks.modulated import ModulatedTranslator
from zoo.tasks.relabelling import Relabeller
from zoo.tasks.task import WidthConfig


@dataclass(frozen=True, kw_only=True)
class StarGANConfig(WidthConfig):
    learning_rate: float = 1e-4
    blocks: int = option(6, "residual blocks of the generator", minimum=1, maximum=64)
    critic_steps: int = option(5, "discriminator updates per generator update (n_critic)", minimum=1)
    penalty: float = option(10.0, "weight of the gradient penalty (lambda_gp)", minimum=0)
    classification: float = option(1.0, "weight of the class terms (lambda_cls)", minimum=0)
    reconstruction: float = option(10.0, "weight of the reconstruction's L1 error (lambda_rec)", minimum=0)
    stay: float = option(0.5, "of classes in parts: probability that a part is not asked for and stays", minimum=0,
                         maximum=1)


class Asked(NamedTuple):
    """Pictures, their classes as classes of the heads (N, heads), and what is asked of them, or STAYS."""

    images: Tensor
    own: Tensor
    asked: Tensor


class Discriminator(nn.Module):
    """(N, C, S, S) -> critic of patches (N, 1, h, w), logits of classes (N, outputs); for one size S.

    Strided 4x4 convolutions to a map of 2 or 3 px, then one to patches and one of the whole map to classes (the paper's
    appendix: six of them at 128 px and ``width=64``).
    """

    def __init__(self, channels: int, size: int, width: int, outputs: int) -> None:
        super().__init__()
        layers = max(size.bit_length() - 2, 1)
        hidden = [channels, *(width * 2**layer for layer in range(layers))]
        self.trunk = nn.Sequential(*(layer for outer, inner in pairwise(hidden) for layer in (
            nn.Conv2d(outer, inner, 4, 2, 1), nn.LeakyReLU(0.01))))
        self.source = nn.Conv2d(hidden[-1], 1, 3, 1, 1, bias=False)
        self.category = nn.Conv2d(hidden[-1], outputs, size >> layers, bias=False)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        features = self.trunk(images)
        return self.source(features), self.category(features).flatten(1)


@register("stargan", title="StarGAN", paper="https://arxiv.org/abs/1711.09020", year=2017)
class StarGAN(Relabeller):
    Config = StarGANConfig
    config: StarGANConfig
    penalises_gradients = True
    channels_last = False  # with instance norm a step takes a tenth more time so

    def __init__(self, config: StarGANConfig, data: ImageSpec) -> None:
        super().__init__(config, data)
        self.vectors = AskedVectors(data.class_names)
        self.generator = ModulatedTranslator(data.channels, data.channels, config.width, config.blocks,
                                             self.vectors.size)
        self.discriminator = Discriminator(data.channels, data.image_size, config.width, self.vectors.size)

    def optimizer_groups(self) -> dict[str, list[nn.Parameter]]:
        return {"discriminator": list(self.discriminator.parameters()),
                "generator": list(self.generator.parameters())}

    @property
    def multiple(self) -> int:
        return ModulatedTranslator.multiple

    @property
    def smallest(self) -> int:
        return ModulatedTranslator.smallest

    @property
    def critic_steps(self) -> int:
        return self.config.critic_steps

    def relabel(self, images: Tensor, label: Tensor) -> Tensor:
        return self.generator(images, self.vectors(label).to(images))

    def training_step(self, batch: Labelled, batch_idx: int) -> None:
        own = self.parts(batch.labels)
        self.alternate(Asked(batch.images, own, self.asked(own)))

    def asked(self, own: Tensor) -> Tensor:
        """The classes (n, heads) of the batch of all processes in another order, some heads left out."""
        n, heads = own.shape
        order = parallel.gather(self.draw(torch.rand, n)).argsort()
        target = parallel.gather(own)[order[parallel.rank() * n:][:n]]
        chance = self.draw(torch.rand, n, heads)
        stays = (chance < self.config.stay) & (chance < chance.amax(1, keepdim=True))  # never all
        return target.masked_fill(stays, STAYS)

    def unlikely(self, logits: Tensor, classes: Tensor) -> Tensor:
        """E[-log D_cls(c|x)] from logits (N, parts) and classes (N, heads): the heads' add up."""
        heads = zip(logits.split(self.vectors.sizes, 1), classes.unbind(1), strict=True)
        return torch.stack([F.cross_entropy(head, known) for head, known in heads]).sum()

    def discriminator_loss(self, batch: Asked) -> Terms:
        fake = self.relabel(batch.images, batch.asked)
        on_real, category = self.discriminator(batch.images)
        on_fake, _ = self.discriminator(fake)
        share = self.draw(torch.rand, len(fake), 1, 1, 1)
        penalty = gradient_penalty(lambda x: self.discriminator(x)[0], batch.images, fake, share)
        return {"real": -on_real.mean(), "fake": on_fake.mean(), "penalty": self.config.penalty * penalty,
                "class": self.config.classification * self.unlikely(category, batch.own)}

    def generator_loss(self, batch: Asked) -> Terms:
        fake = self.relabel(batch.images, batch.asked)
        on_fake, category = self.discriminator(fake)
        expected = torch.where(batch.asked == STAYS, batch.own, batch.asked)
        return {"adversarial": -on_fake.mean(),
                "class": self.config.classification * self.unlikely(category, expected),
                "reconstruction": self.config.reconstruction * F.l1_loss(self.relabel(fake, batch.own), batch.images)}
