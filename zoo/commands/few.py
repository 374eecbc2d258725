"""Draws the Frechet distance against the number of pictures that a model learns from, with and without augmentation.

    zoo few --data anime --held-out 0.1 --image-size 32 --pictures 100 300 1k 10k --augments none diff --out runs/few
"""

from pathlib import Path

from zoo.commands import cli
from zoo.core.errors import UsageError
from zoo.core.files import atomic
from zoo.study import check_installed


def parser() -> cli.Parser:
    parser = cli.Parser("Train a variant on fewer and on more pictures of a data set, with several kinds of "
                        "augmentation, and draw its distance to pictures that it was not trained with. Finished runs "
                        "are not repeated.")
    parser.add_argument("--variant", metavar="NAME", default="dcgan", help="(default: %(default)s)")
    parser.add_argument("--data", default="mnist", help="data set (default: %(default)s)")
    parser.add_argument("--data-dir", metavar="DIR", help="where it is")
    parser.add_argument("--image-size", type=int, default=0, metavar="N", help="pixels (default: the data set's own)")
    parser.add_argument("--held-out", type=float, default=0.0, metavar="SHARE", help="of the pictures, to test with, "
                        "of a set that has none for that")
    parser.add_argument("--pictures", type=cli.count, nargs="+", metavar="N", default=[100, 300, 1_000, 10_000],
                        help="to learn from, with all copies of them (default: 100 300 1k 10k)")
    parser.add_argument("--augments", nargs="+", metavar="KIND", default=["none", "diff"], help="values of --augment "
                        "to compare (default: none diff)")
    parser.add_argument("--seeds", type=int, default=1, metavar="N", help="runs of each (default: %(default)s)")
    parser.add_argument("--images", type=cli.count, default=100_000, help="budget of each (default: %(default)s)")
    parser.add_argument("--batch-size", type=int, default=64, metavar="N", help="(default: %(default)s)")
    parser.add_argument("--width", type=int, default=16, help="of all (default: %(default)s)")
    parser.add_argument("--discriminator-norm", metavar="NORM", help="such as spectral (default: the variant's own)")
    parser.add_argument("--features", metavar="NAME", help="feature space (default: the data set's own, else "
                        "inception)")
    parser.add_argument("--samples", type=cli.count, default=2_000, metavar="N", help="images to generate for a "
                        "distance, and to compare with at most (default: %(default)s)")
    parser.add_argument("--precision", default="32-true", help="of the arithmetic (default: %(default)s)")
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="runs at a time (default: %(default)s)")
    parser.add_argument("--out", metavar="DIR", help="for the runs, curve.png and runs.csv (default: "
                        "runs/few-VARIANT-DATA)")
    return parser


def main(arguments: list[str]) -> None:
    options = parser().parse_args(arguments)
    for name in ("pictures", "seeds", "workers"):
        value = getattr(options, name)
        if min(value) < 1 if name == "pictures" else value < 1:
            raise UsageError(f"--{name} must be at least 1")

    check_installed()
    from zoo.study import few, plots  # matplotlib is an extra

    folder = Path(options.out or f"runs/few-{options.variant}-{options.data}").expanduser()
    training = {"data": options.data, "data_dir": options.data_dir, "image_size": options.image_size,
                "held_out": options.held_out, "images": options.images, "batch_size": options.batch_size,
                "eval_features": options.features, "eval_samples": options.samples, "precision": options.precision}
    pictures = sorted(set(options.pictures))
    norm = {"discriminator_norm": options.discriminator_norm} if options.discriminator_norm else {}
    curves = few.learn(options.variant, {"width": options.width} | norm, training, options.augments, pictures,
                       options.seeds, folder, options.workers)
    if not curves.scores:
        raise UsageError(f"no run came to an end: {next(iter(curves.failed.values()))}")
    title = f"{options.variant} on {options.data}, {options.images:,} images seen"
    with atomic(folder / "curve.png") as partial:
        partial.write_bytes(plots.few(curves, options.augments, title))
    few.write_csv(curves, folder / "runs.csv")
    print(few.table(curves, options.augments, pictures))
    print(f"\n{curves.distance}: mean over {options.seeds} seed{'s' if options.seeds > 1 else ''} at the end, in "
          f"brackets at best; between two halves of the test pictures {curves.floor:.3g}\n{folder / 'curve.png'}")
