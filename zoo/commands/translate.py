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

from torchvision.datasets.folder import IMG_EXTENSIONS
from torchvision.transforms.functional import to_pil_image
from tqdm import tqdm

from zoo.commands import cli
from zoo.core.errors import UsageError
from zoo.core.files import atomic
from zoo.store.loading import load
from zoo.tasks.task import Task


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
    parser.add_argument("--overwrite", action="store_true", help="replace pictures that are in the folder already")
    options = parser.parse_args(arguments)
    model, out = load(options.model), Path(options.out).expanduser()
    if "translate" not in model.asks:
        raise UsageError(f"{options.model} makes no pictures of pictures: it can be asked with "
                         + model.asked_with())
    told = {"labels": options.labels, "style": options.style}
    model.told(1, **told)  # raises before any work
    told["seed"] = options.seed
    jobs = _targets(_found(options.pictures), out)
    there = [target for _, target in jobs if target.exists()]
    if there and not options.overwrite:
        raise UsageError(f"{there[0]} is there already, as are {len(there) - 1} others: --overwrite replaces them, or "
                         "choose another --out")
    failed = sum(not _translated(model, source, target, told) for source, target in tqdm(jobs, unit="img"))
    print(f"{len(jobs) - failed} pictures in {out}" + (f", {failed} could not be read" if failed else ""))
    return 1 if failed else 0


def _found(words: list[str]) -> list[Path]:
    """The picture files that files, folders and patterns stand for. Raises UsageError if there are none."""
    files: list[Path] = []
    for word in words:
        path = Path(word).expanduser()
        if path.is_dir():
            files += sorted(f for f in path.iterdir() if f.suffix.lower() in IMG_EXTENSIONS and f.is_file())
        elif path.is_file():
            files.append(path)
        else:
            matches = sorted(Path(match) for match in glob.glob(str(path)))
            if not matches:
                raise UsageError(f"there is no picture, folder or match of {word}")
            files += [match for match in matches if match.is_file()]
    if not files:
        raise UsageError(f"there are no pictures in {', '.join(words)}: looked for {', '.join(IMG_EXTENSIONS)}")
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


def _translated(model: Task, source: Path, target: Path, told: dict[str, Any]) -> bool:
    """Whether a picture could be read; one that cannot is named and skipped."""
    try:
        made = model.translate(source, **told)[0]
    except UsageError as error:
        print(error, file=sys.stderr)
        return False
    with atomic(target) as partial:
        to_pil_image((made * 255).round().byte()).save(partial, format="png")
    return True
