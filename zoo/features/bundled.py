"""The networks that come with the package, in whose features images of their kind are compared.

The last hidden layer of such a network does for digits or faces what the pool layer of InceptionV3 does for photographs
in FID (Heusel 2017, arXiv:1706.08500), and its convolutions do what those of VGG do in a perceptual distance: see
``zoo.features.perceptual``. ``zoo features`` trains them: classifiers, and encoders that learn without labels.
"""

import json
from functools import cache
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from zoo.core.errors import UsageError, unknown
from zoo.core.files import atomic, digest, write_json
from zoo.features.classifier import Classifier
from zoo.features.encoder import Encoder

PRETRAINED = Path(__file__).parent / "pretrained"


def save_network(network: nn.Module, path: Path, facts: dict[str, Any]) -> None:
    """Writes NAME.safetensors in half precision and NAME.json, which describes the network and holds ``facts``."""
    half = {key: (value.half() if value.is_floating_point() else value).contiguous()
            for key, value in network.state_dict().items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    weights = path.with_name(f"{path.name}.safetensors")
    with atomic(weights) as partial:
        save_file(half, partial)
        content = digest(partial)
    write_json(path.with_name(f"{path.name}.json"), {"network": network.shape, "sha256": content} | facts)


def bundled() -> list[str]:
    """The names of the networks that come with the package."""
    return sorted(path.stem for path in PRETRAINED.glob("*.json"))


def classifiers() -> list[str]:
    """Those of the networks that tell classes."""
    return [name for name in bundled() if "heads" in describe(name)["network"]]


def classifiers_for(data: str) -> list[str]:
    """Those that learnt from the data set of this name."""
    return [name for name in classifiers() if describe(name)["data"] == data]


def classifier_of(name: str) -> str | None:
    """The bundled classifier for the images that a bundled network learnt from: itself, if it is one."""
    alike = classifiers_for(describe(name)["data"])
    return name if name in alike else next(iter(alike), None)


def describe(name: str) -> dict[str, Any]:
    """What NAME.json says of a bundled network. Raises UsageError if there is none of this name."""
    if name not in bundled():
        raise unknown("features", name, ["inception", *bundled()])
    return json.loads((PRETRAINED / f"{name}.json").read_text(encoding="utf-8"))


def note(name: str, **facts: Any) -> None:
    """Enters facts into what is said of a bundled network."""
    write_json(PRETRAINED / f"{name}.json", describe(name) | facts)


@cache
def load_network(name: str) -> Encoder:
    """A bundled network in evaluation mode, in single precision, whatever torch's own is meanwhile: a training in
    double precision sets that, and the network is there for all that comes later.

    Raises:
        UsageError: there is none of this name, or its weights are not those it came with.
    """
    description, path = describe(name), PRETRAINED / f"{name}.safetensors"
    if digest(path) != description["sha256"]:
        raise UsageError(f"{path} is damaged: install gan-zoo again")
    shape = description["network"]
    network = Classifier(**shape) if "heads" in shape else Encoder(**shape)
    network.load_state_dict(load_file(path))  # from half precision, element by element
    return network.eval().requires_grad_(False).float().to(memory_format=torch.channels_last)


def load_classifier(name: str) -> Classifier:
    """A bundled classifier; see ``load_network``. Raises UsageError also for an encoder that tells no classes."""
    network = load_network(name)
    if not isinstance(network, Classifier):
        raise UsageError(f"{name} tells no classes; those that do: {', '.join(classifiers())}")
    return network
