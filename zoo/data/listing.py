"""What a folder of pictures has: its files, its splits, and a line of what was found and what was left out and why."""

import functools
import os
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from lightning.pytorch.utilities import rank_zero_only
from torchvision.datasets.folder import IMG_EXTENSIONS

from zoo.core.errors import UsageError

# Of a moving .gif the first frame is read, as Pillow does by itself. It reads more, some by other programs: not these.
SUFFIXES = (*IMG_EXTENSIONS, ".gif", ".jfif", ".jpe", ".pbm", ".pnm")
COMPANIONS = {"thumbs.db", "ehthumbs.db", "desktop.ini", "__macosx", "@eadir", "$recycle.bin"}  # of file managers
SPELLINGS = {"train": ("train", "training"), "val": ("val", "valid", "validation", "eval", "evaluation", "dev"),
             "test": ("test", "testing")}
SPLIT_OF = {spelling: split for split, spellings in SPELLINGS.items() for spelling in spellings}
SPLIT_NAME = re.compile(rf"({'|'.join(SPLIT_OF)})[-_ ]?(images?|imgs?|pictures?|photos?|data|set)?[-_ ]?\d*", re.I)
HELD_OUT_DOMAIN = re.compile(r"(val|test)[-_ ]?[ab]", re.I)  # beside trainA and trainB
NAMED = 5  # files, classes or reasons that a sentence names


class Tree(NamedTuple):
    """The pictures below a folder, sorted, and how much was left out for which reason."""

    root: Path
    files: list[Path]
    left_out: Counter[str]
    broken: list[str]  # links that lead nowhere, by path below the root


class Split(NamedTuple):
    """The pictures of one split, below its own folder."""

    folder: Path
    files: list[Path]


class _Walk:
    """Links are followed after all that lies in the folder itself, so what both lead to goes by its own place."""

    def __init__(self, root: Path) -> None:
        self.tree = Tree(root, [], Counter(), [])
        self.links = [str(root)]
        self.seen = {str(folder) for folder in root.resolve().parents}  # a link to these leads round in a circle

    def run(self) -> Tree:
        for link in self.links:  # which grows
            try:
                real = Path(link).resolve(strict=True)
            except (OSError, RuntimeError):  # the latter of links in a circle, before Python 3.13
                self.tree.broken.append(os.path.relpath(link, self.tree.root))
            else:
                self._take(link, str(real), real.is_dir())
        self.tree.files.sort()
        return self.tree

    def _take(self, path: str, real: str, is_folder: bool) -> None:
        if real in self.seen:
            self.tree.left_out["reached twice"] += 1
        elif is_folder:
            self.seen.add(real)
            self._enter(path, real)
        elif reason := _unwanted(path):
            self.tree.left_out[reason] += 1
        else:
            self.seen.add(real)
            self.tree.files.append(Path(path))

    def _enter(self, folder: str, real: str) -> None:
        for entry in _entries(folder):
            if is_hidden(entry.name):
                self.tree.left_out["hidden"] += 1
            elif entry.is_symlink():
                self.links.append(entry.path)
            else:
                self._take(entry.path, os.path.join(real, entry.name), entry.is_dir())


def _entries(folder: str) -> list[os.DirEntry]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError as error:  # left out, it would be a class that is lost
        raise UsageError(f"{folder} cannot be listed: {error.strerror}") from error


def is_hidden(name: str) -> bool:
    """Whether a file or folder is hidden, or one that a file manager leaves behind, such as Thumbs.db."""
    return name.startswith(".") or name.lower() in COMPANIONS


def _unwanted(path: str) -> str:
    """Why a file is no picture; "" if it is one by its name."""
    suffix = os.path.splitext(path)[1].lower()
    if suffix in SUFFIXES:
        return "" if os.path.isfile(path) else "not a file"
    return suffix or "without suffix"


def walk(root: Path) -> Tree:
    """All pictures below a folder, through links too, each once; hidden files and folders are left out.

    Raises:
        UsageError: a folder that cannot be listed.
    """
    return _Walk(root).run()


def split_named(folder: str) -> str | None:
    """``train``, ``val`` or ``test``, if a folder's name says so, such as Validation, test_images or val2017."""
    match = SPLIT_NAME.fullmatch(folder)
    return SPLIT_OF[match[1].lower()] if match else None


def splits_of(tree: Tree) -> dict[str, Split]:
    """The splits by their names ``train``, ``val`` and ``test``, in this order; a folder without is all ``train``.

    What lies beside two or more splits is left out, and counted in the tree.

    Raises:
        UsageError: a folder that may be a split or a class, two of one split, or a split inside of a class.
    """
    tops: dict[str, list[Path]] = defaultdict(list)
    for file in tree.files:
        first, *rest = file.relative_to(tree.root).parts
        tops[first if rest else ""].append(file)
    named = {top: split for top in tops if (split := split_named(top))}
    beside = [top for top in tops if top not in named]
    _check_splits(tree.root, named, [top for top in beside if top])
    if not named:
        found = {"train": Split(tree.root, tree.files)}
    else:
        by_name = {split: Split(tree.root / top, tops[top]) for top, split in named.items()}
        found = {split: by_name[split] for split in SPELLINGS if split in by_name}
        for top in beside:
            tree.left_out[f"beside {few(named)}"] += len(tops[top])
    for part in found.values():
        _check_inside(part)
    return found


def _check_splits(root: Path, named: Mapping[str, str], beside: list[str]) -> None:
    if len(named) == 1 and beside:
        raise UsageError(f"{root} has {few(named)} beside {few(beside)}: a folder of this name is a split, never a "
                         f"class. If it is a class, rename it; else put {few(beside)} into it, or elsewhere")
    if held_out := [top for top in beside if HELD_OUT_DOMAIN.fullmatch(top)]:
        raise UsageError(f"{root} has two sorts of pictures in splits, which are no classes: {few(held_out)} would be "
                         "trained on. Give one folder, such as trainA, or put trainA into train/A and so on")
    for split, count in Counter(named.values()).items():
        if count > 1:
            raise UsageError(f"{root} has {few(top for top in named if named[top] == split)}, which are all {split}: "
                             "put their pictures into one")


def _check_inside(part: Split) -> None:
    """Pictures to validate or test with are never trained on, wherever they lie."""
    folders = {file.parent.relative_to(part.folder) for file in part.files}
    inside = sorted(str(folder) for folder in folders if {"val", "test"} & set(map(split_named, folder.parts)))
    if inside:
        raise UsageError(f"{part.folder} has pictures in {few(inside)}: folders of these names are splits, and splits "
                         "are at the top. Name the folder that holds them, or put classes into splits: test/cats")


def few(words: Iterable[str]) -> str:
    """The first of them, as a sentence names them."""
    words = list(words)
    return ", ".join([*words[:NAMED], *(["..."] if len(words) > NAMED else [])])


def left_out(tree: Tree) -> str:
    """Such as "left out 12 (8 .psd, 3 hidden, 1 broken link: cats/1.png)"; "" if nothing was."""
    counts = tree.left_out.most_common()
    parts = [f"{count:,} {reason}" for reason, count in counts[:NAMED]]
    if more := sum(count for _, count in counts[NAMED:]):
        parts.append(f"{more:,} of other kinds")
    if tree.broken:
        parts.append(f"{len(tree.broken):,} broken link{'s' if len(tree.broken) > 1 else ''}: {few(tree.broken)}")
    total = tree.left_out.total() + len(tree.broken)
    return f"left out {total:,} ({', '.join(parts)})" if total else ""


def summary(name: str, found: Mapping[str, Split], tree: Tree, classes: int = 0, notes: Iterable[str] = ()) -> str:
    """The line for a folder, such as "anime: 35,488 pictures in 119 classes; left out 3 (3 hidden)"."""
    files = [file for split in found.values() for file in split.files]
    each = ", ".join(f"{split} {len(part.files):,}" for split, part in found.items())
    first = f"{name}: {len(files):,} pictures" + (f" ({each})" if list(found) != ["train"] else "") + (
        f" in {classes:,} classes" if classes else "")
    moving = sum(file.suffix.lower() == ".gif" for file in files)
    more = [*notes, f"of {moving:,} .gif the first frame" if moving else "", left_out(tree)]
    return "; ".join([first, *filter(None, more)])


@rank_zero_only
@functools.cache
def say(line: str) -> None:
    """Prints a line once: several sources may be of one folder."""
    print(line, file=sys.stderr)
