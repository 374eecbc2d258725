"""A model folder: the one layout of a finished run, a bundled model and a repository on the Hub, whatever the task.

    config.json          task, variant, config, data set and where the model comes from
    model.safetensors    the networks that answering needs, averaged weights where there are any
    training.safetensors networks that training alone needs, such as a discriminator; where they are kept
    golden.safetensors   a few inputs and the output that they must give
    metrics.json         every number with its protocol
    samples.png          what it makes, not picked, or samples.txt; more pictures beside it
    README.md            the card, rendered from the files above
"""

import hashlib
import json
from pathlib import Path
from typing import Any

from zoo.core.errors import UsageError
from zoo.core.files import read_json
from zoo.core.version import __version__
from zoo.store.portable import last_names

FORMAT = 2  # of config.json; raised when older versions of the zoo could not read a folder rightly
NOTES = "notes.md"  # what its maker has to say, for the card
MEMORISATION, PROGRESS = "memorisation.png", "progress.png"  # pictures that any task may have
TRAINING = "training.safetensors"  # of networks that answering does not need: what another run can begin with
FILES = ("config.json", "model.safetensors", TRAINING, "golden.safetensors", "metrics.json", NOTES,
         "README.md")  # what a repository holds besides pictures: neither checkpoints nor logs of the run

Metrics = dict[str, dict[str, Any]]  # name -> {"value": float, "protocol": str}


def read_config(source: Path) -> dict[str, Any]:
    """The content of a folder's config.json, or of such a file by another name.

    Raises:
        UsageError: it is missing, malformed, too large to be one, no regular file, or of a newer version.
    """
    path = source / "config.json" if source.is_dir() else source
    try:
        config = read_json(path)
    except FileNotFoundError:
        raise UsageError(f"{source} is no model folder: it has no config.json" if path != source else
                         f"there is no {source}") from None
    if not isinstance(config, dict) or type(config.get("format")) is not int:
        raise UsageError(f"{path} is not a configuration of the zoo: it has no format number")
    if config["format"] > FORMAT:
        raise UsageError(f"{path} was written by gan-zoo {config.get('zoo')}, which is newer than this "
                         f"{__version__}: pip install --upgrade gan-zoo")
    parts: dict[str, Any] = {"training": {}} | config  # not every model comes from a run
    for key, kind in {"variant": str, "config": dict, "data": dict, "training": dict}.items():
        if not isinstance(parts.get(key), kind):
            raise UsageError(f"{path} lacks {key!r} or has it of a wrong type")
    return config


def read_metrics(folder: Path) -> Metrics:
    """The content of a folder's metrics.json, name -> value and protocol; empty if nothing was measured yet.

    Raises:
        UsageError: it is malformed.
    """
    path = folder / "metrics.json"
    try:
        metrics = read_json(path)
    except FileNotFoundError:
        return {}
    try:
        if not all(isinstance(m["value"], int | float) and isinstance(m["protocol"], str) for m in metrics.values()):
            raise ValueError("a number without its protocol")
    except (ValueError, AttributeError, TypeError, KeyError) as error:
        raise UsageError(f"{path} cannot be read: {error!r}. Remove it and evaluate the model again") from error
    return metrics


def digest_of_definition(config: dict[str, Any]) -> str:
    """sha256 of what in a config.json makes the model: task, variant, options, and the data's shape and classes.

    What may change afterwards, such as the name of the data set, is no part of it. Nor are the folders of paths.
    """
    data = {key: value for key, value in config["data"].items() if key not in ("name", "images", "provenance")}
    parts = [config.get("task"), config["variant"], last_names(config["config"]), data]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def is_distance(name: str) -> bool:
    """Whether a metric of this name is a Frechet distance."""
    return name.startswith(("fid", "fd")) and "/" not in name


def leads(name: str) -> bool:
    """Whether models are compared by a metric of this name first: a distance, or the likelihood of real sentences."""
    return is_distance(name) or name == "nll"


def headline(metrics: Metrics) -> str:
    """The first of those that lead, in words; empty without one."""
    return next((f"{key} {metric['value']:.4g}" for key, metric in metrics.items() if leads(key)), "")
