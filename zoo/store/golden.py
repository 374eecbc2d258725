"""golden.safetensors: a few inputs of a model and the output that they must give, wherever it is loaded."""

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from zoo.core.errors import UsageError
from zoo.core.files import atomic, check_regular, write_json
from zoo.core.module import Batch
from zoo.store.layout import read_config
from zoo.store.weights import Tensors, digest_of, read_weights, write_weights
from zoo.tasks.task import Inputs, Task

QUESTIONS = 4
MOST = 1 / 255  # by which an output may differ: a grey level
FORMAT_1 = {"input.normal": "normal", "input.label": "label", "output": "image"}  # names in folders of format 1


def write_golden(model: Task, path: Path, examples: Batch | None = None) -> None:
    """Writes inputs with seed 0, as ``input.NAME``, and the output.

    Args:
        examples: prepared examples of the data; see ``Task.inputs``.
    """
    inputs = model.inputs(QUESTIONS, 0, examples)
    tensors = {f"input.{name}": value.contiguous() for name, value in inputs.items()}
    with atomic(path) as partial:
        save_file(tensors | {"output": model.respond(**inputs)}, partial)


def read_golden(model: Task, folder: Path) -> tuple[Inputs, Tensor]:
    """Inputs and output of a model folder, for a model of its kind. Raises UsageError if they cannot be read."""
    path = folder / "golden.safetensors"
    try:
        check_regular(path)
        golden = {name: x.float() if x.dtype == torch.half else x for name, x in load_file(path).items()}
        stored = {} if "output" in golden else FORMAT_1
        return ({name: golden[stored.get(f"input.{name}", f"input.{name}")] for name in model.inputs(1, 0)},
                golden[stored.get("output", "output")])
    except (OSError, SafetensorError, KeyError, UsageError) as error:
        raise UsageError(f"{path} cannot be read: {error!r}") from error


def halve_golden(model: Task, folder: Path) -> None:
    """Rewrites a folder's golden file in half precision as far as the model, loaded, still gives what it says: all of
    it, or else the output alone. Half of what may differ is left to other machines."""
    path = folder / "golden.safetensors"
    whole = load_file(path)
    for some in (set(whole), {"output"}, set()):
        with atomic(path) as partial:
            save_file({name: halved(value) if name in some else value for name, value in whole.items()}, partial)
        try:
            check_golden(model, folder, MOST / 2)
            break
        except UsageError:
            continue


def check_golden(model: Task, folder: Path, most: float = MOST) -> None:
    """Raises UsageError if a loaded model does not give the output of its folder's golden.safetensors."""
    inputs, output = read_golden(model, folder)
    try:
        difference = (model.respond(**inputs) - output).abs().max().item()
    except (RuntimeError, IndexError) as error:  # inputs of other shapes, or classes that it does not have
        raise UsageError(f"{folder / 'golden.safetensors'} does not fit the model: {error}") from error
    if not difference <= most:
        raise UsageError(f"{folder} does not make the images it was saved with: they differ by up to {difference:.3g}")


def halve(model: Task, folder: Path) -> bool:
    """Rewrites a folder's weights in half precision, unless it would then give another output than its golden one.

    Args:
        model: that of the folder, loaded; afterwards its weights are those that were written.

    Returns:
        Whether it did.
    """
    whole = read_weights(folder / "model.safetensors")
    half = {key: halved(value) for key, value in whole.items()}
    for tensors in (half, whole):
        put(model, tensors)
        try:
            check_golden(model, folder)
        except UsageError:
            continue  # back to what it was
        rewrite(folder, tensors)
        return tensors is half
    raise UsageError(f"{folder} does not make its golden images, in whatever precision: train it again")


def halved(value: Tensor) -> Tensor:
    """Floats in half precision; whole numbers as they are."""
    return value.half() if value.is_floating_point() else value


def rewrite(folder: Path, tensors: Tensors) -> None:
    """Replaces the weights of a folder by the same in other types, which its config.json is told of."""
    config, sha256 = read_config(folder), digest_of(tensors)
    write_weights(folder / "model.safetensors", tensors, sha256)
    if "digests" in config:
        write_json(folder / "config.json", config | {"digests": config["digests"] | {"weights": sha256}})


def put(model: Task, tensors: Tensors) -> None:
    """Gives the networks that answer their weights, by ``network.key``; half precision is for storage only."""
    stored = next((tensor.dtype for tensor in tensors.values() if tensor.is_floating_point()), torch.float32)
    for name, network in model.networks_for_sampling().items():
        # Of small vectors products round otherwise where they do not lie as torch lays them, at multiples of 64 bytes.
        own = {key.removeprefix(f"{name}."): value.clone() if value.data_ptr() % 64 else value
               for key, value in tensors.items() if key.startswith(f"{name}.")}
        network.load_state_dict(own, assign=True)
    model.to("cpu", torch.float32 if stored == torch.float16 else stored).requires_grad_(False)
