"""Images that a program has in memory, as a source."""

from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Dataset

from zoo.core.errors import UsageError
from zoo.data.batches import Labelled
from zoo.data.folder import checked_count
from zoo.data.image_spec import ImageSpec
from zoo.data.pictures import as_tensor


class ArraySource:
    """Images in memory.

    Args:
        images: (N, C, H, W), uint8 or floats in [0, 1]; arrays (N, H, W, C) too. They are square, grey or colour.
        labels: class numbers (N,), or None.
        class_names: of the classes; default: their numbers.

    Raises:
        UsageError: images of another shape or range, a single one, or labels that do not fit them.
    """

    split, splits = "train", ("train",)

    def __init__(self, images: Any, labels: Any = None, class_names: list[str] | None = None,
                 name: str = "tensors") -> None:
        checked_count(name, len(images))
        self.images = _stored(images)
        count, channels, height, width = self.images.shape
        if height != width:
            raise UsageError(f"images are square, and these are {width}x{height}: crop or resize them first")
        labels = torch.zeros(count, dtype=torch.int64) if labels is None else torch.as_tensor(labels)
        if labels.shape != (count,) or labels.is_floating_point():
            raise UsageError(f"labels are {count} class numbers, one for each image, not {labels.dtype} of the shape "
                             f"{tuple(labels.shape)}")
        self.labels = labels.long()
        names = class_names or ([] if not labels.any() else [str(k) for k in range(int(labels.max()) + 1)])
        if names and not 0 <= int(labels.min()) <= int(labels.max()) < len(names):
            raise UsageError(f"labels go from {labels.min()} to {labels.max()}, and there are {len(names)} classes, "
                             "numbered from 0")
        self.spec = ImageSpec(name=name, image_size=height, channels=channels, class_names=names, images=count,
                              provenance=f"{count:,} images given as {name}")

    def prepare(self) -> None:
        """Nothing to fetch."""

    def load(self) -> Labelled:
        return Labelled(self.images, self.labels)


def _stored(images: Any) -> Tensor:
    """uint8 (N, C, H, W), of what ``as_tensor`` takes."""
    x = images if isinstance(images, Tensor) else torch.as_tensor(images).movedim(-1, 1)
    if x.dim() != 4:
        raise UsageError(f"images are (N, C, H, W), not of the shape {tuple(x.shape)}")
    return x if x.dtype == torch.uint8 and x.shape[1] in (1, 3) else (as_tensor(x, x.shape[1]) * 255).round().byte()


def from_dataset(dataset: Dataset) -> ArraySource:
    """All images of a torch data set whose items are an image, or an image and its class number, first.

    Raises:
        UsageError: items of another sort, or images of several sizes.
    """
    count = checked_count(type(dataset).__name__, len(dataset))  # type: ignore[arg-type]  # torch declares no __len__
    items = [dataset[row] for row in range(count)]
    labelled = isinstance(items[0], tuple | list) and len(items[0]) > 1
    pictures = [item[0] if isinstance(item, tuple | list) else item for item in items]
    grey = getattr(pictures[0], "mode", "RGB") in ("L", "1") or getattr(pictures[0], "shape", (3,))[0] == 1
    images = (as_tensor(pictures, 1 if grey else 3) * 255).round().byte()
    labels = torch.tensor([int(item[1]) for item in items]) if labelled else None
    return ArraySource(images, labels, getattr(dataset, "classes", None), type(dataset).__name__)


def as_source(data: Any) -> ArraySource | list[str]:
    """Images alone, ``(images, labels)``, or a torch data set; a list of texts as it is.

    Raises:
        UsageError: something else.
    """
    if isinstance(data, list) and data and all(isinstance(text, str) for text in data):
        return data
    if isinstance(data, tuple | list) and len(data) == 2:
        return ArraySource(*data)
    if hasattr(data, "shape"):
        return ArraySource(data)
    if hasattr(data, "__getitem__") and hasattr(data, "__len__"):
        return from_dataset(data)
    raise UsageError("data are a name, a folder, images, (images, labels), a torch data set or a list of texts, not "
                     f"{type(data).__name__}")
