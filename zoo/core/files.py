"""Files that are whole or absent, and how files of others are read: all of a regular one, or a sentence."""

import hashlib
import json
import os
import stat
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from zoo.core.errors import UsageError

LARGEST_TEXT = 2**24  # bytes of a text that is read whole: what JSON makes of more fills the memory
CHUNK = 2**20  # bytes that are hashed at once


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """A temporary name beside ``path`` to write to; it takes the place of ``path`` only when all went well."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        yield partial
        with open(partial, "rb") as file:
            os.fsync(file.fileno())  # a power cut must not leave a renamed file without its content
        os.chmod(partial, 0o666 & ~_umask())  # safetensors lets nobody else read what it writes
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0)  # there is no way to read it but to set it
    os.umask(mask)
    return mask


def check_regular(path: Path) -> None:
    """Raises UsageError for a folder, a pipe or a device: reading one fails, waits for ever or never ends.

    Raises:
        OSError: there is no such file, or it may not be looked at.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        raise UsageError(f"{path} is no regular file")


def read_text(path: Path, largest: int = LARGEST_TEXT) -> str:
    """A text in UTF-8, whatever the locale.

    Args:
        largest: bytes that it may have.

    Raises:
        OSError: it is not there, or may not be read.
        UsageError: it is no regular file or too large.
        UnicodeDecodeError: it is another encoding.
    """
    check_regular(path)
    with open(path, "rb") as file:
        content = file.read(largest + 1)
    if len(content) > largest:
        raise UsageError(f"{path} is larger than {largest:,} bytes")
    return content.decode("utf-8")


def write_text(path: Path, text: str) -> None:
    """Replaces a text, in UTF-8; names of files that are no UTF-8 have their bytes spelt out in it."""
    with atomic(path) as partial:
        partial.write_text(text, encoding="utf-8", errors="backslashreplace")


def read_json(path: Path) -> Any:
    """The content of a JSON file.

    Raises:
        UsageError: it is malformed, too large or no regular file.
        FileNotFoundError: there is none.
    """
    try:
        return json.loads(read_text(path))
    except FileNotFoundError:
        raise
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from error


def to_json(value: Any) -> str:
    return json.dumps(value, indent=2) + "\n"


def write_json(path: Path, value: Any) -> None:
    write_text(path, to_json(value))


def digest(path: Path) -> str:
    """sha256 of a file's content, in hexadecimal."""
    return hash_of_file(path, hashlib.sha256())


def hash_of_file(path: Path, hasher: Any) -> str:
    """A file's content, a piece at a time, added to a hash of hashlib: its value in hexadecimal.

    Raises:
        UsageError: it is no regular file.
    """
    check_regular(path)
    with open(path, "rb") as file:
        while piece := file.read(CHUNK):
            hasher.update(piece)
    return hasher.hexdigest()


def is_whole_archive(path: Path) -> bool:
    """Whether a zip archive, such as ``torch.save`` writes, has the content that its own checksums tell of.

    torch does not compare them when it loads: a flipped bit is another state, without a word.
    """
    try:
        check_regular(path)
        with zipfile.ZipFile(path) as archive:
            return archive.testzip() is None
    except Exception:  # a damaged directory makes zipfile raise almost anything
        return False
