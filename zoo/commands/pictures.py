"""What commands share that make pictures of pictures: files in, PNG files of the same names out, and a sheet."""

import argparse
import glob
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import torch
from PIL import Image, ImageOps
from torch import Tensor
from tqdm import tqdm

from zoo.commands import cli
from zoo.core.errors import UsageError
from zoo.core.files import atomic
from zoo.data.bands import Made
from zoo.data.depth import tops_of_some
from zoo.data.listing import COMPANIONS, SUFFIXES, few, say
from zoo.data.pictures import as_tensor
from zoo.data.pixels import UNREADABLE, upright
from zoo.store.loading import load
from zoo.tasks.asking import shown
from zoo.tasks.drawing import table
from zoo.tasks.task import Task
from zoo.tasks.tiles import Looks, side_of
from zoo.tasks.translator import Translator

SHEET = "given-and-made.png"
SHOWN = 16  # pictures of a sheet
THUMBNAIL = 128  # pixels
STILL = {None, "MPO"}  # formats of one picture: cameras keep smaller copies of it in the same file
Given = Tensor  # a picture (1, C, H, W) in [0, 1]


class Jobs(NamedTuple):
    """Pictures to make, each from its source, and the sheet."""

    pictures: list[tuple[Path, Path]]
    sheet: Path
    out: Path

    def run(self, bands: Callable[[Given], Iterator[Tensor]], model: Translator,
            given_of: Callable[[Path], Given] | None = None,
            seen: Callable[[Path, Given, Tensor], None] | None = None) -> int:
        """Makes all; a picture that cannot be made is named and skipped.

        Args:
            bands: a picture -> what is made of it, in bands from top to bottom.
            given_of: a file -> the picture that is given; default: what it shows.
            seen: is called with each file, what was given, and what was made, uint8 (1, C, H, W), which is kept in
                memory for it.

        Returns:
            how many could not be made, or were not accepted by ``seen``.
        """
        sheet: list[Image.Image] = []
        failed = written = 0
        for source, target in tqdm(self.pictures, unit="img"):
            try:
                given = (given_of or model.read)(source)
                alpha, note = alpha_of(source), note_of(source)
                made = Made(bands(given), alpha, model.factor * given.shape[3], model.factor * given.shape[2])
            except (UsageError, *UNREADABLE) as error:
                tqdm.write(_named(source, error), sys.stderr)
                failed += 1
                continue
            with cli.writing(target), atomic(target) as partial:
                parts = made.written(partial, keep=seen is not None)
            written += 1
            if seen:
                try:
                    seen(source, given, torch.cat(parts, 2))
                except UsageError as error:  # of the true picture
                    tqdm.write(_named(source, error), sys.stderr)
                    failed += 1
            if note:
                tqdm.write(note, sys.stderr)
            if len(sheet) < 2 * SHOWN:
                sheet += [_thumbnail(source) if given_of is None else _seen(given), _small(made.small)]
        self._write_sheet(sheet)
        print(f"{written} picture{'' if written == 1 else 's'} in {self.out}"
              + (f", {len(self.pictures) - written} could not be made" if written < len(self.pictures) else ""))
        return failed

    def _write_sheet(self, sheet: list["Image.Image"]) -> None:
        """A row a picture: what was given, and what was made; nothing where nothing was."""
        if not sheet:
            return
        rows = [as_tensor(sheet[i:i + 2], 3) for i in range(0, len(sheet), 2)]
        with cli.writing(self.sheet), atomic(self.sheet) as partial:
            table(rows, columns=["given", "made"]).save(partial, format="png")


def parser_of(words: str) -> cli.Parser:
    """With the options that all of these commands have."""
    parser = cli.Parser(words)
    parser.add_argument("model", help="a model folder, such as a run's, a name, or org/name on the Hub")
    parser.add_argument("pictures", nargs="+", help="files, folders or patterns such as 'photos/*.jpg'")
    parser.add_argument("--out", required=True, metavar="DIR", help="folder to write to, made if need be")
    parser.add_argument("--tile", type=cli.count, metavar="PX", help="side of the overlapping tiles in which pictures "
                        "are made; 0: in one piece (default: tiles for what has more than a megapixel)")
    parser.add_argument("--sheet", metavar="FILE", help="PNG of what was given beside what was made, of at most "
                        f"{SHOWN} (default: {SHEET} in the folder)")
    parser.add_argument("--overwrite", action="store_true", help="replace pictures that are in the folder already")
    cli.add_precision(parser)
    return parser


def loaded(options: argparse.Namespace, ask: str, what: str) -> Translator:
    """A model that can be asked so. Raises UsageError for another, which ``what`` says it does not do."""
    model: Task = load(options.model, options.precision)
    if ask not in model.asks or not isinstance(model, Translator):
        raise UsageError(f"{options.model} {what}: it can be asked with {model.asked_with()}")
    return model


def jobs_of(options: argparse.Namespace) -> Jobs:
    """Raises UsageError where there are no pictures, where one would be written over another, or for a side that no
    tile has."""
    side_of(1, 1, options.tile, Looks())
    out = Path(options.out).expanduser()
    pictures = _targets(_found(options.pictures), out)
    sheet = Path(options.sheet or out / SHEET).expanduser()
    _check_free([sheet, *(target for _, target in pictures)], options.overwrite)
    return Jobs(pictures, sheet, out)


def _found(words: list[str]) -> list[Path]:
    """The picture files that files, folders and patterns stand for. Raises UsageError if there are none."""
    files: list[Path] = []
    for word in words:
        path = Path(word).expanduser()
        if path.is_dir():
            files += _in_folder(path)
        elif path.is_file():
            files.append(path)
        else:
            matches = sorted(Path(match) for match in glob.glob(str(path)))
            if not matches:
                raise UsageError(f"there is no picture, folder or match of {word}")
            files += [match for match in matches if _is_file(match)]
    if not files:
        raise UsageError(f"there are no pictures in {', '.join(words)}: looked for {', '.join(SUFFIXES)}")
    return list(dict.fromkeys(files))


def _in_folder(folder: Path) -> list[Path]:
    """The picture files of a folder, but not of folders in it; says what else there is that is not hidden."""
    inside = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    files = [path for path in inside if path.suffix.lower() in SUFFIXES and _is_file(path)]
    if others := [path.name for path in inside if path not in files and path.name.lower() not in COMPANIONS]:
        say(f"{folder}: left out {len(others):,}, which are no picture files: {few(others)}")
    return files


def _is_file(path: Path) -> bool:
    """Also for a link that leads nowhere, which is named with others that cannot be read."""
    return path.is_file() or not path.exists()


def _targets(sources: list[Path], out: Path) -> list[tuple[Path, Path]]:
    """Each with the file to write. Raises UsageError for two of one name."""
    targets: dict[Path, Path] = {}
    for source in sources:
        target = out / f"{source.stem}.png"
        if target in targets:
            raise UsageError(f"{targets[target]} and {source} would both be written to {target}: make them one by one, "
                             "in folders of their own")
        targets[target] = source
    return [(source, target) for target, source in targets.items()]


def _check_free(targets: list[Path], overwrite: bool) -> None:
    """Raises UsageError for two files of one name, and for one that is there, unless it may be replaced."""
    sheet, *pictures = targets
    if sheet in pictures:
        raise UsageError(f"a picture would be written to {sheet}, where the sheet goes: choose another --sheet")
    if sheet.suffix.lower() != ".png":
        raise UsageError(f"a PNG is written, and {sheet} is named otherwise: --sheet {sheet.stem}.png")
    there = [target for target in targets if target.exists()]
    if there and not overwrite:
        more = f", and {len(there) - 1:,} more" if len(there) > 1 else ""
        raise UsageError(f"{there[0]} is there already{more}: --overwrite replaces what is there, or choose another "
                         "--out")


def named_alike(file: Path, folder: Path, what: str) -> Path:
    """The picture in a folder that has the name of another, but for the suffix. Raises UsageError if there is none."""
    named = [path for path in folder.iterdir() if path.stem == file.stem and path.suffix.lower() in SUFFIXES]
    if not named:
        raise UsageError(f"there is no {what} {file} in {folder}, where it must have the same name")
    return named[0]


def alpha_of(file: Path) -> "Image.Image | None":
    """How opaque a picture is, upright, as a grey picture; None where it is so all over."""
    with Image.open(file) as image:
        turned = ImageOps.exif_transpose(image)
        return turned.convert("RGBA").getchannel("A") if turned.has_transparency_data else None


def note_of(file: Path) -> str:
    """What a user should know of a file that was read in part; "" if there is nothing."""
    with Image.open(file) as image:
        frames = 1 if image.format in STILL else getattr(image, "n_frames", 1)
    return f"{file} has {frames} pictures, of which the first was taken" if frames > 1 else ""


def _named(file: Path, error: Exception) -> str:
    """What is wrong with a file, which is named."""
    said = str(error)
    return said if str(file) in said else f"{file}: {said}"


def _thumbnail(file: Path) -> "Image.Image":
    with Image.open(file) as image:
        return _small(upright(image, 3, tops_of_some([image])))


def _seen(given: Given) -> "Image.Image":
    """What a model was given, without a plane that says where holes are."""
    return _small(shown(given[0, :3 if given.shape[1] >= 3 else 1]))


def _small(picture: "Image.Image") -> "Image.Image":
    """A grey or coloured picture on white, within a square."""
    return ImageOps.pad(picture, (THUMBNAIL, THUMBNAIL), color="white").convert("RGB")
