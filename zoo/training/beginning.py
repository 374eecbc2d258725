"""A run that begins with the weights of another model: fine-tuning."""

import re
from pathlib import Path

from zoo.core.config import flag_of, options_of
from zoo.core.errors import UsageError
from zoo.core.module import Config
from zoo.store.layout import TRAINING, read_config
from zoo.store.loading import find, read_checkpoint, untrained
from zoo.store.weights import Tensors, read_weights
from zoo.tasks.task import Task
from zoo.training.checkpoints import BEST, is_sound, newest_checkpoint

ALIKE = {"config": ("backbone",), "data": ("kind", "image_size", "channels")}  # else layers of one name are others


def begin_with(model: Task, source: str) -> str:
    """Gives a new model the weights of another, wherever name and shape of a tensor are the same.

    A conditional model can begin with one without labels, and the other way round.

    Args:
        source: see ``zoo.load``. Of a run's folder, of a checkpoint, and of a model with ``training.safetensors``,
            bundled or on the Hub, the discriminator is taken as well; other model folders have the networks that
            answer alone.

    Returns:
        A sentence: what was taken, and what begins anew.

    Raises:
        UsageError: no such model; one of another task, size or backbone; one of which nothing fits; or weights that are
            to stay as they are, and would have to be those of a network that has learnt nothing.
    """
    description, tensors = _weights(source)
    _check_alike(model, description, source)
    theirs = {_plain(key): value for key, value in tensors.items()}
    taken, anew = [], []
    for name, network in _networks(model).items():
        own = network.state_dict()
        fits = {key: other for key, value in own.items()
                if (other := theirs.get(_plain(f"{name}.{key}"))) is not None and other.shape == value.shape}
        if not any(value.dim() > 1 for value in fits.values()):
            fits = {}  # biases of the same number and counts are no part of a network that could be gone on with
        network.load_state_dict(own | fits)
        taken += [f"{name}.{key}" for key in fits]
        anew += [name] if not fits else [f"{name}.{key}" for key in own if key not in fits]
    if not taken:
        raise UsageError(f"nothing of {source}, a {description['variant']}, fits this {model.variant}: "
                         f"{_advice(model, description)}, or leave --init-from away")
    check_frozen(model, taken)
    return f"the run begins with {source}: {len(taken)} tensors are taken; " + (
        f"what begins anew: {_some(anew)}" if anew else "nothing begins anew")


def check_frozen(model: Task, taken: list[str]) -> None:
    """Raises UsageError where weights that would be trained are to stay as they are, and were not taken from another
    model."""
    trained = {id(p) for parameters in model.optimizer_groups().values() for p in parameters}  # not, say, averages
    for name, network in _networks(model).items():
        for key, parameter in network.named_parameters():
            if id(parameter) in trained and not parameter.requires_grad and f"{name}.{key}" not in taken:
                raise UsageError(f"{name}.{key} is to stay as it is, but has learnt nothing yet: --init-from takes it "
                                 "from a run's folder or checkpoint, which has a discriminator")


def _plain(name: str) -> str:
    """Of a tensor: a network that is told labels holds, under its own name, the one that would not be."""
    return re.sub(r"^(\w+)\.\1\.", r"\1.", name)


def _networks(model: Task) -> dict:
    return {name: network for name, network in model.named_children()
            if name != "ema" and any(True for _ in network.parameters())}


def _weights(source: str) -> tuple[dict, Tensors]:
    path = Path(source).expanduser()
    if path.suffix == ".ckpt" and path.is_file():
        return read_checkpoint(path)
    folder = find(path.parent if path.name == "model.safetensors" else source, more=(TRAINING,))
    checkpoint = _checkpoint(folder)
    if checkpoint is not None:
        return read_checkpoint(checkpoint)
    kept = read_weights(folder / TRAINING) if (folder / TRAINING).exists() else {}
    return read_config(folder), read_weights(folder / "model.safetensors") | kept


def _checkpoint(folder: Path) -> Path | None:
    """The best of a run, which is what its model folder has, else the newest."""
    best = folder / "checkpoints" / BEST
    return best if is_sound(best) else newest_checkpoint(folder / "checkpoints")


def networks_of_training(folder: Path) -> Tensors:
    """The weights of a run that answering does not need and another run can begin with, such as its discriminator's;
    of a folder without checkpoints those that it keeps, if any.

    Raises:
        UsageError: no model, or one that is damaged.
    """
    model, (_, tensors) = untrained(folder), _weights(str(folder))
    others = tuple(f"{name}." for name in _networks(model) if name not in model.networks_for_sampling())
    return {key: value.contiguous() for key, value in tensors.items() if key.startswith(others)}  # as they are written


def _check_alike(model: Task, theirs: dict, source: str) -> None:
    ours = model.description()
    if theirs.get("task", ours["task"]) != ours["task"]:
        raise UsageError(f"{source} is a {theirs['variant']}, of another task than {model.variant}: it cannot begin "
                         "with that")
    for part, names in ALIKE.items():
        for name in names:
            if name in ours[part] and theirs[part].get(name, ours[part][name]) != ours[part][name]:
                raise UsageError(f"{source} has {name} {theirs[part][name]} and this run {ours[part][name]}, so its "
                                 f"layers are others: choose {flag_of(name)} {theirs[part][name]}, or leave "
                                 "--init-from away")


def _advice(model: Task, theirs: dict) -> str:
    """What to do for layers like those of another model: of the same variant, what is to be told as to that."""
    ours, everyones = model.config.to_dict(), options_of(Config)
    differ = [f"{flag_of(name)} {value}" for name, value in theirs["config"].items()
              if name not in everyones and type(value) in (int, str) and ours.get(name, value) != value]
    if theirs["variant"] != model.variant or not differ:
        return "begin with a model of the same variant, --width and --latent-dim"
    return f"its options differ, so choose {' '.join(differ)}"


def _some(names: list[str], most: int = 5) -> str:
    rest = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + rest
