"""A page in a real browser: Chromium without a screen, driven by playwright."""

import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from zoo.web.serving import server_of

# No sandbox, since tests may run as root; nothing goes out to the network.
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
         "--disable-sync", "--no-first-run"]
# Text on what is behind it, in the way of WCAG: (L1 + 0.05) / (L2 + 0.05) of relative luminances.
CONTRAST = """selector => {
  const light = colour => { const [r, g, b] = colour.match(/[\\d.]+/g).map(Number).map(v => v / 255).map(
    v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4); return .2126 * r + .7152 * g + .0722 * b; };
  const behind = e => { while (e) { const c = getComputedStyle(e).backgroundColor;
    if (!/, 0\\)$|transparent/.test(c)) return c; e = e.parentElement; } return "rgb(255, 255, 255)"; };
  return Math.min(...[...document.querySelectorAll(selector)].filter(e => e.offsetParent).map(e => {
    const [a, b] = [light(getComputedStyle(e).color), light(behind(e))];
    return (Math.max(a, b) + .05) / (Math.min(a, b) + .05); }));
}"""
TEXTS = "p, label, h1, h2, h3, button, input, select, textarea, figcaption, summary, a, td, th"
UNNAMED = """() => [...document.querySelectorAll("input, select, textarea, button, canvas")].filter(e => e.offsetParent)
  .filter(e => !(e.labels?.length || e.textContent.trim() || e.getAttribute("aria-label"))).map(e => e.outerHTML)"""


@contextmanager
def served(app) -> Iterator[str]:
    """The address of a server in a thread."""
    server = server_of(app, port=0)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        thread.join(0.02)
        assert thread.is_alive()
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/"
    finally:
        server.should_exit = True
        thread.join()


def waiting_for(page, words: str, seconds: float = 60) -> None:
    """Until an expression holds in a page; playwright's own way would break the page's content security policy."""
    end = time.monotonic() + seconds
    while not page.evaluate(words):
        assert time.monotonic() < end, words
        page.wait_for_timeout(30)


@contextmanager
def browser() -> Iterator:
    """Skips the test, with the reason, where there is no browser."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    where = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if where is None:
        pytest.skip("there is no Chromium on this machine: apt-get install chromium")
    with sync_api.sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=where, args=FLAGS)
        yield found
        found.close()


@contextmanager
def opened(chromium, address: str, **how) -> Iterator:
    """A page in a context of its own; whatever it complains of fails the test."""
    context = chromium.new_context(**how)
    page, said = context.new_page(), []
    page.set_default_timeout(20_000)
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("console", lambda message: said.append(message.text) if message.type == "error"
            and "status of 400" not in message.text else None)  # that is a sentence, which the page shows
    page.goto(address)
    yield page
    context.close()
    assert not said, said
