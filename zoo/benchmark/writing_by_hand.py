"""The references of lstm: the loops that one would write for a language model, in plain torch.

As in ``by_hand``: a network of the same shape as the zoo's. Of the zoo it takes the sentences alone.
"""

from argparse import Namespace
from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zoo.benchmark.by_hand import DEVICE, adam, steps
from zoo.benchmark.measure import Meter
from zoo.core.errors import UsageError

DATA: dict[str, Any] = {"data": "oracle", "length": 20, "vocabulary": 1_000, "image_size": 0}
ADAM = (1e-2, (0.9, 0.999))


class Language(nn.Module):
    """Sentences (N, T) to logits (N, T, vocabulary) of every word, given those before it."""

    def __init__(self, vocabulary: int, width: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width)
        self.lstm = nn.LSTM(width, width, batch_first=True)
        self.out = nn.Linear(width, vocabulary)

    def forward(self, tokens: Tensor) -> Tensor:
        hidden, _ = self.lstm(self.embedding(F.pad(tokens[:, :-1], (1, 0))))
        return self.out(hidden)


def sentences(batch_size: int) -> Iterator[Tensor]:
    """Batches (N, T) out of memory, without end."""
    from zoo.data.sources import open_source  # it imports torchvision

    tokens = open_source(**DATA, kind="text").load().truth.long().to(DEVICE)
    while True:
        for rows in torch.randperm(len(tokens), device=DEVICE).split(batch_size)[:-1]:
            yield tokens[rows]


@torch.inference_mode()
def write(options: Namespace, meter: Meter) -> None:
    """As many sentences as are asked for, a word after the other in batches of 256."""
    model = Language(1 + DATA["vocabulary"], options.width).to(DEVICE).eval()
    words = [str(number) for number in range(1 + DATA["vocabulary"])]
    meter.start()
    written: list[str] = []
    for rows in torch.arange(options.samples).split(256):
        last, state, places = torch.zeros(len(rows), 1, dtype=torch.int64, device=DEVICE), None, []
        for _ in range(DATA["length"]):
            hidden, state = model.lstm(model.embedding(last), state)
            last = torch.multinomial(model.out(hidden[:, 0]).softmax(1), 1)
            places.append(last)
        written += [" ".join(words[number] for number in row) for row in torch.cat(places, 1).tolist()]
    meter.stop()


def check(options: Namespace) -> None:
    """Raises UsageError for a batch that there are not enough sentences for."""
    if options.batch_size > 5_000:
        raise UsageError(f"there are 10,000 sentences: take a --batch-size of 5,000 at most, not {options.batch_size}")


def train(options: Namespace, meter: Meter) -> None:
    """Maximum likelihood, by hand."""
    model = Language(1 + DATA["vocabulary"], options.width).to(DEVICE)
    optimizer = adam([model], *ADAM, options)
    stream = sentences(options.batch_size)

    def step(number: int) -> None:
        tokens = next(stream)
        optimizer.zero_grad()
        F.cross_entropy(model(tokens).flatten(0, 1), tokens.flatten()).backward()
        optimizer.step()

    steps(step, options, meter)
