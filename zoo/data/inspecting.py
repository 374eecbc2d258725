"""Looking at all pictures of a set one by one, in whatever folders they are; nothing is changed."""

import itertools
import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from tqdm import tqdm

from zoo.core.errors import UsageError
from zoo.data import depth
from zoo.data.domains import has_domains, sides_of
from zoo.data.folder import FolderSource, classes_of
from zoo.data.inspection import Inspection, Part
from zoo.data.listing import SUFFIXES, Split, Tree, left_out, splits_of, walk
from zoo.data.looks import CHUNK, join_looks, look_at, looks_of, no_looks
from zoo.data.named import NAMES, PAIRS
from zoo.data.pairs import PairFolder, subfolders_of
from zoo.data.pixels import UNREADABLE, Tops, to_array
from zoo.data.progress import bar_of
from zoo.data.shards import is_shards
from zoo.data.sources import open_source

COMPARED = 64  # pixels at which pictures in files are compared


def inspect(data: str, data_dir: str | None = None, image_size: int = 0) -> Inspection:
    """Looks at all pictures of a set; changes nothing.

    Args:
        data: a named set, a folder, shards or ``hf:org/name``.
        data_dir: where named sets are.
        image_size: pixels of sets that are no folders (0: their own).

    Raises:
        UsageError: there is no such set, or none of pictures; or a set that is no folder cannot be read.
    """
    folder = Path(data).expanduser()
    if data not in NAMES and folder.is_dir() and not is_shards(data):
        return _of_folder(folder.resolve().name, folder)
    source = open_source(data, data_dir, image_size, kind="pairs" if data in PAIRS else "images")
    if isinstance(source, PairFolder):
        return _of_folder(source.spec.name, source.tree.root)
    if isinstance(source, FolderSource):
        return _of_splits(source.spec.name, "single images", source.tree, source.found, source.classes)
    if source.spec.kind != "images":
        raise UsageError(f"{data} is a set of {source.spec.kind}, of which there are no pictures to look at")
    parts = {split: _loaded(data, data_dir, image_size, split) for split in source.splits}
    return Inspection(source.spec.name, "single images", parts, [])


def _of_folder(name: str, folder: Path) -> Inspection:
    tree, notes = walk(folder), []
    if not tree.files:
        raise UsageError("; ".join(filter(None, [f"there are no pictures in {folder}: looked for "
                                                 f"{', '.join(SUFFIXES)}", left_out(tree)])))
    try:
        if has_domains(folder):
            sides = {f"{split}{side}": path for split, of_each in sides_of(folder).items()
                     for side, path in of_each.items()}
            found = {part: Split(path, walk(path).files) for part, path in sides.items()}
            return _of_splits(name, "two domains that are not paired", tree, found, dict.fromkeys(found, []))
        found = splits_of(tree)
    except UsageError as error:
        notes, found = [str(error)], {"all": Split(folder, tree.files)}
    if all(subfolders_of(part.folder) for part in found.values()):
        return _of_splits(name, "pairs in two folders", tree, found, dict.fromkeys(found, []), notes)
    inspection = _of_splits(name, "single images", tree, found, classes_of(found, None), notes)
    if all(width == 2 * height for part in inspection.parts.values() for width, height in part.sizes):
        inspection.layout = "pairs side by side"
    return inspection


def _of_splits(name: str, layout: str, tree: Tree, found: dict[str, Split], classes: dict[str, list[str]],
               notes: list[str] | None = None) -> Inspection:
    notes = [*(notes or []), *filter(None, [left_out(tree)])]
    files = [file for part in found.values() for file in part.files]
    try:
        tops = depth.tops_of_files(name, files)
    except UsageError as error:
        tops, notes = {}, [*notes, str(error)]
    with bar_of(f"looking at {name}", len(files)) as bar:
        parts = {split: _part(tree.root, part.files, classes[split], tops, bar) for split, part in found.items()}
    return Inspection(name, layout, parts, [*notes, *filter(None, [depth.said(tops)])])


class _Seen(NamedTuple):
    """Of a file: width, height, mode and pixels, or why it cannot be read."""

    size: tuple[int, int] = (0, 0)
    mode: str = ""
    pixels: np.ndarray | None = None
    why: str = ""


def _see(file: Path, tops: Tops) -> _Seen:
    try:
        with Image.open(file) as image:
            size, mode = image.size, image.mode
            return _Seen(size, mode, to_array(image, 3, COMPARED, tops))
    except UNREADABLE as error:
        return _Seen(why=str(error))


def _part(root: Path, files: list[Path], classes: list[str], tops: Tops, bar: tqdm) -> Part:
    """The pictures of some files, a bounded part of them in memory."""
    part = Part([], [], Counter(), Counter(), Counter(), [], no_looks())
    looks = [part.looks]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for first in range(0, len(files), CHUNK):
            some, pixels = files[first:first + CHUNK], []
            for number, seen in enumerate(pool.map(_see, some, itertools.repeat(tops)), first):
                name = files[number].relative_to(root).as_posix()
                if seen.pixels is None:
                    part.unreadable.append(f"{name}: {seen.why}")
                    continue
                part.names.append(name)
                part.classes.extend(classes[number:number + 1])
                part.sizes[seen.size] += 1
                part.modes[seen.mode] += 1
                part.kinds[files[number].suffix.lower()] += 1
                pixels.append(seen.pixels)
            if pixels:
                looks.append(look_at(torch.from_numpy(np.stack(pixels))))
            bar.update(len(some))
    return part._replace(looks=join_looks(looks))


def _loaded(data: str, data_dir: str | None, image_size: int, split: str) -> Part:
    """The pictures of a split that is no folder."""
    source = open_source(data, data_dir, image_size, split=split)
    source.prepare()
    columns, spec = source.load(), source.spec
    images, count = columns.truth, len(columns.truth)
    size, mode = (images.shape[3], images.shape[2]), "L" if images.shape[1] == 1 else "RGB"
    classes = [spec.class_names[label] for label in columns.labels.tolist()] if spec.classes else []
    return Part([f"{split} {row}" for row in range(count)], classes, Counter([size] * count), Counter([mode] * count),
                Counter(), [], looks_of(spec.name, images))
