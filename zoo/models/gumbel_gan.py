"""Gumbel GAN: gradients through soft words, Kusner 2016 (https://arxiv.org/abs/1611.04051), equations 2 to 6.

Of logits h the words argmax(h + g), g = -log(-log u), come with the probabilities softmax(h). Instead of such a word
the discriminator, and the generator at its next place, get

    y = softmax((h + g) / tau)

through which gradients go: near one-hot for small tau, even for large ones. tau falls by the clock, in equal factors.
With ``straight_through`` they get the one-hot word, and gradients go as if it were y (Jang 2016, arXiv:1611.01144).
Trained as a GAN whose generator does not saturate. Departures: pi learns by likelihood first, and is SeqGAN's (words
from random numbers, no latent at the start); D is SeqGAN's convolutions over words; sentences may end, with soft ends.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zoo.core.config import option
from zoo.core.module import Terms
from zoo.core.registry import register
from zoo.data.batches import Sentences
from zoo.data.text_spec import TextSpec
from zoo.losses import nll_fake, nll_real
from zoo.networks.sentences import TextCNN
from zoo.tasks.writer import Writer, WriterConfig


@dataclass(frozen=True, kw_only=True)
class GumbelGANConfig(WriterConfig):
    learning_rate: float = 1e-2
    adversarial_learning_rate: float = option(1e-4, "learning rate of D, and of pi when D teaches it", minimum=0)
    likelihood: int = option(500_000, "sentences over which pi learns by likelihood", minimum=0)
    first_temperature: float = option(2.0, "tau at the first step after that", minimum=1e-3)
    last_temperature: float = option(0.2, "tau at the end of the fall", minimum=1e-3)
    fall: int = option(500_000, "sentences over which tau falls", minimum=1)
    straight_through: bool = option(False, "whether words are one-hot on the way forward")
    filters: int = option(32, "of D that see one word, and dimensions of its embedding", minimum=1, maximum=4096)
    dropout: float = option(0.25, "share of D's features that is left out", minimum=0, maximum=0.99)


def soft_words(logits: Tensor, uniform: Tensor, temperature: float, straight_through: bool) -> Tensor:
    """softmax((h + g) / tau), g = -log(-log u), with its gradient: logits and u in [0, 1) (N, V) -> (N, V)."""
    tiny = torch.finfo(uniform.dtype).tiny
    gumbel = -(-uniform.clamp(min=tiny).log()).clamp(min=tiny).log()
    soft = ((logits + gumbel) / temperature).softmax(1)
    if not straight_through:
        return soft
    return F.one_hot(soft.argmax(1), soft.shape[1]).to(soft) + soft - soft.detach()


@register("gumbel-gan", title="GAN of Gumbel-softmax words", paper="https://arxiv.org/abs/1611.04051", year=2016)
class GumbelGAN(Writer):
    Config = GumbelGANConfig
    config: GumbelGANConfig
    kind = "soft words"

    def __init__(self, config: GumbelGANConfig, data: TextSpec) -> None:
        super().__init__(config, data)
        self.discriminator = TextCNN(data.vocabulary, data.length, config.filters, config.dropout)

    def optimizer_groups(self) -> dict[str, list[nn.Parameter]]:
        return super().optimizer_groups() | {"discriminator": list(self.discriminator.parameters())}

    def learning_rate_of(self, group: str) -> float:
        config = self.config
        return config.adversarial_learning_rate if group == "discriminator" else config.learning_rate

    def training_step(self, batch: Sentences, batch_idx: int) -> None:
        if self.seen_before(batch) < self.config.likelihood:
            self.optimize("generator", self.likelihood_loss, batch)
        else:
            self.terms.pop("generator/nll", None)  # of the past
            self.set_rate_of("generator", self.config.adversarial_learning_rate)
            self.alternate(batch)

    @property
    def temperature(self) -> float:
        """tau at this step: from the first to the last by equal factors, where it stays."""
        config = self.config
        done = min(max(self.images_seen - config.likelihood, 0) / config.fall, 1.0)
        return config.first_temperature ** (1 - done) * config.last_temperature ** done

    def soft_sentences(self, n: int) -> Tensor:
        """(n, T, vocabulary), differentiably. After a place that is an end the others are too, as far as it is one."""
        uniform = self.draw(torch.rand, n, self.data.length, self.data.vocabulary)
        embedded, state = self.generator.start(n)
        places: list[Tensor] = []
        ended = torch.zeros_like(uniform[:, 0, :1])
        end = F.one_hot(torch.zeros(n, dtype=torch.int64, device=uniform.device), self.data.vocabulary).to(uniform)
        for place, u in enumerate(uniform.unbind(1)):
            logits, state = self.generator.step(embedded, state, first=place == 0)
            word = soft_words(logits, u, self.temperature, self.config.straight_through)
            embedded = word @ self.generator.embedding.weight
            places.append((1 - ended) * word + ended * end)
            ended = ended + (1 - ended) * word[:, :1]
        return torch.stack(places, 1)

    def discriminator_loss(self, batch: Sentences) -> Terms:
        judge, n = self.discriminator, len(batch.tokens)
        with torch.no_grad():
            written = self.soft_sentences(n)
        return {"real": nll_real(judge(batch.tokens, self.draw(torch.rand, n, judge.features))),
                "fake": nll_fake(judge(written, self.draw(torch.rand, n, judge.features)))}

    def generator_loss(self, batch: Sentences) -> Terms:
        judge, n = self.discriminator, len(batch.tokens)
        self.track("generator/temperature", self.temperature)
        return {"adversarial": nll_real(judge(self.soft_sentences(n), self.draw(torch.rand, n, judge.features)))}
