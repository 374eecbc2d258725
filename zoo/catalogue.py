"""The models that can be loaded by name, each pinned to its content.

``catalogue.json`` holds them; ``scripts/publish.py`` enters what it bundles or publishes under a name.
"""

import json
from pathlib import Path
from typing import Any, NamedTuple

from zoo.errors import UsageError
from zoo.files import digest, write_json

PACKAGE = Path(__file__).parent
BUNDLED = "bundled"


class Pretrained(NamedTuple):
    """One entry, as ``zoo.pretrained()`` lists it."""

    name: str
    variant: str
    data: str
    image_size: int
    parameters: int  # of the networks that sampling needs
    bytes: int  # of model.safetensors
    sha256: str  # of model.safetensors
    headline: str  # the first distance that was measured
    where: str  # "bundled", or the repository on the Hub
    commit: str  # of the repository


def pretrained() -> list[Pretrained]:
    """The models that ``zoo.load`` knows by name."""
    path = PACKAGE / "catalogue.json"
    entries = json.loads(path.read_text()) if path.exists() else {}
    return [Pretrained(name, **entries[name]) for name in sorted(entries)]


def locate(name: str) -> Path | None:
    """The folder of a model of the catalogue, fetched if need be; None for another name.

    Raises:
        UsageError: it cannot be fetched, or its weights are not those that were entered.
    """
    entry = next((entry for entry in pretrained() if entry.name == name), None)
    if entry is None:
        return None
    if entry.where == BUNDLED:
        folder = PACKAGE / "pretrained" / name
    else:
        from zoo.hub import fetch

        folder = fetch(entry.where, entry.commit)
    weights = folder / "model.safetensors"
    if not weights.exists() or digest(weights) != entry.sha256:
        raise UsageError(f"the weights of {name} in {folder} are not those that were published: install gan-zoo again, "
                         "or remove them from the cache")
    return folder


def enter(name: str, folder: Path, where: str = BUNDLED, commit: str = "") -> Pretrained:
    """Enters a model folder under a name, in place of what had that name."""
    from zoo.folder import load, read_metrics
    from zoo.metrics.leaderboard import is_distance

    model = load(folder)
    headline = next((f"{key} {metric['value']:.4g}" for key, metric in read_metrics(folder).items()
                     if is_distance(key)), "")
    weights = folder / "model.safetensors"
    entry = Pretrained(name, model.variant, model.data.name, model.data.image_size,
                       sum(p.numel() for p in model.parameters()), weights.stat().st_size, digest(weights), headline,
                       where, commit)
    entries: dict[str, Any] = {e.name: e for e in pretrained()} | {name: entry}
    write_json(PACKAGE / "catalogue.json", {
        key: {field: value for field, value in e._asdict().items() if field != "name"}
        for key, e in sorted(entries.items())})
    return entry


def bundle(name: str, source: Path) -> Path:
    """Copies a model folder into the package, in half precision where that changes nothing, and enters it.

    What had that name goes, with its pictures and notes.
    """
    from zoo.folder import halve
    from zoo.hub import FILES, prepare

    files = prepare(source, name)
    folder = PACKAGE / "pretrained" / name
    folder.mkdir(parents=True, exist_ok=True)
    for file, content in files.items():
        (folder / file).write_bytes(content if isinstance(content, bytes) else content.read_bytes())
    for stale in {*FILES} - files.keys():
        (folder / stale).unlink(missing_ok=True)
    halve(folder)
    enter(name, folder)
    return folder
