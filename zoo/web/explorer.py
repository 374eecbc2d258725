"""The explorer's server: models that are asked by the views that their tasks say."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool
from starlette.routing import Route

from zoo.cards.card import captions_of, pictures_in, render_card
from zoo.cards.headings import TASKS
from zoo.core.errors import UsageError
from zoo.store.catalogue import pretrained
from zoo.store.golden import read_golden
from zoo.store.layout import headline, read_config, read_metrics
from zoo.store.loading import find, load
from zoo.tasks.asking import Made, View, nobody, shown
from zoo.tasks.task import Task
from zoo.web.pictures import LARGEST, Pictures, as_address, opened
from zoo.web.serving import answer, application, body, page, shares, values

if TYPE_CHECKING:
    from PIL import Image
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

COLOURS, ALIKE = 24, 24  # of a palette, at most, and levels within which two are one


class Shelf:
    """Models by name, each loaded when it is first looked at.

    Args:
        names: as ``zoo.load`` takes them; none: all that come with the package or are in the catalogue.

    Raises:
        UsageError: there is no such model.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.models = {name: Shown(name) for name in names or [entry.name for entry in pretrained()]}
        for name in names:
            find(name)

    def find(self, name: str) -> "Shown":
        """Raises UsageError for another model than those."""
        try:
            return self.models[name]
        except KeyError:
            raise UsageError(f"this page does not show {name}") from None


class Shown:
    """A model as a page has it; one question is answered at a time."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._lock = threading.Lock()

    @cached_property
    def folder(self) -> Path:
        return find(self.name)

    @cached_property
    def model(self) -> Task:
        return load(self.name)

    @cached_property
    def views(self) -> dict[str, View]:
        return {view.name: view for view in self.model.views()}

    def summary(self) -> dict[str, Any]:
        """For the list of models, out of its files alone."""
        config = read_config(self.folder)
        task = config.get("task", "sample")
        heading = TASKS[task].title if task in TASKS else task
        return {"name": self.name, "variant": config["variant"], "task": task, "heading": heading,
                "data": config["data"].get("name", ""), "headline": headline(read_metrics(self.folder))}

    def description(self, pictures: Pictures) -> dict[str, Any]:
        """Its views, its numbers, and examples of what it is given."""
        with self._lock:
            views = [{"name": view.name, "label": view.label, "slow": view.slow,
                      "controls": [control._asdict() for control in view.controls]} for view in self.views.values()]
            examples = self._examples()
        metrics = read_metrics(self.folder)
        card = render_card(self.folder, self.name).partition("\n---\n")[2].strip()
        return {**self.summary(), "views": views, "usage": self.model.usage(self.name), "limits": self.model.limits(),
                "metrics": [{"name": name, **metric} for name, metric in metrics.items()],
                "card": card, "pictures": self._pictures(),
                "examples": [{"name": pictures.keep(example), "src": as_address(example)} for example in examples],
                "palette": _palette(examples)}

    def _examples(self) -> "list[Image.Image]":
        """Pictures that it was given when it was saved."""
        try:
            inputs, _ = read_golden(self.model, self.folder)
        except UsageError:  # none, as of a model that was saved by hand
            return []
        given = inputs.get("source")
        return [] if given is None or given.shape[1] not in (1, 3) else [shown(x).convert("RGB") for x in given]

    def _pictures(self) -> list[dict[str, str]]:
        """Those of its card, such as what it made on the way through training; one that is damaged is left out."""
        captions, found = captions_of(self.model), []
        for name in pictures_in(self.folder, self.model):
            if not name.endswith(".png"):  # sentences stand in the card's text
                continue
            with suppress(UsageError):
                picture = opened((self.folder / name).read_bytes())
                word, caption = captions[name]
                found.append({"src": as_address(picture), "word": word, "caption": caption})
        return found

    def is_slow(self, name: str) -> bool:
        with self._lock:
            return name in self.views and self.views[name].slow

    def ask(self, name: str, said: Mapping[str, Any], pictures: Pictures,
            told: Callable[[float], None] = nobody) -> dict[str, Any]:
        """The answer of a view. Raises UsageError for another view, or values that do not fit."""
        with self._lock:
            if name not in self.views:
                raise UsageError(f"{self.name} is asked {' or '.join(self.views)}, not {name}")
            view = self.views[name]
            given = {control.name for control in view.controls if control.kind == "picture"}
            began = time.perf_counter()
            made = view.ask({key: pictures.find(value) if key in given and value is not None else value
                             for key, value in said.items()}, told)
            return {"made": [self._plain(one) for one in made], "seconds": time.perf_counter() - began}

    def _plain(self, made: Made) -> dict[str, Any]:
        line = f"model = zoo.load({self.name!r})\n{made.line}" if made.line else ""
        return {"line": line, "text": made.text, "caption": made.caption, "picks": dict(made.picks),
                "src": as_address(made.picture) if made.picture else "",
                "width": made.picture.width if made.picture else 0}


def _palette(examples: "list[Image.Image]") -> list[str]:
    """The most frequent colours of pictures, the first of all first: what to draw others with."""
    if not examples:
        return []
    from PIL import Image

    width, height = examples[0].size
    strip = Image.new("RGB", (width * len(examples), height))
    for i, example in enumerate(examples):
        strip.paste(example, (i * width, 0))
    flat = strip.quantize(COLOURS)
    colours, table = flat.getcolors() or [], flat.getpalette() or []
    found: list[list[int]] = []
    for _, k in sorted(colours, reverse=True):
        assert isinstance(k, int)  # of a picture with a palette
        colour = table[3 * k:3 * k + 3]
        if all(max(abs(a - b) for a, b in zip(colour, other, strict=True)) > ALIKE for other in found):
            found.append(colour)
    return ["#{:02x}{:02x}{:02x}".format(*colour) for colour in found]


def explorer(names: Sequence[str], host: str = "127.0.0.1") -> "Starlette":
    """The server of these models; see ``Shelf``."""
    shelf, pictures = Shelf(names), Pictures()

    async def models(request: "Request") -> "Response":
        return answer([one.summary() for one in await run_in_threadpool(list, shelf.models.values())])

    async def describe(request: "Request") -> "Response":
        one = shelf.find(request.path_params["name"])
        return answer(await run_in_threadpool(one.description, pictures))

    async def ask(request: "Request") -> "Response":
        said = await values(request)
        name = said.get("model")
        one = shelf.find(name if isinstance(name, str) else "")
        view, asked = request.path_params["view"], said.get("values", {})
        if await run_in_threadpool(one.is_slow, view):
            return shares(lambda told: one.ask(view, asked, pictures, told))
        return answer(await run_in_threadpool(one.ask, view, asked, pictures))

    async def keep(request: "Request") -> "Response":
        picture = await run_in_threadpool(opened, await body(request, LARGEST))
        return answer({"name": pictures.keep(picture), "width": picture.width, "height": picture.height,
                       "src": as_address(picture)})

    return application([
        Route("/", page("explore.html")),
        Route("/api/models", models),
        Route("/api/models/{name:path}", describe),
        Route("/api/ask/{view}", ask, methods=["POST"]),
        Route("/api/pictures", keep, methods=["POST"])], host)
