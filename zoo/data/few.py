"""Some of the pictures that there are to learn from, to see how few will do."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from zoo.core.errors import UsageError
from zoo.data.batches import Labelled
from zoo.data.copies import copies_in
from zoo.data.folder import checked_count
from zoo.data.heldout import HeldOut
from zoo.data.image_spec import ImageSpec
from zoo.data.stored import chosen


class Few:
    """So many pictures of a set of images, with all copies of them, see ``zoo.data.copies``.

    Which follows from the pixels of the pictures alone: it is the same in any order and under any names. What are few
    are among those that are more, but where a group of copies is larger than what is left.

    Args:
        images: a source of ``Labelled``, which is decoded and searched for copies now.
        count: pictures at most; fewer where groups of copies do not add up to it.

    Raises:
        UsageError: points; or fewer pictures than are asked for, or than can be learnt from.
    """

    def __init__(self, images: Any, count: int) -> None:
        spec: ImageSpec = images.spec
        if spec.kind != "images":
            raise UsageError(f"{spec.name} is a set of {spec.kind}, of which there are always more: leave --pictures "
                             "away")
        draws, groups = _drawn(images)
        if count > len(draws):
            raise UsageError(f"{spec.name} has {len(draws):,} pictures to learn from, not {count:,}: choose fewer "
                             "--pictures")
        self.images, self.split, self.splits = images, images.split, images.splits
        self.rows = torch.from_numpy(least(draws, groups, count))
        checked_count(spec.name, len(self.rows))
        self.labels = images.load().labels[self.rows]
        self.spec = replace(spec, images=len(self.rows), pictures=count, provenance=(
            f"{spec.provenance or spec.name}; {len(self.rows):,} of {len(draws):,} pictures to learn from"))

    def prepare(self) -> object:
        return self.images.prepare()

    def load(self) -> Labelled:
        """Images uint8 (N, C, H, W) and class numbers (N,) of these."""
        return Labelled(chosen(self.images.load().images, self.rows), self.labels)


def _drawn(images: Any) -> tuple[np.ndarray, np.ndarray]:
    """Of each picture of a source a number in [0, 1) and that of its group, both equal for copies."""
    if isinstance(images, HeldOut):
        return images.draws, images.groups
    decoded = images.prepare()
    copies = copies_in(images.spec.name, images.load().images, decoded if isinstance(decoded, Path) else None)
    return copies.draws, copies.groups


def least(draws: np.ndarray, groups: np.ndarray, count: int) -> np.ndarray:
    """Rows, in their order, of the groups with the least draws that together have ``count`` at most; a group that no
    longer fits is passed over."""
    order = np.lexsort((groups, draws))
    starts = np.flatnonzero(np.diff(groups[order], prepend=-1))
    rows: list[int] = []
    for group in np.split(order, starts[1:]):
        if len(rows) == count:
            break
        if len(rows) + len(group) <= count:
            rows += group.tolist()
    return np.sort(np.array(rows, np.int64))
