"""Sentences of a small probabilistic context-free grammar, whose likelihood is known exactly.

Subject and verb agree in number over whatever stands between them, so that a model has to remember. A phrase behind a
noun may belong to the noun or to the verb, so a sentence may have several trees: its probability is the sum over all
of them, which the inside algorithm gives (Baker 1979). Sentences of more than ``length`` words are drawn again, and the
probabilities are those of what is left.
"""

import random
from functools import cache
from typing import NamedTuple

import torch
from torch import Tensor

from zoo.core.errors import UsageError
from zoo.data.batches import Sentences
from zoo.data.folder import checked_split
from zoo.data.text import Reading
from zoo.data.text_spec import TextSpec

LENGTH = 12
SENTENCES = 10_000  # of each split
SEEDS = {"train": 1, "test": 2}


class Grammar(NamedTuple):
    """Of each symbol its ways: two symbols, or one word, with probabilities that sum to 1."""

    pairs: dict[str, dict[tuple[str, str], float]]
    words: dict[str, dict[str, float]]
    start: str = "sentence"


def _even(words: str, share: float = 1.0) -> dict[str, float]:
    """Of words that share a probability the first is the likeliest, each next one half as likely and a bit."""
    weights = [0.5**k + 0.1 for k, _ in enumerate(words.split())]
    return {word: share * weight / sum(weights) for word, weight in zip(words.split(), weights, strict=True)}


GRAMMAR = Grammar(
    pairs={
        "sentence": {("one", "does"): 0.6, ("many", "do"): 0.4},
        "one": {("a", "noun"): 0.75, ("one", "where"): 0.15},
        "many": {("the", "nouns"): 0.8, ("many", "where"): 0.2},
        "noun": {("adjective", "noun"): 0.25},
        "nouns": {("adjective", "nouns"): 0.25},
        "does": {("sees", "one"): 0.3, ("sees", "many"): 0.2, ("does", "where"): 0.2},
        "do": {("see", "one"): 0.3, ("see", "many"): 0.2, ("do", "where"): 0.2},
        "where": {("near", "one"): 0.6, ("near", "many"): 0.4},
    },
    words={
        "one": _even("anna ben", 0.1),
        "a": _even("the a every"), "the": _even("the some many"),
        "noun": _even("dog cat child horse painter", 0.75), "nouns": _even("dogs cats children horses painters", 0.75),
        "adjective": _even("small old red quiet"), "near": _even("near with behind"),
        "does": _even("sleeps runs sings", 0.3), "do": _even("sleep run sing", 0.3),
        "sees": _even("sees likes finds"), "see": _even("see like find"),
    })


class GrammarSource:
    """10,000 sentences of the grammar to train with and as many others to test with; the same every time."""

    splits = tuple(SEEDS)

    def __init__(self, reading: Reading, split: str, held_out: float) -> None:
        known = sorted({word for words in GRAMMAR.words.values() for word in words})
        if reading.tokens != "words" or reading.vocabulary not in (0, len(known)) or held_out:
            raise UsageError("grammar has words, a vocabulary and sentences to test with of its own: leave --tokens, "
                             "--vocabulary and --held-out away")
        self.split = checked_split("grammar", split, self.splits)
        length = reading.length or LENGTH
        if length < 3:
            raise UsageError("--length of grammar must be at least 3: it has next to no shorter sentences")
        self.spec = TextSpec(name="grammar", tokens="words", length=length, ends=True, images=SENTENCES,
                             known=" ".join(known), provenance="synthetic: a probabilistic context-free grammar")

    def prepare(self) -> None:
        """Nothing to download."""

    def load(self) -> Sentences:
        draw = random.Random(SEEDS[self.split])
        rows = torch.zeros(SENTENCES, self.spec.length, dtype=torch.int32, device="cpu")
        for row in rows:
            words: list[str] = []
            while not 0 < len(words) <= self.spec.length:
                words = _drawn(GRAMMAR, draw, self.spec.length)
            row[:len(words)] = torch.tensor([self.spec.numbers[word] for word in words], device="cpu")
        return Sentences(rows, torch.zeros(SENTENCES, dtype=torch.int64))


def _drawn(grammar: Grammar, draw: random.Random, most: int) -> list[str]:
    """A sentence from left to right; cut off where it is too long anyhow."""
    open_symbols = [grammar.start]
    words: list[str] = []
    while open_symbols and len(words) + len(open_symbols) <= most:
        symbol = open_symbols.pop()
        ways: dict = grammar.pairs.get(symbol, {}) | grammar.words.get(symbol, {})
        (way,) = draw.choices(list(ways), list(ways.values()))
        if isinstance(way, str):
            words.append(way)
        else:
            open_symbols += reversed(way)
    return words if not open_symbols else []


def log_likelihoods(spec: TextSpec, tokens: Tensor) -> Tensor:
    """log p(y) in nats of sentences (N, T) under the grammar, (N,) float64; -inf for those that it does not have."""
    tokens = tokens.long().cpu()
    lengths = (tokens > 0).sum(1)
    found = torch.full((len(tokens),), -torch.inf, dtype=torch.float64)
    table = {symbol: torch.tensor([0.0, *(words.get(word, 0.0) for word in spec.words)], dtype=torch.float64)
             for symbol, words in GRAMMAR.words.items()}
    for length in lengths.unique().tolist():
        rows = (lengths == length).nonzero().view(-1)
        if length:
            found[rows] = _inside(GRAMMAR, table, tokens[rows, :length]).log()
    return found - torch.stack(shares_by_length(spec.length)).sum().log()


def _inside(grammar: Grammar, table: dict[str, Tensor], tokens: Tensor) -> Tensor:
    """The probabilities of sentences of n words (N, n), summed over their trees."""
    count, length = tokens.shape
    spans: dict[tuple[int, int], dict[str, Tensor]] = {
        (place, place + 1): {symbol: shares[tokens[:, place]] for symbol, shares in table.items()}
        for place in range(length)}
    for size in range(2, length + 1):
        for first in range(length - size + 1):
            last, total = first + size, {}
            for symbol, ways in grammar.pairs.items():
                parts = [share * spans[first, middle][left] * spans[middle, last][right]
                         for (left, right), share in ways.items() for middle in range(first + 1, last)
                         if left in spans[first, middle] and right in spans[middle, last]]
                if parts:
                    total[symbol] = torch.stack(parts).sum(0)
            spans[first, last] = total
    return spans[0, length].get(grammar.start, torch.zeros(count, dtype=torch.float64))


@cache
def shares_by_length(most: int) -> list[Tensor]:
    """The probability that a sentence of the grammar has 1, 2, ..., ``most`` words."""
    sizes: list[dict[str, float]] = [{symbol: sum(words.values()) for symbol, words in GRAMMAR.words.items()}]
    for size in range(2, most + 1):
        sizes.append({symbol: sum(share * sizes[part - 1].get(left, 0.0) * sizes[size - part - 1].get(right, 0.0)
                                  for (left, right), share in ways.items() for part in range(1, size))
                      for symbol, ways in GRAMMAR.pairs.items()})
    return [torch.tensor(of_size.get(GRAMMAR.start, 0.0), dtype=torch.float64) for of_size in sizes]
