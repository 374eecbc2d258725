"""Command lines made from dataclasses of options."""

import argparse
import re
import shlex
import sys
from collections.abc import Callable
from fractions import Fraction
from typing import Any, NoReturn

from zoo.config import Option, Options, options_of
from zoo.errors import UsageError, unknown

UNITS = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9}


def count(text: str) -> int:
    """An int such as 500k or 2M."""
    number = re.fullmatch(r"(-?\d+(?:\.\d+)?)([kMG]?)", text, re.ASCII)
    value = Fraction(number[1]) * UNITS[number[2]] if number else None
    if value is None or value.denominator != 1:
        raise argparse.ArgumentTypeError(f"it takes a whole number, such as 500k or 2M, not {text!r}")
    return int(value)


class Parser(argparse.ArgumentParser):
    """An ArgumentParser that suggests near options and raises UsageError instead of printing the usage."""

    def __init__(self, description: str) -> None:
        super().__init__(usage="%(prog)s [options]", description=description, allow_abbrev=False,
                         formatter_class=lambda prog: argparse.HelpFormatter(prog, max_help_position=32, width=110))

    def error(self, message: str) -> NoReturn:
        raise UsageError(message)

    def parse_args(self, args=None, namespace=None):
        parsed, rest = self.parse_known_args(args, namespace)
        options = [name for action in self._actions for name in action.option_strings]
        for word in rest:
            if word.startswith("--"):
                raise unknown("option", word.split("=")[0], options)
        if rest:
            raise UsageError(f"what is {shlex.join(rest)}? Options begin with --")
        return parsed

    def add_options(self, cls: type[Options], title: str) -> None:
        """One option per field, in the field's group; absent from the result when not given."""
        groups: dict[str, Any] = {}
        for spec in options_of(cls).values():
            name = spec.group or title
            if name not in groups:
                groups[name] = self.add_argument_group(name)
            self._add(groups[name], spec)

    @staticmethod
    def _add(group: Any, spec: Option) -> None:
        flag = f"--{spec.name.replace('_', '-')}"
        default = "" if spec.default is None else f" (default: {spec.default})"
        common = {"dest": spec.name, "default": argparse.SUPPRESS, "help": spec.help.replace("%", "%%") + default}
        if spec.type is bool:
            group.add_argument(flag, action=argparse.BooleanOptionalAction, **common)
        else:
            metavar = "{" + ",".join(spec.choices) + "}" if spec.choices else spec.name.split("_")[-1].upper()
            group.add_argument(flag, type=count if spec.type is int else spec.type, metavar=metavar, **common)


def given(parsed: argparse.Namespace, cls: type[Options]) -> dict[str, Any]:
    """The options of ``cls`` that were on the command line."""
    return {name: value for name, value in vars(parsed).items() if name in options_of(cls)}


def run(main: Callable[[list[str]], int | None]) -> NoReturn:
    """Calls a script's main; a UsageError becomes one line and exit status 2."""
    try:
        status = main(sys.argv[1:]) or 0
    except UsageError as error:
        print(f"error: {error}", file=sys.stderr)
        status = 2
    sys.exit(status)
