"""Where a model of the catalogue lies."""

from pathlib import Path

from zoo.core.errors import UsageError
from zoo.core.files import digest
from zoo.store.catalogue import BUNDLED, bundled_folder, pretrained
from zoo.store.hub import fetch


def locate(name: str, more: tuple[str, ...] = ()) -> Path | None:
    """The folder of a model of the catalogue, fetched if need be; None for another name.

    Args:
        more: see ``zoo.store.hub.fetch``.

    Raises:
        UsageError: it cannot be fetched, or its weights are not those that were entered.
    """
    entry = next((entry for entry in pretrained() if entry.name == name), None)
    if entry is None:
        return None
    folder = bundled_folder(name) if entry.where == BUNDLED else fetch(entry.where, entry.commit, more)
    weights = folder / "model.safetensors"
    if not weights.exists() or digest(weights) != entry.sha256:
        mend = "install gan-zoo again" if entry.where == BUNDLED else f"remove {folder.parents[1]}, and load it again"
        raise UsageError(f"the weights of {name} in {folder} are not those that were published: {mend}")
    return folder
