"""Writing a model folder."""

from pathlib import Path
from typing import Any

import torch

from zoo.core.files import atomic, write_json
from zoo.core.module import Batch
from zoo.core.version import __version__
from zoo.store.golden import write_golden
from zoo.store.layout import FORMAT, MEMORISATION, PROGRESS, TRAINING, digest_of_definition
from zoo.store.weights import Tensors, digest_of, stored_digest, write_weights
from zoo.tasks.task import Task

COMPILED = "_orig_mod."  # what ``network = torch.compile(network)`` puts into the names of weights


def save(model: Task, folder: str | Path, origin: dict[str, Any] | None = None, examples: Batch | None = None) -> Path:
    """Writes a model folder. Each file is replaced as a whole, the weights last, then config.json with their digest.

    Numbers and pictures of other weights, and a discriminator beside these, which the folder may hold, are removed.

    Args:
        model: any model of the zoo.
        folder: made if need be.
        origin: further entries of config.json, such as how the model was trained.
        examples: prepared examples of the data, to show what the model makes of them.
    """
    folder, tensors = Path(folder), _tensors(model)
    write_config(model, folder, origin)
    sha256 = digest_of(tensors)
    if stored_digest(folder / "model.safetensors") != sha256:
        for name in ("metrics.json", TRAINING, *model.captions(), MEMORISATION, PROGRESS):
            (folder / name).unlink(missing_ok=True)
    write_golden(model, folder / "golden.safetensors", examples)
    with atomic(folder / model.samples) as partial:
        model.write_sheet(partial, examples)
    write_weights(folder / "model.safetensors", tensors, sha256)
    write_config(model, folder, origin, sha256)  # only now: until here the old weights may be there
    return folder


def write_config(model: Task, folder: Path, origin: dict[str, Any] | None = None, weights: str | None = None) -> None:
    """Writes config.json alone, as ``save`` does.

    Args:
        weights: ``digest_of`` those that lie beside it.
    """
    config = {"format": FORMAT, "zoo": __version__, "torch": torch.__version__} | model.description() | (origin or {})
    digests = {"definition": digest_of_definition(config)} | ({"weights": weights} if weights else {})
    write_json(folder / "config.json", config | {"digests": digests})


def _tensors(model: Task) -> Tensors:
    networks = dict(model.ema.items()) or model.networks_for_sampling()
    return {f"{name}.{key}".replace(COMPILED, ""): value.cpu().contiguous() for name, network in networks.items()
            for key, value in network.state_dict().items()}
