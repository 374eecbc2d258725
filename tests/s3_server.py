"""An object storage on loopback, as far as shards need one: whole objects in, ranges out, by the S3 protocol."""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

BUCKET = "bucket"


class Storage:
    """Objects by key, in one bucket, and how well they are served.

    Attributes:
        ranges: that were asked for, by key.
        fails: called with the number of a request for a range, from 1: "" to answer, "cut" to end the connection in the
            middle of the body, or a status.
    """

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.ranges: list[tuple[str, int, int]] = []
        self.fails = lambda number: ""

    @contextmanager
    def served(self, port: int = 0) -> Iterator[int]:
        """Until the end; gives the port."""
        server = ThreadingHTTPServer(("127.0.0.1", port), type("Handler", (Handler,), {"storage": self}))
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            server.server_close()
            thread.join()


class Handler(BaseHTTPRequestHandler):
    storage: Storage
    protocol_version = "HTTP/1.1"

    def log_message(self, *words: object) -> None:
        """Nothing: a test's output is its own."""

    def key(self) -> str:
        return unquote(urlsplit(self.path).path).removeprefix(f"/{BUCKET}").strip("/")

    def send(self, status: int, content: bytes = b"", length: int | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(content) if length is None else length))
        self.send_header("ETag", '"none"')
        self.end_headers()
        self.wfile.write(content if self.command != "HEAD" else b"")

    def do_PUT(self) -> None:  # noqa: N802 - http.server names it
        self.storage.objects[self.key()] = self.rfile.read(int(self.headers["Content-Length"]))
        self.send(200)

    def do_HEAD(self) -> None:  # noqa: N802
        found = self.storage.objects.get(self.key())
        self.send(200 if found is not None or not self.key() else 404, length=len(found or b""))

    def do_GET(self) -> None:  # noqa: N802
        query = parse_qs(urlsplit(self.path).query)
        if "list-type" in query:
            prefix = query.get("prefix", [""])[0]
            found = "".join(f"<Contents><Key>{key}</Key><Size>{len(value)}</Size></Contents>"
                            for key, value in self.storage.objects.items() if key.startswith(prefix))
            self.send(200, f"<ListBucketResult><IsTruncated>false</IsTruncated>{found}</ListBucketResult>".encode())
            return
        content = self.storage.objects.get(self.key())
        if content is None:
            self.send(404, b"<Error><Code>NoSuchKey</Code></Error>")
            return
        asked = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        if asked is None:
            self.send(200, content)
            return
        start, end = int(asked[1]), int(asked[2]) + 1
        self.storage.ranges.append((self.key(), start, end))
        how = self.storage.fails(len(self.storage.ranges))
        part = content[start:end]
        if how == "cut":
            self.send(206, part[:len(part) // 2], length=len(part))
            self.close_connection = True
        elif how:
            self.send(int(how), b"<Error><Code>InternalError</Code></Error>")
        else:
            self.send(206, part)
