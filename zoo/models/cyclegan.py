"""CycleGAN: two unpaired sets of pictures turned into each other, Zhu 2017 (https://arxiv.org/abs/1703.10593).

Equations 1 to 3, with least squares in place of the logarithms (section 4), G from A to B and F from B to A:

    G, F descend  E[(D_B(G(a)) - 1)^2] + E[(D_A(F(b)) - 1)^2] + lambda (E |F(G(a)) - a|_1 + E |G(F(b)) - b|_1)
    D_B descends  1/2 E[(D_B(b) - 1)^2] + 1/2 E[D_B(g)^2],  D_A likewise,  g from a pool of G's last 50 and new ones

with lambda 10 and norms that are means over values. Where asked (``--identity 0.5``, as the paper for paintings), G and
F also descend identity lambda (E |G(b) - b|_1 + E |F(a) - a|_1), section 5.2: each gets pictures of the domain that it
makes. ResNets of six blocks, from 256 px on nine; D judges patches. As in the paper, Adam has 2e-4 and beta1 0.5, D's
loss is halved, and pictures are enlarged by 286/256 and cut back at random, mirrored or not; the generators step first,
and D looks at what they made before. Departures: patches are smaller than the paper's 70 px below 128 px; the fall of
the learning rate in the second half of the run has to be asked for with the run's images (``--decay-images``), since a
run may be gone on with.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zoo.core.config import option
from zoo.core.history import History
from zoo.core.module import Terms
from zoo.core.registry import register
from zoo.data.batches import Domains
from zoo.data.pair_spec import DomainSpec
from zoo.losses import squared_error
from zoo.tasks.unpaired import CyclicTranslator, Judged, UnpairedConfig


@dataclass(frozen=True, kw_only=True)
class CycleGANConfig(UnpairedConfig):
    cycle: float = option(10.0, "weight of the cycle's L1 error (lambda)", minimum=0)
    identity: float = option(0.0, "weight of the identity term, in parts of the cycle's: what is of the target domain "
                             "already stays (0: none; the paper's 0.5 keeps colours)", minimum=0)
    pool: int = option(50, "past pictures of each generator that D may look at again (0: none)", minimum=0,
                       maximum=100_000)


class Made(NamedTuple):
    """What the generators make of a batch, and of that again."""

    a: Tensor  # F(b)
    b: Tensor  # G(a)
    back_a: Tensor  # F(G(a))
    back_b: Tensor  # G(F(b))


@register("cyclegan", title="CycleGAN", paper="https://arxiv.org/abs/1703.10593", year=2017)
class CycleGAN(CyclicTranslator):
    Config = CycleGANConfig
    config: CycleGANConfig

    def __init__(self, config: CycleGANConfig, data: DomainSpec) -> None:
        super().__init__(config, data)
        self.generator, self.inverse = (self.build_generator() for _ in range(2))
        self.discriminator_a, self.discriminator_b = (self.build_discriminator() for _ in range(2))
        self.history_a, self.history_b = (History(config.pool, *data.shape) for _ in range(2))

    def optimizer_groups(self) -> dict[str, list[nn.Parameter]]:
        return {"generator": [*self.generator.parameters(), *self.inverse.parameters()],
                "discriminator": [*self.discriminator_a.parameters(), *self.discriminator_b.parameters()]}

    def training_step(self, batch: Domains, batch_idx: int) -> None:
        batch = self.begun(batch)
        made = self.step_generator(batch)
        self.optimize("discriminator", self.discriminator_loss, self.judged(batch, made))

    def fake(self, batch: Domains) -> Made:
        a, b = self.inverse(batch.b), self.generator(batch.a)
        return Made(a, b, self.inverse(b), self.generator(a))

    def judged(self, batch: Domains, parts: list[Made]) -> Judged:
        """Real pictures, and made ones out of the pools, which change by that: once a step."""
        made_a, made_b = (torch.cat(pictures).detach().to(batch.a) for pictures in list(zip(*parts, strict=True))[:2])
        n = len(batch.a)
        return Judged(batch.a, batch.b, self.history_a.exchange(made_a, self.draw(torch.rand, n, 2)),
                      self.history_b.exchange(made_b, self.draw(torch.rand, n, 2)))

    def generator_terms(self, batch: Domains, fake: Made) -> Terms:
        config = self.config
        terms = {"adversarial_a": squared_error(self.discriminator_a(fake.a), 1.0),
                 "adversarial_b": squared_error(self.discriminator_b(fake.b), 1.0),
                 "cycle_a": config.cycle * F.l1_loss(fake.back_a, batch.a),
                 "cycle_b": config.cycle * F.l1_loss(fake.back_b, batch.b)}
        if config.identity:
            weight = config.identity * config.cycle
            terms |= {"identity_a": weight * F.l1_loss(self.inverse(batch.a), batch.a),
                      "identity_b": weight * F.l1_loss(self.generator(batch.b), batch.b)}
        return terms

    def discriminator_loss(self, batch: Judged) -> Terms:
        return {"real_a": 0.5 * squared_error(self.discriminator_a(batch.a), 1.0),
                "fake_a": 0.5 * squared_error(self.discriminator_a(batch.made_a), 0.0),
                "real_b": 0.5 * squared_error(self.discriminator_b(batch.b), 1.0),
                "fake_b": 0.5 * squared_error(self.discriminator_b(batch.made_b), 0.0)}
