"""Opening of sets of sentences, by whatever they are told: see ``zoo.data.sources.open_source``."""

from collections.abc import Callable
from pathlib import Path

from zoo.core.errors import UsageError, unknown
from zoo.data.grammar import GrammarSource
from zoo.data.lines import captions, text_in_files, text_in_memory, text_of_hub, yelp
from zoo.data.named import NAMES, TEXTS
from zoo.data.oracle import OracleSource
from zoo.data.pair_spec import FILES
from zoo.data.request import Request, check_no_captions
from zoo.data.source import Source
from zoo.data.text import Reading, StyledSource
from zoo.data.text_spec import MOST_PLACES
from zoo.data.tokens import SPELLINGS

SYNTHETIC: dict[str, Callable[[Reading, str, float], Source]] = {"oracle": OracleSource, "grammar": GrammarSource}


def _check_text(asked: Request) -> None:
    place, reading = asked.place, asked.reading
    check_no_captions(asked)
    if asked.pairs != FILES or asked.reverse or asked.domains or place.image_size or asked.channels:
        raise UsageError("--image-size, --channels, --pairs, --reverse and --domains are for models of pictures, and "
                         "this one is of sentences: leave them away")
    if reading.tokens not in SPELLINGS:
        raise unknown("kind of tokens", reading.tokens, SPELLINGS)
    if not 0 <= reading.length <= MOST_PLACES or reading.vocabulary < 0:
        raise UsageError(f"--length must be from 0 to {MOST_PLACES} and --vocabulary at least 0, not {reading.length} "
                         f"and {reading.vocabulary}")


def open_styles(asked: Request) -> Source:
    _check_text(asked)
    data, place = asked.data, asked.place
    if data == "yelp":
        if asked.held_out:
            raise UsageError("yelp has train and test already, which stay as they are: leave --held-out away")
        return yelp(place.directory, asked.reading, place.split)
    if asked.folder is not None:
        return text_in_files(asked.folder, asked.reading, place.split, asked.held_out, kind=StyledSource)
    raise UsageError(f"{data if isinstance(data, str) else 'this'} is no set of sentences in two styles: give a folder "
                     "of two files, such as negative.txt and positive.txt, or yelp")


def open_text(asked: Request) -> Source:
    _check_text(asked)
    data, place, reading = asked.data, asked.place, asked.reading
    if data == "yelp":
        return yelp(place.directory, reading, place.split)
    if isinstance(data, list):
        return text_in_memory(data, reading, place.split, asked.held_out)
    if not isinstance(data, str):
        raise UsageError("these are pictures, and the model is of sentences: give a list of texts, or a file of one a "
                         "line")
    if data in SYNTHETIC:
        return SYNTHETIC[data](reading, place.split, asked.held_out)
    if data == "captions":
        return captions(place.directory / data, reading, place.split, asked.held_out)
    if data.startswith("hf:"):
        return text_of_hub(data.removeprefix("hf:"), reading, place.split, asked.held_out)
    for path in (Path(data).expanduser(), place.directory / data):
        if data and data not in NAMES and path.exists():
            return text_in_files(path, reading, place.split, asked.held_out)
    raise unknown("set of sentences, file or folder", data, TEXTS)
