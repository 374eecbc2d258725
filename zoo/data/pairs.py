"""Pairs of pictures in files: decoded once, each half into a cache file of its own, see ``zoo.data.decoded``."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import torch
from PIL import ExifTags, Image, ImageOps

from zoo.core.errors import UsageError
from zoo.data import depth
from zoo.data.batches import Labelled, Pair
from zoo.data.decoded import decode, hash_of
from zoo.data.derived import source_channels, source_size
from zoo.data.folder import checked_count, checked_split
from zoo.data.image_spec import ImageSpec
from zoo.data.listing import SUFFIXES, Split, left_out, say, splits_of, summary, walk
from zoo.data.pair_spec import FILES, PairSpec
from zoo.data.pixels import UNREADABLE, Tops, channels_of
from zoo.data.stored import load_decoded

SUBFOLDERS: tuple[tuple[str, str], ...] = (("A", "B"), ("source", "target"))
LAYOUTS = ("pairs are pictures twice as wide as high, the source on the left, or pictures of equal names in two "
           "folders, A and B or source and target")
NAMED = 5  # files that an error names
ROTATED = range(5, 9)  # values of the EXIF orientation that swap height and width


class Half(NamedTuple):
    """One side of all pairs of a split, as ``decode`` reads it."""

    name: str  # of its sub-folder, or left or right
    files: list[Path]
    read: Callable[[Path], Image.Image]


class PairFolder:
    """Pairs of a source and a target picture in a folder.

    Either each file has both, side by side, and is twice as wide as high; or two sub-folders, ``A`` and ``B`` or
    ``source`` and ``target``, hold files of equal names but for the suffix. Folders named ``train``, ``val`` and
    ``test``, in any usual spelling, are splits, each laid out so; see ``zoo.data.listing``.

    Args:
        folder: searched recursively.
        image_size: the pictures are centre-cropped and resampled to this; 0 means the height of the first target.
        split: which.
        reverse: the source is the right half, ``B`` or ``target``.

    Raises:
        UsageError: no such folder or split, no pictures in it, a single pair to learn from, or some that are no pairs.
    """

    def __init__(self, folder: Path, image_size: int = 0, name: str = "", provenance: str = "", split: str = "train",
                 reverse: bool = False) -> None:
        if not folder.is_dir():
            raise UsageError(f"there is no folder {folder}: give one of pairs, where {LAYOUTS}")
        self._name = name or folder.resolve().name
        self.tree = walk(folder)
        self._found = splits_of(self.tree)
        self.splits = tuple(self._found)
        self.split = checked_split(self._name, split, self.splits)
        part = self._found[split]
        if not part.files:
            raise UsageError("; ".join(filter(None, [
                f"there are no pictures in {folder}: looked for {', '.join(SUFFIXES)}; {LAYOUTS}",
                left_out(self.tree)])))
        self.folder, halves = part.folder, _halves(part)
        self.source, self.target = reversed(halves) if reverse else halves
        self.files = list(zip(self.source.files, self.target.files, strict=True))
        if split == "train":
            checked_count(self._name, len(self.files))
        size = image_size or _first_height(self.target.files)
        self.spec = PairSpec(
            name=self._name, image_size=size, channels=channels_of(self.target.files, Image.open),  # headers only
            source_size=size, source_channels=channels_of(self.source.files, Image.open), pairs=FILES, reverse=reverse,
            images=len(self.files), provenance=provenance or f"a folder of {len(self.files):,} pairs")

    def prepare(self) -> tuple[Path, Path]:
        """Decodes source and target; the order of the halves does not matter to the cache."""
        whites = {half.name: depth.tops_of_files(self._name, self._in_all_splits(half))
                  for half in (self.source, self.target)}
        notes = sorted({depth.said(tops) for tops in whites.values()})
        say(summary(self._name, self._found, self.tree, notes=notes))
        return (self._decode(self.source, self.spec.source_channels, whites[self.source.name]),
                self._decode(self.target, self.spec.channels, whites[self.target.name]))

    def _in_all_splits(self, half: Half) -> list[Path]:
        """The files that have such a half, so that white is the same in all splits."""
        inside = half.read is Image.open
        return [file for part in self._found.values() for file in part.files
                if not inside or file.is_relative_to(part.folder / half.name)]

    def _decode(self, half: Half, channels: int, tops: Tops) -> Path:
        stats = [(str(f.relative_to(self.folder)), f.stat().st_size, f.stat().st_mtime_ns) for f in half.files]
        key = hash_of([str(self.folder.resolve()), half.name, stats, *depth.in_key(tops)])
        return decode(f"{self._name}-{half.name}", key, half.files, half.read, channels, self.spec.image_size, tops)

    def load(self) -> Pair:
        """Source uint8 (N, Cs, S, S), target uint8 (N, C, S, S) and class numbers (N,), which are all 0."""
        source, target = (load_decoded(path, of=2) for path in self.prepare())
        return Pair(source, target, torch.zeros(len(self.files), dtype=torch.int64))


class DerivedPairs:
    """Pairs out of a set of images, which are the targets: their sources are made of them on the device.

    Args:
        images: a source of ``Labelled``, which is what this loads too.
        pairs: how, see ``zoo.data.derived``.

    Raises:
        UsageError: another way, or a size for which it is not possible.
    """

    def __init__(self, images: Any, pairs: str) -> None:
        self.images, self.split, self.splits = images, images.split, images.splits
        spec = images.spec
        if not isinstance(spec, ImageSpec):
            raise UsageError(f"{spec.name} is a set of {spec.kind}: pairs are made of images")
        self.spec = PairSpec(
            **asdict(spec), source_size=source_size(pairs, spec.image_size),
            source_channels=source_channels(pairs, spec.channels), pairs=pairs)

    def prepare(self) -> object:
        return self.images.prepare()

    def load(self) -> Labelled:
        """The targets and their labels."""
        return self.images.load()


def _halves(part: Split) -> tuple[Half, Half]:
    """Source and target of the pairs of a split, in the same order."""
    names = subfolders_of(part.folder)
    return _in_two_folders(part, names) if names else _side_by_side(part)


def subfolders_of(folder: Path) -> tuple[str, str] | None:
    """The names of the folders of sources and of targets, if there are such."""
    return next((names for names in SUBFOLDERS if all((folder / name).is_dir() for name in names)), None)


def _side_by_side(part: Split) -> tuple[Half, Half]:
    sizes = _sizes(part.files)
    wrong = [file for file, (width, height) in sizes.items() if width != 2 * height]
    _refuse(wrong, part.folder, "are not twice as wide as high", f"{LAYOUTS}. Put others elsewhere")
    return Half("left", part.files, _read_left), Half("right", part.files, _read_right)


def _in_two_folders(part: Split, names: tuple[str, str]) -> tuple[Half, Half]:
    folder = part.folder
    sources, targets = (_by_name(part, folder / name) for name in names)
    alone = [column[stem] for column, other in ((sources, targets), (targets, sources)) for stem in column
             if stem not in other]
    _refuse(alone, folder, f"stand in one of {' and '.join(names)} only", "give both of a pair the same name")
    first, second = _sizes(sources.values()), _sizes(targets.values())
    wrong = [file for stem, file in sources.items()
             if not _same_shape(first.get(file, (1, 1)), second.get(targets[stem], (1, 1)))]
    _refuse(wrong, folder, f"have another shape than their partner in {names[1]}", "crop the two of a pair alike")
    return (Half(names[0], list(sources.values()), Image.open),
            Half(names[1], [targets[stem] for stem in sources], Image.open))


def _by_name(part: Split, folder: Path) -> dict[str, Path]:
    """The pictures of a folder by name without suffix: labels are often PNG where photos are JPEG."""
    files: dict[str, Path] = {}
    again = []
    for file in part.files:
        if not file.is_relative_to(folder):
            continue
        if files.setdefault(file.relative_to(folder).with_suffix("").as_posix(), file) != file:
            again.append(file)
    _refuse(again, folder, "differ from another in their suffix only", "rename or remove one of the two")
    return files


def _refuse(files: list[Path], folder: Path, what: str, advice: str) -> None:
    if files:
        names = [f.relative_to(folder).as_posix() for f in files[:NAMED]]
        raise UsageError(f"{len(files):,} pictures in {folder} {what}: {', '.join(names)}"
                         f"{', ...' if len(files) > NAMED else ''}. To do: {advice}")


def _sizes(files: Iterable[Path]) -> dict[Path, tuple[int, int]]:
    """Width and height, upright, out of the headers. Broken pictures are left out: ``decode`` names them."""
    sizes = {}
    for file in files:
        with suppress(*UNREADABLE), Image.open(file) as image:
            turned = image.getexif().get(ExifTags.Base.Orientation) in ROTATED
            sizes[file] = image.size[::-1] if turned else image.size
    return sizes


def _first_height(files: list[Path]) -> int:
    for file in files:
        if sizes := _sizes([file]):
            return sizes[file][1]
    raise UsageError(f"none of the {len(files):,} pictures in {files[0].parent} can be read: repair them")


def _same_shape(size: tuple[int, int], other: tuple[int, int]) -> bool:
    """Whether one is the other made larger or smaller, to a pixel of the smaller: else their crops do not match."""
    return abs(size[0] * other[1] - size[1] * other[0]) <= max(*size, *other)


def _read_left(file: Path) -> Image.Image:
    return _read_half(file, 0)


def _read_right(file: Path) -> Image.Image:
    return _read_half(file, 1)


def _read_half(file: Path, half: int) -> Image.Image:
    """Half 0 or 1 from the left, cut before it is resampled, or the halves would bleed into one another."""
    with Image.open(file) as image:
        upright = ImageOps.exif_transpose(image)
        side = upright.height
        return upright.crop((half * side, 0, (half + 1) * side, side))
