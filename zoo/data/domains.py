"""Two sets of pictures that are not paired: folders of two domains, or two classes of a set with labels."""

import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from zoo.core.errors import UsageError, unknown
from zoo.data.batches import Domains, Originals
from zoo.data.derived import DERIVED, source_channels
from zoo.data.folder import FolderSource, checked_count, checked_split
from zoo.data.image_spec import ImageSpec
from zoo.data.listing import SPELLINGS, is_hidden
from zoo.data.pair_spec import BETWEEN, DomainSpec
from zoo.data.source import labels_of
from zoo.data.stored import chosen, load_decoded

SIDE = re.compile(r"(train|val|test)[-_ ]?([ab])", re.I)  # a folder of a split of a domain, such as trainA
Sides = dict[str, dict[str, Path]]  # split -> A or B -> folder


class DomainFolder:
    """Pictures of two domains in folders trainA and trainB, for other splits valA and valB, testA and testB.

    Args:
        folder: which has them.
        image_size: the pictures are centre-cropped and resampled to this.
        channels: 1 or 3; 0 means grey if every file of both is, else colour.
        domains: ``B,A`` if the first is to be B; default ``A,B``.
        split: which.

    Raises:
        UsageError: a domain that a split lacks, other names, or folders that are none of pictures.
    """

    def __init__(self, folder: Path, image_size: int, channels: int = 0, domains: str = "",
                 split: str = "train") -> None:
        name, found = folder.resolve().name, sides_of(folder)
        self.split, self.splits = checked_split(name, split, tuple(found)), tuple(found)
        names = split_names(domains) or ["A", "B"]
        for side in names:
            if side not in ("A", "B"):
                raise unknown("domain", side, ["A", "B"])

        def opened(channels: int) -> list[FolderSource]:
            return [FolderSource(found[split][side], image_size, channels, f"{name}-{split}{side}") for side in names]

        both = opened(channels)
        colours = {source.spec.channels for source in both}
        self.a, self.b = both if len(colours) == 1 else opened(max(colours))
        counts = [source.spec.images for source in (self.a, self.b)]
        self.spec = DomainSpec(
            name=name, image_size=image_size, channels=max(colours), domains=names, images=counts[0],
            images_b=counts[1], provenance=_said(f"a folder of two domains, {split}", names, counts))

    def prepare(self) -> tuple[Path, Path]:
        """Decodes both."""
        return self.a.prepare(), self.b.prepare()

    def load(self) -> Domains:
        """Pictures uint8 (N, C, S, S) of each domain."""
        return _columns(*(load_decoded(path, of=2) for path in self.prepare()))


class DomainClasses:
    """Pictures of two classes of a set with labels.

    Args:
        images: a source of ``Labelled``.
        domains: their names, ``cat,dog``, or with a semicolon where a name has a comma. A class counts whose name, or a
            part of it such as in "blonde hair, red eyes", is such a name. Default: the two classes that there are.

    Raises:
        UsageError: no labels, a name that no class has, or a class that counts for both.
    """

    def __init__(self, images: Any, domains: str = "") -> None:
        self.images, self.split, self.splits = images, images.split, images.splits
        spec = images.spec
        if not isinstance(spec, ImageSpec):
            raise UsageError(f"{spec.name} is a set of {spec.kind}: domains are sets of images")
        names = split_names(domains) or _only_two(spec)
        labels = labels_of(images)
        self.rows = [torch.isin(labels, torch.tensor(numbers)).nonzero().view(-1)
                     for numbers in _classes_of(spec, names)]
        counts = [len(rows) for rows in self.rows]
        for name, count in zip(names, counts, strict=True):
            if self.split == "train":
                checked_count(f"{name} of {spec.name}", count)
            elif not count:
                raise UsageError(f"the {self.split} split of {spec.name} has no picture of {name}: choose others")
        self.spec = DomainSpec(**asdict(spec) | {
            "class_names": [], "images": counts[0], "images_b": counts[1], "domains": names,
            "provenance": _said(spec.provenance or spec.name, names, counts)})

    def prepare(self) -> object:
        return self.images.prepare()

    def load(self) -> Domains:
        """Pictures uint8 (N, C, S, S) of each class."""
        images = self.images.load().images
        return _columns(*(chosen(images, rows) for rows in self.rows))


class DerivedDomains:
    """Pictures, and what is derived of pictures: the second set and the first, as ``--pairs grey`` with and without
    colours. What belongs together is known, and kept from a model, which gets each set in an order of its own.

    Args:
        images: a source of ``Labelled``.
        pairs: how, see ``zoo.data.derived``: a way that makes whole pictures of the same size.

    Raises:
        UsageError: another way.
    """

    def __init__(self, images: Any, pairs: str) -> None:
        self.images, self.split, self.splits = images, images.split, images.splits
        spec, way = images.spec, DERIVED[pairs]
        if not isinstance(spec, ImageSpec):
            raise UsageError(f"{spec.name} is a set of {spec.kind}: domains are sets of images")
        source_channels(pairs, spec.channels)  # raises for grey ones of grey ones
        if way.target is not None or way.missing is not None or way.factor > 1:
            whole = [name for name, way in DERIVED.items() if way.target is way.missing is None and way.factor == 1]
            raise UsageError(f"--pairs {pairs} makes no second set of pictures like the first: choose "
                             + " or ".join(whole))
        self.spec = DomainSpec(**asdict(spec) | {
            "class_names": [], "images_b": spec.images, "domains": [pairs, spec.name], "pairs": pairs,
            "provenance": f"{spec.provenance or spec.name}; the first set is {pairs} of it"})

    def prepare(self) -> object:
        return self.images.prepare()

    def load(self) -> Originals:
        """The pictures, twice."""
        images = self.images.load().images
        return Originals(images, images, torch.zeros(len(images), dtype=torch.int64))


def split_names(domains: str) -> list[str]:
    """The two names out of ``cat,dog``; none of an empty text. Raises UsageError for others than two."""
    names = [name.strip() for name in domains.split(BETWEEN if BETWEEN in domains else ",")] if domains.strip() else []
    if names and (len(names) != 2 or not all(names) or names[0] == names[1]):
        raise UsageError(f"--domains takes two names, such as cat,dog, not {domains!r}")
    return names


def has_domains(folder: Path) -> bool:
    """Whether it has the folders trainA and trainB, in a usual spelling."""
    return folder.is_dir() and any(SIDE.fullmatch(path.name) for path in folder.iterdir() if path.is_dir())


def sides_of(folder: Path) -> Sides:
    """The folders of each split, in the order train, val, test. Raises UsageError where a domain is missing."""
    found: Sides = {split: {} for split in SPELLINGS}
    for path in sorted(folder.iterdir()):
        match = SIDE.fullmatch(path.name)
        if match and path.is_dir() and not is_hidden(path.name):
            split, side = match[1].lower(), match[2].upper()
            if side in found[split]:
                raise UsageError(f"{folder} has {found[split][side].name} and {path.name}, which are one: put their "
                                 "pictures into one")
            found[split][side] = path
    for split, sides in found.items():
        if len(sides) == 1:
            raise UsageError(f"{folder} has {next(iter(sides.values())).name} alone of the two domains of {split}: add "
                             "the other")
    return {split: sides for split, sides in found.items() if sides}


def _only_two(spec: ImageSpec) -> list[str]:
    if len(spec.class_names) != 2:
        raise UsageError(f"{spec.name} has {len(spec.class_names)} classes: say with --domains which two of them, such "
                         "as cat,dog, or give a folder with trainA and trainB")
    return list(spec.class_names)


def _classes_of(spec: ImageSpec, names: list[str]) -> list[list[int]]:
    """The numbers of the classes that count for each name."""
    parts = [{name, *name.split(", ")} for name in spec.class_names]
    found = [[number for number, of_class in enumerate(parts) if name in of_class] for name in names]
    for name, numbers in zip(names, found, strict=True):
        if not numbers:
            raise unknown(f"class of {spec.name}", name, sorted(set().union(*parts)))
    if both := sorted({*found[0]} & {*found[1]}):
        raise UsageError(f"{spec.class_names[both[0]]} of {spec.name} is both {names[0]} and {names[1]}: choose two "
                         "that exclude each other, such as two colours of hair")
    return found


def _columns(a: Tensor, b: Tensor) -> Domains:
    return Domains(a, b, torch.zeros(max(len(a), len(b)), dtype=torch.int64))


def _said(provenance: str, names: list[str], counts: list[int]) -> str:
    sides = " and ".join(f"{name} ({count:,})" for name, count in zip(names, counts, strict=True))
    return f"{provenance}; {sides}"
