"""Cross-aligned auto-encoder (Shen 2017, arXiv:1705.09655): sentences to content and back, in a style that is told."""

from contextlib import nullcontext
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zoo.data.recurrent import NEVER
from zoo.data.tokens import END, counted, tidied

WINDOWS = (1, 2, 3, 4, 5)  # states that a filter sees


class Decoded(NamedTuple):
    """Hidden states (N, T + 1, H), of which the first is that before any word; logits (N, T, vocabulary) of word t,
    which follow from state t + 1; and the words (N, T)."""

    states: Tensor
    logits: Tensor
    tokens: Tensor


class Restyler(nn.Module):
    """Encoder and decoder, each a GRU (Cho 2014, arXiv:1406.1078) that begins with a style.

    The encoder begins with (style, 0) and the last numbers of its last state are the content z; the decoder begins with
    (style, z).

    Args:
        vocabulary: numbers of tokens, END among them.
        embedding, style, content: dimensions.
        ends: whether a sentence can end before its last place; it has one word at least.
    """

    def __init__(self, vocabulary: int, embedding: int, style: int, content: int, ends: bool, styles: int = 2) -> None:
        super().__init__()
        self.style, self.content_size, self.ends, width = style, content, ends, style + content
        self.embedding = nn.Embedding(vocabulary, embedding)
        self.from_style, self.to_style = nn.Embedding(styles, style), nn.Embedding(styles, style)
        self.encoder, self.decoder = (nn.GRU(embedding, width, batch_first=True) for _ in range(2))
        self.out = nn.Linear(width, vocabulary)

    def content(self, tokens: Tensor, style: Tensor) -> Tensor:
        """z (N, content) of sentences (N, T) in styles (N,)."""
        begin = F.pad(self.from_style(style), (0, self.content_size))
        held = self._run(self.encoder, self.embedding(tokens), begin)
        last = (tokens != END).sum(1).clamp(min=1) - 1
        return held[torch.arange(len(held), device=held.device), last, self.style:]

    def begin(self, content: Tensor, style: Tensor) -> Tensor:
        """The state before the first word, (N, H)."""
        return torch.cat([self.to_style(style), content], 1)

    def taught(self, content: Tensor, style: Tensor, tokens: Tensor) -> Decoded:
        """Of sentences (N, T), whose words it is given one by one."""
        states = self.taught_states(content, style, tokens)
        return Decoded(states, self._possible(states[:, 1:]), tokens)

    def taught_states(self, content: Tensor, style: Tensor, tokens: Tensor) -> Tensor:
        """Those of ``taught``, (N, T + 1, H)."""
        state = self.begin(content, style)
        before = F.pad(tokens[:, :-1], (1, 0), value=END)
        return torch.cat([state[:, None], self._run(self.decoder, self.embedding(before), state)], 1)

    def free(self, content: Tensor, style: Tensor, places: int, gamma: float | None = None) -> Decoded:
        """Of its own words: the likeliest or, with gamma, as inputs a mean of all by softmax(logits / gamma)."""
        state = self.begin(content, style)
        states, logits, words = [state], [], []
        embedded = self.embedding.weight[END].expand(len(state), -1)
        for place in range(places):
            state = self._step(embedded, state)
            said = self._possible(state[:, None], first=place == 0)[:, 0]
            words.append(said.argmax(1))
            embedded = self.embedding(words[-1]) if gamma is None else (said / gamma).softmax(1) @ self.embedding.weight
            states.append(state)
            logits.append(said)
        return Decoded(torch.stack(states, 1), torch.stack(logits, 1), tidied(torch.stack(words, 1)))

    def _step(self, embedded: Tensor, state: Tensor) -> Tensor:
        """The next state (N, H) of the decoder."""
        into, across, bias_into, bias_across = self.decoder.all_weights[0]
        given, held = F.linear(embedded, into, bias_into).chunk(3, 1), F.linear(state, across, bias_across).chunk(3, 1)
        reset, keep = ((one + other).sigmoid() for one, other in zip(given[:2], held[:2], strict=True))
        fresh = (given[2] + reset * held[2]).tanh()
        return (1 - keep) * fresh + keep * state

    @staticmethod
    def _run(gru: nn.GRU, embedded: Tensor, state: Tensor) -> Tensor:
        whole = nullcontext() if embedded.is_meta else torch.autocast(embedded.device.type, enabled=False)
        with whole:  # the CPU's has no bfloat16 for some widths
            return gru(embedded, state[None].contiguous())[0]

    def _possible(self, states: Tensor, first: bool | None = None) -> Tensor:
        """Logits after states (N, T, H), of a sentence from its beginning unless ``first`` says whether they are."""
        logits = self.out(states.flatten(0, 1)).unflatten(0, states.shape[:2])  # else weights are copied N times
        never = torch.zeros(states.shape[1], dtype=torch.bool, device=states.device)
        if not self.ends or first:
            never[:] = True
        elif first is None:
            never[0] = True
        end = torch.where(never, NEVER, logits[..., END])
        return torch.cat([end[..., None], logits[..., 1:]], -1)


def in_sentence(states: Tensor, tokens: Tensor) -> Tensor:
    """States (N, T + 1, H) with zeros for those behind the end of their sentences (N, T)."""
    there = F.pad(counted(tokens), (1, 0), value=True)
    return states * there[..., None]


class StateCNN(nn.Module):
    """A discriminator of hidden states (N, L, H) -> logits (N, 1): filters over 1 to 5 states and their maxima."""

    def __init__(self, width: int, length: int, filters: int) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList(nn.Conv1d(width, filters, window) for window in WINDOWS if window <= length)
        self.out = nn.Linear(filters * len(self.convolutions), 1)

    def forward(self, states: Tensor) -> Tensor:
        found = [F.leaky_relu(layer(states.transpose(1, 2)), 0.2).amax(2) for layer in self.convolutions]
        return self.out(torch.cat(found, 1))
