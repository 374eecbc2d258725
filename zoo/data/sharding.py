"""Pictures brought into shards, see ``zoo.data.shards``."""

import io
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from zoo.core.errors import UsageError
from zoo.data import depth
from zoo.data.decoded import decode, hash_of, npy_header
from zoo.data.folder import FolderSource
from zoo.data.shards import FORMAT, INDEX, Shard, store

SHARD = 2**26  # bytes of one


def write_shards(folder: Path, url: str, image_size: int = 64, channels: int = 0, size: int = SHARD) -> int:
    """Decodes a folder of images, see ``FolderSource``, into shards. What is there of them already stays.

    A shard at a time lies here, in the cache.

    Args:
        url: of a folder here or elsewhere.
        size: bytes of a shard, at most.

    Returns:
        how many pictures they have.

    Raises:
        UsageError: no pictures, broken ones, shards in which there is no room for one, or a place that cannot be
            written to, or is that of the pictures.
    """
    whole = FolderSource(folder, image_size, channels)
    if "://" not in url and Path(url).expanduser().resolve() == folder.resolve():
        raise UsageError(f"{url} is the folder of the pictures, which would be taken for shards alone from then on: "
                         "choose another one to put these into")
    if size < (least := math.prod(whole.spec.shape)):
        raise UsageError(f"a picture has {least:,} bytes, and shards of {size:,} have no room for one: choose a larger "
                         "--shard-size, such as 64M")
    parts = {split: FolderSource(folder, image_size, whole.spec.channels, split=split) for split in whole.splits}
    tops = whole.looked_at()
    files, root = store(url.rstrip("/"))
    try:
        files.makedirs(root, exist_ok=True)
        index = {"format": FORMAT, "name": whole.spec.name, "image_size": image_size,
                 "channels": whole.spec.channels, "class_names": whole.spec.class_names,
                 "provenance": whole.spec.provenance,
                 "splits": {split: _write_split(part, tops, files, root, size) for split, part in parts.items()}}
        files.pipe_file(f"{root}/{INDEX}", json.dumps(index, indent=1).encode())
    except UsageError:
        raise
    except Exception as error:  # whatever the library of the storage raises
        raise UsageError(f"cannot write shards to {url}: {error or type(error).__name__}. What is there stays: the "
                         "same command goes on") from error
    return sum(part.spec.images for part in parts.values())


def _write_split(part: FolderSource, tops: Any, files: Any, root: str, size: int) -> dict[str, Any]:
    spec, shards = part.spec, []
    row = math.prod(spec.shape)
    count = size // row
    for first in range(0, len(part.files), count):
        some = part.files[first:first + count]
        stats = [(str(file.relative_to(part.folder)), (stat := file.stat()).st_size, stat.st_mtime_ns) for file in some]
        key = hash_of([str(part.folder.resolve()), stats, spec.shape, *depth.in_key(tops)])
        name = f"{part.split}-{first // count:05}-{key}.npy"
        offset = len(npy_header((len(some), *spec.shape)))
        if not (files.exists(f"{root}/{name}") and files.size(f"{root}/{name}") == offset + len(some) * row):
            decoded = decode(f"shard of {spec.name}", key, some, Image.open, spec.channels, spec.image_size, tops)
            files.put_file(str(decoded), f"{root}/{name}")
            decoded.unlink()
        shards.append(Shard(name, offset, len(some)))
    labels = ""
    if spec.class_names:
        content = io.BytesIO()
        np.save(content, part.labels.numpy().astype(np.int32))
        labels = f"{part.split}-labels-{hash_of([shard.file for shard in shards])}.npy"
        files.pipe_file(f"{root}/{labels}", content.getvalue())
    return {"shards": shards, "labels": labels}
