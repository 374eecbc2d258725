"""Data sets of the Hugging Face Hub."""

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from zoo.core.errors import UsageError
from zoo.data.batches import Labelled
from zoo.data.decoded import decode, hash_of
from zoo.data.depth import in_key, tops_of
from zoo.data.folder import checked_count, checked_split
from zoo.data.image_spec import ImageSpec
from zoo.data.listing import split_named
from zoo.data.pixels import channels_of
from zoo.data.source import Place
from zoo.data.stored import load_decoded

SOME = 100  # rows that are looked at for what all are


def library(repo: str) -> Any:
    """The datasets package. Raises UsageError where it is not installed."""
    try:
        return importlib.import_module("datasets")
    except ImportError as error:
        raise UsageError(f"--data hf:{repo} needs the datasets package: pip install 'gan-zoo[datasets]'") from error


@contextmanager
def refusals(repo: str) -> Iterator[None]:
    """Raises UsageError for whatever the package raises of a data set that cannot be loaded."""
    try:
        yield
    except UsageError:
        raise
    except (OSError, ValueError, library(repo).exceptions.DatasetsError) as error:
        raise UsageError(f"the data set {repo} cannot be loaded: {error}") from error


def splits_at_hub(repo: str) -> dict[str, Any]:
    """The rows of every split that a data set has under the names train, validation and test."""
    with refusals(repo):
        found = library(repo).load_dataset(repo)
    return {split: found[name] for name in found for split in [split_named(name)] if split}


class HubSource:
    """A data set of images on the Hugging Face Hub, or a local folder that ``datasets`` can read."""

    def __init__(self, repo: str, place: Place, channels: int) -> None:
        datasets = library(repo)
        with refusals(repo):
            self.split, self.splits = place.split, tuple(datasets.get_dataset_split_names(repo))
            self.dataset = datasets.load_dataset(repo, split=checked_split(repo, place.split, self.splits))
        features = self.dataset.features
        images = [name for name, kind in features.items() if isinstance(kind, datasets.Image)]
        labels = [name for name, kind in features.items() if isinstance(kind, datasets.ClassLabel)]
        if not images:
            raise UsageError(f"the data set {repo} has no column of images: {', '.join(features)}")
        self._image, self._label = images[0], labels[0] if labels else None
        if place.split == "train":
            checked_count(repo, len(self.dataset))
        some = range(min(len(self.dataset), SOME))
        self.spec = ImageSpec(name=repo.rstrip("/").split("/")[-1], image_size=place.image_size or 64,
                             channels=channels or channels_of(some, self._picture),
                             class_names=list(features[self._label].names) if labels else [],
                             images=len(self.dataset), provenance=f"Hugging Face data set {repo}, split {place.split}")

    def _picture(self, row: int) -> Image.Image:
        picture = self.dataset[row][self._image]
        if picture is None:
            raise ValueError("there is no image in this row")
        return picture

    def prepare(self) -> Path:
        rows = list(range(len(self.dataset)))
        is_deep = tops_of(self.spec.name, rows[:SOME], self._picture, _row)  # to look at all takes long
        tops = tops_of(self.spec.name, rows, self._picture, _row) if is_deep else {}
        return decode(self.spec.name, hash_of([self.dataset._fingerprint, *in_key(tops)]), rows, self._picture,
                      self.spec.channels, self.spec.image_size, tops, _row)

    def load(self) -> Labelled:
        count = len(self.dataset)
        labels = torch.tensor(self.dataset[self._label]) if self._label else torch.zeros(count, dtype=torch.int64)
        return Labelled(load_decoded(self.prepare()), labels)


def _row(number: int) -> str:
    return f"row {number}"
