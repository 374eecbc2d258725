"""A file of weights, whose checksum of their content goes with them: model.safetensors."""

import hashlib
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from zoo.core.errors import UsageError
from zoo.core.files import atomic, check_regular
from zoo.store.layout import digest_of_definition

Tensors = dict[str, Tensor]


def digest_of(tensors: Tensors) -> str:
    """sha256 of names, types, shapes and values."""
    digest = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def stored_digest(path: Path) -> str | None:
    """The checksum that a file claims; None if there is none."""
    try:
        check_regular(path)
        with safe_open(path, "pt") as file:
            return (file.metadata() or {}).get("sha256")
    except (OSError, SafetensorError, UsageError):
        return None


def write_weights(path: Path, tensors: Tensors, sha256: str | None = None) -> None:
    """Replaces the file as a whole.

    Args:
        sha256: their ``digest_of``, if it is known already.
    """
    with atomic(path) as partial:  # more than one entry of metadata would come in a random order
        save_file(tensors, partial, metadata={"sha256": sha256 or digest_of(tensors)})


def check_together(config: dict[str, Any], folder: Path) -> None:
    """Raises UsageError unless a config.json is as it was written, and of the same save as the weights beside it.

    Folders of old have no digests, and pass.
    """
    digests = config.get("digests", {})
    if not isinstance(digests, dict) or digests.get("definition", (now := digest_of_definition(config))) != now:
        raise UsageError(f"{folder / 'config.json'} was altered: it does not describe the model that was saved. "
                         "Fetch or train it again")
    sha256 = stored_digest(folder / "model.safetensors")
    if digests.get("weights", sha256) != sha256:
        raise UsageError(f"config.json and model.safetensors in {folder} are of different saves: fetch or train the "
                         "model again")


def read_weights(path: Path) -> Tensors:
    """The tensors of a file.

    Raises:
        UsageError: it is missing, damaged or altered.
    """
    try:
        check_regular(path)
        with safe_open(path, "pt") as file:
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - not a dict
            expected = (file.metadata() or {}).get("sha256")
    except FileNotFoundError:
        raise UsageError(f"there is no {path}: the run has not saved its weights yet") from None
    except (OSError, SafetensorError, UsageError) as error:
        raise UsageError(f"{path} is damaged or cut short ({error}): fetch or train it again") from error
    if digest_of(tensors) != expected:
        raise UsageError(f"{path} was altered: its content does not match its checksum. Fetch or train it again")
    return tensors


def check_fit(expected: Tensors, given: Tensors, folder: Path) -> None:
    """Raises UsageError, naming the differences, if weights are not those that the networks of a folder take."""
    differences = [f"{key} is missing" for key in expected if key not in given]
    differences += [f"{key} is not part of the model" for key in given if key not in expected]
    differences += [f"{key} is {tuple(given[key].shape)}, not {tuple(expected[key].shape)}"
                    for key in expected if key in given and given[key].shape != expected[key].shape]
    differences += [f"{key} is {given[key].dtype}, not {expected[key].dtype}"  # but floats of 64 bits are welcome
                    for key in expected if key in given and given[key].dtype != expected[key].dtype
                    and not (given[key].is_floating_point() and expected[key].is_floating_point())]
    if differences:
        rest = f"; and {len(differences) - 5} more" if len(differences) > 5 else ""
        raise UsageError(f"the weights in {folder} do not fit its config.json: {'; '.join(differences[:5])}{rest}")


def check_values(networks: dict[str, nn.Module], tensors: Tensors, folder: Path) -> None:
    """Raises UsageError for weights that no training leaves: NaN, infinite ones, or a network of nothing but zeros.

    A buffer may hold infinities, such as a mask.
    """
    for name, network in networks.items():
        learnt = {f"{name}.{key}" for key, _ in network.named_parameters()}
        floats = {key: x for key, x in tensors.items()
                  if key.startswith(f"{name}.") and x.is_floating_point() and x.numel()}
        ends = {key: torch.stack(x.aminmax()).double() for key, x in floats.items()}  # a single pass; NaN goes through
        for key, values in ends.items():
            if values.isnan().any() or (key in learnt and values.isinf().any()):
                raise UsageError(f"the weights in {folder} are no model: {key} is not finite. Train it again")
        if ends and not any(values.any() for values in ends.values()):
            raise UsageError(f"the weights in {folder} are no model: all of {name} is zero. Train it again")
