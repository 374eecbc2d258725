"""Opening of data sets, of any kind and by whatever they are told: a name, a folder, the Hub, what is in memory.

Those of sentences are opened in ``zoo.data.sentences``.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from zoo.core.errors import UsageError, unknown
from zoo.data.captions import Captions, base_emoji, captions_of_classes, captions_of_table, read_column, table_of
from zoo.data.decoded import cache_folder
from zoo.data.domains import DerivedDomains, DomainClasses, DomainFolder, has_domains
from zoo.data.few import Few
from zoo.data.folder import FolderSource, checked_split
from zoo.data.frontal import FrontalPairs, persons_of
from zoo.data.heldout import HeldOut
from zoo.data.hub import HubSource
from zoo.data.image_spec import checked_share
from zoo.data.lines import is_text
from zoo.data.mixtures import POINT_SETS
from zoo.data.named import CAPTIONED, PAIRS, SOURCES, TEXTS, twemoji
from zoo.data.pair_spec import FILES, FRONTAL
from zoo.data.pairs import DerivedPairs, PairFolder
from zoo.data.points import PointSource
from zoo.data.request import Request, check_no_captions, check_no_domains, check_no_reading, check_single
from zoo.data.sentences import open_styles, open_text
from zoo.data.shards import ShardSource, is_shards
from zoo.data.source import Place, Source
from zoo.data.text import Reading


def open_source(data: str | Source | list[str], data_dir: str | None = None, image_size: int = 0, channels: int = 0,
                split: str = "train", *, kind: str = "images", pairs: str = FILES, reverse: bool = False,
                domains: str = "", held_out: float = 0.0, tokens: str = "words", length: int = 0,
                vocabulary: int = 0, held_out_captions: int = 0, pictures: int = 0,
                ways: tuple[str, ...] = ("grey", "edges")) -> Source:
    """Finds a data set.

    Args:
        data: a name of the table, ``ring``, ``grid`` or ``two-peaks``, ``hf:org/name``, a folder of images, shards in a
            folder or at an address, see ``zoo.data.shards``, or a source of images that is there already.
        data_dir: where named sets are kept; default: the cache folder.
        image_size: pixels; 0 means the set's own size (64 for a folder).
        channels: of a folder or Hub set: 1 grey, 3 colour, 0 as the files are.
        split: ``train`` or ``test``.
        kind: of data that a model takes: ``images``, which points are too, ``captions``, ``pairs``, ``domains``,
            ``text`` or ``styles``, which are sentences of two classes.
        pairs: ``files``, or how pairs are derived from images: ``grey``, ``lab``, ``edges``, ``hole``, ``blocks``,
            ``turned``, ``half``, ``quarter`` or ``eighth``; see ``zoo.data.derived``. So is the first of two domains by
            ``grey``, ``edges`` and ``turned``. Or ``frontal``, of classes that are persons, which are held out as a
            whole; see ``zoo.data.frontal``.
        reverse: of pairs in files: whether the right half, or the second folder, is the source.
        domains: two classes of labelled images, such as ``cat,dog``, or the order of two folders, such as ``B,A``; see
            ``zoo.data.domains``.
        held_out: share in [0, 0.5] of single images, with all copies of them, for the split ``test`` of a set that has
            no splits; see ``zoo.data.heldout``. 0: none. Of sentences: see ``zoo.data.text.TextSource``.
        tokens, length, vocabulary: of sentences, see ``zoo.data.text.Reading``. Their sets are ``oracle``, ``grammar``,
            files and folders of one a line, ``hf:org/name``, and lists of texts.
        held_out_captions: of images with captions that are made of classes in parts: how many combinations are held out
            of training with all their pictures; see ``zoo.data.captions``.
        pictures: of single images: so many of the split ``train``, with all copies of them; see ``zoo.data.few``.
            0: all.
        ways: to derive pairs that are named where ``pairs`` would have to say one and does not.

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
    if pictures and kind != "images":
        raise UsageError("--pictures is for models of single pictures, such as dcgan: leave it away")
    source = OPENERS[kind](Request(data, Place(directory, image_size, split), channels, pairs, reverse, domains,
                                   checked_share(held_out), Reading(tokens, length, vocabulary),
                                   held_out_captions, pictures, ways))
    spec = source.spec
    checked_split(spec.name, split, source.splits)
    if channels and channels != spec.shape[0]:
        raise UsageError(f"{spec.name} has channels={spec.shape[0]}, not {channels}: only a folder or a set of the Hub "
                         "has a choice")
    return source


def _open_images(asked: Request) -> Source:
    check_no_reading(asked)
    check_no_captions(asked)
    check_single(asked)
    images = _images(asked)
    return Few(images, asked.pictures) if asked.pictures and asked.place.split == "train" else images


def _open_captions(asked: Request) -> Source:
    check_no_reading(asked)
    check_single(asked)
    folder = asked.folder
    table = table_of(folder) if folder is not None else None
    if table is None and asked.data not in CAPTIONED:
        return captions_of_classes(_images(asked), asked.held_out_captions)
    if asked.held_out_captions:
        raise UsageError("--held-out-captions holds combinations of classes out, and these captions are a table: leave "
                         "it away, or take --held-out 0.1")

    def opened(split: str) -> Source:
        place = asked.place
        if folder is None:
            return twemoji(place, split)
        return FolderSource(folder, place.image_size or 64, asked.channels, split=split,
                            class_of=read_column(table, "caption", folder))  # type: ignore[arg-type]  # there is one

    return _in_table(asked, opened, folder is None)


def _in_table(asked: Request, opened: Callable[[str], Any], of_emoji: bool) -> Captions:
    """Pictures whose captions are a table, or the part of them that is held out of training or is not."""
    split, share = asked.place.split, asked.held_out
    if not share:
        return captions_of_table(opened(split), opened("train"))
    whole = opened("train")
    alike = [base_emoji(file.stem) for file in whole.files] if of_emoji else None
    training, chosen = (HeldOut(whole, share, part, alike) for part in ("train", split))
    return captions_of_table(chosen, training)


def _open_pairs(asked: Request) -> Source:
    data, place, reverse = asked.data, asked.place, asked.reverse
    check_no_domains(asked)
    check_no_reading(asked)
    check_no_captions(asked)
    if asked.pairs != FILES:
        if reverse:
            raise UsageError(f"--reverse is for pairs in files, and --pairs {asked.pairs} makes the source of the "
                             "target: leave it away")
        return _frontal(asked) if asked.pairs == FRONTAL else DerivedPairs(_images(asked), asked.pairs)
    if asked.held_out:
        raise UsageError("--held-out is for single images: put pairs to test with into a folder test, beside train")
    if not isinstance(data, str):
        raise UsageError("these are single images: say with pairs= what the source is to be, such as "
                         f"{' or '.join(asked.ways)}")
    if data in PAIRS:
        return PAIRS[data](place, reverse)
    if data and Path(data).expanduser().is_dir():
        return PairFolder(Path(data).expanduser(), place.image_size, split=place.split, reverse=reverse)
    if data in SOURCES:
        raise UsageError(f"{data} is a set of single images: say with --pairs what the source is to be, such as "
                         f"{' or '.join(asked.ways)}, or choose pairs: {', '.join(PAIRS)} or a folder")
    raise unknown("set of pairs or folder", data, PAIRS)


def _frontal(asked: Request) -> Source:
    """Pairs of turned and frontal pictures; of persons who are held out all pictures are."""
    if not asked.held_out:
        return FrontalPairs(_images(asked))
    whole = _find(asked.data, asked.place._replace(split="train"), asked.channels)
    persons = [whole.spec.class_names[number] for number in persons_of(whole).tolist()]
    return FrontalPairs(HeldOut(whole, asked.held_out, asked.place.split, persons))


def _open_domains(asked: Request) -> Source:
    place = asked.place
    check_no_reading(asked)
    check_no_captions(asked)
    if asked.reverse:
        raise UsageError("--reverse is for models of pairs, and these pictures are not paired: leave it away; "
                         "--domains B,A turns two folders round")
    if asked.pairs == FRONTAL:
        raise UsageError(f"--pairs {FRONTAL} is for models of pairs, such as tpgan: leave it away")
    if asked.pairs != FILES:
        if asked.domains:
            raise UsageError(f"--pairs {asked.pairs} makes one set of pictures of the other, and --domains names two "
                             "that there are: leave one of them away")
        return DerivedDomains(_images(asked), asked.pairs)
    folder = asked.folder
    if folder is not None and has_domains(folder):
        if asked.held_out:
            raise UsageError("--held-out is for single images: put pictures to test with into folders testA and testB")
        return DomainFolder(folder, place.image_size or 64, asked.channels, asked.domains, place.split)
    return DomainClasses(_images(asked), asked.domains)


OPENERS: dict[str, Callable[[Request], Source]] = {  # by kind of data
    "images": _open_images, "captions": _open_captions, "pairs": _open_pairs, "domains": _open_domains,
    "text": open_text, "styles": open_styles}


def _images(asked: Request) -> Source:
    """Single images, or the part of them that is held out of training or is not."""
    if not asked.held_out:
        return _find(asked.data, asked.place, asked.channels)
    whole = _find(asked.data, asked.place._replace(split="train"), asked.channels)
    return HeldOut(whole, asked.held_out, asked.place.split)


def _find(data: str | Source | list[str], place: Place, channels: int) -> Source:
    if isinstance(data, list):
        raise UsageError("these are texts, for models that write, such as seqgan")
    if not isinstance(data, str):
        return data
    if data.startswith("hf:"):
        return HubSource(data.removeprefix("hf:"), place, channels)
    if data in POINT_SETS:
        return PointSource(data, place)
    if data in SOURCES:
        return SOURCES[data](place)
    if data in TEXTS:
        raise UsageError(f"{data} is a set of sentences, for models that write, such as seqgan")
    if data in CAPTIONED:
        raise UsageError(f"{data} is a set of pictures with captions, for models that make what these say, such as "
                         "stackgan")
    if is_shards(data):
        return ShardSource(data, place.image_size, place.split)
    if data and Path(data).expanduser().is_dir():
        return FolderSource(Path(data).expanduser(), place.image_size or 64, channels, split=place.split)
    if data and is_text(Path(data).expanduser()):
        raise UsageError(f"{data} is a file of sentences, for models that write, such as seqgan")
    raise unknown("data set or folder", data, [*SOURCES, *POINT_SETS])
