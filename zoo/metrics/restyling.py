"""Measures of models that write sentences in another style.

Beside each number stands what trivial answers get: the sentence that was given (``/copy``) and a real one to train with
of the style that was asked for, drawn without looking (``/random``). A copy keeps all and has the wrong style, a random
sentence has the right style and keeps nothing: a number alone says nothing.
"""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable
from functools import cached_property, partial

import torch

from zoo.core.errors import UsageError
from zoo.data.text import StyledSource
from zoo.data.tokens import SPELLINGS
from zoo.metrics.bleu import References
from zoo.metrics.comparison import Comparison

Values = dict[str, float]
Words = list[str]
LONGEST = 4  # n-grams of BLEU
DISCOUNT = 0.75  # that a count of words gives to those that were not seen
CONTRACTED = re.compile(r"(?<=\w)(n't|'(?:s|re|ve|d|ll|m))\b")  # which the corpora have as words of their own


class Texts:
    """What is compared, as words: sentences that were given, and answers by the model and by trivial ways.

    Attributes:
        real, styles: the sentences to train with, and the style of each.
    """

    def __init__(self, c: Comparison) -> None:
        if "rewrite" not in c.model.asks:
            raise UsageError(f"{c.model.variant} writes nothing in another style: measure "
                             + ", ".join(c.model.measures))
        assert isinstance(c.training_source, StyledSource)  # as for such a model
        self._words = partial(_words, c.model.data.words)
        self._real, labels = c.training_columns.truth, c.training_columns.labels
        self.asked: list[int] = c.inputs["style"].tolist()
        self.given = self._words(c.inputs["tokens"])
        self.styles: list[int] = labels.tolist()
        by_style = [(labels == number).nonzero().flatten().tolist() for number in range(c.model.data.classes)]
        random = torch.Generator().manual_seed(c.protocol.seed)
        drawn = torch.rand(len(self.asked), generator=random).tolist()
        others = [by_style[style][int(u * len(by_style[style]))] for style, u in zip(self.asked, drawn, strict=True)]
        self.answers = {"": self._words(c.outputs), "/copy": self.given, "/random": self._words(self._real[others])}

    @cached_property
    def real(self) -> list[Words]:
        return self._words(self._real)  # many, which not every measure looks at

    def measured(self, name: str, measure: Callable[[list[Words]], float]) -> Values:
        """Of the model's and of trivial answers."""
        return {f"{name}{which}": measure(answers) for which, answers in self.answers.items()}


def _words(words: list[str], tokens: torch.Tensor) -> list[Words]:
    return [[words[number - 1] for number in row if number] for row in tokens.tolist()]


def style(c: Comparison) -> Values:
    """How often a classifier sees the style that was asked for, and how often it is right of real sentences (real).

    It learns from the sentences to train with, others than those that are rewritten: logistic regression on words and
    pairs of words.
    """
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    texts = Texts(c)
    given = {tuple(words) for words in texts.given}
    rows = [row for row, words in enumerate(texts.real) if tuple(words) not in given]
    judge = make_pipeline(
        CountVectorizer(analyzer=lambda words: [*words, *map(" ".join, zip(words, words[1:], strict=False))],
                        binary=True, min_df=2),
        LogisticRegression(C=0.3, max_iter=200))
    judge.fit([texts.real[row] for row in rows], [texts.styles[row] for row in rows])
    values = texts.measured("style", lambda answers: float((judge.predict(answers) == texts.asked).mean()))
    own = [1 - asked for asked in texts.asked]
    return values | {"style/real": float((judge.predict(texts.given) == own).mean())}


def kept(c: Comparison) -> Values:
    """BLEU-4 with the sentence that was given: 1 for a copy."""
    texts = Texts(c)
    return texts.measured(f"input_bleu{LONGEST}", lambda answers: _bleu(answers, [[words] for words in texts.given]))


def human(c: Comparison) -> Values:
    """BLEU-4 with what people made of the same sentences, in small letters and words as the corpora have them; nothing
    where nobody rewrote any. ``human_bleu4/of`` says of how many."""
    texts, found = Texts(c), c.source
    assert isinstance(found, StyledSource)  # as for such a model
    spelling, rewrites = SPELLINGS[c.model.data.tokens], found.rewrites()
    references = [[spelling.split(CONTRACTED.sub(r" \1", text.lower()))
                   for text in rewrites.get(spelling.join(words), ())] for words in texts.given]
    rows = [row for row, several in enumerate(references) if several]
    if not rows:
        return {}
    name = f"human_bleu{LONGEST}"
    return texts.measured(name, lambda answers: _bleu([answers[row] for row in rows],
                                                      [references[row] for row in rows])) | {f"{name}/of": len(rows)}


def _bleu(answers: list[Words], references: list[list[Words]]) -> float:
    """BLEU-4, a mean over answers, each against its own references."""
    values = [References(own, LONGEST).bleu(words)[-1] for words, own in zip(answers, references, strict=True)]
    return math.fsum(values) / len(values)


def fluency(c: Comparison) -> Values:
    """-log p in nats a token, the end among them, by a model of three words that learnt from all real sentences to
    train with; its exponential is the perplexity."""
    texts = Texts(c)
    model = Trigrams(texts.real)
    return texts.measured("nats", model.nats)


class Trigrams:
    """p(w | u, v) by counts with absolute discounting, each order falling back to the shorter one (Ney 1994)."""

    def __init__(self, sentences: list[Words]) -> None:
        self.counts: list[dict[tuple, Counter]] = [defaultdict(Counter) for _ in range(3)]
        for words in sentences:
            ended = self._ended(words)
            for place in range(2, len(ended)):
                for order, counts in enumerate(self.counts):
                    counts[tuple(ended[place - order:place])][ended[place]] += 1
        self.totals = [{before: counts.total() for before, counts in order.items()} for order in self.counts]
        self.words = len(self.counts[0][()]) + 1  # and one that was never seen

    @staticmethod
    def _ended(words: Words) -> list[str | None]:
        """With two ends of what was before, and its own."""
        return [None, None, *words, None]

    def probability(self, before: tuple, word: str | None) -> float:
        p = 1 / self.words
        for order, counts in enumerate(self.counts):
            context = before[len(before) - order:]
            if total := self.totals[order].get(context):
                seen = counts[context]
                p = max(seen[word] - DISCOUNT, 0) / total + DISCOUNT * len(seen) / total * p
        return p

    def nats(self, sentences: list[Words]) -> float:
        """-log p a token."""
        total = count = 0.0
        for words in sentences:
            ended = self._ended(words)
            for place in range(2, len(ended)):
                total -= math.log(self.probability(tuple(ended[place - 2:place]), ended[place]))
                count += 1
        return total / count
