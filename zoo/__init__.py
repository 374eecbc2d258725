"""A model zoo of generative adversarial networks and the auto-encoders they are compared with."""

import importlib
from typing import Any

__version__ = "0.1.0"

_HOME = {
    "create": "zoo.registry",
    "variants": "zoo.registry",
    "register": "zoo.registry",
    "load": "zoo.folder",
    "pretrained": "zoo.catalogue",
    "publish": "zoo.hub",
    "evaluate": "zoo.metrics.evaluation",
    "save": "zoo.folder",
    "interpolate": "zoo.sampling",
    "traverse": "zoo.sampling",
    "GenerativeModule": "zoo.base",
    "GAN": "zoo.gan",
    "DataSpec": "zoo.data.spec",
    "ZooStrategy": "zoo.parallel",
    "UsageError": "zoo.errors",
}
__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:  # torch and lightning are imported on first use, not by "import zoo"
    if name not in _HOME:
        raise AttributeError(f"module 'zoo' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return __all__
