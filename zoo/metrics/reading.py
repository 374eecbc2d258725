"""How far written sentences are from real ones, in features that a bundled language model reads out of them.

Like FID, with another network: numbers in it are named after it, and compare with no others.
"""

from collections.abc import Callable

import torch

from zoo.data.batches import Sentences
from zoo.data.text_spec import TextSpec
from zoo.features.sentences import Reader
from zoo.metrics.comparison import Comparison
from zoo.metrics.distances import between_halves, by_chance, frechet_distance, frechet_spread
from zoo.metrics.protocol import short
from zoo.metrics.real import real_rows
from zoo.metrics.writing import sides, words_of

Values = dict[str, float]
STEPS = 4
MOST = 2_000  # sentences of a half
Words = list[str]


def text_frechet(c: Comparison) -> Values:
    """The Frechet distance to the real sentences with its standard deviation, what as many real ones would get
    (floor), and the distances of those to train with and of words by their frequency; nothing where no network for
    such sentences comes with the package."""
    if c.reader is None:
        return {}
    name, network = c.reader
    stem, words = f"text_fd{short(c.protocol.samples)}[{name}]", c.model.data.words
    real = network(words_of(c.source.spec.words, c.columns.truth[c.rows]))
    found = {suffix: network(words_of(words, tokens)) for suffix, tokens in sides(c)}
    return {stem: frechet_distance(found[""], real), f"{stem}/std": frechet_spread(found[""], real),
            f"{stem}/floor": by_chance(between_halves(real), len(real), len(found[""]))} | {
        f"{stem}{suffix}": frechet_distance(features, real) for suffix, features in found.items() if suffix}


def replaced(sentences: list[Words], step: int, random: torch.Generator) -> list[Words]:
    """With 1/32, 1/16, 1/8, 1/4 of the words, at random places, in others' stead that come in the text as often."""
    every = [word for words in sentences for word in words]
    return [[every[int(torch.randint(len(every), (), generator=random))]
             if torch.rand((), generator=random) < 2**step / 64 else word for word in words] for words in sentences]


def disordered(sentences: list[Words], step: int, random: torch.Generator) -> list[Words]:
    """With 1 to 4 pairs of words in each other's place."""
    made = [list(words) for words in sentences]
    for words in made:
        for _ in range(step):
            one, other = torch.randint(len(words), (2,), generator=random).tolist()
            words[one], words[other] = words[other], words[one]
    return made


def shortened(sentences: list[Words], step: int, random: torch.Generator) -> list[Words]:
    """Without the last 1 to 4 words, but for the first."""
    return [words[:max(1, len(words) - step)] for words in sentences]


def repeated(sentences: list[Words], step: int, random: torch.Generator) -> list[Words]:
    """Of which only one in 4, 16, 64, 256 is left, again and again."""
    return [sentences[row % max(1, len(sentences) // 4**step)] for row in range(len(sentences))]


WORSE: dict[str, Callable[[list[Words], int, torch.Generator], list[Words]]] = {
    "words replaced": replaced, "words swapped": disordered, "last words cut": shortened,
    "few sentences copied": repeated}


def responses(network: Reader, spec: TextSpec, columns: Sentences) -> dict[str, list[float]]:
    """Distances of real sentences as they are and after each step, by what is done to them, to as many others."""
    rows = real_rows(len(columns.tokens), 2 * MOST)
    sentences = words_of(spec.words, columns.tokens[rows])
    reference, given = network(sentences[::2]), sentences[1::2]
    floor = frechet_distance(network(given), reference)
    return {name: [floor, *(frechet_distance(network(made(given, step, torch.Generator().manual_seed(step))), reference)
                            for step in range(1, STEPS + 1))] for name, made in WORSE.items()}
