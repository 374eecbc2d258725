"""What a search varies: the ranges of Lucic 2018 (arXiv:1711.10337, appendix), as fields of the variants' Config.

Where the paper's text is silent, its published code decides: a narrow search has no batch-norm in the discriminators of
WGAN-GP and DRAGAN, and the VAE's encoder stands in for a discriminator. Departures: beta1 ends at 0.999, since Adam
cannot have 1; BEGAN's discriminator takes no additional steps, since its k balances the players; the authors' defaults
are those of the zoo's variants.
"""

import math
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any, Literal, cast

from zoo.core.config import options_of
from zoo.core.errors import UsageError
from zoo.models import variant_class

if TYPE_CHECKING:
    from optuna import Trial

PAPER = ("gan", "nsgan", "lsgan", "wgan", "wgan-gp", "dragan", "began", "vae")  # the models of the paper
Search = Literal["wide", "narrow", "none"]
Value = float | int | str
Hyperparameters = dict[str, Value]  # field of the variant's Config -> value


@dataclass(frozen=True)
class Range:
    """Uniform on [low, high]; with ``log`` its logarithm is."""

    low: float
    high: float
    log: bool = False

    def draw(self, random: Random) -> float:
        if not self.log:
            return random.uniform(self.low, self.high)
        value = 10 ** random.uniform(math.log10(self.low), math.log10(self.high))
        return min(max(value, self.low), self.high)  # the power may be rounded beyond the ends

    def suggest(self, trial: "Trial", name: str, default: Any) -> Value:
        """The value enqueued with the trial. The range that is noted for Optuna's own tools holds the default too."""
        return trial.suggest_float(name, min(self.low, default), max(self.high, default), log=self.log)


@dataclass(frozen=True)
class Choice:
    """One of a few values, all as likely."""

    values: tuple[Value, ...]

    def draw(self, random: Random) -> Value:
        return random.choice(self.values)

    def suggest(self, trial: "Trial", name: str, default: Value) -> Value:
        """See ``Range.suggest``."""
        return cast(Value, trial.suggest_categorical(name, list(dict.fromkeys([*self.values, default]))))


Space = dict[str, Range | Choice]

NORM = Choice(("batch", "none"))
WIDE: Space = {
    "learning_rate": Range(1e-5, 1e-2, log=True), "beta1": Range(0.0, 0.999), "critic_steps": Choice((1, 5)),
    "discriminator_norm": NORM, "encoder_norm": NORM, "clip": Range(1e-3, 1.0, log=True),
    "penalty": Range(0.1, 100.0, log=True), "lambda_k": Range(1e-4, 1e-2, log=True), "gamma": Range(0.0, 1.0)}
NARROW: Space = {
    "learning_rate": Range(1e-4, 1e-3, log=True), "beta1": Choice((0.5,)), "critic_steps": Choice((1,)),
    "discriminator_norm": NORM, "encoder_norm": NORM, "clip": Range(1e-2, 1.0, log=True),
    "penalty": Range(0.1, 10.0, log=True), "lambda_k": Choice((1e-3,)), "gamma": Range(0.6, 0.9)}
SHARED = ("learning_rate", "beta1", "critic_steps", "discriminator_norm")


def check_variants(names: list[str]) -> None:
    """Raises UsageError for a name that is unknown, given twice, or a variant that needs labels."""
    for name in names:
        if needs := variant_class(name).needs():
            raise UsageError(f"{name} needs {' and '.join(needs)}, and the study compares models that take none: leave "
                             "it away")
        if names.count(name) > 1:
            raise UsageError(f"{name} is named twice")


def space_of(variant: str, search: Search) -> Space:
    """The fields of the variant's Config that a search varies, with their ranges; empty for ``none``.

    They are those that all have in common, but for what a variant calls ``defining``, and what it has ``searched``
    besides: of models that the paper does not have MMD GAN alone, whose clip is WGAN's.
    """
    if search == "none":
        return {}
    cls, ranges = variant_class(variant), dict(WIDE if search == "wide" else NARROW)
    options = options_of(cls.Config)
    if search == "narrow" and cls.penalises_gradients:
        ranges["discriminator_norm"] = Choice(("none",))
    names = [*SHARED, *cls.searched]
    return {name: ranges[name] for name in names if name in options and name not in cls.defining}


def draw(variant: str, search: Search, seed: int, index: int) -> Hyperparameters:
    """Hyperparameters of a trial: the variant's defaults for the first, else drawn by (seed, variant, index) alone."""
    space = space_of(variant, search)
    if index == 0:
        return defaults(variant, space)
    random = Random(f"{seed} {variant} {index}")
    return {name: knob.draw(random) for name, knob in space.items()}


def defaults(variant: str, space: Space) -> Hyperparameters:
    """The values that the variant has for the fields of a space: its authors'."""
    options = options_of(variant_class(variant).Config)
    return {name: options[name].default for name in space}


def suggest(trial: "Trial", variant: str, search: Search) -> Hyperparameters:
    """The hyperparameters that were enqueued with a trial, entered as its parameters."""
    space = space_of(variant, search)
    authors = defaults(variant, space)
    return {name: knob.suggest(trial, name, authors[name]) for name, knob in space.items()}
