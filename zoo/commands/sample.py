"""Draws images from a trained model into one PNG.

    zoo sample runs/cgan-digits --n 64 --seed 0 --labels 3 --out threes.png
    zoo sample runs/dcgan-anime --interpolate 8
    zoo sample runs/dcgan-anime --traverse 17
"""

from pathlib import Path

from torchvision.utils import make_grid, save_image

import zoo
from zoo.cards.tables import pretrained_table
from zoo.commands import cli
from zoo.core.errors import UsageError
from zoo.core.files import atomic
from zoo.tasks.drawing import density


def main(arguments: list[str]) -> None:
    parser = cli.Parser("Draw images from a trained model into one PNG.")
    parser.add_argument("model", nargs="?", help="a model folder, such as a run's, a name, or org/name on the Hub")
    parser.add_argument("--list", action="store_true", help="print the models that can be loaded by name, as a table")
    parser.add_argument("--n", type=cli.count, default=64, help="images, walks or rows (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="the same seed, the same images (default: %(default)s)")
    parser.add_argument("--labels", nargs="+", metavar="CLASS",
                        help="classes by number or name, in turn (default: every class in turn, if conditional)")
    parser.add_argument("--truncation", type=float, metavar="T", help="keep the latent's normals within +-T")
    parser.add_argument("--interpolate", type=int, metavar="STEPS", help="walks of STEPS images between random latents")
    parser.add_argument("--traverse", type=int, metavar="DIM", help="rows of 8 images with latent dimension DIM moved")
    parser.add_argument("--columns", type=int, default=8, help="images a row (default: %(default)s)")
    parser.add_argument("--out", default="samples.png", help="PNG to write (default: %(default)s)")
    options = parser.parse_args(arguments)
    if options.list:
        print(pretrained_table())
        return
    if options.model is None:
        raise UsageError("name a model to draw from; --list shows those that can be loaded by name")
    if options.interpolate is not None and options.traverse is not None:
        raise UsageError("--interpolate and --traverse exclude each other")
    if options.columns < 1:
        raise UsageError(f"--columns must be at least 1, not {options.columns}")

    model = zoo.load(options.model)
    labels, columns, n = None, options.columns, options.n
    if "labels" in model.needs() or options.labels:
        cycle = options.labels or model.data.class_names
        labels = [cycle[i % len(cycle)] for i in range(n)]
    if options.interpolate is not None:
        images = zoo.interpolate(model, n, options.interpolate, labels, options.seed, options.truncation)
    elif options.traverse is not None:
        images = zoo.traverse(model, options.traverse, rows=n, labels=labels, seed=options.seed,
                              truncation=options.truncation)
    else:
        images = model.sample(n, labels, options.seed, options.truncation)
    if images.dim() == 5:  # walks, one a row
        images, columns = images.flatten(0, 1), images.shape[1]
    picture = density(images) if not model.data.bounded else make_grid(images, nrow=columns)
    try:
        with atomic(Path(options.out)) as partial:
            save_image(picture, partial, format="png")
    except OSError as error:
        raise UsageError(f"cannot write {options.out}: {error}") from error
    print(f"{len(images)} images of {model.variant} ({model.data.name}): {options.out}")
