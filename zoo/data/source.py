"""What every source of data is: a split of a set, which knows its ``spec`` at once and reads when it is told to."""

from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol

from filelock import FileLock
from torch import Tensor

from zoo.data.batches import AnyColumns
from zoo.data.decoded import cache_folder


class Source(Protocol):
    """One split of a data set."""

    @property
    def spec(self) -> Any:
        """Of the kind of its data, see ``zoo.data.spec``."""

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


def held_out(source: Source) -> Literal["train", "val", "test"]:
    """The split to measure on: test, or else val; train where nothing is held out of training."""
    return "test" if "test" in source.splits else "val" if "val" in source.splits else "train"


def labels_of(source: Any) -> Tensor:
    """Class numbers (N,) of a source: those that it has before it loads, else of what it loads, which it may fetch."""
    labels = getattr(source, "labels", None)
    if labels is not None:
        return labels
    cache_folder().mkdir(parents=True, exist_ok=True)
    with FileLock(cache_folder() / "labels.lock"):  # one process at a time fetches
        source.prepare()
    return source.load().labels


class Place(NamedTuple):
    """Where to look for a named data set, and what of it."""

    directory: Path
    image_size: int  # 0: the set's own
    split: str
