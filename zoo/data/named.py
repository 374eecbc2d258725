"""The table of data sets that have names."""

import contextlib
import csv
import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from zoo.core.errors import UsageError
from zoo.data.batches import Labelled
from zoo.data.captions import read_column, table_of
from zoo.data.folder import FolderSource, checked_split
from zoo.data.image_spec import ImageSpec
from zoo.data.mixtures import POINT_SETS
from zoo.data.pairs import PairFolder
from zoo.data.source import Place, Source

DIGITS = [str(digit) for digit in range(10)]
FASHION = ["T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot"]
CIFAR = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]


def resize(images: Tensor, size: int) -> Tensor:
    """uint8 (N, C, H, W) -> uint8 (N, C, size, size), bicubic with anti-aliasing."""
    if images.shape[-1] == size:
        return images
    chunks = [F.interpolate(chunk.float(), (size, size), mode="bicubic", antialias=True).round().clamp(0, 255).byte()
              for chunk in images.split(4096)]
    return torch.cat(chunks)


class DigitsSource:
    """1,797 handwritten digits of 8x8 pixels that scikit-learn ships, upscaled."""

    split, splits = "train", ("train",)

    def __init__(self, image_size: int) -> None:
        self.spec = ImageSpec(
            name="digits", image_size=image_size, channels=1, class_names=DIGITS, images=1797,
            provenance="scikit-learn's load_digits: UCI Optical Recognition of Handwritten Digits test set (Alpaydin "
                       "and Kaynak 1998, CC BY 4.0), 8x8 upscaled")

    def prepare(self) -> None:
        """Nothing to download."""

    @property
    def labels(self) -> Tensor:
        return self.load().labels

    def load(self) -> Labelled:
        from sklearn.datasets import load_digits

        digits = load_digits()
        images = torch.from_numpy(digits.images)[:, None] * (255 / 16)  # 17 grey levels
        return Labelled(resize(images.round().byte(), self.spec.image_size), torch.from_numpy(digits.target).long())


class TorchvisionSource:
    """A data set of torchvision, found under the data directory or downloaded to it."""

    splits = ("train", "test")

    def __init__(self, name: str, dataset: str, place: Place, native_size: int, channels: int,
                 class_names: list[str], images: dict[str, int], provenance: str) -> None:
        self.dataset, self.root, image_size = dataset, place.directory, place.image_size
        self.split = checked_split(name, place.split, self.splits)
        provenance = provenance.format("training" if place.split == "train" else place.split)
        if image_size and image_size != native_size:
            provenance += f", resized from {native_size} px"
        self.spec = ImageSpec(name=name, image_size=image_size or native_size, channels=channels,
                             class_names=class_names, images=images[place.split], provenance=provenance)

    def _open(self, download: bool) -> Any:
        import torchvision

        with contextlib.redirect_stdout(io.StringIO()):  # torchvision prints "Files already downloaded"
            return getattr(torchvision.datasets, self.dataset)(str(self.root), train=self.split == "train",
                                                               download=download)

    def prepare(self) -> None:
        try:
            self._open(download=True)  # downloads nothing where the files are
        except (OSError, RuntimeError, AssertionError, LookupError, ValueError) as error:  # as its readers stumble
            raise UsageError(f"{self.dataset} can neither be read from {self.root} nor downloaded to it ({error!r}). "
                             f"Put whole files where torchvision.datasets.{self.dataset}(root) looks for them and "
                             "give root as --data-dir") from error

    def load(self) -> Labelled:
        dataset = self._open(download=False)
        images = torch.as_tensor(dataset.data)
        images = images[:, None] if images.dim() == 3 else images.permute(0, 3, 1, 2)  # (N, C, H, W)
        return Labelled(resize(images.contiguous(), self.spec.image_size), torch.as_tensor(dataset.targets))


def _cifar10(place: Place) -> Source:
    directory = place.directory
    copy = next((f for f in (directory, directory / "cifar10_jpeg") if (f / "train" / CIFAR[0]).is_dir()), None)
    if copy is not None and not (directory / "cifar-10-batches-py").is_dir():
        folder = copy if (copy / "test").is_dir() else copy / "train"
        return FolderSource(folder, place.image_size or 32, 3, "cifar10-jpeg", "CIFAR-10 (JPEG copy): recompressed as "
                            "JPEG, which is visible", place.split)
    return TorchvisionSource("cifar10", "CIFAR10", place, 32, 3, CIFAR, {"train": 50_000, "test": 10_000},
                             "CIFAR-10 {} set (Krizhevsky 2009)")


def _anime(place: Place) -> Source:
    folders = [f for f in (place.directory / "anime", place.directory / "anime_faces_64") if f.is_dir()]
    if not folders:
        raise UsageError(f"there is no folder anime or anime_faces_64 in {place.directory}: put the faces there, or "
                         "name a data set of the Hugging Face Hub with --data hf:org/name")
    tags = folders[0].with_name(f"{folders[0].name}_tags.csv")
    return FolderSource(folders[0], place.image_size or 64, 3, "anime", "anime faces, extra_data of the MLDS 2018 "
                        "course homework; the drawings belong to their makers: research and teaching only",
                        place.split, read_tags(tags) if tags.exists() else None)


def _flowers(place: Place) -> Source:
    folder = _folder_of(place, "flowers", "flowers102_64", "flowers, and beside it the names of their classes in "
                        "flowers_labels.csv")
    table = folder.with_name(f"{folder.name}_labels.csv")
    return FolderSource(folder, place.image_size or 64, 3, "flowers", "Oxford Flowers-102 (Nilsback and Zisserman "
                        "2008); for research", place.split,
                        read_column(table, "name", folder) if table.exists() else None)


def twemoji(place: Place, split: str) -> FolderSource:
    """Emoji, whose classes are their names."""
    folder = _folder_of(place, "twemoji", "twemoji_64", "emoji, and beside it their names in twemoji_captions.csv")
    table = table_of(folder)
    if table is None:
        raise UsageError(f"{folder} has no names beside it: put {folder.name}_captions.csv there, a table of the "
                         "columns file and caption")
    return FolderSource(folder, place.image_size or 64, 3, "twemoji", "Twemoji graphics (Twitter, CC BY 4.0), with the "
                        "names of the package emoji", split, read_column(table, "caption", folder))


def _folder_of(place: Place, name: str, other: str, what: str) -> Path:
    """Where the pictures of a set are. Raises UsageError if they are not there."""
    folder = next((f for f in (place.directory / name, place.directory / other) if f.is_dir()), None)
    if folder is None:
        raise UsageError(f"there is no folder {name} or {other} in {place.directory}: put a folder there of the {what}")
    return folder


def read_tags(path: Path) -> dict[str, str]:
    """File -> class out of a CSV with the columns ``file`` and ``tags``, such as "pink hair blue eyes".

    Raises:
        UsageError: other columns, or a line that is cut short.
    """
    try:
        with open(path, newline="", encoding="utf-8") as file:
            rows = [(row["file"], row["tags"].strip().replace(" hair ", " hair, ")) for row in csv.DictReader(file)]
    except (OSError, KeyError, AttributeError, UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"{path} cannot be read as a table with the columns file and tags: {error!r}") from error
    return {name: tags for name, tags in rows if tags}


def _mnist(place: Place) -> Source:
    return TorchvisionSource("mnist", "MNIST", place, 28, 1, DIGITS, {"train": 60_000, "test": 10_000},
                             "MNIST {} set (LeCun 1998, CC BY-SA 3.0)")


def _fashion_mnist(place: Place) -> Source:
    return TorchvisionSource("fashion-mnist", "FashionMNIST", place, 28, 1, FASHION, {"train": 60_000, "test": 10_000},
                             "Fashion-MNIST {} set (Xiao 2017, MIT)")


SOURCES: dict[str, Callable[[Place], Source]] = {
    "digits": lambda place: DigitsSource(place.image_size or 32),
    "mnist": _mnist,
    "fashion-mnist": _fashion_mnist,
    "cifar10": _cifar10,
    "anime": _anime,
    "flowers": _flowers,
}


def _facades(place: Place, reverse: bool) -> Source:
    folder = place.directory / "facades"
    if not folder.is_dir():
        raise UsageError(f"there is no folder facades in {place.directory}: put the pairs there, each a picture with "
                         "the photograph left of its labels, in train, val and test")
    # The photograph is on the left, and a model is to make it: so the right half is the source, unless reversed.
    source = PairFolder(folder, place.image_size, "facades", "CMP Facade Database (Tylecek and Sara 2013), as pix2pix "
                        "has it; for research", place.split, not reverse)
    source.spec = replace(source.spec, reverse=reverse)
    return source


PAIRS: dict[str, Callable[[Place, bool], Source]] = {"facades": _facades}
TEXTS = ("oracle", "grammar", "captions", "yelp")  # sets of sentences, of which the first two need no file
CAPTIONED = ("twemoji",)  # sets of pictures that have captions and no classes
NAMES = (*SOURCES, *POINT_SETS, *PAIRS, *TEXTS, *CAPTIONED)  # which a folder of the same name does not hide
