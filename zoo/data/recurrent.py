"""The language model that draws the sentences of ``oracle``, and that generators of sentences are: an LSTM."""

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zoo.core.choosing import choose
from zoo.data.tokens import END, counted, tidied

State = tuple[Tensor, Tensor]  # hidden and cell, (N, width) each
NEVER = -1e4  # the logit of what cannot come


class Recurrent(nn.Module):
    """pi(y_t | y_1..t-1) of an LSTM (Hochreiter and Schmidhuber 1997), whose first input is the end of what was before.

    Args:
        vocabulary: numbers of tokens, END among them.
        width: of the embedding and of the LSTM.
        ends: whether a sentence can end before its last place; it has one word at least.
    """

    def __init__(self, vocabulary: int, width: int, ends: bool) -> None:
        super().__init__()
        self.vocabulary, self.width, self.ends = vocabulary, width, ends
        self.embedding = nn.Embedding(vocabulary, width)
        self.lstm = nn.LSTM(width, width, batch_first=True)
        self.out = nn.Linear(width, vocabulary)

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits of every place given those before: sentences (N, T) -> (N, T, vocabulary)."""
        return torch.cat([self._logits(hidden, first) for hidden, _, first in self._by_part(tokens)], 1)

    def _by_part(self, tokens: Tensor) -> Iterator[tuple[Tensor, Tensor, bool]]:
        """Hidden states before the first place, and before the later ones; the tokens there; and whether it is the
        first. All are as the first where no sentence ends early."""
        embedded = self.embedded(F.pad(tokens[:, :-1], (1, 0), value=END))
        with torch.autocast(tokens.device.type, enabled=False):  # the CPU's has no bfloat16 for some widths
            hidden, _ = self.lstm(embedded)
        for first, places in (((True, slice(0, 1)), (False, slice(1, None))) if self.ends else ((True, slice(None)),)):
            yield hidden[:, places], tokens[:, places], first

    def embedded(self, before: Tensor) -> Tensor:
        """What the LSTM is told: the tokens before each place, (N, T) -> (N, T, width)."""
        return self.embedding(before)

    def _logits(self, hidden: Tensor, first: bool) -> Tensor:
        """Of what follows states (..., width); the end cannot where a sentence begins, or where none ends early."""
        weight, bias = self.out.weight, self.out.bias
        if self.ends and not first:
            return F.linear(hidden, weight, bias)
        is_end = torch.arange(self.vocabulary, device=bias.device) == END
        return F.linear(hidden, weight.masked_fill(is_end[:, None], 0), bias.masked_fill(is_end, NEVER))

    def start(self, n: int) -> tuple[Tensor, State]:
        """What comes before n sentences: embedded (N, width), and state."""
        weight = self.embedding.weight
        zeros = weight.new_zeros(n, self.width)
        return weight[END].expand(n, -1), (zeros, zeros)

    def step(self, embedded: Tensor, state: State, first: bool = False) -> tuple[Tensor, State]:
        """Logits (N, vocabulary) of the next place, after an embedded token, (N, width); first: of a sentence."""
        (hidden, cell), (into, across, bias_into, bias_across) = state, self.lstm.all_weights[0]
        gates = F.linear(embedded, into, bias_into) + F.linear(hidden, across, bias_across)
        write, keep, value, read = gates.chunk(4, 1)
        cell = keep.sigmoid() * cell + write.sigmoid() * value.tanh()
        hidden = read.sigmoid() * cell.tanh()
        return self._logits(hidden, first), (hidden, cell)

    def sentences(self, uniform: Tensor) -> Tensor:
        """Sentences (N, T) that follow from uniform numbers (N, T), a word from each; ends after the first."""
        embedded, state = self.start(len(uniform))
        return self.go_on(uniform, embedded, state, first=True)

    def go_on(self, uniform: Tensor, embedded: Tensor, state: State, first: bool = False) -> Tensor:
        """The next places of sentences that have come so far, (N, places), as ``sentences``."""
        words = []
        for place, u in enumerate(uniform.unbind(1)):
            logits, state = self.step(embedded, state, first and place == 0)
            words.append(choose(logits, u))
            embedded = self.embedding(words[-1])
        return tidied(torch.stack(words, 1))

    def log_likelihoods(self, tokens: Tensor) -> Tensor:
        """log pi(y_t | y_1..t-1) in nats, 0 where a place does not count: (N, T) -> (N, T)."""
        return torch.cat([self._logs(*part) for part in self._by_part(tokens)], 1) * counted(tokens)

    def _logs(self, hidden: Tensor, tokens: Tensor, first: bool) -> Tensor:
        """log pi of tokens (N, T) after states (N, T, width); where the end cannot come, NEVER.

        There it is over the words alone, which takes neither a mask nor a copy of the weights. A pass over all logits
        takes as long as the LSTM: of states in one list their matrix product adds the bias on its way.
        """
        unheard = END + 1 if first else END  # numbers below it cannot come
        logits = F.linear(hidden.flatten(0, 1), self.out.weight[unheard:], self.out.bias[unheard:])
        loss = F.cross_entropy(logits, tokens.flatten() - unheard, reduction="none", ignore_index=-1)
        return torch.where(tokens < unheard, NEVER, -loss.view(tokens.shape))
