"""Reading a model folder."""

from pathlib import Path
from typing import Any

import torch

from zoo.core.errors import UsageError, unknown
from zoo.core.files import is_whole_archive
from zoo.core.precision import Precision, checked
from zoo.data.spec import read_spec
from zoo.models import variant_class
from zoo.store.catalogue import pretrained
from zoo.store.golden import put
from zoo.store.hub import fetch
from zoo.store.layout import read_config
from zoo.store.locating import locate
from zoo.store.weights import Tensors, check_fit, check_together, check_values, read_weights
from zoo.tasks.task import Task

MOST_PARAMETERS = 10**9  # of a model that is loaded: four gigabytes in single precision


def load(source: str | Path, precision: Precision = "32-true") -> Task:
    """A trained model, to be asked.

    Args:
        source: a model folder, such as a run's, or its model.safetensors; a checkpoint of a run, whose averaged weights
            are taken; a name that ``zoo.pretrained()`` lists; or ``org/name`` or ``org/name@revision`` on the Hugging
            Face Hub. Of these, the first that there is.
        precision: of what it answers. ``bf16-mixed`` multiplies in bf16, which takes half of the time or less where the
            processor or GPU has units for it; pictures differ by a grey level or two. What a model chooses step by
            step, such as sentences, comes out otherwise, and no better or worse.

    Returns:
        The variant's module in evaluation mode on the CPU, with the networks that answering needs; the others, such as
        the discriminator, are None.

    Raises:
        UsageError: no such model or precision, a file that is missing, damaged or altered, an unknown variant or field,
            a folder written by a newer version, a model that is too large, or weights that do not fit the
            configuration, are not finite or nothing but zeros.
    """
    checked(precision)
    path = Path(source).expanduser()
    model = _from_checkpoint(path) if path.suffix == ".ckpt" and path.is_file() else _from_folder(path, source)
    model.precision = precision
    return model


def _from_folder(path: Path, source: str | Path) -> Task:
    folder = find(path.parent if path.name == "model.safetensors" else source)
    description = read_config(folder)
    model = _described(description, folder)
    networks = model.networks_for_sampling()
    count = sum(p.numel() for network in networks.values() for p in network.parameters())
    if count > MOST_PARAMETERS:
        raise UsageError(f"the configuration in {folder} asks for {count:,} parameters, more than {MOST_PARAMETERS:,}")
    model = _with_weights(model, read_weights(folder / "model.safetensors"), folder)
    check_together(description, folder)
    return model


def _with_weights(model: Task, tensors: Tensors, where: Path) -> Task:
    """The model, with these weights and without what answering does not need."""
    networks = model.networks_for_sampling()
    check_fit({f"{name}.{key}": value for name, network in networks.items()
               for key, value in network.state_dict().items()}, tensors, where)
    check_values(networks, tensors, where)
    for name, _ in list(model.named_buffers(recurse=False)):
        setattr(model, name, None)  # state of the training alone
    for name, _ in list(model.named_children()):
        if name not in (*networks, "ema"):
            setattr(model, name, None)
    model.whole = False
    put(model, tensors)
    return model.eval()


def read_checkpoint(path: Path) -> tuple[dict[str, Any], Tensors]:
    """What a checkpoint says of its model, and the tensors of all networks, averaged ones where there are such.

    Raises:
        UsageError: a file that is none of the zoo's.
    """
    if not is_whole_archive(path):
        raise UsageError(f"{path} is damaged (empty, cut short or altered), or not a checkpoint of the zoo")
    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
        state, weights = checkpoint["zoo"], checkpoint["state_dict"]
    except Exception as error:  # whatever torch's unpickler stumbles over
        raise UsageError(f"{path} is not a checkpoint of the zoo, or damaged: {error}") from error
    averaged = {key.removeprefix("ema."): value for key, value in weights.items() if key.startswith("ema.")}
    return state, {key: value for key, value in weights.items() if not key.startswith("ema.")} | averaged


def _from_checkpoint(path: Path) -> Task:
    state, tensors = read_checkpoint(path)
    model = _described(state, path.parent)
    names = tuple(f"{name}." for name in model.networks_for_sampling())
    return _with_weights(model, {key: x for key, x in tensors.items() if key.startswith(names)}, path)


def untrained(folder: Path) -> Task:
    """The model that a folder's config.json describes, with shapes in place of weights.

    Raises:
        UsageError: an unknown variant or field, or a value that does not fit.
    """
    return _described(read_config(folder), folder)


def _described(description: dict[str, Any], folder: Path) -> Task:
    try:
        cls = variant_class(description["variant"], not_in=folder)
    except UsageError as error:
        raise UsageError(f"{folder} is a model of the variant {description['variant']}: {error}") from error
    config, data = cls.Config.from_dict(description["config"]), read_spec(description["data"])
    with torch.device("meta"):
        return cls(config, data)


def find(source: str | Path, more: tuple[str, ...] = ()) -> Path:
    """The folder of a model, see ``load``; with ``more``, see ``zoo.store.hub.fetch``.

    Raises:
        UsageError: there is none.
    """
    folder = Path(source).expanduser()
    if folder.is_dir():
        return folder
    known = locate(str(source), more)
    if known is not None:
        return known
    repo, _, revision = str(source).partition("@")
    if "/" not in repo:
        raise unknown("model folder or name", source, [entry.name for entry in pretrained()])
    if repo.count("/") > 1 or repo.startswith((".", "/", "~")):
        raise UsageError(f"there is no model folder {source}")
    try:
        return fetch(repo, revision or None, more)
    except UsageError as error:
        raise UsageError(f"there is no folder {source}, and {error}") from error
