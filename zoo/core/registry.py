"""Name -> class. A class that is registered is a variant; nothing else needs to know of it."""

from collections.abc import Callable
from typing import NamedTuple

from zoo.core.errors import UsageError


class Variant(NamedTuple):
    """One entry of the zoo, as ``zoo.variants()`` lists it."""

    name: str
    title: str
    paper: str
    year: int
    kind: str  # such as "unconditional", "conditional" or "auto-encoder"
    task: str  # what it can be asked for: "sample", "translate", ...


CLASSES: dict[str, type] = {}
VARIANTS: dict[str, Variant] = {}


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
        if name in CLASSES:
            raise UsageError(f"variant {name!r} is registered twice: by {CLASSES[name].__name__} and {cls.__name__}")
        cls.variant = name
        CLASSES[name] = cls
        VARIANTS[name] = Variant(name, title, paper, year, cls.kind, cls.task)
        return cls

    return enter
