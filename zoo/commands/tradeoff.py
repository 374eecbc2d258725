"""Measures the models between two that make pictures larger: PSNR against the perceptual distance, as a curve.

    zoo tradeoff runs/srgan/checkpoints/images-000000060000.ckpt runs/srgan --features anime

Errors of pixels alone, which a run of srgan begins with, give the best PSNR; its second stage trades some of it for
pictures that look alike. In a run whose first stage ends where it has a checkpoint (--checkpoint-every), the models
between the two show how much for how much.
"""

from pathlib import Path

from zoo.commands import cli
from zoo.core.errors import UsageError
from zoo.core.files import atomic
from zoo.metrics.comparison import How
from zoo.metrics.protocol import Protocol
from zoo.metrics.tradeoff import tradeoff
from zoo.store.loading import load
from zoo.study import check_installed
from zoo.tasks.upscaler import TRADEOFF

SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)


def main(arguments: list[str]) -> None:
    parser = cli.Parser("Measure the models whose weights lie between those of two that make pictures larger, and draw "
                        "PSNR on Y against the perceptual distance.")
    parser.add_argument("first", help="where the way begins: a checkpoint of a run, such as that of the end of its "
                        "first stage, a model folder or a name")
    parser.add_argument("second", help="where it ends: likewise, such as the run's folder")
    parser.add_argument("--shares", type=float, nargs="+", default=SHARES, metavar="X", help="of the second in the "
                        "models between, 0 to 1 (default: 0 0.25 0.5 0.75 1)")
    parser.add_argument("--out", metavar="FILE", help=f"PNG to draw (default: {TRADEOFF} in the second's folder, for "
                        "its card)")
    parser.add_argument("--data-dir", metavar="DIR", help="where named data sets are")
    parser.add_options(Protocol, "protocol")
    options = parser.parse_args(arguments)
    asked = cli.given(options, Protocol)
    if "measures" in asked:
        raise UsageError("what is traded is PSNR and perceptual distance: leave --measures away")
    if not all(0 <= share <= 1 for share in options.shares):
        raise UsageError("--shares are numbers from 0, the first, to 1, the second")
    if options.out is None and not Path(options.second).expanduser().is_dir():
        raise UsageError(f"{options.second} is no folder to draw into: choose a file with --out")
    check_installed()
    from zoo.study import plots  # matplotlib is an extra

    found = tradeoff(load(options.first), load(options.second), sorted({*options.shares}), Protocol(**asked),
                     How(options.data_dir))
    lines = ["| share | PSNR on Y, dB | perceptual distance |", "|---|---|---|"]
    lines += [f"| {share:g} | {found.psnr[share]:.2f} | {found.distance[share]:.4f} |" for share in found.psnr]
    print("\n".join([*lines, "| bicubic | {:.2f} | {:.4f} |".format(*found.bicubic), "", found.protocol]))
    drawn = plots.way({f"{share:g}": (found.psnr[share], found.distance[share]) for share in found.psnr},
                      ("bicubic", found.bicubic), "errors of pixels against looks",
                      ("PSNR on Y, dB", f"perceptual distance [{found.features}]"))
    path = Path(options.out or Path(options.second) / TRADEOFF).expanduser()
    with cli.writing(path), atomic(path) as partial:
        partial.write_bytes(drawn)
    print(path)
