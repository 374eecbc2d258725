"""A model zoo of generative adversarial networks and the models they are compared with."""

import importlib
from typing import Any

from zoo.core.version import __version__ as __version__

_HOME = {
    # models
    "create": "zoo.models",
    "variants": "zoo.models",
    "load": "zoo.store.loading",
    "train": "zoo.training.api",
    "pretrained": "zoo.store.catalogue",
    "save": "zoo.store.saving",
    "publish": "zoo.cards.publishing",
    "evaluate": "zoo.metrics.evaluation",
    "attribute": "zoo.tasks.attributes",
    "attributes": "zoo.tasks.attributes",
    "between": "zoo.tasks.latents",
    "directions": "zoo.tasks.directions",
    "interpolate": "zoo.tasks.walks",
    "invert": "zoo.tasks.inversion",
    "traverse": "zoo.tasks.walks",
    # what a variant of one's own is made of
    "register": "zoo.core.registry",
    "Config": "zoo.core.module",
    "option": "zoo.core.config",
    "gather": "zoo.core.parallel",
    "GAN": "zoo.tasks.gan",
    "Sampler": "zoo.tasks.sampler",
    "PairedTranslator": "zoo.tasks.paired",
    "UnpairedTranslator": "zoo.tasks.unpaired",
    "Writer": "zoo.tasks.writer",
    "Rewriter": "zoo.tasks.rewriter",
    "CaptionedSampler": "zoo.tasks.captioned",
    "ZooStrategy": "zoo.core.parallel",
    "UsageError": "zoo.core.errors",
}
__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:  # torch and lightning are imported on first use, not by "import zoo"
    if name == "losses":
        return importlib.import_module("zoo.losses")
    if name not in _HOME:
        raise AttributeError(f"module 'zoo' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return __all__
