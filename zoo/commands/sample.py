"""Draws images from a trained model into one PNG.

    zoo sample runs/cgan-digits --n 64 --seed 0 --labels 3 --out threes.png
    zoo sample runs/dcgan-anime --interpolate 8
    zoo sample runs/dcgan-anime --traverse 17
    zoo sample dcgan-anime --n 4 --traverse "pink hair"
    zoo sample runs/lapgan-anime --n 8 --stages
    zoo sample runs/stackgan-anime --n 8 --captions "a girl with pink hair and blue eyes"
"""

from argparse import Namespace
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

import zoo
from zoo.commands import cli
from zoo.core.errors import UsageError
from zoo.core.files import atomic
from zoo.tasks.task import Task


def main(arguments: list[str]) -> None:
    options = parser().parse_args(arguments)
    if sum([options.interpolate is not None, options.traverse is not None, options.stages]) > 1:
        raise UsageError("--interpolate, --traverse and --stages exclude each other")
    if options.columns < 1:
        raise UsageError(f"--columns must be at least 1, not {options.columns}")
    if Path(options.out).is_dir():
        raise UsageError(f"cannot write {options.out}: it is a folder")
    if Path(options.out).suffix.lower() != ".png":
        raise UsageError(f"a PNG is written, and {options.out} is named otherwise: --out {Path(options.out).stem}.png")
    model = zoo.load(options.model, options.precision)
    if "sample" not in model.asks:
        raise UsageError(f"{options.model} makes nothing of latents alone: it can be asked with "
                         + model.asked_with())
    images, columns = drawn(model, options)
    with cli.writing(options.out), atomic(Path(options.out)) as partial:
        model.picture(images, columns).save(partial, format="png")
    print(f"{len(images)} images of {model.variant} ({model.data.name}): {options.out}")


def parser() -> cli.Parser:
    parser = cli.Parser("Draw images from a trained model into one PNG.")
    parser.add_argument("model", help="a model folder, such as a run's, a name (zoo list), or org/name on the Hub")
    parser.add_argument("--n", type=cli.count, default=64, help="images, walks or rows (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="the same seed, the same images (default: %(default)s)")
    parser.add_argument("--labels", nargs="+", metavar="CLASS",
                        help="classes by number or name, in turn (default: every class in turn, if conditional)")
    parser.add_argument("--captions", nargs="+", metavar="TEXT", help="of a model that makes what a caption says: "
                        "texts, in turn (default: some of those that it learnt, in turn)")
    parser.add_argument("--truncation", type=float, metavar="T", help="keep the latent's normals within +-T; "
                        "of stylegan2, go this share of the way from the mean style, 0 to 1")
    parser.add_argument("--interpolate", type=int, metavar="STEPS", help="walks of STEPS images between random latents")
    parser.add_argument("--traverse", metavar="DIM", help="rows of 8 images with latent dimension DIM moved, or with "
                        "more and more of what a bundled network tells of such data, such as 'pink hair'")
    parser.add_argument("--stages", action="store_true", help="rows of what comes about on the way to an image")
    parser.add_argument("--columns", type=int, default=8, help="images a row (default: %(default)s)")
    cli.add_precision(parser)
    parser.add_argument("--out", default="samples.png", help="PNG to write (default: %(default)s)")
    return parser


def drawn(model: Task, options: Namespace) -> tuple[Tensor, int]:
    """Images, and how many make a row of the picture."""
    told, n = asked(model, options), options.n
    how = {"labels": told, "seed": options.seed, "truncation": options.truncation}
    if options.interpolate is not None:
        walks = zoo.interpolate(model, n, options.interpolate, **how)
    elif options.traverse is not None:
        named = options.traverse
        walks = zoo.traverse(model, int(named) if named.lstrip("-").isdecimal() else named, rows=n, **how)
    elif options.stages:
        with model.truncating(options.truncation) as within:
            walks = in_stages(model, model.normals(n, options.seed, within), told)
    else:
        return model.sample(n, told, options.seed, options.truncation), options.columns
    return walks.flatten(0, 1), walks.shape[1]


def asked(model: Task, options: Namespace) -> list[str] | None:
    """What each image, walk or row is to show, in turn; None where nothing is asked. Raises UsageError for classes of a
    model of captions, and the other way round."""
    needs = model.needs()
    for name in ("labels", "captions"):
        if getattr(options, name) and name not in needs:
            raise UsageError(f"{model.variant} takes no {name}: say with --{needs[0]} what it is to make" if needs else
                             f"this model is unconditional: it takes no {name}")
    if not needs:
        return None
    cycle = options.labels or options.captions or model.condition.examples
    return [cycle[i % len(cycle)] for i in range(options.n)]


def in_stages(model: Task, normal: Tensor, told: list[str] | None) -> Tensor:
    """Images of all stages at the size of the last, (n, stages, C, H, W)."""
    stages = list(model.stages(normal, told).values())
    if len(stages) == 1:
        raise UsageError(f"{model.variant} makes an image in one go: leave --stages away")
    return torch.stack([F.interpolate(x, stages[-1].shape[2:]) for x in stages], 1)
