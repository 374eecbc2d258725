"""Modes that unconditional variants cover on mixtures of Gaussians, over several seeds.

    zoo modes --data ring --images 480k --learning-rate 1e-3 --out modes.md
"""

import statistics
from pathlib import Path

from zoo.commands import cli
from zoo.core.files import write_text
from zoo.metrics.modes import ModeCoverage
from zoo.study import survey


def row(name: str, results: list[ModeCoverage]) -> str:
    """A line of the table: mean and standard deviation over the seeds."""
    cells = []
    for values, digits in ([r.covered for r in results], 1), ([100 * r.high_quality for r in results], 1), \
            ([r.kl for r in results], 2):
        spread = statistics.stdev(values) if len(values) > 1 and float("inf") not in values else float("nan")
        cells.append(f"{statistics.mean(values):.{digits}f} ± {spread:.{digits}f}")
    return f"| {name} | {' | '.join(cells)} | {len(results)} |"


def parser() -> cli.Parser:
    parser = cli.Parser("Train unconditional variants on mixtures of Gaussians and count the modes they cover. "
                        "Finished runs are not repeated.")
    parser.add_argument("--variants", nargs="+", metavar="NAME", default=survey.unconditional_variants(),
                        help="(default: all that are adversarial and need no labels)")
    parser.add_argument("--data", nargs="+", default=["ring", "grid", "two-peaks"], help="(default: all three)")
    parser.add_argument("--seeds", type=int, default=5, help="runs of each (default: %(default)s)")
    parser.add_argument("--images", type=cli.count, default=1_000_000, help="budget of each (default: %(default)s)")
    parser.add_argument("--batch-size", type=int, default=128, metavar="N", help="(default: %(default)s)")
    parser.add_argument("--width", type=int, default=16, help="of all (default: %(default)s)")
    parser.add_argument("--learning-rate", type=float, metavar="LR", help="of all (default: each variant's own)")
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="runs at a time (default: %(default)s)")
    parser.add_argument("--runs", default="runs/modes", metavar="DIR", help="run folders (default: %(default)s)")
    parser.add_argument("--out", metavar="FILE", help="Markdown table to write as well")
    return parser


def main(arguments: list[str]) -> None:
    options = parser().parse_args(arguments)
    config = {"backbone": "mlp", "width": options.width, "latent_dim": 16, "discriminator_norm": "none",
              "kernels": 16}  # of improved-gan: its hundred are for images, and slow
    if options.learning_rate is not None:
        config["learning_rate"] = options.learning_rate
    tables = []
    for data in options.data:
        jobs = {(name, seed): survey.Job(
            name, config, {"data": data, "images": options.images, "batch_size": options.batch_size, "seed": seed,
             "log_every": options.images // 20, "samples_every": options.images, "checkpoint_every": options.images},
            Path(options.runs) / data / f"{name}-{seed}")
            for name in options.variants for seed in range(options.seeds)}
        failed = survey.run_all(list(jobs.values()), options.workers)
        lines = [f"**{data}**, {options.images:,} points seen in batches of {options.batch_size}, mean ± standard "
                 "deviation over the seeds:\n",
                 "| variant | modes covered | high-quality samples, % | KL to uniform, nats | seeds |",
                 "|---|---|---|---|---|"]
        for name in options.variants:
            folders = [job.folder for (variant, _), job in jobs.items() if variant == name]
            results = [survey.measure_modes(folder) for folder in folders if folder not in failed]
            lines.append(row(name, results) if results else f"| {name} | failed | | | 0 |")
        tables.append("\n".join(lines))
        print(tables[-1], flush=True)
    if options.out:
        with cli.writing(options.out):
            write_text(Path(options.out), "\n\n".join(tables) + "\n")
