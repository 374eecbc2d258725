"""Name -> class. A class that is registered is a variant; nothing else needs to know of it.

A variant of somebody else's is told by its address, ``package.module:Class``, which is what a model folder keeps of it.
"""

import importlib
import importlib.util
import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

from zoo.core.errors import UsageError

if TYPE_CHECKING:
    from zoo.core.module import GenerativeModule


class Variant(NamedTuple):
    """One entry of the zoo, as ``zoo.variants()`` lists it."""

    name: str
    title: str
    paper: str
    year: int
    kind: str  # such as "unconditional", "conditional" or "auto-encoder"
    task: str  # what it can be asked for: "sample", "translate", ...


ENTRY_POINTS = "zoo.variants"  # the group in which a package names variants of its own
CLASSES: dict[str, type[Any]] = {}
VARIANTS: dict[str, Variant] = {}


def register(name: str, *, title: str, paper: str, year: int) -> Callable[[type[Any]], type[Any]]:
    """Class decorator that enters a variant under ``name``.

    Args:
        name: the key on the command line.
        title: the model's name in prose.
        paper: address of the paper that defines it.
        year: of the paper's first version.

    Raises:
        UsageError: if the name is taken.
    """

    def enter(cls: type[Any]) -> type[Any]:
        if name in CLASSES:
            raise UsageError(f"variant {name!r} is registered twice: by {CLASSES[name].__name__} and {cls.__name__}")
        cls.variant = name if cls.__module__.startswith("zoo.models.") else address_of(cls)
        CLASSES[name] = cls
        VARIANTS[name] = Variant(name, title, paper, year, cls.kind, cls.task)
        return cls

    return enter


def address_of(cls: type) -> str:
    """``module:Class``."""
    return f"{cls.__module__}:{cls.__qualname__}"


def variant_of(cls: type[Any]) -> Variant:
    """What the zoo knows of a class; of one that is not registered, what its docstring or its file's tells."""
    for variant in VARIANTS.values():
        if CLASSES[variant.name] is cls:
            return variant
    words = f"{cls.__doc__ or ''} {sys.modules[cls.__module__].__doc__ or ''}"
    paper = re.search(r"https?://[^\s)>]+", words)
    return Variant(cls.variant, cls.__name__, paper[0] if paper else "", 0, cls.kind, cls.task)


def class_at(address: str, base: "type[GenerativeModule]", not_in: Path | None = None) -> type[Any]:
    """The class that stands at ``package.module:Class`` or ``path/to/file.py:Class``.

    Args:
        base: what it has to be a subclass of.
        not_in: a folder whose code is not to be run, such as that of a model.

    Raises:
        UsageError: no such module or class, one of another sort, or a module that lies in ``not_in``.
    """
    where, _, name = address.rpartition(":")
    module = _module_of_file(Path(where).expanduser()) if where.endswith(".py") else _module_named(where, not_in)
    cls = getattr(module, name, None)
    if not (isinstance(cls, type) and issubclass(cls, base)):
        raise UsageError(f"{where} has no variant {name}: a variant is a class below zoo.GAN, zoo.Sampler, "
                         "zoo.PairedTranslator, zoo.UnpairedTranslator or zoo.Writer")
    if not hasattr(cls, "variant") or cls.variant in CLASSES:  # that of its base, if it is not registered itself
        cls.variant = address_of(cls)
    return cls


def _module_of_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise UsageError(f"there is no file {path}")
    known = sys.modules.get(path.stem)
    if known is not None:
        if Path(getattr(known, "__file__", None) or "").resolve() == path.resolve():
            return known
        raise UsageError(f"{path} cannot be imported: there is another module {path.stem}, so give the file another "
                         "name")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None  # of a .py file
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[path.stem]
        raise
    return module


def _module_named(name: str, not_in: Path | None) -> ModuleType:
    if name in sys.modules:
        return sys.modules[name]
    top = name.partition(".")[0]
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        spec = None
    if spec is None:
        raise UsageError(f"there is no module {name} here: install the package {top}, or import it first where it is a "
                         "file of yours")
    if not_in is not None and spec.origin and Path(spec.origin).resolve().is_relative_to(not_in.resolve()):
        raise UsageError(f"the module {top} lies in the model's own folder, {not_in}, whose code is not run: import it "
                         "yourself first if you trust it")
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise UsageError(f"{name} cannot be imported: {error}") from error
