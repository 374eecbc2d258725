"""Writes the generator of a trained model as a file that other programs run.

    python scripts/export.py runs/cgan-digits --format onnx --out cgan.onnx
"""

from pathlib import Path

import zoo
from zoo import cli
from zoo.errors import UsageError, unknown
from zoo.export import export_onnx

FORMATS = {"onnx": export_onnx}


def main(arguments: list[str]) -> None:
    parser = cli.Parser("Write the generator of a trained model as a file that other programs run.")
    parser.add_argument("model", help="a model folder, such as a run's")
    parser.add_argument("--format", default="onnx", help=f"one of: {', '.join(FORMATS)} (default: %(default)s)")
    parser.add_argument("--out", default="model.onnx", help="file to write (default: %(default)s)")
    options = parser.parse_args(arguments)
    if options.format not in FORMATS:
        raise unknown("format", options.format, FORMATS)
    model = zoo.load(options.model)
    try:
        path = FORMATS[options.format](model, Path(options.out))
    except OSError as error:
        raise UsageError(f"cannot write {options.out}: {error}") from error
    label = ", label (N,) int64" if model.conditional else ""
    output = ", ".join(map(str, model.data.shape))
    print(f"{model.variant} ({model.data.name}): {path}, normal (N, {model.latent_size}) float32{label} -> "
          f"image (N, {output}) float32")


if __name__ == "__main__":
    cli.run(main)
