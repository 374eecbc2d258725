"""The table of data sets. A source knows its ``spec`` at once, fetches or decodes in ``prepare``, reads in ``load``."""

import contextlib
import csv
import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from zoo.core.errors import UsageError, unknown
from zoo.data.batches import AnyColumns, Labelled
from zoo.data.decoded import cache_folder
from zoo.data.domains import DerivedDomains, DomainClasses, DomainFolder, has_domains
from zoo.data.folder import FolderSource, checked_split
from zoo.data.heldout import HeldOut
from zoo.data.hub import HubSource
from zoo.data.pairs import DerivedPairs, PairFolder
from zoo.data.points import MIXTURES, PointSource
from zoo.data.spec import FILES, AnySpec, ImageSpec, Place, checked_share

DIGITS = [str(digit) for digit in range(10)]
FASHION = ["T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot"]
CIFAR = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]


class Source(Protocol):
    """One split of a data set."""

    @property
    def spec(self) -> AnySpec: ...

    @property
    def split(self) -> str:
        """Such as train or test."""

    @property
    def splits(self) -> tuple[str, ...]:
        """That the data set has."""

    def prepare(self) -> object:
        """Downloads or decodes what is not there yet; called by one process a machine."""

    def load(self) -> AnyColumns:
        """Columns, such as ``Labelled(images, labels)``; see ``zoo.data.batches``.

        Images that are too many for the memory of this machine are not in it: see ``zoo.data.decoded``.
        """


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
}


def open_source(data: str | Source, data_dir: str | None = None, image_size: int = 0, channels: int = 0,
                split: str = "train", *, kind: str = "images", pairs: str = FILES, reverse: bool = False,
                domains: str = "", held_out: float = 0.0) -> Source:
    """Finds a data set.

    Args:
        data: a name of the table, ``ring``, ``grid`` or ``two-peaks``, ``hf:org/name``, a folder of images, or a source
            of images that is there already.
        data_dir: where named sets are kept; default: the cache folder.
        image_size: pixels; 0 means the set's own size (64 for a folder).
        channels: of a folder or Hub set: 1 grey, 3 colour, 0 as the files are.
        split: ``train`` or ``test``.
        kind: of data that a model takes: ``images``, which points are too, ``pairs`` or ``domains``.
        pairs: ``files``, or how pairs are derived from images: ``grey``, ``lab``, ``edges``, ``hole``, ``blocks``,
            ``half``, ``quarter`` or ``eighth``; see ``zoo.data.derived``. So is the first of two domains by ``grey``
            and ``edges``.
        reverse: of pairs in files: whether the right half, or the second folder, is the source.
        domains: two classes of labelled images, such as ``cat,dog``, or the order of two folders, such as ``B,A``; see
            ``zoo.data.domains``.
        held_out: share in [0, 0.5] of single images, with all copies of them, for the split ``test`` of a set that has
            no splits; see ``zoo.data.heldout``. 0: none.

    Raises:
        UsageError: an unknown name, a folder without images, or a size, channels, split or share that the set cannot
            have.
    """
    if channels not in (0, 1, 3):
        raise UsageError(f"channels must be 1 (grey) or 3 (colour), or 0 for what the files have, not {channels}")
    if image_size == 1:
        raise UsageError("image_size must be at least 2: 1 is for sets of points")
    directory = Path(data_dir).expanduser() if data_dir else cache_folder() / "data"
    if kind not in OPENERS:
        raise unknown("kind of data", kind, OPENERS)
    source = OPENERS[kind](Request(data, Place(directory, image_size, split), channels, pairs, reverse, domains,
                                   checked_share(held_out)))
    spec = source.spec
    checked_split(spec.name, split, source.splits)
    if channels and channels != spec.shape[0]:
        raise UsageError(f"{spec.name} has channels={spec.shape[0]}, not {channels}: only a folder or a set of the Hub "
                         "has a choice")
    return source


def held_out(source: Source) -> Literal["train", "val", "test"]:
    """The split to measure on: test, or else val; train where nothing is held out of training."""
    return "test" if "test" in source.splits else "val" if "val" in source.splits else "train"


class Request(NamedTuple):
    """What is asked for; see ``open_source``."""

    data: str | Source
    place: Place
    channels: int
    pairs: str
    reverse: bool
    domains: str = ""
    held_out: float = 0.0


def _open_images(asked: Request) -> Source:
    if asked.pairs != FILES or asked.reverse:
        raise UsageError("--pairs and --reverse are for models that make pictures from pictures, such as pix2pix: "
                         "leave them away")
    _check_no_domains(asked)
    return _images(asked)


def _open_pairs(asked: Request) -> Source:
    data, place, reverse = asked.data, asked.place, asked.reverse
    _check_no_domains(asked)
    if asked.pairs != FILES:
        if reverse:
            raise UsageError(f"--reverse is for pairs in files, and --pairs {asked.pairs} makes the source of the "
                             "target: leave it away")
        return DerivedPairs(_images(asked), asked.pairs)
    if asked.held_out:
        raise UsageError("--held-out is for single images: put pairs to test with into a folder test, beside train")
    if not isinstance(data, str):
        raise UsageError("these are single images: say with pairs= what the source is to be, such as grey or edges")
    if data in PAIRS:
        return PAIRS[data](place, reverse)
    if data and Path(data).expanduser().is_dir():
        return PairFolder(Path(data).expanduser(), place.image_size, split=place.split, reverse=reverse)
    if data in SOURCES:
        raise UsageError(f"{data} is a set of single images: say with --pairs what the source is to be, such as grey "
                         f"or edges, or choose pairs: {', '.join(PAIRS)} or a folder")
    raise unknown("set of pairs or folder", data, PAIRS)


def _open_domains(asked: Request) -> Source:
    data, place = asked.data, asked.place
    if asked.reverse:
        raise UsageError("--reverse is for models of pairs, and these pictures are not paired: leave it away; "
                         "--domains B,A turns two folders round")
    if asked.pairs != FILES:
        if asked.domains:
            raise UsageError(f"--pairs {asked.pairs} makes one set of pictures of the other, and --domains names two "
                             "that there are: leave one of them away")
        return DerivedDomains(_images(asked), asked.pairs)
    folder = Path(data).expanduser() if isinstance(data, str) and data and data not in NAMES else None
    if folder is not None and has_domains(folder):
        if asked.held_out:
            raise UsageError("--held-out is for single images: put pictures to test with into folders testA and testB")
        return DomainFolder(folder, place.image_size or 64, asked.channels, asked.domains, place.split)
    return DomainClasses(_images(asked), asked.domains)


def _check_no_domains(asked: Request) -> None:
    if asked.domains:
        raise UsageError("--domains is for models of two sets of pictures that are not paired, such as cyclegan: leave "
                         "it away")


OPENERS: dict[str, Callable[[Request], Source]] = {  # by kind of data
    "images": _open_images, "pairs": _open_pairs, "domains": _open_domains}


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
NAMES = (*SOURCES, *MIXTURES, *PAIRS)  # which a folder of the same name does not hide


def _images(asked: Request) -> Source:
    """Single images, or the part of them that is held out of training or is not."""
    if not asked.held_out:
        return _find(asked.data, asked.place, asked.channels)
    whole = _find(asked.data, asked.place._replace(split="train"), asked.channels)
    return HeldOut(whole, asked.held_out, asked.place.split)


def _find(data: str | Source, place: Place, channels: int) -> Source:
    if not isinstance(data, str):
        return data
    if data.startswith("hf:"):
        return HubSource(data.removeprefix("hf:"), place, channels)
    if data in MIXTURES:
        return PointSource(data, place)
    if data in SOURCES:
        return SOURCES[data](place)
    if data and Path(data).expanduser().is_dir():
        return FolderSource(Path(data).expanduser(), place.image_size or 64, channels, split=place.split)
    raise unknown("data set or folder", data, [*SOURCES, *MIXTURES])
