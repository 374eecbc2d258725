"""The protocol of an evaluation: one line beside each number that says how to get it again."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import torch

from zoo.core.config import Options, option, options_of
from zoo.core.precision import Precision
from zoo.core.version import __version__

NO_FEATURES = "none"  # of numbers that are of no features, in the line beside them


@dataclass(frozen=True, kw_only=True)
class Protocol(Options):
    """What an evaluation's numbers depend on, besides the model."""

    measures: str | None = option(None, "what to measure, such as frechet,precision,memorisation (default: what the "
                                  "numbers that it has are of, else what its task has)")
    features: str | None = option(None, "feature space: inception, one of the bundled networks, or another of "
                                  "torch-fidelity's extractors, such as vgg16, clip-vit-b-32 or dinov2-vit-s-14, which "
                                  "are fetched (default: the data set's own, else inception)")
    data: str | None = option(None, "data set of the real images (default: the one the model was trained on)")
    split: str | None = option(None, "its split: train or test (default: test where there is one)")
    samples: int = option(10_000, "images to generate", minimum=1)
    real: int = option(10_000, "real images, at most", minimum=1)
    seed: int = option(0, "of the latents", minimum=0, maximum=2**63 - 1)
    precision: Precision | None = option(None, "of the arithmetic of answers and features: bf16-mixed takes half of "
                                         "the time where the processor has units for it (default: 32-true)")

    def __str__(self) -> str:
        """``key=value`` pairs, those that are decided."""
        return " ".join(f"{name}={shlex.quote(str(value))}" for name, value in self.to_dict().items()
                        if value is not None)

    @classmethod
    def parse(cls, line: str) -> "Protocol | None":
        """The protocol that a line of metrics.json begins with, or None for other words."""
        if not line.startswith(("features=", "measures=")):
            return None
        pairs = dict(word.split("=", 1) for word in shlex.split(line) if "=" in word)
        if pairs["features"] == NO_FEATURES:  # none were taken: others that are asked for later have the default's
            del pairs["features"]
        else:
            pairs["features"] = pairs["features"].split("@")[0]
        return cls(**{name: spec.type(pairs[name]) for name, spec in options_of(cls).items() if name in pairs})


def with_versions(protocol: Protocol, used: list[str], opening: Mapping[str, Any]) -> str:
    """The line for metrics.json.

    Args:
        protocol: what was asked for, all of it decided.
        used: the features that were taken, such as ``mnist@0123abcd``.
        opening: how the real data were opened.
    """
    features = "+".join(used) or NO_FEATURES
    line = str(protocol).replace(f"features={protocol.features}", f"features={features}", 1)
    line = " ".join([line, *(f"{name}={shlex.quote(str(value))}" for name, value in opening.items() if value)])
    return f"{line} zoo={__version__} torch-fidelity={version('torch-fidelity')} torch={torch.__version__}"


def short(count: int) -> str:
    """10_000 -> 10k, as in the names of metrics."""
    return f"{count // 1000}k" if count % 1000 == 0 else str(count)
