"""BLEU (Papineni 2002) of sentences against a whole corpus, as nltk computes it, without looking at the corpus again.

Of every n-gram only the most that any reference has is needed, which is found once; nltk looks at every reference for
every sentence. Sentences are lists of words. Like Texygen's, numbers are means over sentences, with nltk's
``SmoothingFunction().method1``: 0.1 for a count of 0.
"""

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Hashable, Sequence

Sentence = Sequence[Hashable]
NOTHING = 0.1  # for a count of 0


def grams(sentence: Sentence, n: int) -> Counter:
    """How often each n-gram comes in a sentence."""
    return Counter(zip(*(sentence[k:] for k in range(n)), strict=False))


class References:
    """A corpus to compare with.

    Args:
        corpus: at least one sentence.
        most: the longest n-grams.
    """

    def __init__(self, corpus: Sequence[Sentence], most: int) -> None:
        self.most = most
        # The most of an n-gram in a reference, and the most in another one.
        self._best: list[dict[tuple, tuple[int, int]]] = [{} for _ in range(most)]
        for sentence in corpus:
            for n, best in enumerate(self._best, 1):
                for gram, count in grams(sentence, n).items():
                    first, second = best.get(gram, (0, 0))
                    best[gram] = (max(first, count), max(second, min(first, count)))
        self._lengths = Counter(map(len, corpus))
        self._sorted = sorted(self._lengths)

    def bleu(self, sentence: Sentence, within: bool = False) -> list[float]:
        """BLEU-1, ..., BLEU-most of a sentence.

        Args:
            within: whether it is one of the corpus, and is to be compared with the others: self-BLEU (Zhu 2018,
                arXiv:1802.01886).
        """
        logs, values = 0.0, []
        penalty = self._penalty(len(sentence), within)
        for n, best in enumerate(self._best, 1):
            counts = grams(sentence, n)
            hits = 0
            for gram, count in counts.items():
                first, second = best.get(gram, (0, 0))
                hits += min(count, second if within and count == first else first)
            if n == 1 and not hits:
                return [0.0] * self.most
            logs += math.log((hits or NOTHING) / max(1, counts.total()))
            values.append(penalty * math.exp(logs / n))
        return values

    def _penalty(self, length: int, within: bool) -> float:
        """For a sentence that is shorter than the reference nearest in length, of two such the shorter."""
        if not length:
            return 0.0
        place, lengths = bisect_left(self._sorted, length), self._sorted
        if within and place < len(lengths) and lengths[place] == length and self._lengths[length] == 1:
            near = [*lengths[max(place - 1, 0):place], *lengths[place + 1:place + 2]]
        else:
            near = lengths[max(place - 1, 0):place + 1]
        reference = min(near, key=lambda other: (abs(other - length), other))
        return 1.0 if length > reference else math.exp(1 - reference / length)


def bleu(sentences: Sequence[Sentence], corpus: Sequence[Sentence], most: int) -> list[float]:
    """BLEU-1, ..., BLEU-most, means over sentences."""
    references = References(corpus, most)
    return _means([references.bleu(sentence) for sentence in sentences])


def self_bleu(sentences: Sequence[Sentence], most: int) -> list[float]:
    """Of each sentence against all others, means over sentences."""
    references = References(sentences, most)
    return _means([references.bleu(sentence, within=True) for sentence in sentences])


def _means(rows: list[list[float]]) -> list[float]:
    return [math.fsum(column) / len(rows) for column in zip(*rows, strict=True)]
