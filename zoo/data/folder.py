"""Any folder of images: decoded once into a cache file, see ``zoo.data.decoded``."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from PIL import Image

from zoo.core.errors import UsageError
from zoo.data import depth
from zoo.data.batches import Labelled
from zoo.data.decoded import decode, hash_of
from zoo.data.image_spec import ImageSpec
from zoo.data.listing import SUFFIXES, Split, Tree, few, left_out, say, splits_of, summary, walk
from zoo.data.pixels import Tops, channels_of
from zoo.data.stored import load_decoded

FEWEST = 2  # pictures to learn from


def checked_split(data: str, split: str, splits: Sequence[str]) -> str:
    """``split``. Raises UsageError if the data set has no such split."""
    if split not in splits:
        raise UsageError(f"{data} has no {split} split: it has {' and '.join(splits)}")
    return split


def checked_count(data: str, count: int) -> int:
    """``count``. Raises UsageError if these are too few to learn from: copies of one picture are no distribution."""
    if count < FEWEST:
        raise UsageError(f"{data} has {count} picture{'' if count == 1 else 's'} to learn from: give at least {FEWEST}")
    return count


class FolderSource:
    """Images in a folder; two or more sub-folders with images are classes.

    Folders named ``train``, ``val`` and ``test``, in any usual spelling, are splits. Their classes have the same
    numbers, also where one lacks some. Links are followed, hidden files left out; see ``zoo.data.listing``.

    Args:
        folder: searched recursively.
        image_size: the images are centre-cropped and resampled to this.
        channels: 1 or 3; 0 means grey if every file is, else colour.
        split: which.
        class_of: class by path inside the folder, in place of sub-folders; images without one are left out.

    Attributes:
        found: the pictures of each split.
        classes: the class of each of them, by split; empty lists without classes.

    Raises:
        UsageError: no such folder or split, no images in it, a single one to learn from, or folders that may be splits
            or classes.
    """

    def __init__(self, folder: Path, image_size: int, channels: int = 0, name: str = "", provenance: str = "",
                 split: str = "train", class_of: dict[str, str] | None = None) -> None:
        if not folder.is_dir():
            raise UsageError(f"there is no folder {folder}")
        self._name = name or folder.resolve().name
        self.tree = walk(folder)
        self.found = splits_of(self.tree)
        self.splits = tuple(self.found)
        self.split = checked_split(self._name, split, self.splits)
        if class_of is not None:
            self.found = {name: _in_table(part, class_of, self.tree) for name, part in self.found.items()}
        self.folder, self.files = self.found[split]
        if not self.files:
            raise UsageError("; ".join(filter(None, [
                f"there are no images in {folder}: looked for {', '.join(SUFFIXES)}", left_out(self.tree)])))
        if split == "train":
            checked_count(self._name, len(self.files))
        self.classes = by_split = classes_of(self.found, class_of)
        self._notes = _lacking(by_split)
        number = {name: k for k, name in enumerate(sorted(set().union(*by_split.values())))}
        of_each = by_split[split]
        self.labels = torch.tensor([number[c] for c in of_each] or [0] * len(self.files))
        self.spec = ImageSpec(name=self._name, image_size=image_size,
                             channels=channels or channels_of(self.files, Image.open),  # reads headers only
                             class_names=list(number) if of_each else [], images=len(self.files),
                             provenance=provenance or f"a folder of {len(self.files):,} images")

    def looked_at(self) -> Tops:
        """What is white in the pictures of all splits; says what was found."""
        tops = depth.tops_of_files(self._name, [file for part in self.found.values() for file in part.files])
        say(summary(self._name, self.found, self.tree, self.spec.classes, [*self._notes, depth.said(tops)]))
        return tops

    def prepare(self) -> Path:
        tops = self.looked_at()
        stats = [(str(f.relative_to(self.folder)), f.stat().st_size, f.stat().st_mtime_ns) for f in self.files]
        key = hash_of([str(self.folder.resolve()), stats, *depth.in_key(tops)])
        return decode(self._name, key, self.files, Image.open, self.spec.channels, self.spec.image_size, tops)

    def load(self) -> Labelled:
        """Images uint8 (N, C, H, W) and class numbers (N,)."""
        return Labelled(load_decoded(self.prepare()), self.labels)


def _in_table(part: Split, class_of: Mapping[str, str], tree: Tree) -> Split:
    """The pictures of a split that have a class; the others are counted as left out."""
    files = [file for file in part.files if file.relative_to(part.folder).as_posix() in class_of]
    if part.files and not files:
        raise UsageError(f"none of the {len(part.files):,} images in {part.folder} is in its table of classes, "
                         f"which has such as {next(iter(class_of), 'nothing')}")
    if left := len(part.files) - len(files):
        tree.left_out["without a class in the table"] += left
    return Split(part.folder, files)


def classes_of(found: Mapping[str, Split], class_of: Mapping[str, str] | None) -> dict[str, list[str]]:
    """The class of each picture, by split; an empty list for a split that has none.

    A split with pictures beside its folders has no classes, and a single folder is none.
    """
    names = {split: [file.relative_to(part.folder) for file in part.files] for split, part in found.items()}
    if class_of is not None:
        return {split: [class_of[file.as_posix()] for file in files] for split, files in names.items()}
    tops = {split: [file.parts[0] for file in files] if all(len(file.parts) > 1 for file in files) else []
            for split, files in names.items()}
    return tops if any(len(set(of_each)) > 1 for of_each in tops.values()) else dict.fromkeys(tops, [])


def _lacking(by_split: Mapping[str, list[str]]) -> list[str]:
    """Such as "test lacks 1 class: dogs"."""
    every = set().union(*by_split.values())
    lacks = {split: sorted(every - set(of_each)) for split, of_each in by_split.items() if of_each}
    return [f"{split} lacks {len(names):,} class{'es' if len(names) > 1 else ''}: {few(names)}"
            for split, names in lacks.items() if names]
