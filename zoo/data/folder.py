"""Any folder of images: decoded once into a cache file of uint8 and mapped into memory from there."""

import hashlib
import json
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor
from torchvision.datasets.folder import IMG_EXTENSIONS
from tqdm import tqdm

from zoo.data.spec import DataSpec
from zoo.errors import UsageError

GREY_MODES = {"1", "L", "LA", "F"}
UNREADABLE = (OSError, ValueError, SyntaxError, Image.DecompressionBombError)  # what Pillow raises for broken images


def cache_folder() -> Path:
    """Where decoded and downloaded data go: $ZOO_CACHE, else ~/.cache/gan-zoo."""
    return Path(os.environ.get("ZOO_CACHE") or Path.home() / ".cache" / "gan-zoo")


def is_grey(image: Image.Image) -> bool:
    return image.mode in GREY_MODES or image.mode.startswith("I")


def channels_of(items: Iterable[object], read: Callable[[object], Image.Image]) -> int:
    """1 if every image is grey, else 3. Broken ones do not count: ``decode`` names them."""
    for item in items:
        with suppress(*UNREADABLE), read(item) as image:
            if not is_grey(image):
                return 3
    return 1


def _to_8_bits(image: Image.Image) -> Image.Image:
    """Grey of 16 bits, or of floats up to 1, 255 or 65535, which Pillow would clip at 255."""
    values = np.asarray(image, dtype=np.float32)
    if not np.isfinite(values).all():
        raise ValueError("it has pixels that are not finite")
    top = next((t for t in (1.0, 255.0) if values.max() <= t), 65535.0) if image.mode == "F" else 65535.0
    return Image.fromarray((values * (255 / top)).round().clip(0, 255).astype(np.uint8))


def to_array(image: Image.Image, channels: int, size: int) -> np.ndarray:
    """uint8 (C, size, size) from an image of any mode and shape: upright, on white, centre-cropped, resampled."""
    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I") or image.mode == "F":
        image = _to_8_bits(image)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    image = image.convert("L" if channels == 1 else "RGB")
    image = ImageOps.fit(image, (size, size), Image.Resampling.LANCZOS)
    return np.asarray(image).reshape(size, size, channels).transpose(2, 0, 1)


def decode(name: str, key: str, items: list, read: Callable[[object], Image.Image], channels: int, size: int,
           name_of: Callable[[object], str] = str) -> Path:
    """Decodes ``items`` into a cache file named after ``key``, unless it is there.

    Returns:
        the .npy file, uint8 (N, C, size, size).

    Raises:
        UsageError: broken images, all of them named, or a cache that cannot be written.
    """
    path = cache_folder() / "decoded" / f"{name}-{channels}x{size}-{key}.npy"
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")

    def one(index: int) -> str | None:
        try:
            with read(items[index]) as image:
                out[index] = to_array(image, channels, size)
        except UNREADABLE as error:
            return f"{name_of(items[index])}: {error}"
        return None

    try:
        if path.exists():
            return path
        path.parent.mkdir(parents=True, exist_ok=True)
        out = np.lib.format.open_memmap(partial, "w+", np.uint8, (len(items), channels, size, size))
        _claim(partial)
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            results = pool.map(one, range(len(items)))
            bar = tqdm(results, f"decoding {name}", len(items), unit="img",
                       mininterval=0.1 if sys.stderr.isatty() else 20.0)  # a log file is not a screen
            broken = [r for r in bar if r is not None]
        if broken:
            raise UsageError("\n  ".join([
                f"{len(broken)} of {len(items)} images of {name} cannot be read; repair or remove them:", *broken[:20],
                *(["..."] if len(broken) > 20 else [])]))
        out.flush()
        os.replace(partial, path)
    except OSError as error:
        raise UsageError(f"cannot write the decoded images to {path.parent}: {error}. Set ZOO_CACHE to a folder with "
                         f"{-(-len(items) * channels * size * size // 2**20):,} MiB free") from error
    finally:
        with suppress(OSError):  # there is none, or no folder to hold it
            partial.unlink()
    return path


def _claim(path: Path) -> None:
    """Has the disk set aside the whole file: writing to a mapped one ends the process where there is no room."""
    if hasattr(os, "posix_fallocate"):
        with open(path, "r+b") as file:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)


def load_decoded(path: Path) -> Tensor:
    """The images of a cache file, mapped: in memory where they fit, read as needed where they do not."""
    return torch.from_numpy(np.load(path, mmap_mode="c"))


def hash_of(parts: Iterable[object]) -> str:
    return hashlib.sha256(json.dumps(list(parts)).encode()).hexdigest()[:16]


def checked_split(data: str, split: str, splits: Sequence[str]) -> str:
    """``split``. Raises UsageError if the data set has no such split."""
    if split not in splits:
        raise UsageError(f"{data} has no {split} split: it has {' and '.join(splits)}")
    return split


class FolderSource:
    """Images in a folder; two or more sub-folders with images are classes.

    A folder that holds ``train`` and ``test`` has these for splits.

    Args:
        folder: searched recursively.
        image_size: the images are centre-cropped and resampled to this.
        channels: 1 or 3; 0 means grey if every file is, else colour.
        split: which.
        class_of: class by path inside the folder, in place of sub-folders; images without one are left out.

    Raises:
        UsageError: no such folder or split, or no images in it.
    """

    def __init__(self, folder: Path, image_size: int, channels: int = 0, name: str = "", provenance: str = "",
                 split: str = "train", class_of: dict[str, str] | None = None) -> None:
        if not folder.is_dir():
            raise UsageError(f"there is no folder {folder}")
        self._name = name or folder.resolve().name
        has_splits = (folder / "train").is_dir() and (folder / "test").is_dir()
        self.splits = ("train", "test") if has_splits else ("train",)
        self.split = checked_split(self._name, split, self.splits)
        self.folder = folder / split if has_splits else folder
        self.files = sorted(f for f in self.folder.rglob("*") if f.suffix.lower() in IMG_EXTENSIONS and f.is_file())
        if not self.files:
            raise UsageError(f"there are no images in {self.folder}: looked for {', '.join(IMG_EXTENSIONS)}")
        names = [f.relative_to(self.folder) for f in self.files]
        if class_of is None:
            tops = [name.parts[0] for name in names]
            directly = any(len(name.parts) == 1 for name in names)
            of_each = [""] * len(names) if directly or len(set(tops)) < 2 else tops
        else:
            known = [(file, class_of[name.as_posix()]) for file, name in zip(self.files, names, strict=True)
                     if name.as_posix() in class_of]
            if not known:
                raise UsageError(f"none of the {len(names):,} images in {self.folder} is in its table of classes, "
                                 f"which has such as {next(iter(class_of), 'nothing')}")
            self.files, of_each = (list(column) for column in zip(*known, strict=True))
        classes = sorted(set(of_each) - {""})
        self.labels = torch.tensor([classes.index(c) if classes else 0 for c in of_each])
        self.spec = DataSpec(name=self._name, image_size=image_size,
                             channels=channels or channels_of(self.files, Image.open),  # reads headers only
                             class_names=classes, images=len(self.files),
                             provenance=provenance or f"a folder of {len(self.files):,} images")

    def prepare(self) -> Path:
        stats = [(str(f.relative_to(self.folder)), f.stat().st_size, f.stat().st_mtime_ns) for f in self.files]
        key = hash_of([str(self.folder.resolve()), stats])
        return decode(self._name, key, self.files, Image.open, self.spec.channels, self.spec.image_size)

    def load(self) -> tuple[Tensor, Tensor]:
        """Images uint8 (N, C, H, W) and class numbers (N,)."""
        return load_decoded(self.prepare()), self.labels
