"""Options as frozen dataclasses: one description of a field serves Python, the command line and config.json."""

import math
import os
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields
from fractions import Fraction
from functools import cache, partial
from numbers import Integral, Real
from textwrap import shorten
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Union, get_args, get_origin, get_type_hints

from zoo.core.errors import UsageError, unknown

if TYPE_CHECKING:
    from typing_extensions import Self

UNITS = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9}
SHOWN = 100  # characters of a value that does not fit
WORDS = {int: "a whole number", float: "a finite number", bool: "true or false", str: "a string"}


def option(default: Any, help: str, *, minimum: float | None = None, maximum: float | None = None,
           group: str = "", between: str = "", needs: str = "") -> Any:
    """A dataclass field with the text and group of its command-line option and the closed range of its values; what
    stands between several names in a string, which may be several words on the command line; and the option without
    which it says nothing, such as ``r1`` or ``augment=ada``."""
    return field(default=default, metadata={"help": help, "minimum": minimum, "maximum": maximum, "group": group,
                                            "between": between, "needs": needs})


class Option(NamedTuple):
    """What the command line and the checks need to know of one field."""

    name: str
    type: type[Any]
    default: Any
    choices: tuple[str, ...]
    optional: bool
    help: str
    minimum: float | None
    maximum: float | None
    group: str
    between: str
    needs: str

    def check(self, value: Any) -> Any:
        """``value`` as this field's type. Raises UsageError where it does not fit."""
        if value is None and self.optional:
            return None
        if self.choices:
            if value not in self.choices:
                raise unknown(f"value for {self.name}:", value, self.choices)
            return value
        value = self._plain(value)
        if type(value) is not self.type or (self.type is float and not math.isfinite(value)):
            raise UsageError(f"{self.name} must be {WORDS[self.type]}, not {shorten(repr(value), SHOWN)}")
        if self.minimum is not None and value < self.minimum:
            raise UsageError(f"{self.name} must be at least {self.minimum}, not {value}")
        if self.maximum is not None and value > self.maximum:
            raise UsageError(f"{self.name} must be at most {self.maximum}, not {value}")
        return value

    def counts(self, value_of: Callable[[str], Any]) -> bool:
        """Whether it says something beside the values of the other options, by name."""
        needed, _, wanted = self.needs.partition("=")
        return not needed or (value_of(needed) == wanted if wanted else bool(value_of(needed)))

    def _plain(self, value: Any) -> Any:
        """Numbers of numpy's types as Python's, and paths as strings."""
        if self.type is int and isinstance(value, Integral) and not isinstance(value, bool):
            return int(value)
        if self.type is float and isinstance(value, Real) and not isinstance(value, bool):
            with suppress(OverflowError):
                return float(value)
        return os.fspath(value) if self.type is str and isinstance(value, os.PathLike) else value


def flag_of(name: str) -> str:
    """An option as it is called on the command line."""
    return f"--{name.replace('_', '-')}"


def count(text: str) -> int:
    """An int such as 500k or 2M. Raises UsageError for other words."""
    number = re.fullmatch(r"(-?\d+(?:\.\d+)?)([kMG]?)", text, re.ASCII)
    value = Fraction(number[1]) * UNITS[number[2]] if number else None
    if value is None or value.denominator != 1:
        raise UsageError(f"it takes a whole number, such as 500k or 2M, not {text!r}")
    return int(value)


def _options_of(cls: type) -> dict[str, Option]:
    """The fields of an ``Options`` class by name. A subclass that only changes a default keeps the help text."""
    hints = get_type_hints(cls)
    found = {}
    for f in fields(cls):
        metadata: dict[str, Any] = {}
        for base in reversed(cls.__mro__):
            inherited = getattr(base, "__dataclass_fields__", {}).get(f.name)
            metadata.update(inherited.metadata if inherited else {})
        hint, optional = hints[f.name], False
        if get_origin(hint) in (UnionType, Union):  # "int | None", and with a Literal the older of the two
            hint, optional = next(a for a in get_args(hint) if a is not NoneType), True
        choices = get_args(hint) if get_origin(hint) is Literal else ()
        kind = str if choices else hint
        found[f.name] = Option(f.name, kind, f.default, choices, optional, metadata.get("help", ""),
                               metadata.get("minimum"), metadata.get("maximum"), metadata.get("group", ""),
                               metadata.get("between", ""), metadata.get("needs", ""))
    return found


options_of: Callable[[type], dict[str, Option]] = cache(_options_of)  # by cache's own type classes have no hash


@dataclass(frozen=True, kw_only=True)
class Options:
    """Base of every set of options: int, float, bool, str and Literal fields only, checked when made.

    Raises:
        UsageError: a value of another type, outside its range or not among its choices.
    """

    def __post_init__(self) -> None:
        for name, spec in options_of(type(self)).items():
            object.__setattr__(self, name, spec.check(getattr(self, name)))

    def check_needs(self) -> None:
        """Raises UsageError for an option that says nothing without another one; before new work, since what is on
        disk may have such."""
        for name, spec in options_of(type(self)).items():
            if getattr(self, name) != spec.default and not spec.counts(partial(getattr, self)):
                needed, _, wanted = spec.needs.partition("=")
                asked = f"{flag_of(needed)} {wanted}".strip()
                raise UsageError(f"{flag_of(name)} says nothing without {asked}: give both, or leave {flag_of(name)} "
                                 "away")

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Self":
        """Builds the options from a mapping. Raises UsageError for a key that is no field."""
        for name in values:
            if name not in options_of(cls):
                raise unknown("option", name, options_of(cls))
        return cls(**values)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)
