"""Classes by number or by name."""

import operator
from collections.abc import Iterable

import torch
from torch import Tensor

from zoo.errors import UsageError, unknown

Labels = int | str | Iterable[int | str] | None


def class_indices(labels: Labels, names: list[str], n: int) -> Tensor:
    """Class numbers (n,) int64.

    Args:
        labels: one class for all, or one each, by number or name.
        names: of the classes.

    Raises:
        UsageError: labels missing, too few or many, out of range or unknown.
    """
    if labels is None:
        shown = ", ".join(names[:10]) + (f", ... ({len(names)} in all)" if len(names) > 10 else "")
        raise UsageError(f"this model is conditional: give labels, one class or {n} of them, out of {shown}")
    given = [labels] * n if isinstance(labels, str) or not _is_iterable(labels) else list(labels)
    if len(given) != n:
        raise UsageError(f"{len(given)} labels for {n} images: give one, or one an image")
    return torch.tensor([_class_index(label, names) for label in given], dtype=torch.int64)


def _is_iterable(x: object) -> bool:
    try:
        iter(x)
    except TypeError:  # among others a tensor or array of no dimension
        return False
    return True


def _class_index(label: int | str, names: list[str]) -> int:
    if isinstance(label, str) and label in names:
        return names.index(label)
    if isinstance(label, str) and not label.isdecimal():
        raise unknown("class", label, names)
    try:
        index = operator.index(int(label) if isinstance(label, str) else label)
    except TypeError:
        raise UsageError(f"a label is a class number or name, not {label!r}") from None
    if not 0 <= index < len(names):
        raise UsageError(f"there is no class {index}: the classes are 0 to {len(names) - 1}")
    return index
