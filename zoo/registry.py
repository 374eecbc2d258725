"""Name -> class. A file in ``zoo/models`` that registers a class is a variant; nothing else needs to know of it."""

import importlib
import pkgutil
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from zoo.errors import UsageError, unknown

if TYPE_CHECKING:
    from zoo.base import GenerativeModule


class Variant(NamedTuple):
    """One entry of the zoo, as ``zoo.variants()`` lists it."""

    name: str
    title: str
    paper: str
    year: int
    kind: str  # "unconditional", "conditional" or "auto-encoder"


_CLASSES: dict[str, type] = {}
_VARIANTS: dict[str, Variant] = {}


def register(name: str, *, title: str, paper: str, year: int) -> Callable[[type], type]:
    """Class decorator that enters a variant under ``name``.

    Args:
        name: the key on the command line.
        title: the model's name in prose.
        paper: address of the paper that defines it.
        year: of the paper's first version.

    Raises:
        UsageError: if the name is taken.
    """

    def enter(cls: type) -> type:
        if name in _CLASSES:
            raise UsageError(f"variant {name!r} is registered twice: by {_CLASSES[name].__name__} and {cls.__name__}")
        cls.variant = name
        _CLASSES[name] = cls
        _VARIANTS[name] = Variant(name, title, paper, year, cls.kind)
        return cls

    return enter


def variants() -> list[Variant]:
    """Every model that can be trained, by name."""
    _import_models()
    return [_VARIANTS[name] for name in sorted(_VARIANTS)]


def variant_class(name: str) -> type["GenerativeModule"]:
    """The class of a variant. Raises UsageError, with the near names, if there is none."""
    _import_models()
    if name not in _CLASSES:
        raise unknown("variant", name, _CLASSES)
    return _CLASSES[name]


def create(variant: str, *, image_size: int = 32, channels: int = 1, classes: int = 0,
           **config: Any) -> "GenerativeModule":
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
    from zoo.data.spec import DataSpec

    cls = variant_class(variant)
    data = DataSpec(name="unnamed", image_size=image_size, channels=channels,
                    class_names=[str(label) for label in range(classes)])
    return cls(cls.Config.from_dict(config), data)


def _import_models() -> None:
    import zoo.models

    for module in pkgutil.iter_modules(zoo.models.__path__):
        importlib.import_module(f"zoo.models.{module.name}")
