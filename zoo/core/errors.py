"""Errors that a user can act on."""

from collections.abc import Iterable
from difflib import get_close_matches


class UsageError(ValueError):
    """A mistake in what the caller asked for. The message says what to do; scripts print it without a traceback."""


class CannotError(UsageError, AttributeError):
    """A question that a model of another task answers. An AttributeError too, so that ``hasattr`` says no."""


class NonFiniteLossError(RuntimeError):
    """A loss term became NaN or infinite during training."""


ELSEWHERE = {  # what other programs call it -> what it is here
    "lr": "learning-rate", "epochs": "images", "max-epochs": "images", "steps": "images", "max-steps": "images",
    "gpus": "devices", "num-gpus": "devices", "nproc": "devices", "nodes": "num-nodes", "cuda": "gpu",
    "bf16": "bf16-mixed", "fp32": "32-true", "float32": "32-true", "fp64": "64-true", "float64": "64-true",
    "z-dim": "latent-dim", "nz": "latent-dim", "ngf": "width", "ndf": "width", "dataset": "data", "dataroot": "data",
    "name": "out", "n-critic": "critic-steps", "lambda-gp": "penalty", "resolution": "image-size", "size": "image-size"}


def unknown(kind: str, name: object, known: Iterable[str]) -> UsageError:
    """The error for a name that is not in a table, with the nearest names there are, whatever their capitals."""
    known = sorted(known)
    plain = {_plain(word): word for word in known}
    asked = _plain(str(name))
    meant = [word for word in (asked, ELSEWHERE.get(asked, "")) if word in plain]
    near = meant or get_close_matches(asked, plain, n=3) or [word for word in plain if asked in word.split("-")[:1]]
    words = " or ".join(plain[word] for word in near)
    return UsageError(f"unknown {kind} {str(name)!r}: "
                      + (f"did you mean {words}?" if near else f"there are: {', '.join(known) or 'none'}"))


def _plain(word: str) -> str:
    """Without what only spelling tells apart: capitals, underscores, the dashes of an option."""
    return word.lower().replace("_", "-").strip("-")
