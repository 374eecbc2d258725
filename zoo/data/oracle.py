"""Sentences of a random LSTM, whose likelihood is known: the synthetic data of Yu 2016 (arXiv:1609.05473), section 4.

The oracle is an LSTM of 32 units with all parameters from N(0, 1); its sentences are 20 words out of 5,000.
"""

from functools import cache

import torch
from torch import Tensor, nn

from zoo.core.errors import UsageError
from zoo.data.batches import Sentences
from zoo.data.folder import checked_split
from zoo.data.recurrent import Recurrent
from zoo.data.text import Reading
from zoo.data.text_spec import TextSpec

WIDTH, LENGTH, VOCABULARY = 32, 20, 5_000
SENTENCES = 10_000  # of each split
SEEDS = {"train": 1, "test": 2}
BLOCK = 1_000  # sentences at once


@cache
def oracle(words: int) -> Recurrent:
    """The LSTM, the same every time."""
    random = torch.Generator("cpu").manual_seed(0)
    with torch.device("cpu"):
        model = Recurrent(1 + words, WIDTH, ends=False).float().requires_grad_(False)
    for parameter in model.parameters():
        nn.init.normal_(parameter, generator=random)
    return model


class OracleSource:
    """10,000 sentences of the oracle to train with and as many others to test with; the same every time."""

    splits = tuple(SEEDS)

    def __init__(self, reading: Reading, split: str, held_out: float) -> None:
        if reading.tokens != "words" or held_out:
            raise UsageError("oracle has words, and sentences to test with: leave --tokens and --held-out away")
        self.split = checked_split("oracle", split, self.splits)
        length, words = reading.length or LENGTH, reading.vocabulary or VOCABULARY
        self.spec = TextSpec(name="oracle", tokens="words", length=length, ends=False, images=SENTENCES,
                             known=" ".join(map(str, range(1, 1 + words))),
                             provenance=f"synthetic: an LSTM of {WIDTH} units with parameters from N(0, 1)")

    def prepare(self) -> None:
        """Nothing to download."""

    @torch.no_grad()
    def load(self) -> Sentences:
        random = torch.Generator("cpu").manual_seed(SEEDS[self.split])
        model = oracle(len(self.spec.words))
        parts = [model.sentences(torch.rand(BLOCK, self.spec.length, generator=random, device="cpu"))
                 for _ in range(SENTENCES // BLOCK)]
        return Sentences(torch.cat(parts).int(), torch.zeros(SENTENCES, dtype=torch.int64))


@torch.no_grad()
def log_likelihoods(spec: TextSpec, tokens: Tensor) -> Tensor:
    """log p(y) in nats of sentences (N, T) under the oracle of a spec, (N,); -inf for one that ends before."""
    model = oracle(len(spec.words))
    whole = (tokens > 0).all(1)
    return torch.cat([torch.where(full, model.log_likelihoods(part).double().sum(1), -torch.inf)
                      for part, full in zip(tokens.long().split(BLOCK), whole.split(BLOCK), strict=True)])
