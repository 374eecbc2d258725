"""What there is: the models that can be loaded by name, each pinned to its content, and the variants.

``catalogue.json`` holds the models; ``zoo publish`` enters what it bundles or publishes under a name. ``variants.json``
holds what the package's variant files say of themselves, so that they can be listed without importing them, and torch.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from zoo.core.files import read_json, write_json
from zoo.core.registry import Variant

PACKAGE = Path(__file__).parents[1]
BUNDLED = "bundled"


class Pretrained(NamedTuple):
    """One entry, as ``zoo.pretrained()`` lists it."""

    name: str
    task: str
    variant: str
    data: str
    image_size: int
    parameters: int  # of the networks that answering needs
    bytes: int  # of model.safetensors
    sha256: str  # of model.safetensors
    headline: str  # the first distance that was measured
    where: str  # "bundled", or the repository on the Hub
    commit: str  # of the repository


def pretrained(task: str | None = None) -> list[Pretrained]:
    """The models that ``zoo.load`` knows by name: all, or those of a task, such as ``sample`` or ``translate``."""
    path = PACKAGE / "catalogue.json"
    entries = read_json(path) if path.exists() else {}
    return [entry for name in sorted(entries) if task in (None, (entry := Pretrained(name, **entries[name])).task)]


def bundled_folder(name: str) -> Path:
    """Where a model lies that comes with the package."""
    return PACKAGE / "pretrained" / name


def enter(entry: Pretrained) -> None:
    """Enters a model, in place of what had its name."""
    entries = {e.name: e for e in pretrained()} | {entry.name: entry}
    write_json(PACKAGE / "catalogue.json", {
        key: {field: value for field, value in e._asdict().items() if field != "name"}
        for key, e in sorted(entries.items())})


def listed_variants() -> list[Variant]:
    """The variants of the package, by name, as ``zoo.variants()`` has them; torch is not imported for them."""
    return [Variant(**entry) for entry in read_json(PACKAGE / "variants.json")["variants"]]


def list_variants(known: Iterable[Variant]) -> None:
    """Writes what ``listed_variants`` reads."""
    write_json(PACKAGE / "variants.json", {"variants": [variant._asdict() for variant in known]})
