"""Classes by number or by name, and the parts of names such as "blue hair, red eyes"."""

import operator
from collections.abc import Iterable
from itertools import chain
from typing import Any, NamedTuple, TypeGuard

import torch
from torch import Tensor

from zoo.core.errors import UsageError, unknown

Labels = int | str | Iterable[int | str] | None
STAYS = -1  # in place of the number of a class: none is asked for
Heads = dict[str, list[str]]  # what classes say of an image: head -> its classes, of which an image has one


class Words(NamedTuple):
    """What errors call classes, what is asked of them, and what has one."""

    one: str = "class"
    many: str = "classes"
    asked: str = "labels"
    each: str = "image"


CLASSES, STYLES = Words(), Words("style", "styles", "styles", "sentence")


def class_indices(labels: Labels, names: list[str], n: int, words: Words = CLASSES) -> Tensor:
    """Class numbers (n,) int64.

    Args:
        labels: one class for all, or one each, by number or name.
        names: of the classes.
        words: that errors say.

    Raises:
        UsageError: labels missing, too few or many, out of range or unknown.
    """
    if labels is None:
        shown = ", ".join(names[:10]) + (f", ... ({len(names)} in all)" if len(names) > 10 else "")
        raise UsageError(f"this model is conditional: give {words.asked}, one {words.one} or {n} of them, out of "
                         f"{shown}")
    given = _one_each(labels, n, words)
    return torch.tensor([_class_index(label, names, words) for label in given], dtype=torch.int64, device="cpu")


def asked_parts(labels: Labels, names: list[str], n: int) -> Tensor:
    """What is asked of each head, (n, heads) int64: a class of it by its number, or STAYS where nothing is said.

    Args:
        labels: one for all, or one each, of a single image any number: classes by number or name, or some of their
            parts in any order, such as "blue eyes".
        names: of the classes.

    Raises:
        UsageError: labels missing, too few or many, out of range or unknown, or two classes of one head.
    """
    heads = heads_of(names)
    if labels is None:
        shown = "; ".join(", ".join(known[:10]) + (", ..." if len(known) > 10 else "") for known in heads.values())
        raise UsageError(f"say with labels what is to be made, out of {shown}")
    rows = [_asked(label, names, heads) for label in _one_each(labels, n, of_one=True)]
    return torch.tensor(rows, dtype=torch.int64, device="cpu").view(len(rows), len(heads))


def _asked(label: int | str, names: list[str], heads: Heads) -> list[int]:
    if len(heads) == 1:
        return [_class_index(label, names)]
    if not isinstance(label, str) or label.isdecimal():
        label = names[_class_index(label, names)]
    row = dict.fromkeys(heads, STAYS)
    for part in label.split(","):
        head = next((head for head, known in heads.items() if part.strip() in known), None)
        if head is None:
            raise unknown("class", part.strip(), chain(*heads.values()))
        if row[head] != STAYS:
            raise UsageError(f"{label!r} names {head} twice: ask for one")
        row[head] = heads[head].index(part.strip())
    return list(row.values())


def _one_each(labels: int | str | Iterable[int | str], n: int, words: Words = CLASSES,
              of_one: bool = False) -> list[Any]:
    """A label for each of n images; with ``of_one`` a single image may have several."""
    given: list[Any] = [labels] * n if isinstance(labels, str) or not is_iterable(labels) else list(labels)
    if len(given) != n and not (of_one and n == 1 and given):
        raise UsageError(f"{len(given)} {words.asked} for {n} {words.each}s: give one, or one for each {words.each}")
    return given


def is_iterable(x: Any) -> TypeGuard[Iterable[Any]]:
    """Whether it can be gone through: among others a tensor or array of no dimension cannot."""
    try:
        iter(x)
    except TypeError:
        return False
    return True


def _class_index(label: int | str, names: list[str], words: Words = CLASSES) -> int:
    if isinstance(label, str) and label in names:
        return names.index(label)
    if isinstance(label, str) and not label.isdecimal():
        raise unknown(words.one, label, names)
    try:
        index = operator.index(int(label) if isinstance(label, str) else label)
    except TypeError:
        raise UsageError(f"a {words.one} is told by its number or name, not {label!r}") from None
    if not 0 <= index < len(names):
        raise UsageError(f"there is no {words.one} {index}: the {words.many} are 0 to {len(names) - 1}")
    return index


def heads_of(class_names: list[str]) -> Heads:
    """The heads for a data set's classes: one, or one a part where all are like "blue hair, red eyes"."""
    parts = [name.split(", ") for name in class_names]
    kinds = {tuple(part.split()[-1] if part else "" for part in name) for name in parts}
    if len(kinds) != 1 or len(parts[0]) == 1 or len(set(*kinds)) < len(parts[0]):
        return {"class": class_names}
    columns = zip(*parts, strict=True)
    return {kind: sorted(set(column)) for kind, column in zip(kinds.pop(), columns, strict=True)}


def targets_of(heads: Heads, class_names: list[str]) -> Tensor | None:
    """A data set's classes as classes of the heads, (classes, heads) int64; None if the heads do not know them."""
    rows = [name.split(", ") if len(heads) > 1 else [name] for name in class_names]
    try:
        return torch.tensor([[known.index(part) for part, known in zip(row, heads.values(), strict=True)]
                             for row in rows]) if rows else None
    except ValueError:
        return None


def class_parts(class_names: list[str]) -> list[list[int]]:
    """The parts of every class as numbers, counted on from head to head; a plain class is its own only part."""
    heads = heads_of(class_names)
    if len(heads) == 1:
        return [[number] for number in range(len(class_names))]
    numbers = {part: number for number, part in enumerate(chain(*heads.values()))}
    return [[numbers[part] for part in name.split(", ")] for name in class_names]


def in_words(class_names: list[str]) -> str:
    """The classes, for people."""
    heads = heads_of(class_names)
    if len(heads) == 1:
        return f"Classes: {'; '.join(class_names)}."
    return f"Classes: {len(class_names)} combinations of {' with '.join(', '.join(parts) for parts in heads.values())}."


def count_parts(class_names: list[str]) -> int:
    """How many different parts there are, over all heads: as many as classes, where they are plain."""
    return sum(map(len, heads_of(class_names).values()))


def nearest_classes(class_names: list[str]) -> Tensor:
    """Which classes differ from a class in the fewest parts, of at least two: (classes, classes) bool, a row a class.

    Of plain classes these are all others, of "pink hair, blue eyes" those with pink hair or blue eyes.
    """
    parts = torch.tensor(class_parts(class_names))
    differing = (parts[:, None] != parts).sum(-1)
    differing.fill_diagonal_(parts.shape[1] + 1)
    return differing == differing.amin(1, keepdim=True)
