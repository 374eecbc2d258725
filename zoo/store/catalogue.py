"""The models that can be loaded by name, each pinned to its content.

``catalogue.json`` holds them; ``zoo publish`` enters what it bundles or publishes under a name.
"""

from pathlib import Path
from typing import NamedTuple

from zoo.core.errors import UsageError
from zoo.core.files import digest, read_json, write_json
from zoo.store.hub import fetch

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


def locate(name: str) -> Path | None:
    """The folder of a model of the catalogue, fetched if need be; None for another name.

    Raises:
        UsageError: it cannot be fetched, or its weights are not those that were entered.
    """
    entry = next((entry for entry in pretrained() if entry.name == name), None)
    if entry is None:
        return None
    folder = bundled_folder(name) if entry.where == BUNDLED else fetch(entry.where, entry.commit)
    weights = folder / "model.safetensors"
    if not weights.exists() or digest(weights) != entry.sha256:
        mend = "install gan-zoo again" if entry.where == BUNDLED else f"remove {folder.parents[1]}, and load it again"
        raise UsageError(f"the weights of {name} in {folder} are not those that were published: {mend}")
    return folder


def bundled_folder(name: str) -> Path:
    """Where a model lies that comes with the package."""
    return PACKAGE / "pretrained" / name


def enter(entry: Pretrained) -> None:
    """Enters a model, in place of what had its name."""
    entries = {e.name: e for e in pretrained()} | {entry.name: entry}
    write_json(PACKAGE / "catalogue.json", {
        key: {field: value for field, value in e._asdict().items() if field != "name"}
        for key, e in sorted(entries.items())})
