"""A generated folder of JPEG files, streamed from disk, beside torchvision's ImageFolder and DataLoader of tutorials.

Files of the folder and their decoded copy lie in the system's temporary folder until the end. What the kernel caches of
them is not of the processes and not counted: it goes when memory is asked for.
"""

import os
import tempfile
from argparse import Namespace
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from PIL import Image

from zoo.benchmark import measure as measuring
from zoo.benchmark.measure import Comparison, Measured, Meter, take
from zoo.benchmark.processes import children, total

A_FOLDER = 1_000  # files
LOOKS = 10  # at the memory, over one epoch


def generate(folder: Path, images: int, size: int) -> None:
    """Square pieces of one blurred random picture, in class folders, as JPEG files."""
    random = np.random.default_rng(0)
    noise = Image.fromarray(random.integers(0, 256, (64, 64, 3), dtype=np.uint8))
    picture = np.asarray(noise.resize((16 * size, 16 * size), Image.Resampling.BICUBIC))
    for number in range(images):
        inside = folder / f"{number // A_FOLDER:05d}"
        if number % A_FOLDER == 0:
            inside.mkdir(parents=True)
        row, column = random.integers(0, 15 * size, 2)
        Image.fromarray(picture[row:row + size, column:column + size]).save(inside / f"{number:08d}.jpg", quality=90)


def ours(options: Namespace, meter: Meter) -> None:
    with _streaming(options):
        take(_batches(options), options.batches, meter)


def follow(options: Namespace, meter: Meter) -> None:
    """Decodes, then streams an epoch and writes to a file what memory it has at times, with its workers."""
    looks = []
    with _streaming(options):
        stream = _batches(options)
        epoch = options.folder // options.batch_size
        for batch in range(epoch + 1):
            next(stream)
            if batch == 0:
                meter.start()
            if batch % max(1, epoch // LOOKS) == 0:
                looks.append([batch * options.batch_size, *(sum(
                    total(f"{process}/smaps_rollup", field) for process in ("self", *children("self")))
                    for field in ("Pss:", "Pss_Anon:"))])
        meter.stop()
        np.save(Path(options.place, "looks.npy"), np.array(looks))


def reference(options: Namespace, meter: Meter) -> None:
    from torch.utils.data import DataLoader
    from torchvision import datasets, transforms

    images = datasets.ImageFolder(str(Path(options.place, "images")), transforms.Compose([
        transforms.Resize(options.image_size), transforms.ToTensor(), transforms.Normalize([0.5] * 3, [0.5] * 3)]))
    loader = DataLoader(images, options.batch_size, shuffle=True, drop_last=True, num_workers=2)
    take((batch for _ in iter(int, 1) for batch in loader), options.batches, meter)


def _streaming(options: Namespace) -> AbstractContextManager[Any]:
    return mock.patch.dict(os.environ, ZOO_CACHE=str(Path(options.place, "cache")), ZOO_MEMORY="0")


def _batches(options: Namespace) -> Iterator:
    from zoo.benchmark.feeding import batches  # the process that only compares does without torch
    from zoo.data.sources import open_source

    return batches(open_source(str(Path(options.place, "images")), image_size=options.image_size), options.batch_size)


def measure(options: Namespace) -> Comparison:
    with tempfile.TemporaryDirectory() as place:
        options = Namespace(**vars(options) | {"place": place})
        generate(Path(place, "images"), options.folder, options.image_size)
        whole: Measured = measuring.in_fresh_process(follow, options)
        looks = np.load(Path(place, "looks.npy")).tolist()
        found = measuring.compare(ours, reference, options)
    memory = [{"images": images, "pss_bytes": pss, "anonymous_bytes": own} for images, pss, own in looks]
    rows = "\n".join(f"| {images:,} | {pss / 2**20:.0f} | {own / 2**20:.0f} |" for images, pss, own in looks)
    gigabytes = options.folder * 3 * options.image_size**2 / 1e9
    return found._replace(details={"memory": memory, "epoch_seconds": whole.seconds}, text=(
        f"\n\nMemory of the zoo's process and its workers while it streams {options.folder:,} images, {gigabytes:.2f} "
        "GB decoded, pages that they share counted once (proportional set size):\n\n"
        f"| images streamed | MiB | of it anonymous |\n|---|---|---|\n{rows}"))
