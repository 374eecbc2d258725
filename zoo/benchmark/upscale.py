"""``zoo upscale`` of a picture, from its file to a file, beside the bare network: called on squares of the picture that
do not overlap, so with seams, and with nothing written. Reference / zoo is the share of its rate that is left.
"""

import tempfile
from argparse import Namespace
from functools import partial
from pathlib import Path

import torch
from PIL import Image

from zoo.benchmark.by_hand import DEVICE
from zoo.benchmark.measure import Comparison, Meter, compare
from zoo.core.errors import UsageError
from zoo.data.bands import Made
from zoo.store.loading import load
from zoo.tasks.translator import Translator

DEFAULT = "srgan-anime"
SQUARE = 256  # pixels, of which the network is as fast as of larger ones, and takes less memory
COARSE = 16  # pixels of the picture for each that is drawn


def opened(options: Namespace) -> Translator:
    """Raises UsageError for a model that makes no pictures larger."""
    model = load(options.model or DEFAULT)
    if not isinstance(model, Translator) or "upscale" not in model.asks:
        raise UsageError(f"{options.model} makes no pictures larger: it can be asked with {model.asked_with()}")
    return model.to(DEVICE)


def ours(options: Namespace, meter: Meter, folder: Path) -> None:
    model = opened(options)
    model.upscale(torch.rand(1, 3, 16, 16))
    meter.start()
    given = model.read(folder / "given.jpg")
    height, width = (model.factor * length for length in given.shape[2:])
    Made(model.bands(given), None, width, height).written(folder / "made.png", keep=False)
    meter.stop()


def reference(options: Namespace, meter: Meter, folder: Path) -> None:
    model = opened(options)
    model.upscale(torch.rand(1, 3, 16, 16))
    given, network = model.data.from_unit(model.read(folder / "given.jpg")).to(DEVICE), model.generator.eval()
    meter.start()
    with torch.no_grad():
        for rows in given.split(SQUARE, 2):
            for square in rows.split(SQUARE, 3):
                network(square)
    meter.stop()


def measure(options: Namespace) -> Comparison:
    opened(options)
    with tempfile.TemporaryDirectory() as name:
        side, folder = options.image_size, Path(name)
        coarse = torch.randint(0, 256, (max(1, side // COARSE), max(1, side // COARSE), 3), dtype=torch.uint8)
        Image.fromarray(coarse.numpy()).resize((side, side), Image.Resampling.BICUBIC).save(folder / "given.jpg")
        return compare(partial(ours, folder=folder), partial(reference, folder=folder), options)
