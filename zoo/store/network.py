"""What can go wrong between here and the Hugging Face Hub, in words, and how long one waits for it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

PATIENCE = 60.0  # seconds for which a server may be silent: a commit of many files takes some
PHASES = ("connect", "read", "write", "pool")
BUSY = (408, 429, 500, 502, 503, 504)  # which the client asks again after


@contextmanager
def limited() -> Iterator[None]:
    """Meanwhile no request waits for ever: the client has no limit of its own while it publishes."""
    from huggingface_hub import get_session

    client = get_session()
    hooks = getattr(client, "event_hooks", None)
    if hooks is None:  # a client of before huggingface_hub 1.0
        yield
        return
    client.event_hooks = {**hooks, "request": [*hooks["request"], _limit]}
    try:
        yield
    finally:
        client.event_hooks = hooks


def _limit(request: Any) -> None:
    """Gives a request the limits that it has not, even where it says that there are none."""
    given = request.extensions.get("timeout", {})
    request.extensions["timeout"] = {phase: given.get(phase) or PATIENCE for phase in PHASES}


def chain(error: BaseException) -> list[BaseException]:
    """An error and those behind it."""
    found: list[BaseException] = []
    at: BaseException | None = error
    while at is not None and at not in found:
        found.append(at)
        at = at.__cause__ or at.__context__
    return found


def status(error: BaseException) -> int | None:
    """With which the Hub refused, or None where it was something else."""
    codes = (getattr(getattr(one, "response", None), "status_code", None) for one in chain(error))
    return next((code for code in codes if isinstance(code, int) and code >= 400), None)


def cause(error: BaseException) -> str:
    """What an error of huggingface_hub, or of the libraries below it, comes from."""
    from huggingface_hub.errors import OfflineModeIsEnabled

    behind, code = chain(error), status(error)
    if code is not None:
        said = next((text for one in behind if (text := getattr(one, "server_message", None))), "")
        return f"the Hub answers {code} {_phrase(code)}" + (f" ({' '.join(str(said).split())})" if said else "")
    if any(isinstance(one, OfflineModeIsEnabled) for one in behind):
        return "HF_HUB_OFFLINE is set"
    if any("Timeout" in type(one).__name__ for one in behind):
        return "the Hub cannot be reached: it does not answer in time"
    if any(isinstance(one, json.JSONDecodeError) for one in behind):
        return ("what answers is no Hub, since it sends no JSON: perhaps the login page of a network, or another "
                "server in HF_ENDPOINT")
    last = next((str(one) for one in reversed(behind) if str(one)), "") or type(error).__name__
    return f"the Hub cannot be reached: {last}" if any(map(_of_network, behind)) else last


def _phrase(code: int) -> str:
    try:
        return HTTPStatus(code).phrase
    except ValueError:
        return "of no known meaning"


def _of_network(error: BaseException) -> bool:
    """Whether it comes from a library for the network, whichever huggingface_hub takes, or from a socket."""
    library = type(error).__module__.partition(".")[0]
    return library.startswith(("http", "requests", "urllib3", "socket", "ssl")) and library != "huggingface_hub" or (
        isinstance(error, ConnectionError))
