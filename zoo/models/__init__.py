"""The variants: one file each. A file here that registers a class is found by itself."""

import importlib
import inspect
import pkgutil
import warnings
from collections.abc import Iterable
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from zoo.core.errors import UsageError, unknown
from zoo.core.registry import CLASSES, ENTRY_POINTS, VARIANTS, Variant, class_at, variant_of
from zoo.tasks.task import Task


def variants() -> list[Variant]:
    """Every model that can be trained, by name; those of installed packages too."""
    _import_all()
    for point in _entry_points():
        try:
            _enter(point)
        except Exception as error:  # whatever another package does at its import
            warnings.warn(f"the variant {point.name} of {point.value} cannot be imported: {error!r}", stacklevel=2)
    return [VARIANTS[name] for name in sorted(VARIANTS)]


def variant_class(name: str, not_in: Path | None = None) -> type[Task]:
    """The class of a variant.

    Args:
        name: of ``variants()``, or the address of a class: ``package.module:Class`` or ``path/to/file.py:Class``.
        not_in: a folder whose code is not to be run for it.

    Raises:
        UsageError: there is none, with the near names; see ``zoo.core.registry.class_at`` for addresses.
    """
    _import_all()
    if name in CLASSES:
        return CLASSES[name]
    for point in _entry_points():
        if point.name == name:
            _enter(point)
            return CLASSES[name]
    if ":" in name:
        return class_at(name, Task, not_in)
    of_class = {cls.__name__: known for known, cls in CLASSES.items()}
    if name in of_class:
        raise UsageError(f"unknown variant {name!r}: did you mean {of_class[name]}?")
    raise unknown("variant", name, CLASSES)


@cache
def _entry_points() -> Iterable[EntryPoint]:  # once: it reads the metadata of everything that is installed
    return entry_points(group=ENTRY_POINTS)


def _enter(point: EntryPoint) -> None:
    if point.name not in CLASSES:
        cls = class_at(f"{point.module}:{point.attr}", Task)
        CLASSES[point.name], VARIANTS[point.name] = cls, variant_of(cls)._replace(name=point.name)


def create(variant: str, **options: Any) -> Task:
    """A new, untrained model.

    Args:
        variant: a name from ``zoo.variants()``, or an address, see ``variant_class``.
        options: fields of the variant's ``Config``, and the shape of its data, see its ``spec``. Of pictures:
            image_size (32): height and width in pixels; 1 for points.
            channels (1): 1 for grey, 3 for colour.
            classes (0): number of classes, for conditional variants.
            Of sentences: words, and length (8).

    Raises:
        UsageError: an unknown variant or field, a value out of range, a size that the backbone cannot do.
    """
    cls = variant_class(variant)
    shape = {name: options.pop(name) for name in inspect.signature(cls.spec).parameters if name in options}
    return cls(cls.Config.from_dict(options), cls.spec(**shape))


@cache
def _import_all() -> None:  # once: it looks through the folder
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
