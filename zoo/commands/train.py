"""Trains a variant of the zoo.

    zoo train --variant cgan                      # real digits, offline, a laptop
    zoo train --variant dcgan --data path/to/images --image-size 64
    zoo train --recipe dcgan-anime                # as a pretrained model was trained
    zoo train --variant wgan-gp --data cifar10 --devices 8 --num-nodes 2 --precision bf16-mixed
"""

import shlex
import sys
from argparse import Namespace
from pathlib import Path
from typing import Any

from lightning.pytorch.utilities import rank_zero_only

from zoo.commands import cli
from zoo.core.config import options_of
from zoo.core.errors import UsageError
from zoo.data.listing import few
from zoo.models import variant_class, variants
from zoo.store.layout import read_config
from zoo.store.recipes import read_recipe, recipes
from zoo.training.machine import on_precision
from zoo.training.options import Training, check_run_folder, resumed
from zoo.training.run import Run


class TrainParser(cli.Parser):
    """One that knows what other variants can be told.

    Attributes:
        variant: whose options it takes, once that is known.
    """

    variant: str | None = None

    def stranger(self, option: str, options: list[str]) -> UsageError:
        name = option.removeprefix("--").replace("-", "_")
        owners = [found.name for found in variants() if name in options_of(variant_class(found.name).Config)]
        if not owners:
            return super().stranger(option, options)
        if not self.variant:
            return UsageError(f"{option} is an option of the model: say which with --variant NAME before it, such as "
                              f"{owners[0]}")
        return UsageError(f"{self.variant} has no {option}, an option of {few(owners)}: leave it away")


def main(arguments: list[str]) -> int:
    parser = TrainParser("Train a variant of the zoo. A run folder with checkpoints, samples and metrics is left in "
                        "runs/. Options of the model depend on --variant: --variant NAME --help shows them.")
    chosen = parser.add_argument_group("what to run")
    chosen.add_argument("--variant", metavar="NAME", help=", ".join(v.name for v in variants()))
    chosen.add_argument("--recipe", metavar="NAME", help="train a pretrained model again; options override: "
                        + ", ".join(recipes()))
    chosen.add_argument("--config", metavar="FILE", help="a run's config.json, which reproduces it; options override")
    chosen.add_argument("--resume", metavar="RUN", help="go on with the run in this folder")
    chosen.add_argument("--out", metavar="DIR", help="run folder (default: runs/VARIANT-DATA)")
    chosen.add_argument("--dry-run", action="store_true", help="print configuration, parameters, shapes; train nothing")
    parser.add_options(Training, "training")
    first, _ = parser.parse_known_args([word for word in arguments if word not in ("-h", "--help")])

    stored = stored_choice(first)
    variant = first.variant or stored.get("variant")
    if variant:
        parser.variant = variant
        parser.add_options(variant_class(variant).Config, f"model: {variant}")
    parsed = parser.parse_args(arguments)
    if not variant:
        raise UsageError("--variant, --recipe, --config or --resume says what to train; --help lists the variants")

    model, training = cli.given(parsed, variant_class(variant).Config), cli.given(parsed, Training)
    if parsed.resume:
        variant, config, options = resumed(parsed.resume, parsed.variant, model, training)
    else:
        config = (stored["config"] if stored.get("variant") == variant else {}) | model
        options = Training.from_dict(stored.get("training", {}) | training)
    run = Run(variant, config, options, parsed.resume or parsed.out, bool(parsed.resume),
              command(arguments, stored.get("command") if parsed.resume else None))
    if parsed.dry_run:
        print(run.describe())
        return 0
    if (said := on_precision(options)) and not rank_zero_only.rank:  # type: ignore[attr-defined]  # a function's
        print(said, file=sys.stderr)
    return run.train()


def command(arguments: list[str], resumed: str | None) -> str:
    """The line that trains the same from its beginning: that of the run that is resumed, with what is changed.

    In which folders the run and its data lie is no part of it: cards show the line to those who have no such folders.
    """
    return cli.command_without(("--resume", "--out", "--data-dir"), [*shlex.split(resumed or "zoo train"), *arguments])


def stored_choice(options: Namespace) -> dict[str, Any]:
    """Variant, config and training of the recipe, file or run that was named; empty if none was."""
    if options.resume and (options.config or options.recipe or options.out):
        raise UsageError("--resume goes on in its own folder, with its own config.json: leave --out, --config and "
                         "--recipe away")
    if options.config and options.recipe:
        raise UsageError("--config and --recipe each say what to train: give one of them")
    if options.recipe:
        return read_recipe(options.recipe)
    if options.resume:
        check_run_folder(options.resume)
    named = options.config or options.resume
    return read_config(Path(named).expanduser()) if named else {}
