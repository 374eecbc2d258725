"""Features of real images, computed once a data set, split, size and feature space."""

import hashlib
import os
import sys
from typing import NamedTuple

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric
from tqdm import tqdm

from zoo.data.folder import cache_folder
from zoo.data.sources import Source
from zoo.errors import UsageError
from zoo.files import atomic
from zoo.metrics.features import Features, FeatureSpace


class Real(NamedTuple):
    """Real images (N, C, H, W) uint8, their class numbers (N,) and features, and the Frechet distance between those of
    even and those of odd rows: what two halves of the truth are apart."""

    images: Tensor
    labels: Tensor
    features: Features
    floor: float


def frechet_distance(these: Tensor, those: Tensor) -> float:
    """Squared Frechet distance between Gaussians fitted to features (N, d) and (M, d) (Heusel 2017, equation 6)."""
    statistics = [fid_features_to_statistics(x) for x in (these, those)]
    return fid_statistics_to_metric(*statistics, verbose=False)["frechet_inception_distance"]


def real_side(source: Source, space: FeatureSpace, most: int, batch_size: int, device: torch.device) -> Real:
    """The images of a split, at most so many, and their features, out of the cache if they are there.

    The cache's key is the content of the images, so neither a changed folder nor another data set of the same name
    gets the wrong ones.

    Raises:
        UsageError: the cache cannot be written; before any work.
    """
    source.prepare()
    images, labels = source.load()
    if len(images) > most:  # not the first: a folder's are sorted by class
        rows = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))[:most]
        images, labels = images[rows], labels[rows]
    digest = hashlib.sha256(images.contiguous().numpy()).hexdigest()[:16]
    size = "x".join(map(str, images.shape[1:]))
    path = cache_folder() / "features" / (
        f"{source.spec.name}-{len(images)}-{size}-{digest}-{space.name}@{space.digest}.safetensors")
    try:
        known = load_file(path)
        return Real(images, labels, Features(known["pooled"], known["logits"]), known["floor"].item())
    except (OSError, SafetensorError, KeyError):  # not there, or cut short
        pass
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not os.access(path.parent, os.W_OK):
            raise PermissionError("it is read-only")
    except OSError as error:
        raise UsageError(f"features of real images cannot be kept in {path.parent} ({error}): set ZOO_CACHE to a "
                         "folder that can be written") from error
    parts = []
    with progress(f"features of {source.spec.name}", len(images)) as bar:
        for batch in images.split(batch_size):
            parts.append(space.extract(batch.to(device)))
            bar.update(len(batch))
    features = join(parts)
    floor = frechet_distance(features.pooled[::2], features.pooled[1::2])
    with atomic(path) as partial:
        save_file(features._asdict() | {"floor": torch.tensor(floor, dtype=torch.float64)}, partial)
    return Real(images, labels, features, floor)


def join(parts: list[Features]) -> Features:
    """The features of several batches as those of one."""
    return Features(*(torch.cat(column) for column in zip(*parts, strict=True)))


def progress(what: str, images: int) -> tqdm:
    """A bar that counts images; in a log file, which is no screen, a line now and then."""
    return tqdm(desc=what, total=images, unit="img", mininterval=0.1 if sys.stderr.isatty() else 20.0)
