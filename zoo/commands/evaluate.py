"""Measures a model: FID, Inception Score, KID, precision and recall, and what a classifier sees in its images.

    zoo evaluate runs/dcgan-mnist --features mnist
    zoo evaluate runs/dcgan-mnist                     # the protocols of the numbers it has, once more
    zoo evaluate runs/pix2pix runs/l1-alone           # several, and a table of them side by side
    zoo evaluate --all runs --features mnist --out leaderboard
"""

from pathlib import Path

from zoo.cards import leaderboard
from zoo.cards.publishing import evaluate_folder
from zoo.cards.tables import side_by_side
from zoo.commands import cli
from zoo.core.errors import UsageError
from zoo.metrics.evaluation import measured
from zoo.metrics.protocol import Protocol
from zoo.store.layout import Metrics


def main(arguments: list[str]) -> None:
    parser = cli.Parser("Measure a model and write the numbers into its folder, or all models in a folder.")
    parser.add_argument("models", nargs="*", metavar="model", help="a model folder, such as a run's, or a name; of "
                        "several a table is printed too, with what was measured alike, which notes.md can have")
    parser.add_argument("--all", metavar="DIR", help="measure every model in this folder that lacks the numbers, and "
                        "print the leaderboard of these and of the bundled ones")
    parser.add_argument("--out", metavar="PATH", help="with --all: write the leaderboard to PATH.md and PATH.csv")
    parser.add_options(Protocol, "protocol (default: that of the numbers it has)")
    machine = parser.add_argument_group("machine")
    machine.add_argument("--data-dir", metavar="DIR", help="where named data sets are")
    machine.add_argument("--inception-weights", metavar="FILE", help="weights of torch-fidelity's InceptionV3 (default:"
                         " $ZOO_INCEPTION_WEIGHTS, else downloaded)")
    machine.add_argument("--devices", type=int, default=1, metavar="N", help="that share the generating (default: 1)")
    machine.add_argument("--accelerator", default="auto", help="auto, cpu or gpu (default: auto)")
    machine.add_argument("--batch-size", type=int, default=256, metavar="N", help="(default: 256)")
    options = parser.parse_args(arguments)
    if bool(options.models) == (options.all is not None):
        raise UsageError("give a model folder to measure, or several, or --all DIR")
    asked = cli.given(options, Protocol)
    how = asked | {name: getattr(options, name) for name in (
        "data_dir", "inception_weights", "devices", "accelerator", "batch_size")}
    if options.models:
        found = {name: measure(Path(name), how) for name in dict.fromkeys(options.models)}
        if len(found) > 1:
            print(side_by_side(found), end="")
        return
    for folder in sorted(path.parent for path in Path(options.all).rglob("model.safetensors")):
        try:
            if not measured(folder, asked):
                print(folder, flush=True)
                measure(folder, how)
        except UsageError as error:  # one that cannot be measured does not keep the others from it
            print(f"{folder} is left out: {error}")
    table = leaderboard.entries(Path(options.all))
    print(leaderboard.markdown(table), end="")
    if options.out:
        leaderboard.write(table, Path(options.out))


def measure(folder: Path, how: dict) -> Metrics:
    metrics = evaluate_folder(folder, **how)
    for name, metric in metrics.items():
        print(f"{name}: {metric['value']:.4g}")
    for line in dict.fromkeys(metric["protocol"] for metric in metrics.values()):
        print(line)
    return metrics
