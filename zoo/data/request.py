"""What is asked of ``zoo.data.sources.open_source``, and what of it does not go together."""

from pathlib import Path
from typing import NamedTuple

from zoo.core.errors import UsageError
from zoo.data.named import NAMES
from zoo.data.pair_spec import FILES
from zoo.data.source import Place, Source
from zoo.data.text import Reading


class Request(NamedTuple):
    """What is asked for; see ``open_source``."""

    data: str | Source | list[str]
    place: Place
    channels: int
    pairs: str
    reverse: bool
    domains: str = ""
    held_out: float = 0.0
    reading: Reading = Reading()
    held_out_captions: int = 0
    pictures: int = 0
    ways: tuple[str, ...] = ()

    @property
    def folder(self) -> Path | None:
        """That which is named, where there is one; the name of a set stands for the set."""
        named = isinstance(self.data, str) and self.data and self.data not in NAMES
        folder = Path(self.data).expanduser() if named else None  # type: ignore[arg-type]  # a text
        return folder if folder is not None and folder.is_dir() else None


def check_single(asked: Request) -> None:
    """Raises UsageError for what is of models that make pictures from pictures."""
    if asked.pairs != FILES or asked.reverse:
        raise UsageError("--pairs and --reverse are for models that make pictures from pictures, such as pix2pix: "
                         "leave them away")
    check_no_domains(asked)


def check_no_reading(asked: Request) -> None:
    """Raises UsageError for what is of sentences."""
    if asked.reading != Reading():
        raise UsageError("--tokens, --length and --vocabulary are for models of sentences, such as seqgan: leave them "
                         "away")


def check_no_captions(asked: Request) -> None:
    """Raises UsageError for what is of captions."""
    if asked.held_out_captions:
        raise UsageError("--held-out-captions is for models that make what a caption says, such as stackgan: leave it "
                         "away")


def check_no_domains(asked: Request) -> None:
    """Raises UsageError for what is of two sets that are not paired."""
    if asked.domains:
        raise UsageError("--domains is for models of two sets of pictures that are not paired, such as cyclegan: leave "
                         "it away")
