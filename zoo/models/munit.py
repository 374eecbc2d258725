"""MUNIT: content and style of two unpaired sets, swapped, Huang 2018 (https://arxiv.org/abs/1804.04732).

Equations 1 to 5, with least squares in place of the logarithms (as the authors' code has them). E^c and E^s take a
picture of a domain apart, G puts content and style together; c = E^c(x), and s ~ N(0, 1). E, G descend, for A and B
alike, such as for A

    E[(D_B(G_B(c_a, s_b)) - 1)^2] + lambda_x E |G_A(c_a, E_A^s(a)) - a|_1
    + lambda_c E |E_B^c(G_B(c_a, s_b)) - c_a|_1 + lambda_s E |E_B^s(G_B(c_a, s_b)) - s_b|_1
    + lambda_cyc E |G_A(E_B^c(G_B(c_a, s_b)), E_A^s(a)) - a|_1

and D_B descends E[(D_B(b) - 1)^2] + E[D_B(G_B(c_a, s_b))^2]; with lambda_x 10, lambda_c = lambda_s = 1 and norms that
are means over values. The last term is section 4's style-augmented cycle, 0 unless asked for. A style has 8 numbers;
it is drawn, or taken from a picture of the domain: ``translate(images, style=picture)``. Adam has 1e-4, 0.5 and 0.999.
Departures: one PatchGAN a domain instead of three scales, of instance norm; D steps after E and G, on the pictures that
these were corrected by, where the authors' code draws others; see ``zoo.networks.styled`` for others.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zoo.core.config import option
from zoo.core.module import Terms
from zoo.core.registry import register
from zoo.data.batches import Domains
from zoo.data.pair_spec import DomainSpec
from zoo.losses import squared_error
from zoo.networks.styled import StyledCoder
from zoo.tasks.styled import StyledTranslator
from zoo.tasks.unpaired import Judged, UnpairedConfig


@dataclass(frozen=True, kw_only=True)
class MUNITConfig(UnpairedConfig):
    learning_rate: float = 1e-4
    blocks: int | None = option(4, "residual blocks of each content encoder, and of each decoder", minimum=1,
                                maximum=64)
    style_dim: int = option(8, "numbers of a style", minimum=1, maximum=4096)
    reconstruction: float = option(10.0, "weight of the pictures' L1 error (lambda_x)", minimum=0)
    content: float = option(1.0, "weight of the contents' L1 error (lambda_c)", minimum=0)
    style: float = option(1.0, "weight of the styles' L1 error (lambda_s)", minimum=0)
    cycle: float = option(0.0, "weight of the L1 error of pictures that come back with their own style (lambda_cyc)",
                          minimum=0)


class Crossed(NamedTuple):
    """A picture's content and style, and what is made of its content in the other domain, in a style that is drawn."""

    content: Tensor
    style: Tensor
    drawn: Tensor
    made: Tensor


@register("munit", title="MUNIT", paper="https://arxiv.org/abs/1804.04732", year=2018)
class MUNIT(StyledTranslator):
    Config = MUNITConfig
    config: MUNITConfig

    def __init__(self, config: MUNITConfig, data: DomainSpec) -> None:
        super().__init__(config, data)
        assert config.blocks is not None  # for mypy: the default here is a number
        self.coder_a, self.coder_b = (
            StyledCoder(data.channels, data.image_size, config.width, config.blocks, config.style_dim)
            for _ in range(2))
        self.discriminator_a, self.discriminator_b = (self.build_discriminator() for _ in range(2))

    def optimizer_groups(self) -> dict[str, list[nn.Parameter]]:
        return {"discriminator": [*self.discriminator_a.parameters(), *self.discriminator_b.parameters()],
                "generator": [*self.coder_a.parameters(), *self.coder_b.parameters()]}

    @property
    def noise_size(self) -> int:
        return self.config.style_dim

    def training_step(self, batch: Domains, batch_idx: int) -> None:
        batch = self.begun(batch)
        made = self.step_generator(batch)
        made_b, made_a = (torch.cat([part.made for part in parts]).detach().to(batch.a)
                          for parts in zip(*made, strict=True))
        self.optimize("discriminator", self.discriminator_loss, Judged(batch.a, batch.b, made_a, made_b))

    def fake(self, batch: Domains) -> tuple[Crossed, Crossed]:
        a, b = self.coder_a, self.coder_b
        return self.crossed(batch.a, a, b), self.crossed(batch.b, b, a)

    def crossed(self, images: Tensor, own: StyledCoder, other: StyledCoder) -> Crossed:
        content, drawn = own.content(images), self.draw(torch.randn, len(images), self.config.style_dim)
        return Crossed(content, own.style(images), drawn, other.decode(content, drawn))

    def generator_terms(self, batch: Domains, fake: tuple[Crossed, Crossed]) -> Terms:
        (of_a, of_b), a, b = fake, self.coder_a, self.coder_b
        return self.terms_of("a", batch.a, of_a, a, b, self.discriminator_b) \
            | self.terms_of("b", batch.b, of_b, b, a, self.discriminator_a)

    def terms_of(self, side: str, images: Tensor, crossed: Crossed, own: StyledCoder, other: StyledCoder,
                 judge: nn.Module) -> Terms:
        """The terms of pictures of one domain."""
        config, (content, style, drawn, made) = self.config, crossed
        found = other.content(made)
        terms = {"adversarial": squared_error(judge(made), 1.0),
                 "picture": config.reconstruction * F.l1_loss(own.decode(content, style), images),
                 "content": config.content * F.l1_loss(found, content),
                 "style": config.style * F.l1_loss(other.style(made), drawn)}
        if config.cycle:
            terms["cycle"] = config.cycle * F.l1_loss(own.decode(found, style), images)
        return {f"{name}_{side}": term for name, term in terms.items()}

    def discriminator_loss(self, batch: Judged) -> Terms:
        return {"real_a": squared_error(self.discriminator_a(batch.a), 1.0),
                "fake_a": squared_error(self.discriminator_a(batch.made_a), 0.0),
                "real_b": squared_error(self.discriminator_b(batch.b), 1.0),
                "fake_b": squared_error(self.discriminator_b(batch.made_b), 0.0)}
