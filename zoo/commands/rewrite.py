"""Has a trained model write sentences in another style.

    zoo rewrite runs/cross-aligned-ae-yelp --style positive reviews.txt
    zoo rewrite cross-aligned-ae-yelp --style positive reviews.txt --skip       # what it cannot read is left out
"""

import argparse
from pathlib import Path

from zoo.commands import cli
from zoo.core.errors import UsageError
from zoo.data.lines import lines_of
from zoo.data.listing import say
from zoo.data.text_spec import TextSpec
from zoo.store.loading import load

SHOWN = 5  # lines that are left out, and are named


def main(arguments: list[str]) -> None:
    options = parser().parse_args(arguments)
    model = load(options.model)
    if "rewrite" not in model.asks:
        raise UsageError(f"{options.model} rewrites no sentences: it can be asked with {model.asked_with()}")
    sentences, refused = readable(model.data, Path(options.file).expanduser())
    if refused and not (options.skip and sentences):
        more = f" (and {len(refused) - 1:,} more of the lines cannot be read)" if len(refused) > 1 else ""
        raise UsageError(f"{options.file}, {refused[0]}{more}"
                         + ("; --skip leaves such lines out" if sentences else ": no line can be read"))
    if not sentences:
        raise UsageError(f"{options.file} has no sentence: give a file of one a line")
    lines = "\n".join(model.rewrite(sentences, options.style))
    if refused:
        say("\n".join([f"left out {len(refused):,} of {len(refused) + len(sentences):,} sentences, which the model "
                       "cannot read:", *refused[:SHOWN], *(["..."] if len(refused) > SHOWN else [])]))
    cli.put(lines, options.out, f"{len(sentences):,} sentences in the style {options.style}")


def readable(data: TextSpec, path: Path) -> tuple[list[str], list[str]]:
    """The sentences of a file that a model can read, and of each of the others in which line it is and why not."""
    sentences, refused = [], []
    for number, line in enumerate(lines_of(path), 1):
        if sentence := line.strip():
            try:
                data.encode(sentence)
                sentences.append(sentence)
            except UsageError as error:
                refused.append(f"line {number:,}: {error}")
    return sentences, refused


def parser() -> argparse.ArgumentParser:
    parser = cli.Parser("Have a trained model write sentences in another style, one a line.")
    parser.add_argument("model", help="a model folder, such as a run's, a name, or org/name on the Hub")
    parser.add_argument("file", help="text file of one sentence a line, of words that the model knows")
    parser.add_argument("--style", required=True, metavar="NAME", help="of the styles that the model learnt")
    parser.add_argument("--skip", action="store_true", help="leave sentences out that are too long or of words that "
                        "the model does not know, and say which (default: none is rewritten then)")
    parser.add_argument("--out", metavar="FILE", help="text file to write (default: they are printed)")
    return parser
