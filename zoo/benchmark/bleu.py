"""BLEU-2 to 5 and self-BLEU beside nltk's of the same sentences, and how long they take of many.

nltk looks at every reference for every sentence, so its time grows with the product of both numbers: pairs are of few.
"""

import time
from argparse import Namespace
from functools import partial
from importlib.util import find_spec

import torch

from zoo.benchmark.measure import Comparison, Meter, compare
from zoo.core.errors import UsageError
from zoo.metrics.bleu import bleu, self_bleu

MOST = 5  # of the n-grams
FEW = 100  # sentences, and as many to compare with, of a pair
WORDS, LENGTH = 1_000, 20


def corpora(count: int) -> tuple[list[list[int]], list[list[int]]]:
    """So many sentences, and as many to compare with: of 20 words, drawn by Zipf's law out of 1,000."""
    often = 1 / torch.arange(1, 1 + WORDS, dtype=torch.float64)
    drawn = torch.multinomial(often, 2 * count * LENGTH, replacement=True, generator=torch.Generator().manual_seed(0))
    written, references = drawn.view(2, count, LENGTH).tolist()
    return written, references


def ours(count: int, options: Namespace, meter: Meter) -> None:
    written, references = corpora(count)
    meter.start()
    bleu(written, references, MOST)
    self_bleu(written, MOST)
    meter.stop()


def by_nltk(count: int, options: Namespace, meter: Meter) -> None:
    """All lengths of n-grams in one pass, as nltk can."""
    from nltk.translate.bleu_score import SmoothingFunction, sentence_bleu  # takes a second

    written, references = corpora(count)
    weights = [tuple([1 / n] * n) for n in range(2, MOST + 1)]
    smooth = SmoothingFunction().method1
    meter.start()
    for place, sentence in enumerate(written):
        for corpus in (references, written[:place] + written[place + 1:]):
            sentence_bleu(corpus, sentence, weights, smooth)
    meter.stop()


def measure(options: Namespace) -> Comparison:
    """Pairs of FEW; and ``options.samples`` by the zoo alone.

    Raises:
        UsageError: too few to compare one with another, or there is no nltk.
    """
    if find_spec("nltk") is None:
        raise UsageError("BLEU is timed beside nltk's, which is not installed: pip install nltk")
    if options.samples < 2:
        raise UsageError("one sentence is compared with others: --samples takes 2 at least")
    few = min(FEW, options.samples)
    found = compare(partial(ours, few), partial(by_nltk, few), options)
    written, references = corpora(options.samples)
    taken = []
    for measured in (partial(bleu, written, references, MOST), partial(self_bleu, written, MOST)):
        start = time.process_time()
        measured()
        taken.append(time.process_time() - start)
    return found._replace(
        names=("the zoo", "nltk"), details={"sentences": options.samples, "bleu": taken[0], "self_bleu": taken[1]},
        text=f"\n\nPairs are of {few} sentences. Of {options.samples:,} against as many BLEU-2 "
             f"to {MOST} takes the zoo {taken[0]:.1f} s of CPU time, and self-BLEU {taken[1]:.1f} s.")
