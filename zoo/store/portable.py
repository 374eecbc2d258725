"""What of a model folder goes out to others: nothing that tells where files lie on its maker's machine."""

import re
import shlex
from pathlib import Path, PureWindowsPath
from typing import Any

SCHEME = re.compile(r"[A-Za-z][\w+.-]+:(?!\\)")  # of hf:org/name or a URL; a drive's name is a single letter
HOME = re.compile(r"(?:[A-Za-z]:)?[/\\](?:home|Users)[/\\][^/\\]+[/\\]?")  # whose last name is that of a person
ABSOLUTE = re.compile(r"(?<![\w\])}>:/.~+-])(?:[A-Za-z]:\\|~[/\\]|/[^\s/'\"`<>|]+/)[^\s'\"`<>|,;)]*")  # within a text
WORDS_OF_SHELL = ("features=", "measures=")  # with which a protocol begins that is not prose


def portable(config: dict[str, Any]) -> dict[str, Any]:
    """The content of a config.json with the last names of paths in their place.

    Strings below ``training`` and ``config`` may be paths as a whole, whatever the option; elsewhere those and all
    absolute ones are replaced where they occur. Names of classes and words stay.
    """
    places = places_of(config)
    kept = {"data": config["data"] | {key: without_places(value, places) for key, value in config["data"].items()
                                      if key not in ("class_names", "known", "captions", "unseen")}}
    cleaned = {key: last_names(value) if key in ("training", "config") else without_places(value, places)
               for key, value in config.items() if key not in ("data", "command")}
    if "command" in config:
        kept["command"] = command_without_places(config["command"], places)
    if config.get("training", {}).get("data_dir"):
        cleaned["training"]["data_dir"] = None  # nobody else has that folder
    return {key: kept.get(key, cleaned.get(key)) for key in config}


def portable_metrics(metrics: dict[str, dict[str, Any]], config: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Numbers with protocols that name no place."""
    places = places_of(config)
    return {name: metric | {"protocol": _protocol(metric["protocol"], places)} for name, metric in metrics.items()}


def _protocol(line: str, places: list[str]) -> str:
    is_words = line.startswith(WORDS_OF_SHELL)
    return command_without_places(line, places) if is_words else without_places(line, places)


def command_without_places(line: Any, places: list[str]) -> Any:
    """A line of shell words with the last names of paths, also of those behind a ``=``."""
    try:
        words = shlex.split(line) if isinstance(line, str) else []  # of None it would wait for standard input
    except ValueError:  # an open quote
        words = []
    program = next((i for i, word in enumerate(words) if word.startswith("-") or "=" in word), len(words))
    cleaned = [*words[:program], *map(_word, words[program:])]  # scripts/train.py is no place of the maker's alone
    if cleaned == words:
        return without_places(line, places)
    return without_places(" ".join(map(_quoted, cleaned)), places)


def _word(word: str) -> str:
    key, equals, value = word.rpartition("=")
    return f"{key}{equals}{last_name(value)}"


def _quoted(word: str) -> str:
    """So that the key of a protocol stays outside of the quotes."""
    key, equals, value = word.partition("=")
    return f"{shlex.quote(key)}={shlex.quote(value)}" if equals else shlex.quote(word)


def without_places(value: Any, places: list[str]) -> Any:
    """A value whose strings, at any depth, have last names in the place of paths."""
    if isinstance(value, dict):
        return {key: without_places(part, places) for key, part in value.items()}
    if isinstance(value, list):
        return [without_places(part, places) for part in value]
    if not isinstance(value, str):
        return value
    for place in places:
        value = re.sub(rf"(?<![\w/]){re.escape(place)}(?![\w-])", lambda found: last_name(found[0]), value)
    return ABSOLUTE.sub(lambda found: last_name(found[0]), value)


def places_of(config: dict[str, Any]) -> list[str]:
    """The paths that the options of a configuration hold, and the home folder, the longest first."""
    found = {str(Path.home())} | {text for part in ("training", "config") for text in _strings(config.get(part))
                                  if is_path(text)}
    return sorted((place for place in found if len(place) > 1), key=len, reverse=True)


def _strings(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
    return [text for part in parts for text in _strings(part)]


def last_names(value: Any) -> Any:
    """A value whose strings, at any depth, are last names where they are paths."""
    if isinstance(value, dict):
        return {key: last_names(part) for key, part in value.items()}
    if isinstance(value, list):
        return [last_names(part) for part in value]
    return last_name(value) if isinstance(value, str) else value


def last_name(text: str) -> str:
    """That of a path of any system; another text as it is. A home folder is ``~``."""
    if not is_path(text):
        return text
    if HOME.fullmatch(text) or text.rstrip("/\\") == str(Path.home()):
        return "~"
    return PureWindowsPath(text).name or "."  # knows either separator


def is_path(text: str) -> bool:
    """Whether a string may be a path: it has a separator, and is neither a URL nor a data set of the Hub."""
    return ("/" in text or "\\" in text) and not SCHEME.match(text)
