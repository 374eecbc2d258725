"""Any folder of images: decoded once into a cache file, see ``zoo.data.decoded``."""

from collections.abc import Sequence
from pathlib import Path

import torch
from PIL import Image
from torchvision.datasets.folder import IMG_EXTENSIONS

from zoo.core.errors import UsageError
from zoo.data.batches import Labelled
from zoo.data.decoded import decode, hash_of
from zoo.data.pixels import channels_of
from zoo.data.spec import ImageSpec
from zoo.data.stored import load_decoded


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
        self.spec = ImageSpec(name=self._name, image_size=image_size,
                             channels=channels or channels_of(self.files, Image.open),  # reads headers only
                             class_names=classes, images=len(self.files),
                             provenance=provenance or f"a folder of {len(self.files):,} images")

    def prepare(self) -> Path:
        stats = [(str(f.relative_to(self.folder)), f.stat().st_size, f.stat().st_mtime_ns) for f in self.files]
        key = hash_of([str(self.folder.resolve()), stats])
        return decode(self._name, key, self.files, Image.open, self.spec.channels, self.spec.image_size)

    def load(self) -> Labelled:
        """Images uint8 (N, C, H, W) and class numbers (N,)."""
        return Labelled(load_decoded(self.prepare()), self.labels)
