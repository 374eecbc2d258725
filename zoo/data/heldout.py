"""A part of a set of images that is held out of training, where the set has no such part of its own."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from zoo.core.errors import UsageError
from zoo.data.batches import Labelled
from zoo.data.copies import Copies, copies_in
from zoo.data.folder import checked_count, checked_split
from zoo.data.image_spec import ImageSpec
from zoo.data.listing import few, say
from zoo.data.stored import chosen

CROWD = 100  # pictures in one group that are worth a word


class HeldOut:
    """One of the two parts, ``train`` and ``test``, of a set of images that has but one.

    Copies of a picture, near copies and mirrored ones are on its side, see ``zoo.data.copies``. Which side follows from
    the pixels of these pictures alone: it is the same in any order, under any names and on any machine where they are
    decoded to the same pixels, and other pictures that are added move none. What a smaller share holds out, a larger
    one holds out too. Of few groups, such as persons, chance alone could hold out none, or all: one is held out at
    least, that which the least share would hold out, and one is left to learn from.

    Args:
        images: a source of ``Labelled``, which is decoded and searched for copies now.
        share: of the groups of copies, above 0, for the split ``test``; it comes about by chance, so nearly.
        split: which.
        alike: of each picture the name of what it has in common with others of this name, all of which go to one side;
            None where there is no such thing.

    Attributes:
        draws, groups: of ``Copies``, of the pictures of the part.

    Raises:
        UsageError: a set that has several splits, or is none of images; all of whose pictures go to one side; or of
            which too few would be left to learn from.
    """

    splits = ("train", "test")

    def __init__(self, images: Any, share: float, split: str, alike: list[str] | None = None) -> None:
        spec: ImageSpec = images.spec
        if spec.kind != "images":
            raise UsageError(f"{spec.name} is a set of {spec.kind}, of which none are held out: leave --held-out away")
        if len(images.splits) > 1:
            raise UsageError(f"{spec.name} has {' and '.join(images.splits)} already, which stay as they are: leave "
                             "--held-out away")
        self.images, self.split = images, checked_split(spec.name, split, self.splits)
        decoded, columns = images.prepare(), images.load()
        copies = copies_in(spec.name, columns.images, decoded if isinstance(decoded, Path) else None)
        if alike is not None:
            copies = copies.joined(alike)
        draws = copies.draws
        least, greatest = draws.min(), draws.max()
        if least == greatest:
            raise UsageError(f"all pictures of {spec.name} are copies of each other, or go to one side together, so "
                             "none can be held out: leave --held-out away, or add others")
        apart = torch.from_numpy(((draws < share) | (draws == least)) & (draws < greatest))
        counts = {"train": int((~apart).sum()), "test": int(apart.sum())}
        checked_count(spec.name, counts["train"])
        said = f"{counts['test']:,} of {len(apart):,} pictures held out of training, with all copies of them"
        say("; ".join(filter(None, [f"{spec.name}: {said}", _crowd(copies), _lacking(spec, columns.labels, apart)])))
        self.rows = (apart if split == "test" else ~apart).nonzero().view(-1)
        self.draws, self.groups = copies.draws[self.rows], copies.groups[self.rows]
        self.labels = columns.labels[self.rows]
        self.spec = replace(spec, images=counts[split], held_out=share,
                            provenance=f"{spec.provenance or spec.name}; {said}")

    def prepare(self) -> object:
        return self.images.prepare()

    def load(self) -> Labelled:
        """Images uint8 (N, C, H, W) and class numbers (N,) of the part."""
        return Labelled(chosen(self.images.load().images, self.rows), self.labels)


def _crowd(copies: Copies) -> str:
    """What there is to say of a large group, which goes to one side as a whole."""
    largest = int(torch.from_numpy(copies.groups).bincount().max())
    return f"{largest:,} of them count as copies of each other" if largest >= CROWD else ""


def _lacking(spec: ImageSpec, labels: Tensor, apart: Tensor) -> str:
    """Such as "test lacks 2 classes: cats, dogs"."""
    said = []
    for part, here in (("train", ~apart), ("test", apart)):
        there = labels[here].bincount(minlength=spec.classes)
        lacks = [name for name, count in zip(spec.class_names, there.tolist(), strict=False) if not count]
        if lacks:
            said.append(f"{part} lacks {len(lacks):,} class{'es' if len(lacks) > 1 else ''}: {few(lacks)}")
    return "; ".join(said)
