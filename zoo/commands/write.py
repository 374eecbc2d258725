"""Has a trained model write sentences.

    zoo write seqgan-captions --n 20 --seed 0
    zoo write runs/lstm-grammar --n 10k --out sentences.txt
"""

from zoo.commands import cli
from zoo.core.errors import UsageError
from zoo.store.loading import load


def main(arguments: list[str]) -> None:
    parser = cli.Parser("Have a trained model write sentences, one a line.")
    parser.add_argument("model", help="a model folder, such as a run's, a name, or org/name on the Hub")
    parser.add_argument("--n", type=cli.count, default=20, help="sentences (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="the same seed, the same sentences (default: %(default)s)")
    parser.add_argument("--out", metavar="FILE", help="text file to write (default: they are printed)")
    options = parser.parse_args(arguments)
    model = load(options.model)
    if "write" not in model.asks:
        raise UsageError(f"{options.model} writes no sentences: it can be asked with {model.asked_with()}")
    lines = "\n".join(model.write(options.n, seed=options.seed))
    cli.put(lines, options.out, f"{options.n:,} sentences of {model.variant} ({model.data.name})")
