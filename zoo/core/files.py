"""Files that are whole or absent."""

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


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


def write_text(path: Path, text: str) -> None:
    with atomic(path) as partial:
        partial.write_text(text)


def to_json(value: Any) -> str:
    return json.dumps(value, indent=2) + "\n"


def write_json(path: Path, value: Any) -> None:
    write_text(path, to_json(value))


def digest(path: Path) -> str:
    """sha256 of a file's content, in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
