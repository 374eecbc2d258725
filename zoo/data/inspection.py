"""What was found in a set of pictures that was looked at one by one, see ``zoo.data.inspecting``."""

from collections import Counter
from functools import cached_property
from typing import NamedTuple

import numpy as np

from zoo.data.copies import Copies, find_copies
from zoo.data.looks import Looks, is_plain, join_looks


class Part(NamedTuple):
    """Pictures that stand together: a split, or one of two domains of it.

    Attributes:
        names: of the pictures that could be read, as a person finds them.
        classes: of each; empty where there are none.
        sizes, modes, kinds: how many have which width and height, which mode of Pillow, which suffix.
        unreadable: names of the others, and why.
    """

    names: list[str]
    classes: list[str]
    sizes: Counter[tuple[int, int]]
    modes: Counter[str]
    kinds: Counter[str]
    unreadable: list[str]
    looks: Looks


class Leak(NamedTuple):
    """Pictures that stand in two parts: how many of the second are copies of such in the first, and one of each."""

    first: str
    second: str
    pictures: int
    example: tuple[str, str]


class Inspection:
    """What was found in a data set.

    Attributes:
        name: of the set.
        layout: what its pictures are, in words.
        parts: by name, such as ``train`` or ``testA``.
        notes: sentences on what was left out, and on what no training could begin with.
    """

    def __init__(self, name: str, layout: str, parts: dict[str, Part], notes: list[str]) -> None:
        self.name, self.layout, self.parts, self.notes = name, layout, parts, notes

    @cached_property
    def looks(self) -> Looks:
        return join_looks([part.looks for part in self.parts.values()])

    @cached_property
    def copies(self) -> Copies:
        """Among the pictures of all parts, one part after another."""
        return find_copies(self.name, self.looks)

    @cached_property
    def groups(self) -> dict[str, np.ndarray]:
        """Which group of copies each picture of a part is in."""
        ends = np.cumsum([len(part.names) for part in self.parts.values()])
        return dict(zip(self.parts, np.split(self.copies.groups, ends[:-1]), strict=True))

    @property
    def plain(self) -> int:
        """How many pictures are of one colour, so that only those count as copies that are the same to the pixel."""
        return int(is_plain(self.looks.thumbs).sum())

    def leaks(self) -> list[Leak]:
        """Of all pairs of parts those that have pictures in common."""
        found, names = [], list(self.parts)
        for number, second in enumerate(names):
            for first in names[:number]:
                these, those = self.groups[first], self.groups[second]
                both = np.isin(those, these).nonzero()[0]
                if len(both):
                    here = int((these == those[both[0]]).nonzero()[0][0])
                    found.append(Leak(first, second, len(both),
                                      (self.parts[first].names[here], self.parts[second].names[both[0]])))
        return found

    def contradictions(self) -> list[tuple[str, ...]]:
        """Of each group whose pictures are of several classes these classes, by name."""
        pairs = {(int(group), name) for part, groups in zip(self.parts.values(), self.groups.values(), strict=True)
                 for group, name in zip(groups, part.classes, strict=False)}
        several = {group for group, count in Counter(group for group, _ in pairs).items() if count > 1}
        by_group: dict[int, list[str]] = {group: [] for group in sorted(several)}
        for group, name in sorted(pairs):
            if group in several:
                by_group[group].append(name)
        return [tuple(names) for names in by_group.values()]
