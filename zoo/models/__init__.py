"""The variants: one file each. A file here that registers a class is found by itself."""

import importlib
import pkgutil
from typing import Any

from zoo.core.errors import unknown
from zoo.core.registry import CLASSES, VARIANTS, Variant
from zoo.tasks.task import Task


def variants() -> list[Variant]:
    """Every model that can be trained, by name."""
    _import_all()
    return [VARIANTS[name] for name in sorted(VARIANTS)]


def variant_class(name: str) -> type[Task]:
    """The class of a variant. Raises UsageError, with the near names, if there is none."""
    _import_all()
    if name not in CLASSES:
        raise unknown("variant", name, CLASSES)
    return CLASSES[name]


def create(variant: str, *, image_size: int = 32, channels: int = 1, classes: int = 0, **config: Any) -> Task:
    """A new, untrained model.

    Args:
        variant: a name from ``zoo.variants()``.
        image_size: height and width of the images in pixels.
        channels: 1 for grey, 3 for colour.
        classes: number of classes, for conditional variants.
        config: fields of the variant's ``Config``.

    Raises:
        UsageError: an unknown variant or field, a value out of range, a size that the backbone cannot do.
    """
    cls = variant_class(variant)
    return cls(cls.Config.from_dict(config), cls.spec(image_size, channels, classes))


def _import_all() -> None:
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
