"""Cross-aligned auto-encoder: style transfer of sentences without pairs, Shen 2017 (https://arxiv.org/abs/1705.09655).

Sentences of two styles are encoded to content z = E(x, y) and decoded as G(y, z). In their own style they are to come
back; in the other, the decoder's states are to be like those of real sentences of that style (equations 4, 7, 8):

    E, G descend   -E[log p_G(x | y, E(x, y))] - rho E[log D_other(states of G(other, z))]
    D_s descends   -E[log D_s(states of x in s)] - E[log(1 - D_s(states of G(s, z of the other style)))]

Real sentences are decoded with their own words given (teacher forcing); transferred ones with what comes out, as means
of all words by softmax(logits / gamma), so that gradients pass. A sequence of states has that before the first word and
ends where the sentence does. As in the authors' code, rho is 0 in steps in which a D is not yet better than 1.2 nats (2
log 2 is chance), and G learns from transferred sentences alone. Departures: gamma is constant; no dropout; no noise in
the soft words; gradients are not clipped; with ``likelihood`` the auto-encoder first learns alone, without which a
short run does not give sentences back.
"""

from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zoo.core import parallel
from zoo.core.config import option
from zoo.core.module import Config, Terms
from zoo.core.registry import register
from zoo.data.batches import Sentences
from zoo.data.text_spec import TextSpec
from zoo.data.tokens import counted
from zoo.networks.restyling import Decoded, Restyler, StateCNN, in_sentence
from zoo.tasks.rewriter import Rewriter

BETTER = 1.2  # nats of a D's two terms, below which it is taken seriously


@dataclass(frozen=True, kw_only=True)
class CrossAlignedConfig(Config):
    learning_rate: float = 5e-4
    embedding_dim: int = option(100, "dimensions of words", minimum=1, maximum=4096)
    style_dim: int = option(200, "dimensions of a style (y)", minimum=1, maximum=4096)
    width: int = option(500, "dimensions of content (z)", minimum=1, maximum=4096)
    filters: int = option(128, "of each D for each number of states that they see", minimum=1, maximum=4096)
    rho: float = option(1.0, "weight of the adversarial term", minimum=0)
    likelihood: int = option(0, "sentences over which the auto-encoder first learns alone", minimum=0)
    gamma: float = option(0.1, "temperature of soft words", minimum=1e-3)


@register("cross-aligned-ae", title="Cross-aligned auto-encoder", paper="https://arxiv.org/abs/1705.09655", year=2017)
class CrossAlignedAE(Rewriter):
    Config = CrossAlignedConfig
    config: CrossAlignedConfig
    generator: Restyler
    kind = "style transfer"

    def __init__(self, config: CrossAlignedConfig, data: TextSpec) -> None:
        super().__init__(config, data)
        self.generator = Restyler(data.vocabulary, config.embedding_dim, config.style_dim, config.width,
                                  data.ends)
        width = config.style_dim + config.width
        self.discriminators = nn.ModuleList(StateCNN(width, data.length + 1, config.filters) for _ in range(2))

    def networks_for_sampling(self) -> dict[str, nn.Module]:
        return {"generator": self.generator}

    def optimizer_groups(self) -> dict[str, list[nn.Parameter]]:
        return {"discriminator": list(self.discriminators.parameters()),
                "generator": list(self.generator.parameters())}

    def rewritten(self, tokens: Tensor, own: Tensor, style: Tensor) -> Tensor:
        return self.generator.free(self.generator.content(tokens, own), style, self.data.length).tokens

    def training_step(self, batch: Sentences, batch_idx: int) -> None:
        if self.seen_before(batch) < self.config.likelihood:
            self.optimize("generator", self.likelihood_loss, batch)
            return
        self.optimize("discriminator", self.discriminator_loss, batch)
        rho = self.config.rho if self.judges_are_better(batch.labels) else 0.0
        self.track("generator/rho", rho)
        self.optimize("generator", partial(self.generator_loss_with, rho), batch)

    def judges_are_better(self, labels: Tensor) -> bool:
        """Whether the two terms of either D, as means over its own sentences of all processes, are below BETTER."""
        terms, ones = self.terms, parallel.mean(labels.to(self.dtype).mean())
        shares = (1 - ones, ones)
        found = [parallel.mean(terms[f"discriminator/real_{style}"]) / shares[style]
                 + parallel.mean(terms[f"discriminator/fake_{style}"]) / shares[1 - style] for style in range(2)]
        return all(bool(value < BETTER) for value in found)

    def transferred(self, content: Tensor, style: Tensor) -> Decoded:
        """Contents (N, content) in styles (N,), as gradients pass."""
        return self.generator.free(content, style, self.data.length, self.config.gamma)

    def judged(self, states: Tensor, tokens: Tensor, style: Tensor) -> Tensor:
        """Logits (N,) by the D of each sentence's style (N,), of states (N, T + 1, H) and words (N, T)."""
        states = in_sentence(states, tokens)
        return torch.stack([judge(states)[:, 0] for judge in self.discriminators], 1).gather(1, style[:, None])[:, 0]

    def discriminator_loss(self, batch: Sentences) -> Terms:
        """Of each D, as means over all sentences: those that it does not see count 0."""
        tokens, own = batch
        content = self.generator.content(tokens, own)
        real, fake = self.generator.taught_states(content, own, tokens), self.transferred(content, 1 - own)
        on_real = F.softplus(-self.judged(real, tokens, own))
        on_fake = F.softplus(self.judged(fake.states, fake.tokens, 1 - own))
        return {f"{name}_{style}": (values * (styles == style)).mean() for style in range(2)
                for name, values, styles in (("real", on_real, batch.labels), ("fake", on_fake, 1 - batch.labels))}

    def likelihood_loss(self, batch: Sentences) -> Terms:
        """-log p of sentences in nats each."""
        return {"reconstruction": self.reconstruction(self.generator.content(*batch), batch)}

    def reconstruction(self, content: Tensor, batch: Sentences) -> Tensor:
        tokens, own = batch
        logs = self.generator.taught(content, own, tokens).logits.log_softmax(2).gather(2, tokens[..., None])[..., 0]
        return -(logs * counted(tokens)).sum(1).mean()

    def generator_loss_with(self, rho: float, batch: Sentences) -> Terms:
        """-log p of sentences in nats each, and what the D of the other style says of them in it."""
        tokens, own = batch
        content = self.generator.content(tokens, own)
        fake = self.transferred(content, 1 - own)
        return {"reconstruction": self.reconstruction(content, batch),
                "adversarial": rho * F.softplus(-self.judged(fake.states, fake.tokens, 1 - own)).mean()}
