"""Tells what a variant is, or a model.

    zoo describe cgan
    zoo describe wgan-gp-anime
"""

import inspect
from pathlib import Path

from zoo.cards.card import render_card
from zoo.commands import cli
from zoo.core.config import Option, flag_of, options_of
from zoo.core.registry import CLASSES
from zoo.models import variant_class, variants
from zoo.store.catalogue import pretrained
from zoo.store.loading import find


def main(arguments: list[str]) -> None:
    parser = cli.Parser("Tell what a variant is, its paper, options and models; or what a model is, its card.")
    parser.add_argument("name", help="a variant, a model folder, a model's name, or org/name on the Hub")
    name = parser.parse_args(arguments).name
    variants()  # registers them
    if name in CLASSES:
        print(describe_variant(name))
    else:
        print(render_card(find(name), name).partition("\n---\n")[2].strip())


def describe_variant(name: str) -> str:
    """What its file says of it, how it is asked, its options and the models there are of it."""
    cls, variant = variant_class(name), next(v for v in variants() if v.name == name)
    models = [m.name for m in pretrained() if m.variant == name]
    lines = [f"{variant.title} ({variant.year}), {variant.paper}", "",
             inspect.getdoc(inspect.getmodule(cls)) or "", "",
             f"kind: {variant.kind}; asked with {cls.asked_with()}; file: {Path(inspect.getfile(cls)).name}",
             f"models: {', '.join(models) or 'none yet'}", "", "options (zoo train --variant " + name + " ...):"]
    return "\n".join([*lines, *map(_line, options_of(cls.Config).values())])


def _line(option: Option) -> str:
    flag = flag_of(option.name)
    choices = f" {{{','.join(option.choices)}}}" if option.choices else ""
    return f"  {flag:26} {option.help}{choices} (default: {option.default})"
