"""Pictures in shards: decoded once, into files of a size that object storages like, and read from there row by row.

A set is a folder, here or wherever fsspec reaches (such as s3://bucket/folder), of

    shards.json                     what is in it, written last
    train-00000-<key>.npy, ...      uint8 (n, C, H, W)
    train-labels-<key>.npy          class numbers (N,), where there are classes

A row is a range of bytes of a file, and a batch so many ranges, asked for at once. So no shard has to lie here, and the
order of rows is that of any other source: it depends on no number of processes, and a run goes on within an epoch.
Engines that bring whole shards, such as litdata and mosaicml-streaming, have orders of their own instead. They are made
in ``zoo.data.sharding``.
"""

import io
import json
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, cast

import fsspec
import numpy as np
import torch
from torch import Tensor

from zoo.core.errors import UsageError
from zoo.data.batches import Labelled
from zoo.data.folder import checked_split
from zoo.data.image_spec import ImageSpec
from zoo.data.listing import say
from zoo.data.stored import Streamed

INDEX, FORMAT = "shards.json", "gan-zoo shards 1"
WAITS = (1, 2, 4, 8, 16)  # seconds before what could not be read is asked for again
GONE = (FileNotFoundError, PermissionError, EOFError)  # for which waiting does not help


class UnreadableError(UsageError):
    """Shards that cannot be read.

    A DataLoader raises what its worker raised once more, of the same class, with the worker's traceback around the
    message, which is taken off here.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message.rpartition(f"{type(self).__name__}: ")[2].strip())


class Shard(NamedTuple):
    """One file: where its rows begin, in bytes, and how many it has."""

    file: str
    offset: int
    rows: int


def is_shards(data: str) -> bool:
    """Whether it is the address of shards elsewhere, or a folder that has some."""
    return "://" in data or bool(data) and (Path(data).expanduser() / INDEX).is_file()


def store(url: str) -> tuple[Any, str]:
    """The file system of an address, which fsspec keeps one of a process, and the path in it.

    Raises:
        UsageError: of a kind that is not known, or not installed.
    """
    try:
        return fsspec.url_to_fs(url)
    except ImportError as error:
        raise UsageError(f"{url} needs another package ({error}): pip install 'gan-zoo[shards]' brings that of "
                         "s3://") from error
    except ValueError as error:
        raise UsageError(f"{url}: {error}") from error


class Remote(Streamed):
    """Images uint8 (N, C, H, W) in shards.

    What cannot be read is asked for again, half a minute long, and indexing raises UnreadableError after that.

    Args:
        url: of the folder.
        shards: in their order.
        shape: of an image, (C, H, W).
    """

    def __init__(self, url: str, shards: Sequence[Shard], shape: Sequence[int], chosen: Tensor | None = None) -> None:
        ends = torch.tensor([shard.rows for shard in shards]).cumsum(0)
        super().__init__((int(ends[-1]), *shape), torch.uint8, chosen)
        self.url, self.shards, self._ends = url, shards, ends

    def _read(self, rows: Tensor) -> Tensor:
        found = torch.empty((len(rows), *self.shape[1:]), dtype=self.dtype)
        size = self.shape[1:].numel()
        which = torch.searchsorted(self._ends, rows, right=True).tolist()
        ranges = []
        for row, number in zip(rows.tolist(), which, strict=True):
            shard = self.shards[number]
            start = shard.offset + (row - int(self._ends[number]) + shard.rows) * size
            ranges.append((shard.file, start, start + size))
        for values, content in zip(found.numpy(), fetched(self.url, ranges), strict=True):
            values[...] = np.frombuffer(content, np.uint8).reshape(values.shape)
        return found

    def chosen(self, rows: Tensor) -> "Remote":
        return Remote(self.url, self.shards, self.shape[1:], rows if self._chosen is None else self._chosen[rows])


def fetched(url: str, ranges: Sequence[tuple[str, int, int]]) -> list[bytes]:
    """The contents of ranges, each of a file in a folder, from a byte to one.

    Raises:
        UnreadableError: what is not there, or cannot be had in half a minute.
    """
    files, root = store(url)
    contents: dict[int, bytes] = {}
    for wait in (*WAITS, None):
        lacking = [number for number in range(len(ranges)) if number not in contents]
        names, starts, ends = map(list, zip(*(ranges[number] for number in lacking), strict=True))
        paths = [f"{root}/{name}" for name in names]
        problem: Any = None
        for number, got in zip(lacking, files.cat_ranges(paths, starts, ends, on_error="return"), strict=True):
            name, start, end = ranges[number]
            if isinstance(got, bytes) and len(got) == end - start:
                contents[number] = got
            else:
                problem = got if isinstance(got, Exception) else _short(files, f"{root}/{name}", end)
        if problem is None:
            return [contents[number] for number in range(len(ranges))]
        if wait is None or isinstance(problem, GONE):
            break
        time.sleep(wait)
    raise UnreadableError(f"the shards at {url} cannot be read: {problem or type(problem).__name__}. Once they can be, "
                          "a run goes on from its last checkpoint with --resume RUN")


def _short(files: Any, path: str, end: int) -> Exception:
    """Why a file gave fewer bytes than were asked for: it ends before, or its coming was interrupted."""
    try:
        size = files.size(path)
    except Exception as error:  # whatever the library of the storage raises
        return error
    name = Path(path).name
    return (EOFError(f"{name} has {size:,} bytes where {end:,} and more should be: it is damaged, copy it anew")
            if size < end else ConnectionError(f"{name} did not come whole"))


class ShardSource:
    """A split of the pictures in shards.

    Args:
        url: a folder here, or an address that fsspec knows.
        image_size: 0, or the pixels that they have.

    Raises:
        UsageError: no shards there, damaged or of another size, or no such split.
    """

    def __init__(self, url: str, image_size: int = 0, split: str = "train") -> None:
        self.url = url.rstrip("/")
        with _understood(self.url):
            index = json.loads(self._content(INDEX))
            if index["format"] != FORMAT:
                raise ValueError(f"they are of the format {index['format']}")
            splits = index["splits"]
            self.splits, self.split = tuple(splits), checked_split(index["name"], split, tuple(splits))
            self.shards = [_shard(*described) for described in splits[split]["shards"]]
            if not self.shards:
                raise ValueError(f"the split {split} has none")
            self._labels = _name(splits[split]["labels"])
            self.spec = ImageSpec(images=sum(shard.rows for shard in self.shards),
                                  **{key: index[key] for key in ("name", "image_size", "channels", "class_names",
                                                                 "provenance")})
            if self.spec.class_names and not self._labels:
                raise ValueError(f"the split {split} has classes and says of no picture which")
        if image_size not in (0, self.spec.image_size):
            raise UsageError(f"the shards at {url} have pictures of {self.spec.image_size} px, not {image_size}: leave "
                             "--image-size away, or make others with zoo shard --image-size")

    @cached_property
    def labels(self) -> Tensor:
        """Class numbers (N,).

        Raises:
            UsageError: they cannot be read, or are not those of these pictures.
        """
        if not self._labels:
            return torch.zeros(self.spec.images, dtype=torch.int64)
        with _understood(self.url):
            labels = torch.from_numpy(np.load(io.BytesIO(self._content(self._labels)), allow_pickle=False)).long()
            if labels.shape != (self.spec.images,) or not 0 <= labels.min() <= labels.max() < self.spec.classes:
                raise ValueError(f"{self._labels} has other class numbers than {self.spec.images:,} pictures of "
                                 f"{self.spec.classes} classes have")
        return labels

    def prepare(self) -> None:
        """Says what there is: nothing is fetched before it is needed."""
        say(f"{self.spec.name}: {self.spec.images:,} pictures in {len(self.shards):,} shards at {self.url}, read row "
            "by row")

    def load(self) -> Labelled:
        """Images uint8 (N, C, H, W), Streamed, and class numbers (N,)."""
        return Labelled(cast(Tensor, Remote(self.url, self.shards, self.spec.shape)), self.labels)

    def _content(self, file: str) -> bytes:
        files, root = store(self.url)
        try:
            return files.cat_file(f"{root}/{file}")
        except FileNotFoundError:
            raise UsageError(f"there is no {file} in {self.url}: zoo shard FOLDER {self.url} makes shards of a folder "
                             "of pictures, and writes it last") from None
        except Exception as error:  # whatever the library of the storage raises
            raise UnreadableError(f"{self.url} cannot be read: {error or type(error).__name__}") from error


@contextmanager
def _understood(url: str) -> Iterator[None]:
    try:
        yield
    except UsageError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(f"the shards at {url} are damaged, or of a newer version: {error!r}") from error


def _shard(file: str, offset: int, rows: int) -> Shard:
    shard = Shard(_name(file), int(offset), int(rows))
    if shard.offset < 1 or shard.rows < 1:
        raise ValueError(f"{file} has {rows} rows from byte {offset} on")
    return shard


def _name(file: str) -> str:
    """Of a file in the folder itself."""
    if not re.fullmatch(r"[\w.-]*", file):
        raise ValueError(f"{file!r} is no file of the folder")
    return file
