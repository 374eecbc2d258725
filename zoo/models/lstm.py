"""LSTM: a language model by maximum likelihood, Graves 2013 (https://arxiv.org/abs/1308.0850), equation 7 for words.

    max_theta  E_y[sum_t log pi_theta(y_t | y_1..t-1)]

What adversarial models of sentences are compared with: they begin as one, and have its network. Departures: one layer,
no skip connections, Adam, and no dropout.
"""

from dataclasses import dataclass

from zoo.core.registry import register
from zoo.data.batches import Sentences
from zoo.tasks.writer import Writer, WriterConfig


@dataclass(frozen=True, kw_only=True)
class LSTMConfig(WriterConfig):
    learning_rate: float = 1e-2


@register("lstm", title="LSTM language model", paper="https://arxiv.org/abs/1308.0850", year=2013)
class LSTM(Writer):
    Config = LSTMConfig
    kind = "likelihood"

    def training_step(self, batch: Sentences, batch_idx: int) -> None:
        self.optimize("generator", self.likelihood_loss, batch)
