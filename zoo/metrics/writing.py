"""Measures of models that write sentences.

Real sentences are those of the protocol's split. As many as the model writes are set beside them: other real ones, to
train with (``/real``), and words drawn by their frequency among those, lengths too (``/unigram``).
"""

import math
from collections import Counter
from collections.abc import Callable

import torch
from torch import Tensor

from zoo.core.errors import UsageError
from zoo.data import grammar, oracle
from zoo.data.text_spec import TextSpec
from zoo.data.tokens import END, counted
from zoo.metrics.bleu import bleu, self_bleu
from zoo.metrics.comparison import Comparison
from zoo.metrics.real import real_rows

Values = dict[str, float]
TRUTHS: dict[str, Callable[[TextSpec, Tensor], Tensor]] = {  # sets whose likelihood is known
    "oracle": oracle.log_likelihoods, "grammar": grammar.log_likelihoods}
LONGEST = 5  # n-grams


def _tokens(c: Comparison) -> Tensor:
    """Real sentences of the split, as many as are compared with, in the numbers of the model."""
    return _numbered(c, c.source.spec, c.columns.truth[c.rows])


def _numbered(c: Comparison, spec: TextSpec, tokens: Tensor) -> Tensor:
    """Those of a set's sentences that the model's words can spell, in its numbers, (N, T) int64."""
    data = c.model.data
    if spec.known == data.known and spec.length == data.length:
        return tokens.long()
    table = torch.tensor([END, *(data.numbers.get(word, -1) for word in spec.words)])
    numbers = table[tokens.long()]
    fits = (numbers >= 0).all(1) & ((numbers > 0).sum(1) <= data.length)
    if not fits.any():
        raise UsageError(f"{spec.name} has no sentence of the words that {c.model.variant} knows")
    places = torch.nn.functional.pad(numbers[fits], (0, max(0, data.length - numbers.shape[1])))
    return places[:, :data.length]


def _others(c: Comparison) -> Tensor:
    """As many sentences to train with as the model writes, or as there are: others than those compared with, where the
    split is another."""
    tokens = _numbered(c, c.training_source.spec, c.training_columns.truth)
    return tokens[real_rows(len(tokens), c.protocol.samples)]


class Unigram:
    """Words by their frequency alone, the end among them; what is not there counts as once."""

    def __init__(self, tokens: Tensor, data: TextSpec) -> None:
        counts = tokens[counted(tokens)].bincount(minlength=data.vocabulary).double() + 1
        if not data.ends:
            counts[END] = 0
        self.logs = (counts / counts.sum()).log()
        self.words, self.data = counts.clone(), data
        self.words[END] = 0
        self.lengths = (tokens > END).sum(1)

    def scores(self, tokens: Tensor) -> Tensor:
        """-log p in nats a token, of all tokens."""
        return -self.logs[tokens[counted(tokens)]]

    def sentences(self, n: int, seed: int) -> Tensor:
        """Of lengths as in the data, (n, T)."""
        random = torch.Generator().manual_seed(seed)
        rows = self.words.multinomial(n * self.data.length, True, generator=random).view(n, -1)
        lengths = self.lengths[torch.randint(len(self.lengths), (n,), generator=random)]
        return torch.where(torch.arange(self.data.length) < lengths[:, None], rows, END)


def words_of(words: list[str], tokens: Tensor) -> list[list[str]]:
    """Sentences (N, T) as words."""
    return [[words[k - 1] for k in row] for row in _lists(tokens)]


def _unigram(c: Comparison) -> Unigram:
    return Unigram(_numbered(c, c.training_source.spec, c.training_columns.truth), c.model.data)


def _lists(tokens: Tensor) -> list[list[int]]:
    """Without the ends."""
    return [[k for k in row if k != END] for row in tokens.tolist()]


def likelihood(c: Comparison) -> Values:
    """-log pi of real sentences in nats a token, over all tokens, the ends among them."""
    tokens, model = _tokens(c), c.model.to(c.how.device)
    total = torch.zeros((), dtype=torch.float64)
    with torch.no_grad(), model.answering():
        for part in tokens.split(c.how.batch_size):
            total -= model.generator.log_likelihoods(model.placed(part)).sum().double().cpu()
    return {"nll": (total / counted(tokens).sum()).item(), "nll/unigram": _unigram(c).scores(tokens).mean().item()}


def truth(c: Comparison) -> Values:
    """What the true distribution thinks of what is written, where it is known; nothing elsewhere.

    ``grammatical`` is the share of sentences that can come at all, ``true_nll`` is in nats a token of these.
    """
    data = c.model.data
    if data.name not in TRUTHS:
        return {}
    found = {}
    for suffix, tokens in (("", c.outputs), ("/real", _tokens(c)),
                           ("/unigram", _unigram(c).sentences(len(c.outputs), c.protocol.seed))):
        logs = TRUTHS[data.name](data, tokens)
        possible = logs > -math.inf
        found[f"grammatical{suffix}"] = possible.double().mean().item()
        if possible.any():
            found[f"true_nll{suffix}"] = -(logs[possible].sum() / counted(tokens)[possible].sum()).item()
    return found


def against_real(c: Comparison) -> Values:
    """BLEU-2 to 5 against all real sentences at once."""
    corpus = _lists(_tokens(c))
    return _by_n("bleu", c, lambda sentences: bleu(sentences, corpus, LONGEST))


def against_others(c: Comparison) -> Values:
    """BLEU-2 to 5 of each sentence against all others that were written: high where they are all alike."""
    return _by_n("self_bleu", c, lambda sentences: self_bleu(sentences, LONGEST))


def _by_n(name: str, c: Comparison, measure: Callable[[list[list[int]]], list[float]]) -> Values:
    found = {f"{name}{n}{suffix}": value for suffix, tokens in sides(c) for n, value in enumerate(
        measure(_lists(tokens)), 1) if n > 1}
    return dict(sorted(found.items()))


def sides(c: Comparison) -> list[tuple[str, Tensor]]:
    """What was written, other real sentences, and words by their frequency, by the suffix of their numbers."""
    return [("", c.outputs), ("/real", _others(c)),
            ("/unigram", _unigram(c).sentences(len(c.outputs), c.protocol.seed))]


def distinct(c: Comparison) -> Values:
    """The share of n-grams that are different ones (Li 2016, arXiv:1510.03055), and tokens a sentence."""
    found = {}
    for suffix, tokens in sides(c)[:2]:
        sentences = _lists(tokens)
        for n in (1, 2, 3):
            counts = Counter(gram for row in sentences for gram in zip(*(row[k:] for k in range(n)), strict=False))
            found[f"distinct{n}{suffix}"] = len(counts) / max(1, counts.total())
        found[f"tokens_each{suffix}"] = sum(map(len, sentences)) / len(sentences)
    return dict(sorted(found.items()))


def copied(c: Comparison) -> Values:
    """The share of sentences that stand word for word among those to train with; of real ones of another split too."""
    known = {tuple(row) for row in _lists(_numbered(c, c.training_source.spec, c.training_columns.truth))}

    def share(tokens: Tensor) -> float:
        return sum(tuple(row) in known for row in _lists(tokens)) / len(tokens)

    values = {"copied": share(c.outputs)}
    return values if c.protocol.split == "train" else values | {"copied/real": share(_tokens(c))}
