"""Errors that a user can act on."""

from collections.abc import Iterable
from difflib import get_close_matches


class UsageError(ValueError):
    """A mistake in what the caller asked for. The message says what to do; scripts print it without a traceback."""


class CannotError(UsageError, AttributeError):
    """A question that a model of another task answers. An AttributeError too, so that ``hasattr`` says no."""


class NonFiniteLossError(RuntimeError):
    """A loss term became NaN or infinite during training."""


def unknown(kind: str, name: object, known: Iterable[str]) -> UsageError:
    """The error for a name that is not in a table, with the nearest names there are."""
    known = sorted(known)
    near = get_close_matches(str(name), known, n=3)
    hint = f"did you mean {' or '.join(near)}?" if near else f"there are: {', '.join(known) or 'none'}"
    return UsageError(f"unknown {kind} {str(name)!r}: {hint}")
