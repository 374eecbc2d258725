"""The networks that come with the package in whose features sentences are compared: language models that read them.

What a sentence is compared in is the mean of the states of an LSTM (Hochreiter and Schmidhuber 1997) that learnt, by
likelihood and of other text, to say what comes next. ``zoo features --from`` makes them of trained models.
"""

import json
from functools import cache
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from zoo.core.errors import UsageError, unknown
from zoo.core.files import digest
from zoo.data.recurrent import Recurrent
from zoo.data.tokens import END, padded
from zoo.features.bundled import PRETRAINED

READERS = PRETRAINED / "sentences"
BATCH = 512  # sentences at once


class Reader(nn.Module):
    """Sentences to features: the mean of the LSTM's states after nothing, the first word, the second and so on.

    Args:
        known: the words that it knows, with a space between them; it reads over others.
        width: of the embedding, of the LSTM, and of the features.
    """

    def __init__(self, known: str, width: int) -> None:
        super().__init__()
        self.shape = {"known": known, "width": width}
        self.numbers = {word: number for number, word in enumerate(known.split(" "), 1)}
        self.embedding = nn.Embedding(1 + len(self.numbers), width)
        self.lstm = nn.LSTM(width, width, batch_first=True)

    @classmethod
    def of(cls, model: Recurrent, words: list[str]) -> "Reader":
        """That of a language model of these words."""
        reader = cls(" ".join(words), model.width)
        reader.load_state_dict({name: value for name, value in model.state_dict().items()
                                if not name.startswith("out.")})
        return reader.eval().requires_grad_(False)

    @torch.no_grad()
    def forward(self, sentences: list[list[str]]) -> Tensor:
        """Features (N, width) of sentences in words, which do not depend on the others."""
        return torch.cat([self._read(sentences[row:row + BATCH]) for row in range(0, len(sentences), BATCH)])

    def _read(self, sentences: list[list[str]]) -> Tensor:
        rows = [[END, *(self.numbers[word] for word in words if word in self.numbers)] for words in sentences]
        lengths = torch.tensor([len(row) for row in rows])
        states, _ = self.lstm(self.embedding(padded(rows, int(lengths.max()))))
        there = torch.arange(states.shape[1]) < lengths[:, None]
        return (states * there[..., None]).sum(1) / lengths[:, None]


def readers() -> list[str]:
    """The names of those that come with the package."""
    return sorted(path.stem for path in READERS.glob("*.json"))


def describe_reader(name: str) -> dict[str, Any]:
    """What NAME.json says of one. Raises UsageError if there is none of this name."""
    if name not in readers():
        raise unknown("features of sentences", name, readers())
    return json.loads((READERS / f"{name}.json").read_text(encoding="utf-8"))


def reader_for(data: str) -> str | None:
    """The name of that for a data set's sentences, if there is one."""
    return next((name for name in readers() if describe_reader(name)["for"] == data), None)


@cache
def load_reader(name: str) -> Reader:
    """One in evaluation mode and single precision. Raises UsageError where its weights are not those it came with."""
    description, path = describe_reader(name), READERS / f"{name}.safetensors"
    if digest(path) != description["sha256"]:
        raise UsageError(f"{path} is damaged: install gan-zoo again")
    reader = Reader(**description["network"])
    reader.load_state_dict(load_file(path))  # from half precision, element by element
    return reader.eval().requires_grad_(False).float()
