"""BLEU and self-BLEU are nltk's, and fast."""

import math
import random

import pytest
from nltk.translate.bleu_score import SmoothingFunction, sentence_bleu

from zoo.metrics.bleu import bleu, self_bleu

SMOOTH = SmoothingFunction().method1


def corpus(n: int, seed: int, words: int = 12) -> list[list[int]]:
    draw = random.Random(seed)
    return [[draw.randrange(words) for _ in range(draw.randrange(1, 12))] for _ in range(n)]


def by_nltk(sentence, references, n: int) -> float:
    return float(sentence_bleu(references, sentence, [1 / n] * n, SMOOTH))


@pytest.mark.parametrize("words", [3, 12, 200])
def test_bleu_is_nltks(words):
    sentences, references = corpus(30, 0, words), corpus(60, 1, words)
    for n, value in enumerate(bleu(sentences, references, 5), 1):
        expected = math.fsum(by_nltk(s, references, n) for s in sentences) / len(sentences)
        assert value == pytest.approx(expected, abs=1e-12), n


@pytest.mark.parametrize("words", [3, 12, 200])
def test_self_bleu_is_nltks_without_the_sentence_itself(words):
    """Of sentences of which some are there twice, and of which one alone has its length."""
    sentences = [*corpus(30, 2, words), *corpus(5, 2, words), list(range(3)) * 9]
    for n, value in enumerate(self_bleu(sentences, 5), 1):
        expected = math.fsum(by_nltk(s, sentences[:i] + sentences[i + 1:], n) for i, s in enumerate(sentences))
        assert value == pytest.approx(expected / len(sentences), abs=1e-12), n


def test_of_itself_a_sentence_has_one_and_of_nothing_none():
    assert bleu([[1, 2, 3, 4, 5]], [[1, 2, 3, 4, 5], [7]], 5) == pytest.approx([1.0] * 5)
    assert bleu([[9, 9], []], [[1, 2]], 3) == [0.0] * 3


def test_nearest_length_and_of_two_the_shorter():
    assert bleu([[1, 2, 3]], [[1, 2], [1, 2, 3, 4]], 1) == [1.0]  # 2 and 4 are as near: of 2 there is no penalty
    assert bleu([[1, 2, 3]], [[1, 2, 3, 4]], 1) == [pytest.approx(math.exp(1 - 4 / 3))]
