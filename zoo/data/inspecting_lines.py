"""Looking at all lines of a set of sentences; nothing is changed."""

from collections import Counter
from pathlib import Path
from typing import NamedTuple

from zoo.core.errors import UsageError
from zoo.data.lines import SUFFIX, is_text
from zoo.data.listing import walk
from zoo.data.named import NAMES, TEXTS
from zoo.data.sources import open_source
from zoo.data.text import TextSource, digest


class LinesPart(NamedTuple):
    """What a split has.

    Attributes:
        classes: sentences of each.
        lengths: how many sentences have how many tokens; 0 are empty lines.
        words: how often there is which token.
        copies: how often there is which sentence, by its digest.
    """

    classes: Counter[str]
    lengths: Counter[int]
    words: Counter[str]
    copies: Counter[bytes]


class LinesInspection(NamedTuple):
    """What was found in a set of sentences: its name and parts."""

    name: str
    parts: dict[str, LinesPart]


def has_sentences(data: str) -> bool:
    """Whether a named set, a file, or a folder without pictures is of sentences."""
    path = Path(data).expanduser()
    if data in TEXTS or is_text(path):
        return True
    texts = (file for pattern in (f"*{SUFFIX}", f"*/*{SUFFIX}") for file in path.glob(pattern))
    return data not in NAMES and path.is_dir() and any(map(is_text, texts)) and not walk(path).files


def inspect_lines(data: str, data_dir: str | None = None) -> LinesInspection:
    """Goes through all lines of a set.

    Raises:
        UsageError: a set that is drawn, or one that no training could begin with.
    """
    source = open_source(data, data_dir, kind="text")
    if not isinstance(source, TextSource):
        raise UsageError(f"the sentences of {data} are drawn, as many as are wanted: there is nothing to look at")
    return LinesInspection(source.spec.name, {split: _part(source, split) for split in source.splits})


def _part(source: TextSource, split: str) -> LinesPart:
    part = LinesPart(Counter(), Counter(), Counter(), Counter())
    for label, words in source.each(split):
        part.lengths[len(words)] += 1
        part.words.update(words)
        if words:
            part.classes[label] += 1
            part.copies[digest(words)] += 1
    return part
