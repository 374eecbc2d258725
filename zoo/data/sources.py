"""Opening of data sets, of any kind and by whatever they are told: a name, a folder, the Hub, images in memory."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from zoo.core.errors import UsageError, unknown
from zoo.data.decoded import cache_folder
from zoo.data.domains import DerivedDomains, DomainClasses, DomainFolder, has_domains
from zoo.data.folder import FolderSource, checked_split
from zoo.data.heldout import HeldOut
from zoo.data.hub import HubSource
from zoo.data.named import NAMES, PAIRS, SOURCES
from zoo.data.pairs import DerivedPairs, PairFolder
from zoo.data.points import MIXTURES, PointSource
from zoo.data.source import Place, Source
from zoo.data.spec import FILES, checked_share


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
