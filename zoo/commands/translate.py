"""Makes pictures of pictures with a trained model.

    zoo translate pix2pix-facades labels.png --out made
    zoo translate runs/pix2pix-facades folder/of/pictures "more/*.jpg" --out made
    zoo translate runs/stargan-anime face.png --labels "blonde hair" --out made
    zoo translate runs/munit-monet photograph.jpg --style painting.jpg --out made
"""

import glob
import sys
from pathlib import Path
from typing import Any

from PIL import Image, ImageOps
from torchvision.transforms.functional import to_pil_image
from tqdm import tqdm

from zoo.commands import cli
from zoo.core.errors import UsageError
from zoo.core.files import atomic
from zoo.data.listing import SUFFIXES
from zoo.data.pictures import as_tensor
from zoo.data.pixels import UNREADABLE, upright
from zoo.store.loading import load
from zoo.tasks.drawing import table
from zoo.tasks.task import Task

SHEET = "given-and-made.png"
SHOWN = 16  # pictures of a sheet
THUMBNAIL = 128  # pixels


def main(arguments: list[str]) -> int:
    parser = cli.Parser("Make pictures of pictures with a trained model: PNG files of the same names.")
    parser.add_argument("model", help="a model folder, such as a run's, a name, or org/name on the Hub")
    parser.add_argument("pictures", nargs="+", help="files, folders or patterns such as 'photos/*.jpg'")
    parser.add_argument("--out", required=True, metavar="DIR", help="folder to write to, made if need be")
    parser.add_argument("--labels", metavar="CLASS", help="of a model that makes classes, what is to be made, by "
                        "number or name, such as 'blonde hair'")
    parser.add_argument("--style", metavar="PICTURE", help="of a model that takes a style: a picture that has it "
                        "(default: one that follows from --seed)")
    parser.add_argument("--seed", type=int, default=0, help="of what is random in an answer (default: %(default)s)")
    parser.add_argument("--tile", type=cli.count, metavar="PX", help="side of the overlapping tiles in which pictures "
                        "are made; 0: in one piece (default: those beyond a megapixel in tiles of 512)")
    parser.add_argument("--sheet", metavar="FILE", help="PNG of what was given beside what was made, of at most "
                        f"{SHOWN} (default: {SHEET} in the folder)")
    parser.add_argument("--overwrite", action="store_true", help="replace pictures that are in the folder already")
    options = parser.parse_args(arguments)
    model, out = load(options.model), Path(options.out).expanduser()
    if "translate" not in model.asks:
        raise UsageError(f"{options.model} makes no pictures of pictures: it can be asked with "
                         + model.asked_with())
    told = {"labels": options.labels, "style": options.style}
    model.told(1, **told)  # raises before any work
    how = told | {"seed": options.seed, "tile": options.tile}
    jobs, sheet = _targets(_found(options.pictures), out), Path(options.sheet or out / SHEET).expanduser()
    _check_free([sheet, *(target for _, target in jobs)], options.overwrite)
    failed = sum(not _translated(model, source, target, how) for source, target in tqdm(jobs, unit="img"))
    _write_sheet(sheet, [job for job in jobs if job[1].exists()][:SHOWN])
    print(f"{len(jobs) - failed} pictures in {out}" + (f", {failed} could not be read" if failed else ""))
    return 1 if failed else 0


def _found(words: list[str]) -> list[Path]:
    """The picture files that files, folders and patterns stand for. Raises UsageError if there are none."""
    files: list[Path] = []
    for word in words:
        path = Path(word).expanduser()
        if path.is_dir():
            files += sorted(f for f in path.iterdir() if f.suffix.lower() in SUFFIXES and f.is_file())
        elif path.is_file():
            files.append(path)
        else:
            matches = sorted(Path(match) for match in glob.glob(str(path)))
            if not matches:
                raise UsageError(f"there is no picture, folder or match of {word}")
            files += [match for match in matches if match.is_file()]
    if not files:
        raise UsageError(f"there are no pictures in {', '.join(words)}: looked for {', '.join(SUFFIXES)}")
    return list(dict.fromkeys(files))


def _targets(sources: list[Path], out: Path) -> list[tuple[Path, Path]]:
    """Each with the file to write. Raises UsageError for two of one name."""
    targets: dict[Path, Path] = {}
    for source in sources:
        target = out / f"{source.stem}.png"
        if target in targets:
            raise UsageError(f"{targets[target]} and {source} would both be written to {target}: translate them one by "
                             "one, to folders of their own")
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
        raise UsageError(f"{there[0]} is there already, as are {len(there) - 1} others: --overwrite replaces them, or "
                         "choose another --out")


def _translated(model: Task, source: Path, target: Path, how: dict[str, Any]) -> bool:
    """Whether a picture could be read; one that cannot is named and skipped."""
    try:
        made = to_pil_image((model.translate(source, **how)[0] * 255).round().byte())
        alpha = alpha_of(source)
    except (UsageError, *UNREADABLE) as error:
        print(error, file=sys.stderr)
        return False
    if alpha is not None:
        made.putalpha(alpha.resize(made.size, Image.Resampling.BICUBIC))
    with atomic(target) as partial:
        made.save(partial, format="png")
    return True


def alpha_of(file: Path) -> "Image.Image | None":
    """How opaque a picture is, upright, as a grey picture; None where it is so all over."""
    with Image.open(file) as image:
        upright = ImageOps.exif_transpose(image)
        return upright.convert("RGBA").getchannel("A") if upright.has_transparency_data else None


def _write_sheet(path: Path, jobs: list[tuple[Path, Path]]) -> None:
    """A row a picture: what was given, and what was made; nothing where nothing was."""
    if not jobs:
        return
    shown = [as_tensor([_small(source), _small(target)], 3) for source, target in jobs]
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic(path) as partial:
        table(shown, columns=["given", "made"]).save(partial, format="png")


def _small(file: Path) -> "Image.Image":
    """Upright, on white, within a square."""
    with Image.open(file) as image:
        return ImageOps.pad(upright(image, 3, {}), (THUMBNAIL, THUMBNAIL), color="white")
