"""Has a trained model write sentences in another style.

    zoo rewrite runs/cross-aligned-ae-yelp --style positive reviews.txt
"""

import argparse
from pathlib import Path

from zoo.commands import cli
from zoo.core.errors import UsageError
from zoo.data.lines import lines_of
from zoo.store.loading import load


def main(arguments: list[str]) -> None:
    options = parser().parse_args(arguments)
    model = load(options.model)
    if "rewrite" not in model.asks:
        raise UsageError(f"{options.model} rewrites no sentences: it can be asked with {model.asked_with()}")
    sentences = [line.strip() for line in lines_of(Path(options.file).expanduser()) if line.strip()]
    if not sentences:
        raise UsageError(f"{options.file} has no sentence: give a file of one a line")
    lines = "\n".join(model.rewrite(sentences, options.style))
    cli.put(lines, options.out, f"{len(sentences):,} sentences in the style {options.style}")


def parser() -> argparse.ArgumentParser:
    parser = cli.Parser("Have a trained model write sentences in another style, one a line.")
    parser.add_argument("model", help="a model folder, such as a run's, a name, or org/name on the Hub")
    parser.add_argument("file", help="text file of one sentence a line, of words that the model knows")
    parser.add_argument("--style", required=True, metavar="NAME", help="of the styles that the model learnt")
    parser.add_argument("--out", metavar="FILE", help="text file to write (default: they are printed)")
    return parser
