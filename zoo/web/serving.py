"""What both pages share: a server for this machine, answers in JSON, and sentences for what goes wrong."""

import asyncio
import ipaddress
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from zoo.core.errors import UsageError

if TYPE_CHECKING:
    import uvicorn
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import BaseRoute

PAGES = Path(__file__).parent / "pages"
LARGEST = 2**20  # bytes of what a page sends, where nothing else is said
HEADERS = {  # a page takes nothing from elsewhere, and stands in no other
    "content-security-policy": "default-src 'self'; img-src 'self' data: blob:; script-src 'self' 'wasm-unsafe-eval'; "
                               "connect-src 'self' data:; frame-ancestors 'self' https://huggingface.co",
    "x-content-type-options": "nosniff", "referrer-policy": "no-referrer", "cache-control": "no-store"}
Handler = Callable[["Request"], Awaitable["Response"]]


def check_installed() -> None:
    """Raises UsageError where the extra that the pages need is missing."""
    missing = [name for name in ("starlette", "uvicorn") if find_spec(name) is None]
    if missing:
        raise UsageError(f"pages in the browser need {' and '.join(missing)}: pip install 'gan-zoo[web]'")


def application(routes: Sequence["BaseRoute"], host: str = "127.0.0.1") -> "Starlette":
    """A server of these routes and of the files of ``pages``.

    A UsageError becomes a sentence with status 400. On a loopback address it answers to that address alone, so that no
    page from elsewhere gets at it under a name of its own, and a page from elsewhere cannot send anything either.
    """
    from starlette.applications import Starlette
    from starlette.middleware import Middleware
    from starlette.middleware.trustedhost import TrustedHostMiddleware
    from starlette.routing import Mount
    from starlette.staticfiles import StaticFiles

    allowed = ["127.0.0.1", "localhost", "[::1]", host] if is_loopback(host) else ["*"]
    return Starlette(routes=[*routes, Mount("/pages", StaticFiles(directory=PAGES))],
                     middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=allowed), Middleware(Guarded)],
                     exception_handlers={UsageError: _refused})


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Guarded:
    """Adds HEADERS, and refuses what a page of another origin sends."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        from starlette.datastructures import Headers, MutableHeaders

        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        origin = headers.get("origin")
        if origin is not None and urlsplit(origin).netloc != headers.get("host"):
            await answer({"error": "this server answers to its own page alone"}, 403)(scope, receive, send)
            return

        async def sending(message: Any) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        await self.app(scope, receive, sending)


async def _refused(request: "Request", error: Exception) -> "Response":
    return answer({"error": str(error)}, 400)


def answer(value: Any, status: int = 200) -> "Response":
    from starlette.responses import Response

    return Response(json.dumps(value, ensure_ascii=False), status, media_type="application/json")


def page(name: str) -> Handler:
    """Answers with a file of ``pages``."""
    async def handler(request: "Request") -> "Response":
        from starlette.responses import FileResponse

        return FileResponse(PAGES / name)

    return handler


async def body(request: "Request", largest: int = LARGEST) -> bytes:
    """What was sent. Raises UsageError for more bytes than ``largest``, before they are in memory."""
    found = bytearray()
    async for part in request.stream():
        found += part
        if len(found) > largest:
            raise UsageError(f"what was sent is larger than {largest / 2**20:g} MB: send less")
    return bytes(found)


async def values(request: "Request", largest: int = LARGEST) -> Mapping[str, Any]:
    """The JSON object that was sent. Raises UsageError for anything else."""
    sent = await body(request, largest)
    try:
        found = json.loads(sent)
    except (ValueError, RecursionError) as error:
        raise UsageError("what was sent is no JSON") from error
    if not isinstance(found, dict):
        raise UsageError("what was sent is no JSON object")
    return found


def events(app: "Starlette", newest: Callable[[], tuple[int, Any]], ended: Callable[[], bool],
           listening: Callable[[int], None], every: float = 0.01) -> "Response":
    """Server-sent events: the newest value whenever its number has changed, as long as somebody listens.

    Args:
        app: whose server ends them when it is to end.
        newest: its number and the value.
        ended: whether there will be no more.
        listening: is called with 1 when somebody begins to listen, and with -1 when that ends.
        every: seconds between looks.
    """
    from starlette.responses import StreamingResponse

    server = getattr(app.state, "server", None)

    async def stream() -> AsyncIterator[str]:
        sent = -1
        listening(1)
        try:
            while not (ended() or getattr(server, "should_exit", False)):
                number, value = newest()
                if number != sent:
                    sent = number
                    yield f"data: {json.dumps(value)}\n\n"
                await asyncio.sleep(every)
        finally:
            listening(-1)

    return StreamingResponse(stream(), media_type="text/event-stream")


def shares(work: Callable[[Callable[[float], None]], Any], every: float = 0.1) -> "Response":
    """Lines of JSON: now and then ``share`` of the work that is done, at last its ``answer``, or an ``error``.

    Args:
        work: is done in a thread, and tells what it is given the share; that ends it when nobody waits any more.
    """
    from starlette.concurrency import run_in_threadpool
    from starlette.responses import StreamingResponse

    done, left = 0.0, False

    def told(share: float) -> None:
        nonlocal done
        if left:
            raise UsageError("nobody waits for it any more")
        done = share

    async def stream() -> AsyncIterator[str]:
        nonlocal left
        task = asyncio.ensure_future(run_in_threadpool(work, told))
        task.add_done_callback(lambda task: task.cancelled() or task.exception())  # whether or not anybody waits
        try:
            while not (await asyncio.wait([task], timeout=every))[0]:
                yield json.dumps({"share": done}) + "\n"
            error = task.exception()
            if error is not None and not isinstance(error, UsageError):
                raise error
            yield json.dumps({"error": str(error)} if error else {"answer": task.result()}) + "\n"
        finally:
            left = True

    return StreamingResponse(stream(), media_type="application/x-ndjson")


def server_of(app: "Starlette", **how: Any) -> "uvicorn.Server":
    """A server that the app knows."""
    import uvicorn

    app.state.server = uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=3, **how))
    return app.state.server


def serve(app: "Starlette", host: str, port: int, said: str) -> None:
    """Serves until Ctrl-C. Raises UsageError where the port is taken."""
    import socket

    import torch

    torch.set_num_threads(1)  # people are answered side by side, and threads of one would wait for those of another

    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listening = socket.create_server((host, port), family=family)
    except OSError as error:
        raise UsageError(f"there can be no server at {host}, port {port}: {error}. Choose another --port") from error
    name, port = (f"[{host}]" if ":" in host else host), listening.getsockname()[1]
    print(f"{said}: http://{name}:{port}/ (Ctrl-C ends it)", flush=True)
    server_of(app).run([listening])
