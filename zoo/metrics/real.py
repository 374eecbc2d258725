"""Features of real images, computed once a data set, split, size and feature space."""

import hashlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor
from tqdm import tqdm

from zoo.core.errors import UsageError
from zoo.core.files import atomic
from zoo.data.decoded import cache_folder
from zoo.data.source import Source
from zoo.data.stored import Images, OnDisk
from zoo.metrics.distances import between_halves, by_chance
from zoo.metrics.features import Features, FeatureSpace


class Real(NamedTuple):
    """Class numbers (N,) and features of real images, and the Frechet distance ``between_halves`` of them."""

    labels: Tensor
    features: Features
    halves: float

    def floor(self, samples: int) -> float:
        """What so many other real images would be apart from these."""
        return by_chance(self.halves, len(self.features.pooled), samples)


def real_rows(count: int, most: int) -> Tensor:
    """Numbers of the examples of a split that are compared with: all, or so many, the same every time."""
    if count <= most:
        return torch.arange(count)
    return torch.randperm(count, generator=torch.Generator().manual_seed(0))[:most]  # a folder is sorted by class


def real_side(source: Source, space: FeatureSpace, most: int, batch_size: int, device: torch.device) -> Real:
    """Features of the images of a split, at most so many, out of the cache if they are there.

    Raises:
        UsageError: the cache cannot be written; before any work.
    """
    source.prepare()
    columns = source.load()
    images, labels = columns.truth, columns.labels
    rows = real_rows(len(images), most)
    path = _cached(source, space, images, rows, batch_size).with_suffix(".safetensors")
    try:
        known = load_file(path)
        return Real(labels[rows], Features(known["pooled"], known["logits"]), known["halves"].item())
    except (OSError, SafetensorError, KeyError):  # not there, or cut short
        pass
    _check_writable(path.parent)
    features = join(list(_extract(source, space, images, rows, batch_size, device)))
    halves = between_halves(features.pooled)
    with atomic(path) as partial:
        save_file(features._asdict() | {"halves": torch.tensor(halves, dtype=torch.float64)}, partial)
    return Real(labels[rows], features, halves)


def training_features(source: Source, space: FeatureSpace, batch_size: int, device: torch.device) \
        -> tuple[Images, OnDisk]:
    """All images of a split and their pooled features (N, d): on disk, since those of a large set fill the memory.

    Raises:
        UsageError: the cache cannot be written; before any work.
    """
    source.prepare()
    images = source.load().truth
    rows = torch.arange(len(images))
    path = _cached(source, space, images, rows, batch_size).with_suffix(".npy")
    try:
        return images, OnDisk(path)
    except (OSError, ValueError):  # not there, or cut short
        pass
    _check_writable(path.parent)
    with atomic(path) as partial, open(partial, "wb") as file:
        for pooled, _ in _extract(source, space, images, rows, batch_size, device):
            if not file.tell():
                np.lib.format.write_array_header_1_0(
                    file, {"descr": "<f4", "fortran_order": False, "shape": (len(images), pooled.shape[1])})
            file.write(pooled.numpy().tobytes())
    return images, OnDisk(path)


def _cached(source: Source, space: FeatureSpace, images: Images, rows: Tensor, batch_size: int) -> Path:
    """Where their features are, but for the suffix.

    The key is the content of the images, so neither a changed folder nor another data set of the same name gets the
    wrong ones.
    """
    digest = hashlib.sha256()
    for batch in rows.split(batch_size):
        digest.update(images[batch].numpy().data)
    size = "x".join(map(str, images.shape[1:]))
    return cache_folder() / "features" / (
        f"{source.spec.name}-{len(rows)}-{size}-{digest.hexdigest()[:16]}-{'+'.join(space.used)}"
        + ("" if space.precision == "32-true" else f"-{space.precision}"))


def _check_writable(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK):
            raise PermissionError("it is read-only")
    except OSError as error:
        raise UsageError(f"features of real images cannot be kept in {folder} ({error}): set ZOO_CACHE to a folder "
                         "that can be written") from error


def _extract(source: Source, space: FeatureSpace, images: Images, rows: Tensor, batch_size: int,
             device: torch.device) -> Iterator[Features]:
    with progress(f"features of {source.spec.name}", len(rows)) as bar:
        for batch in rows.split(batch_size):
            yield space.extract(images[batch].to(device))
            bar.update(len(batch))


def join(parts: list[Features]) -> Features:
    """The features of several batches as those of one."""
    return Features(*(torch.cat(column) for column in zip(*parts, strict=True)))


def progress(what: str, images: int) -> tqdm:
    """A bar that counts images; in a log file, which is no screen, a line now and then."""
    return tqdm(desc=what, total=images, unit="img", mininterval=0.1 if sys.stderr.isatty() else 20.0)
