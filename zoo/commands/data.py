"""Tells what a set of pictures or sentences has, and what in it would spoil a measurement.

    zoo data path/to/images
    zoo data anime --data-dir path/to/data
    zoo data cifar10
    zoo data sentences.txt
"""

from collections import Counter
from collections.abc import Iterator
from itertools import combinations
from typing import Any

import numpy as np

from zoo.commands import cli
from zoo.data.inspecting import inspect
from zoo.data.inspecting_lines import LinesInspection, has_sentences, inspect_lines
from zoo.data.inspection import Inspection
from zoo.data.listing import few

SHOWN = 3  # sizes, modes, suffixes or files that a line names


def main(arguments: list[str]) -> None:
    parser = cli.Parser("Look at all pictures of a data set: sizes, colours, classes, unreadable files, splits, and "
                        "copies, near ones and mirrored ones too, in a split or between splits; or at all lines of a "
                        "set of sentences. Nothing is changed.")
    parser.add_argument("data", help="a folder, a text file of one sentence a line, shards (zoo shard), a named data "
                        "set (zoo train --help lists them), or hf:org/name")
    parser.add_argument("--data-dir", metavar="DIR", help="where named data sets are found or downloaded to (default: "
                        "$ZOO_CACHE/data or ~/.cache/gan-zoo/data)")
    parser.add_argument("--image-size", type=cli.count, default=0, metavar="SIZE", help="pixels of a set that is no "
                        "folder (default: its own)")
    options = parser.parse_args(arguments)
    found = lines_of_text(inspect_lines(options.data, options.data_dir)) if has_sentences(options.data) else (
        lines(inspect(options.data, options.data_dir, options.image_size)))
    for word, said in found:
        print(f"{word:11} {said}")


def lines_of_text(found: LinesInspection) -> Iterator[tuple[str, str]]:
    """What there is to say of sentences, a word and a sentence each."""
    parts = found.parts
    counts = {name: part.classes.total() for name, part in parts.items()}
    yield found.name, f"{sum(counts.values()):,} sentences"
    yield "splits", ", ".join(f"{name} {count:,}" for name, count in counts.items()) + (
        "; none to test with: zoo train --held-out 0.1 keeps a tenth, with all copies" if len(parts) == 1 else "")
    by_class = sum((part.classes for part in parts.values()), Counter())
    yield "classes", "none" if len(by_class) < 2 else _most(by_class)
    lengths = sum((part.lengths for part in parts.values()), Counter())
    yield "empty", f"{lengths.pop(0, 0):,} lines"
    ordered = sorted(lengths.elements())
    half, most = (ordered[-(-len(ordered) * share // 100) - 1] for share in (50, 99))
    yield "words each", f"{ordered[0]:,} to {ordered[-1]:,}; half have at most {half:,}, 99 of 100 at most {most:,}"
    words = sum((part.words for part in parts.values()), Counter())
    yield "words", f"{len(words):,}, of which {sum(count == 1 for count in words.values()):,} are there once"
    copies = [count for count in sum((part.copies for part in parts.values()), Counter()).values() if count > 1]
    yield "copies", f"{sum(copies):,} sentences in {_groups(len(copies))}" if copies else "none"
    for first, second in combinations(parts, 2):
        own = parts[second].copies
        if shared := sum(own[sentence] for sentence in own.keys() & parts[first].copies):
            yield "leak", (f"{shared:,} of {second} {'is' if shared == 1 else 'are'} in {first} too"
                           + (", where zoo train leaves them out" if first == "train" else ""))


def lines(found: Inspection) -> Iterator[tuple[str, str]]:
    """What there is to say, a word and a sentence each."""
    parts = found.parts.values()
    count, broken = sum(len(part.names) for part in parts), [name for part in parts for name in part.unreadable]
    yield found.name, f"{count:,} pictures: {found.layout}"
    yield "splits", _splits(found)
    yield "sizes", _most(sum((part.sizes for part in parts), Counter()), lambda size: f"{size[0]}x{size[1]}")
    yield "colours", _most(sum((part.modes for part in parts), Counter()))
    if kinds := sum((part.kinds for part in parts), Counter()):
        yield "files", _most(kinds)
    yield "classes", _classes(found)
    yield "unreadable", "none" if not broken else f"{len(broken):,}: " + "; ".join(_some(broken))
    if count:
        yield from _copies(found, count)
    for note in found.notes:
        yield "note", note


def _splits(found: Inspection) -> str:
    each = ", ".join(f"{name} {len(part.names):,}" for name, part in found.parts.items())
    alone = found.layout == "single images" and list(found.parts) == ["train"]
    return each + ("; none to test with: zoo train --held-out 0.1 keeps a tenth, with all copies" if alone else "")


def _most(counts: Counter, spelt: Any = str) -> str:
    """Such as "64x64 (30), 32x32 (2) and 12 others (20)"."""
    first = [f"{spelt(what)} ({count:,})" for what, count in counts.most_common(SHOWN)]
    rest = [count for _, count in counts.most_common()[SHOWN:]]
    return ", ".join(first) + (f" and {len(rest):,} others ({sum(rest):,})" if rest else "")


def _groups(count: int) -> str:
    return f"{count:,} group{'s' if count > 1 else ''}"


def _some(words: list[str]) -> list[str]:
    return [*words[:SHOWN], *(["..."] if len(words) > SHOWN else [])]


def _classes(found: Inspection) -> str:
    by_part = {name: Counter(part.classes) for name, part in found.parts.items() if part.classes}
    every = sum(by_part.values(), Counter())
    if not every:
        return "none"
    (most, largest), (least, smallest) = every.most_common()[0], every.most_common()[-1]
    said = f"{len(every):,}, from {smallest:,} pictures ({least}) to {largest:,} ({most})"
    lacking = {name: sorted(set(every) - set(counts)) for name, counts in by_part.items()}
    return "; ".join([said, *(f"{name} lacks {few(names)}" for name, names in lacking.items() if names)])


def _copies(found: Inspection, count: int) -> Iterator[tuple[str, str]]:
    sizes = np.bincount(found.copies.groups)
    kinds = found.copies.kinds()
    if len(sizes) == count:
        yield "copies", "none"
    else:
        groups = sizes[sizes > 1]
        kind = ", ".join(f"{name} {len(which):,}" for name, which in kinds.items() if len(which))
        yield "copies", (f"{groups.sum():,} pictures in {_groups(len(groups))} of up to {groups.max():,} ({kind}), so "
                         f"{len(sizes):,} different pictures")
    if found.plain:
        yield "plain", f"{found.plain:,} of one colour, which are copies only where they are the same to the pixel"
    if differ := found.contradictions():
        yield "labels", (f"{_groups(len(differ))} of copies in which the pictures are of several classes, such as "
                         + " and ".join(differ[0]))
    for leak in found.leaks():
        yield "leak", (f"{leak.pictures:,} of {leak.second} {'is a copy' if leak.pictures == 1 else 'are copies'} of "
                       f"what is in {leak.first}: {leak.example[1]} of {leak.example[0]}")
