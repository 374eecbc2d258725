"""Writes the generator of a trained model as a file that other programs run.

    zoo export runs/cgan-digits --format onnx --out cgan.onnx
"""

from pathlib import Path

import zoo
from zoo.commands import cli
from zoo.core.errors import unknown
from zoo.store.export import describe_graph, export_onnx

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
    with cli.writing(options.out):
        path = FORMATS[options.format](model, Path(options.out))
    print(f"{model.variant} ({model.data.name}): {path}, {describe_graph(model)}")
