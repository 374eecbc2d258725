"""SeqGAN: a policy gradient through words, Yu 2016 (https://arxiv.org/abs/1609.05473), equations 4 to 7, algorithm 1.

The generator pi writes word by word and gets as reward what D thinks of the whole sentence. With Q(y_1..t) the reward
of a sentence that begins with y_1..t, its mean over K sentences that a roll-out network writes on from there (4),

    grad J = E_y[sum_t grad log pi(y_t | y_1..t-1) Q(y_1..t)],   Q(y) = D(y) of a whole sentence
    max_D  E_x[log D(x)] + E_y[log(1 - D(y))]

By the clock: first pi learns by likelihood, then D alone, then D and pi in turns; the roll-out network follows pi, as
an average. Departures: by default from Q(y_1..t) the mean Q of the other sentences of the batch at that place is taken,
a baseline that leaves the gradient's mean as it is; the authors' code has none. Roll-outs of a sentence share their
random numbers over the places. Sentences may end, and nothing counts after. ``reward constant`` and ``reward random``
are controls: what they reach is not owed to D.
"""

import copy
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from zoo.core import parallel
from zoo.core.config import option
from zoo.core.module import Terms
from zoo.core.registry import register
from zoo.data.batches import Sentences
from zoo.data.text_spec import TextSpec
from zoo.data.tokens import counted, tidied
from zoo.losses import nll_fake, nll_real
from zoo.networks.sentences import TextCNN
from zoo.tasks.writer import Writer, WriterConfig


@dataclass(frozen=True, kw_only=True)
class SeqGANConfig(WriterConfig):
    learning_rate: float = 1e-2
    discriminator_learning_rate: float = option(1e-4, "learning rate of D", minimum=0)
    policy_learning_rate: float = option(1e-2, "learning rate of pi when D rewards it", minimum=0)
    likelihood: int = option(500_000, "sentences over which pi learns by likelihood", minimum=0)
    warm_up: int = option(100_000, "sentences over which D then learns alone", minimum=0)
    critic_steps: int = option(5, "updates of D for one of pi", minimum=1)
    rollouts: int = option(16, "sentences that are written on from each place (K)", minimum=1)
    follow: float = option(0.8, "share of itself that the roll-out network keeps at an update of pi", minimum=0,
                           maximum=1)
    baseline: Literal["others", "none"] = option("others", "what is taken from rewards: the mean of the others")
    reward: Literal["discriminator", "constant", "random"] = option(
        "discriminator", "of a sentence: what D thinks of it; or, as a control, 1, or a random number")
    filters: int = option(32, "of D that see one word, and dimensions of its embedding", minimum=1, maximum=4096)
    dropout: float = option(0.25, "share of D's features that is left out", minimum=0, maximum=0.99)
    l2: float = option(0.2, "weight of the squares of D's last layer", minimum=0)


@register("seqgan", title="SeqGAN", paper="https://arxiv.org/abs/1609.05473", year=2016)
class SeqGAN(Writer):
    Config = SeqGANConfig
    config: SeqGANConfig
    kind = "policy gradient"
    couples_images = True  # the baseline looks at the other sentences

    def __init__(self, config: SeqGANConfig, data: TextSpec) -> None:
        super().__init__(config, data)
        self.discriminator = TextCNN(data.vocabulary, data.length, config.filters, config.dropout)
        self.rollout = copy.deepcopy(self.generator).requires_grad_(False)

    def optimizer_groups(self) -> dict[str, list[nn.Parameter]]:
        return super().optimizer_groups() | {"discriminator": list(self.discriminator.parameters())}

    def learning_rate_of(self, group: str) -> float:
        return self.config.discriminator_learning_rate if group == "discriminator" else self.config.learning_rate

    @property
    def critic_steps(self) -> int:
        return self.config.critic_steps

    def training_step(self, batch: Sentences, batch_idx: int) -> None:
        seen = self.seen_before(batch)
        if seen < self.config.likelihood:
            self.optimize("generator", self.likelihood_loss, batch)
            self._follow(0.0)
            return
        self.terms.pop("generator/nll", None)  # of the past
        if seen < self.config.likelihood + self.config.warm_up:
            self.optimize("discriminator", self.discriminator_loss, batch)
        else:
            self.set_rate_of("generator", self.config.policy_learning_rate)
            before = self.updates["generator"]
            self.alternate(batch)
            if self.updates["generator"] > before:
                self._follow(self.config.follow)

    @torch.no_grad()
    def _follow(self, share: float) -> None:
        """theta_rollout = share theta_rollout + (1 - share) theta."""
        for slow, live in zip(self.rollout.parameters(), self.generator.parameters(), strict=True):
            slow.lerp_(live, 1 - share)

    # ---- losses -----------------------------------------------------------------------------------------------

    @torch.no_grad()
    def written(self, n: int) -> Tensor:
        """Sentences (n, T) of the generator as it is."""
        return self.generator.sentences(self.draw(torch.rand, n, self.data.length))

    def discriminator_loss(self, batch: Sentences) -> Terms:
        judge, n = self.discriminator, len(batch.tokens)
        real = judge(batch.tokens, self.draw(torch.rand, n, judge.features))
        fake = judge(self.written(n), self.draw(torch.rand, n, judge.features))
        squares = judge.out.weight.square().sum() + judge.out.bias.square().sum()
        return {"real": nll_real(real), "fake": nll_fake(fake), "l2": self.config.l2 * squares / 2}

    def generator_loss(self, batch: Sentences) -> Terms:
        tokens = self.written(len(batch.tokens))
        returns = self.returns(tokens)
        self.track("generator/reward", returns[:, -1].mean())
        return {"policy": self.policy_loss(tokens, returns)}

    def policy_loss(self, tokens: Tensor, returns: Tensor) -> Tensor:
        """-sum_t log pi(y_t | y_1..t-1) (Q(y_1..t) - b_t), as a mean over sentences: its gradient is that of -J.

        Args:
            tokens: sentences of pi, (N, T).
            returns: Q(y_1..t), (N, T).
        """
        advantages = returns - self.others(returns, counted(tokens)) if self.config.baseline == "others" else returns
        return -(self.generator.log_likelihoods(tokens) * advantages).sum(1).mean()

    @staticmethod
    def others(returns: Tensor, counts: Tensor) -> Tensor:
        """The mean of the other sentences' returns (N, T), of all processes, that still go on at that place; 0 where
        there is none."""
        totals = parallel.total((returns * counts).sum(0)) - returns * counts
        numbers = parallel.total(counts.to(returns).sum(0)) - counts.to(returns)
        return totals / numbers.clamp(min=1)

    @torch.no_grad()
    def returns(self, tokens: Tensor) -> Tensor:
        """Q(y_1..t) of every place of sentences (N, T), (N, T); the last one needs no roll-out."""
        n, length = tokens.shape
        uniform = self.draw(torch.rand, n, self.config.rollouts, length).flatten(0, 1)  # (N * K, T)
        embedded, state = self.rollout.start(n)
        found = []
        for place in range(length - 1):
            _, state = self.rollout.step(embedded, state)
            embedded = self.rollout.embedding(tokens[:, place])
            found.append(self._mean_reward(tokens[:, :place + 1], uniform[:, place + 1:], embedded, state))
        return torch.stack([*found, self.rewards(tokens)], 1)

    def _mean_reward(self, begun: Tensor, uniform: Tensor, embedded: Tensor, state: tuple[Tensor, Tensor]) -> Tensor:
        """(N,), over K sentences that begin with (N, t) words; the others are of uniform numbers (N * K, T - t)."""
        times = self.config.rollouts

        def each(x: Tensor) -> Tensor:
            return x.repeat_interleave(times, 0)

        rest = self.rollout.go_on(uniform, each(embedded), (each(state[0]), each(state[1])))
        return self.rewards(tidied(torch.cat([each(begun), rest], 1))).view(-1, times).mean(1)

    def rewards(self, tokens: Tensor) -> Tensor:
        """Of whole sentences (N, T), (N,) in [0, 1]."""
        if self.config.reward == "constant":
            return torch.ones_like(tokens[:, 0], dtype=self.dtype)
        if self.config.reward == "random":
            return self.draw(torch.rand, len(tokens))
        return self.discriminator(tokens)[:, 0].sigmoid()
