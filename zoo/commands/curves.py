"""Numbers along training, of several arms over the same seeds: a table, and a picture of means with their spread.

    zoo curves seqgan "seqgan reward=constant" "seqgan reward=random" lstm --data oracle --measures truth,likelihood
    zoo curves lstm "lstm width=64" --data captions --data-dir data --images 100k --every 10k --measures likelihood

Started again, it goes on where it was.
"""

from pathlib import Path

from zoo.benchmark.options import parsed
from zoo.commands import cli
from zoo.core.config import flag_of, options_of
from zoo.core.errors import UsageError
from zoo.core.files import atomic
from zoo.metrics.measures import measures_named
from zoo.models import variant_class
from zoo.study import check_installed
from zoo.training.options import Training


def parser() -> cli.Parser:
    parser = cli.Parser("Train arms of a comparison over seeds and measure them on their way.")
    parser.add_argument("arms", nargs="+", metavar="ARM", help="a variant and options of its own, such as "
                        "'seqgan reward=random'")
    parser.add_argument("--options", nargs="*", default=[], metavar="NAME=VALUE", help="of the models, for all arms "
                        "that have them, such as width=64")
    parser.add_argument("--measures", required=True, metavar="NAMES", help="what to measure, such as truth,likelihood")
    parser.add_argument("--seeds", type=cli.count, default=5, metavar="N", help="0, 1, ... (default: %(default)s)")
    parser.add_argument("--every", type=cli.count, default=5_000, metavar="N", help="examples between measurements "
                        "(default: 5k)")
    parser.add_argument("--samples", type=cli.count, default=2_000, metavar="N", help="to make each time, and real "
                        "ones to compare with (default: 2k)")
    parser.add_argument("--out", metavar="DIR", help="folder of table and picture (default: runs/curves-DATA)")
    for name in ("data", "data_dir", "length", "vocabulary", "images", "batch_size", "accelerator"):
        kind = options_of(Training)[name].type
        parser.add_argument(flag_of(name), dest=name, type=cli.count if kind is int else str,
                            metavar=name.upper(), help="as zoo train takes it")
    return parser


def arm_of(words: str, shared: list[str]) -> tuple[str, dict]:
    """Variant and options. Raises UsageError for an unknown one, or one that is not name=value."""
    variant, *own = words.split()
    known = options_of(variant_class(variant).Config)
    mine = [word for word in shared if word.partition("=")[0].replace("-", "_") in known]
    return variant, dict(parsed(word, known) for word in [*mine, *own])


def main(arguments: list[str]) -> None:
    asked = parser().parse_args(arguments)
    check_installed()
    from zoo.study.curves import Arm, drawn, ends, follow  # with matplotlib, which is an extra

    given = {name: value for name, value in cli.given(asked, Training).items() if value is not None}
    training = Training.from_dict(given)
    arms = [Arm(words, *arm_of(words, asked.options)) for words in asked.arms]
    if unused := [word for word in asked.options if not any(word.partition("=")[0].replace("-", "_") in arm.config
                                                            for arm in arms)]:
        raise UsageError(f"no arm has the option {unused[0]}")
    folder = Path(asked.out or f"runs/curves-{Path(training.data).stem}")
    quiet = Training.from_dict(training.to_dict() | {"log_every": training.images, "samples_every": training.images,
                                                     "checkpoint_every": training.images})
    rows = follow(arms, quiet, asked.seeds, asked.every, measures_named(asked.measures), asked.samples, folder)
    with atomic(folder / "curves.png") as partial:
        partial.write_bytes(drawn(rows))
    print(f"{ends(rows)}\n\n{folder / 'curves.png'}")
