"""Command lines made from dataclasses of options."""

import argparse
import importlib
import io
import os
import re
import shlex
import signal
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, NoReturn, get_args

from zoo.commands import COMMANDS
from zoo.core.config import Option, Options, flag_of, options_of
from zoo.core.config import count as whole_number
from zoo.core.errors import UsageError, unknown
from zoo.core.files import write_text
from zoo.core.precision import Precision


def count(text: str) -> int:
    """An int such as 500k or 2M, for argparse."""
    try:
        return whole_number(text)
    except UsageError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


class _Joined(argparse.Action):
    """Takes several words as one, with ``const`` between them."""

    def __call__(self, parser: Any, namespace: argparse.Namespace, values: Any, option_string: Any = None) -> None:
        setattr(namespace, self.dest, self.const.join(values))


class Parser(argparse.ArgumentParser):
    """An ArgumentParser that suggests near options and raises UsageError instead of printing the usage.

    Attributes:
        program: what a command is called, where that is not the name of the file that runs.
    """

    program: ClassVar[str | None] = None

    def __init__(self, description: str) -> None:
        super().__init__(prog=self.program, usage="%(prog)s [options]", description=description, allow_abbrev=False,
                         formatter_class=lambda prog: argparse.HelpFormatter(prog, max_help_position=32, width=110))

    def error(self, message: str) -> NoReturn:
        raise UsageError(message)

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        _refuse_empty(sys.argv[1:] if args is None else args)
        parsed, rest = self.parse_known_args(args, namespace)
        options = [name for action in self._actions for name in action.option_strings]
        for word in rest:
            if word.startswith("--"):
                raise self.stranger(word.split("=")[0], options)
        if rest:
            raise UsageError(f"what is {shlex.join(rest)}? Options begin with --")
        return parsed

    def stranger(self, option: str, options: list[str]) -> UsageError:
        """What is said of an option that is none of these."""
        return unknown("option", option, options)

    def add_options(self, cls: type[Options], title: str, beyond: type[Options] = Options) -> None:
        """One option per field that ``beyond`` has not, in the field's group; absent from the result when not given."""
        groups: dict[str, Any] = {}
        for name, spec in options_of(cls).items():
            if name in options_of(beyond):
                continue
            group = spec.group or title
            if group not in groups:
                groups[group] = self.add_argument_group(group)
            self._add(groups[group], spec)

    @staticmethod
    def _add(group: Any, spec: Option) -> None:
        flag = flag_of(spec.name)
        default = "" if spec.default is None else f" (default: {spec.default})"
        common = {"dest": spec.name, "default": argparse.SUPPRESS, "help": spec.help.replace("%", "%%") + default}
        if spec.type is bool:
            group.add_argument(flag, action=argparse.BooleanOptionalAction, **common)
        elif spec.between:
            group.add_argument(flag, nargs="+", action=_Joined, const=spec.between, metavar="NAME", **common)
        else:
            metavar = "{" + ",".join(spec.choices) + "}" if spec.choices else spec.name.split("_")[-1].upper()
            group.add_argument(flag, type=count if spec.type is int else spec.type, metavar=metavar, **common)


def _refuse_empty(words: Sequence[str]) -> None:
    """Raises UsageError for a word without a letter, which commands would take for one that was not given, or for the
    working directory."""
    for before, word in zip(["", *words], words, strict=False):
        if not word or re.fullmatch(r"--[\w-]+=", word):
            option = word.removesuffix("=") or before
            what = option if option.startswith("--") else "a word of the command"
            raise UsageError(f"{what} is empty, as a variable is that was never set: fill it in, or leave it away")


def add_address(parser: Parser) -> None:
    """Where a page is served."""
    parser.add_argument("--host", default="127.0.0.1", help="address to serve at; another than this machine's own is "
                        "open to all who reach it (default: %(default)s)")
    parser.add_argument("--port", type=int, default=7860, help="0: any that is free (default: %(default)s)")


def add_precision(parser: Parser) -> None:
    """The arithmetic of a model's answers."""
    parser.add_argument("--precision", default="32-true", choices=get_args(Precision), help="of the arithmetic: "
                        "bf16-mixed takes half of the time or less where the processor or GPU has units for it "
                        "(default: %(default)s)")


def given(parsed: argparse.Namespace, cls: type[Options]) -> dict[str, Any]:
    """The options of ``cls`` that were on the command line."""
    return {name: value for name, value in vars(parsed).items() if name in options_of(cls)}


def command_without(places: Iterable[str], words: list[str]) -> str:
    """A command as a line, without the options that only tell where something lies on this machine."""
    where = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    for option in places:
        where.add_argument(option)
    return shlex.join(where.parse_known_args(words)[1])


def put(lines: str, out: str | None, what: str) -> None:
    """Prints lines, or writes them to a file and says what they are. Raises UsageError where it cannot be written."""
    if not out:
        print(lines)
        return
    with writing(out):
        write_text(Path(out).expanduser(), lines + "\n")
    print(f"{what}: {out}")


@contextmanager
def writing(place: str | Path) -> Iterator[None]:
    """Around what writes to a place that a user named. Raises UsageError where that cannot be done."""
    try:
        yield
    except OSError as error:
        raise UsageError(f"cannot write {place}: {error}") from error


def run(command: str, arguments: list[str] | None = None) -> NoReturn:
    """Calls a command and ends the process; a UsageError becomes one line and exit status 2."""
    sys.path.append(os.getcwd())  # where variants of one's own lie, as with python -m
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a name that a terminal cannot show ends nothing
    sys.exit(_status_of(lambda: importlib.import_module(f"zoo.commands.{command}").main(
        sys.argv[1:] if arguments is None else arguments)))


@contextmanager
def _plain_warnings() -> Iterator[None]:
    """Meanwhile what is of use to a person is a line, without the place in the code that says it."""
    with warnings.catch_warnings():
        show = warnings.showwarning

        def said(message: Warning | str, category: type[Warning], *where: Any, **how: Any) -> None:
            if category is UserWarning:
                print(f"warning: {message}", file=sys.stderr)
            else:
                show(message, category, *where, **how)

        warnings.showwarning = said
        yield


def _status_of(work: Callable[[], int | None]) -> int:
    """What a process ends with that does this; trouble that a person can mend is said."""
    try:
        try:
            with _plain_warnings():
                status = work() or 0
        except SystemExit:  # argparse's, after --help, which may still lie in the buffer
            sys.stdout.flush()
            raise
        sys.stdout.flush()
    except UsageError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:  # of a training too, before it has begun to listen for it
        print("stopped", file=sys.stderr)
        return 128 + signal.SIGINT
    except BrokenPipeError:  # as of "| head": nobody reads on, and Python would say so at its end once more
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return status


def main() -> NoReturn:
    """``zoo COMMAND options``."""
    words = sys.argv[1:]
    if not words or words[0] in ("-h", "--help"):
        sys.exit(_status_of(_overview))
    if words[0] == "--version":
        sys.exit(_status_of(_version))
    if words[0] not in COMMANDS:
        print(f"error: {unknown('command', words[0], COMMANDS)}", file=sys.stderr)
        sys.exit(2)
    Parser.program = f"zoo {words[0]}"  # sys.argv stays, of which Lightning makes the command of other processes
    run(words[0], words[1:])


def _overview() -> None:
    width = max(map(len, COMMANDS))
    print("zoo COMMAND [options], and zoo COMMAND --help for its options\n")
    print("\n".join(f"  {name:{width}}  {what}" for name, what in COMMANDS.items()))


def _version() -> None:
    from zoo.core.version import __version__

    print(f"gan-zoo {__version__}")
