"""Decoding of images, once, into a file of uint8 in the cache, see ``zoo.data.stored`` for how it is read."""

import errno
import hashlib
import io
import json
import math
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from glob import escape
from pathlib import Path

import numpy as np
from filelock import FileLock, Timeout
from PIL import Image

from zoo.core.errors import UsageError
from zoo.data.pixels import UNREADABLE, Item, Tops, to_array
from zoo.data.progress import bar_of

CHUNK = 2**24  # bytes that are decoded before they are written: what a decoding holds, and may lose when it is stopped


def cache_folder() -> Path:
    """Where decoded and downloaded data go: $ZOO_CACHE, else ~/.cache/gan-zoo.

    Raises:
        UsageError: there is neither.
    """
    try:
        return Path(os.environ.get("ZOO_CACHE") or Path.home() / ".cache" / "gan-zoo")
    except RuntimeError as error:  # a user without a home, as in some containers
        raise UsageError(f"there is no place for decoded data: {error}. Set ZOO_CACHE to a folder") from None


def hash_of(parts: Iterable[object]) -> str:
    return hashlib.sha256(json.dumps(list(parts)).encode()).hexdigest()[:16]


def decode(name: str, key: str, items: list[Item], read: Callable[[Item], Image.Image], channels: int, size: int,
           tops: Tops, name_of: Callable[[Item], str] = str) -> Path:
    """Decodes ``items`` into a cache file named after ``key``, unless it is there.

    One process at a time does so, with all cores and a bounded part of the images in memory. One that is stopped is
    gone on with by the next that asks for the same. ``tops``, what is white in images of more than 8 bits a value,
    must be in the key if it is not that of 16 bits.

    Returns:
        the .npy file, uint8 (N, C, size, size).

    Raises:
        UsageError: broken images, all of them named, or a cache that cannot be written.
    """
    stem = f"{name}-{channels}x{size}"
    path = cache_folder() / "decoded" / f"{stem}-{key}.npy"
    partial = path.with_suffix(".partial")

    def one(item: Item) -> bytes | str:
        try:
            with read(item) as image:
                return to_array(image, channels, size, tops).tobytes()
        except UNREADABLE as error:
            return f"{name_of(item)}: {error}"

    try:
        if path.exists():
            return path
        path.parent.mkdir(parents=True, exist_ok=True)
        with locked(path.with_name(f"{stem}.lock"), f"another process decodes {name}: waiting for it"):
            if path.exists():  # by now
                return path
            for other in path.parent.glob(f"{escape(stem)}-{'?' * len(key)}.partial"):
                if other != partial:  # begun before the folder was changed
                    other.unlink()
            _write(partial, name, items, one, (len(items), channels, size, size))
            os.replace(partial, path)
    except OSError as error:
        raise UsageError(f"cannot write the decoded images to {path.parent}: {error}. Set ZOO_CACHE to a folder with "
                         f"{-(-len(items) * channels * size * size // 2**20):,} MiB free") from error
    return path


@contextmanager
def locked(path: Path, otherwise: str) -> Iterator[None]:
    """Holds a lock file, which stays; prints ``otherwise`` before it waits for another holder."""
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        print(otherwise, file=sys.stderr)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def npy_header(shape: tuple[int, ...]) -> bytes:
    """What a .npy file of uint8 of this shape begins with."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "|u1", "fortran_order": False, "shape": shape})
    return header.getvalue()


def _write(path: Path, name: str, items: list[Item], one: Callable[[Item], bytes | str],
           shape: tuple[int, ...]) -> None:
    """Writes the rows that the file lacks, in chunks, each on disk before the next is begun.

    Raises:
        OSError: no room for them on the disk. UsageError: broken images. Neither leaves the file.
    """
    header, size = npy_header(shape), math.prod(shape[1:])
    broken: list[str] = []
    chunk = max(1, CHUNK // size)
    try:
        with (open(path, "ab") as file, ThreadPoolExecutor(os.cpu_count()) as pool,
              bar_of(f"decoding {name}", len(items)) as bar):
            whole = (file.tell() - len(header)) // size // chunk
            done = max(0, whole - 1) * chunk  # after a power cut the last one may lack its content
            if shutil.disk_usage(path.parent).free < (len(items) - done) * size:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            file.truncate(len(header) + done * size if done else 0)
            file.write(b"" if done else header)
            bar.update(done)
            for first in range(done, len(items), chunk):
                rows: list[bytes] = []
                for row in pool.map(one, items[first:first + chunk]):
                    if isinstance(row, str):
                        broken.append(row)
                    else:
                        rows.append(row)
                    bar.update()
                if not broken:  # else the others are only looked at, to name all that are
                    file.write(b"".join(rows))
                    file.flush()
                    os.fsync(file.fileno())
        if broken:
            raise UsageError("\n  ".join([
                f"{len(broken)} of {len(items)} images of {name} cannot be read; repair or remove them:", *broken[:20],
                *(["..."] if len(broken) > 20 else [])]))
    except (OSError, UsageError):
        with suppress(OSError):  # there is none, or no folder to hold it
            path.unlink()
        raise
