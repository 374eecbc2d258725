"""Makes pictures of pictures with a trained model.

    zoo translate pix2pix-facades labels.png --out made
    zoo translate runs/pix2pix-facades folder/of/pictures "more/*.jpg" --out made
    zoo translate runs/stargan-anime face.png --labels "blonde hair" --out made
    zoo translate runs/munit-monet photograph.jpg --style painting.jpg --out made
    zoo translate runs/inpaint-blocks scratched.png --holes scratches.png --out made
    zoo translate edges-anime face.png --derive --out made
"""

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from zoo.commands.pictures import jobs_of, loaded, named_alike, parser_of
from zoo.core.errors import UsageError
from zoo.data.pictures import as_tensor
from zoo.tasks.translator import Translator


def main(arguments: list[str]) -> int:
    parser = parser_of("Make pictures of pictures with a trained model: PNG files of the same names.")
    parser.add_argument("--labels", metavar="CLASS", help="of a model that makes classes, what is to be made, by "
                        "number or name, such as 'blonde hair'")
    parser.add_argument("--style", metavar="PICTURE", help="of a model that takes a style: a picture that has it "
                        "(default: one that follows from --seed)")
    parser.add_argument("--holes", metavar="PICTURE", help="of a model that fills holes wherever they are (--pairs "
                        "blocks): a picture of the same size that is white there, or a folder of such under the same "
                        "names")
    parser.add_argument("--derive", action="store_true", help="of a model that is given what is made of pictures, such "
                        "as their edges: the pictures are whole, and that is made of them first, as in training")
    parser.add_argument("--seed", type=int, default=0, help="of what is random in an answer (default: %(default)s)")
    options = parser.parse_args(arguments)
    model = loaded(options, "translate", "makes no pictures of pictures")
    told = {"labels": options.labels, "style": options.style}
    model.told(1, **told)  # raises before any work
    how = {"seed": options.seed, "tile": options.tile}
    if options.derive and options.holes is not None:
        raise UsageError("--derive makes holes as in training, and --holes tells where they are: give one of them")
    derived = _derived(model, options.model) if options.derive else None
    jobs = jobs_of(options)
    if options.holes is None:
        return 1 if jobs.run(lambda given: model.bands(given, **told, **how), model, derived) else 0
    if "inpaint" not in model.asks:
        raise UsageError(f"{options.model} fills no holes: leave --holes away")
    holes, channels = Path(options.holes).expanduser(), model.data.channels
    if not holes.exists():
        raise UsageError(f"there is no picture or folder {holes} of holes")

    def with_holes(file: Path) -> Tensor:
        """A picture and a plane more, which says where its holes are."""
        where = named_alike(file, holes, "picture of the holes of") if holes.is_dir() else holes
        picture, missing = as_tensor(file, channels), as_tensor(where, 1)
        if missing.shape[2:] != picture.shape[2:]:
            raise UsageError(f"{where} is of another size than {file}: holes are told by a picture of the same")
        return torch.cat([picture, missing], 1)

    return 1 if jobs.run(lambda given: iter([model.inpaint(given[:, :-1], given[:, -1:], **how)]), model,
                         with_holes) else 0


def _derived(model: Translator, name: str) -> Callable[[Path], Tensor]:
    """A file -> what the model is given of it in training. Raises UsageError where that is not made of pictures."""
    if not model.derives:
        raise UsageError(f"{name} takes pictures as they are: leave --derive away")
    return lambda file: model.source_of(as_tensor(file, model.data.channels))
