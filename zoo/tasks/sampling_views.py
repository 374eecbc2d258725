"""What can be asked of a model of latents in a page: samples, what moves them, what lies between two, and the like of a
picture."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from zoo.core.errors import UsageError
from zoo.data.labels import heads_of
from zoo.tasks.asking import LARGEST_SEED, SEED, Control, Made, Values, View, shown, wanted
from zoo.tasks.attributes import Attribute, attribute, attributes, names_of_attributes
from zoo.tasks.directions import MOST_DIMENSIONS, WAYS, directions
from zoo.tasks.inversion import invert
from zoo.tasks.latent_model import LatentModel
from zoo.tasks.latents import between
from zoo.tasks.walks import traverse

if TYPE_CHECKING:
    from PIL import Image

MOST = 24  # pictures at once
STARTS = 16  # random latents that a search begins with the nearest of
REACH = 8.0  # of these
MORE = 4.0  # standard deviations to both sides, of an attribute
ON_THE_WAY = 7  # pictures between two, with both
ANY = "any"
FIRST_SEED = SEED._replace(label="first seed")
FARTHEST = 3.0  # truncation of normals that is taken for none


class Saying:
    """How a model is told what to make, besides latents: nothing is said.

    Attributes:
        controls: by which it is said.
    """

    controls: tuple[Control, ...] = ()

    def label(self, values: Values, number: int) -> str:
        """What the picture of a number is told; "" for nothing."""
        return ""


class SayingClass(Saying):
    """A choice for each head of the classes, any that fits where nothing is chosen."""

    def __init__(self, class_names: list[str]) -> None:
        self.names, self.heads = class_names, heads_of(class_names)
        self.controls = tuple(Control(f"class_{head}", head, "choice", ANY, choices=(ANY, *names))
                              for head, names in self.heads.items())

    def label(self, values: Values, number: int) -> str:
        """The class that is asked for, or of all that fit in turn."""
        asked = [values[f"class_{head}"] for head in self.heads]
        names = [name for name in self.names if all(
            part in (ANY, own) for part, own in zip(asked, name.split(", ") if len(asked) > 1 else [name],
                                                    strict=True))]
        if not names:
            raise UsageError(f"the data have no {', '.join(part for part in asked if part != ANY)} together")
        return names[number % len(names)]


class SayingCaption(Saying):
    """A sentence, the same for all pictures."""

    def __init__(self, example: str) -> None:
        self.controls = (Control("caption", "what it is to show", "text", example),)

    def label(self, values: Values, number: int) -> str:
        return values["caption"]


def views(model: LatentModel, saying: Saying) -> list[View]:
    """Of any model that makes pictures from latents; of one of points a picture of many."""
    asker = _Asker(model, saying)
    if not model.data.bounded:
        return [View("points", "Points", (FIRST_SEED, asker.truncation), asker.points)]
    found = [View("samples", "Samples", (
        FIRST_SEED, Control("count", "pictures", "slider", 12, minimum=1, maximum=MOST), *asker.classes,
        asker.truncation, *asker.sliders), asker.samples)]
    found.append(View("between", "Between two", (
        Control("start", "from seed", "number", 0, maximum=LARGEST_SEED),
        Control("end", "to seed", "number", 1, maximum=LARGEST_SEED),
        Control("way", "how far", "slider", 0.5, maximum=1, step=0.01), *asker.classes, asker.truncation),
        asker.between))
    if not model.needs() and (names := names_of_attributes(model)):
        found.append(View("more", "More of", (
            FIRST_SEED, Control("attribute", "more of", "choice", names[0], choices=tuple(names))), asker.more,
            slow=True))
    if model.in_steps():
        found.append(View("stages", "On the way", (FIRST_SEED, *asker.classes), asker.stages))
    if type(model).code is not LatentModel.code:
        blank = "#000000"  # as the digits, which alone have such models
        found.append(View("reconstruct", "Reconstruct", (
            Control("picture", "picture", "picture", blank=blank), *asker.classes), asker.reconstruction))
    if model.latent_size <= MOST_DIMENSIONS:
        found.append(View("find", "Find a picture", (
            Control("picture", "picture", "picture", blank="#ffffff"), *asker.classes,
            Control("steps", "steps", "slider", 60, minimum=1, maximum=200)), asker.found, slow=True))
    return found


def ways(model: LatentModel) -> Tensor:
    """The strongest directions, a row each; none where there are none in closed form, or latents are too large."""
    if model.latent_size <= MOST_DIMENSIONS:
        with suppress(UsageError):  # there are none in closed form
            return directions(model, min(WAYS, model.latent_size)).vectors
    return torch.empty(0)


class _Asker:
    """Answers for one model.

    Attributes:
        label: what a picture is told.
        classes: controls of that.
        truncation: its control, at whose end there is none.
        sliders: controls of what is added to latents.
    """

    def __init__(self, model: LatentModel, saying: Saying) -> None:
        self.model, self.label, self.classes = model, saying.label, saying.controls
        most = min(model.untruncated, FARTHEST)
        self.truncation = Control("truncation", f"truncation ({most:g}: none)", "slider", most, minimum=0.1,
                                  maximum=most, step=0.1)
        self.ways = ways(model)
        self.sliders = tuple(self._sliders()) if model.data.bounded else ()

    def _sliders(self) -> list[Control]:
        model = self.model
        found = [Control(f"way_{i}", f"direction {i + 1}", "slider", 0.0, minimum=-REACH, maximum=REACH, step=0.1)
                 for i in range(len(self.ways))]
        found += [Control("dimension", f"dimension, 0 to {model.latent_size - 1}", "number", 0,
                          maximum=model.latent_size - 1),
                  Control("by", "that dimension moved by", "slider", 0.0, minimum=-REACH, maximum=REACH, step=0.1)]
        found += [Control(f"code_{name}", f"{name} (0: as drawn)", "slider", 0, maximum=way.shape[1])
                  for name, way in model.code_walks(model.normals(1, 0)).items()]
        return found

    def samples(self, values: Values) -> list[Made]:
        """A picture a seed, each latent moved by the sliders."""
        normals, lines, labels, seeds = [], [], [], []
        with self._truncating(values) as (within, first):
            for number in range(int(values["count"])):
                seed = values["seed"] + number
                normal, line = self._moved(seed, within, values)
                normals.append(normal)
                lines.append(line)
                labels.append(self.label(values, number))
                seeds.append(seed)
            images = self.model.render(torch.cat(normals), labels if self.classes else None)
        return [Made(f"{first}image = model.render({line}{_labels(label)})", shown(image),
                     caption=_caption(seed, label), picks={"between": {"start": seed, "end": seed}})
                for image, line, label, seed in zip(images, lines, labels, seeds, strict=True)]

    @contextmanager
    def _truncating(self, values: Values) -> Iterator[tuple[float | None, str]]:
        """Meanwhile the model truncates as is asked. Gives what normals are kept within, and how the Python begins."""
        asked = self._truncation(values)
        with self.model.truncating(asked) as within:
            yield within, "" if within == asked else f"with model.truncating({asked:g}): "

    def _truncation(self, values: Values) -> float | None:
        """None where there is to be none."""
        return values["truncation"] if values["truncation"] < self.truncation.maximum else None

    def _moved(self, seed: int, within: float | None, values: Values) -> tuple[Tensor, str]:
        """A latent's normals (1, latent_size), and the Python for them."""
        model = self.model
        normal, line = self._normal(seed, within)
        for name, way in model.code_walks(normal).items():
            if position := int(values[f"code_{name}"]):
                normal, line = way[:, position - 1], f"model.code_walks({line})[{name!r}][:, {position - 1}]"
        for i, direction in enumerate(self.ways):
            if step := values[f"way_{i}"]:
                normal = normal + step * direction
                line += f" + {step:g} * zoo.directions(model).vectors[{i}]"
        if step := values["by"]:
            k = values["dimension"]
            normal = normal + step * torch.eye(model.latent_size)[k]
            line += f" + {step:g} * torch.eye(model.latent_size)[{k}]"
        return normal, line

    def _normal(self, seed: int, within: float | None) -> tuple[Tensor, str]:
        return self.model.normals(1, seed, within), f"model.normals(1, {_told(seed, within)})"

    def between(self, values: Values) -> list[Made]:
        """The picture that far on the way, then the whole way."""
        steps = [values["way"], *torch.linspace(0, 1, ON_THE_WAY).double().round(decimals=3).tolist()]
        label = self.label(values, 0)
        with self._truncating(values) as (within, first):
            (start, one), (end, other) = (self._normal(values[name], within) for name in ("start", "end"))
            images = self.model.render(torch.cat([between(start, end, t) for t in steps]),
                                       [label] * len(steps) if self.classes else None)
        return [Made(f"{first}image = model.render(zoo.between({one}, {other}, {t:g}){_labels(label)})", shown(image),
                     caption=f"{t:.0%}") for image, t in zip(images, steps, strict=True)]

    @cached_property
    def attributes(self) -> dict[str, Attribute]:
        return attributes(self.model)

    def more(self, values: Values, told: Callable[[float], None]) -> list[Made]:
        """A picture with less and with more of it; the first time takes as long as it takes to look for all."""
        name, seed = values["attribute"], values["seed"]
        found = self.attributes.get(name) or attribute(self.model, name)  # which says why there is none
        images = traverse(self.model, found.vector, -MORE, MORE, ON_THE_WAY, 1, seed=seed)[0]
        line = f"zoo.traverse(model, {name!r}, -{MORE:g}, {MORE:g}, {ON_THE_WAY}, rows=1, seed={seed})"
        places = [round(place, 1) + 0.0 for place in torch.linspace(-MORE, MORE, ON_THE_WAY).tolist()]
        return [Made(f"image = {line}[:, {k}]", shown(image), caption=f"{place:+.1f}")
                for k, (image, place) in enumerate(zip(images, places, strict=True))]

    def stages(self, values: Values) -> list[Made]:
        seed, label = values["seed"], self.label(values, 0)
        found = self.model.stages(self.model.normals(1, seed), label or None)
        return [Made(f"image = model.stages(model.normals(1, seed={seed}){_labels(label)})[{name!r}]", shown(images[0]),
                     caption=name) for name, images in found.items()]

    def reconstruction(self, values: Values) -> list[Made]:
        """The picture as the model sees it, and out of its code."""
        label, seen, said = self.label(values, 0), self._seen(values), self._said()
        return [Made(picture=shown(seen[0]), caption="given"),
                Made(f'image = model.reconstruct("picture.png"{_labels(label)}){said}',
                     shown(self.model.reconstruct(seen, label or None)[0]), caption="reconstructed")]

    def found(self, values: Values, told: Callable[[float], None]) -> list[Made]:
        """The picture, and the nearest to it that latents were found of."""
        label, seen, steps = self.label(values, 0), self._seen(values), int(values["steps"])
        found = invert(self.model, seen, label or None, steps, starts=STARTS, progress=told)
        line = (f'image = zoo.invert(model, "picture.png"{_labels(label)}, steps={steps}, starts={STARTS}).images'
                f"{self._said()}")
        return [Made(picture=shown(seen[0]), caption="given"),
                Made(line, shown(found.images[0]), caption=f"found: squared error {found.error[0]:.4f}, of random "
                     f"pictures {found.random[0]:.4f}")]

    def _seen(self, values: Values) -> Tensor:
        from PIL import ImageOps

        size = self.model.data.image_size
        return self.model.data.read(ImageOps.fit(wanted(values["picture"]), (size, size)))

    def _said(self) -> str:
        size = self.model.data.image_size
        return f"  # of {size}x{size} pixels"

    def points(self, values: Values) -> list[Made]:
        seed, truncation = values["seed"], self._truncation(values)
        points = self.model.sample(10_000, seed=seed, truncation=truncation)
        return [Made(f"points = model.sample(10_000, {_told(seed, truncation)})", self._drawn(points),
                     caption="10,000 points")]

    def _drawn(self, points: Tensor) -> "Image.Image":
        from zoo.tasks.showcase import picture

        return picture(self.model, points, 1)


def _told(seed: int, truncation: float | None) -> str:
    return f"seed={seed}" + ("" if truncation is None else f", truncation={truncation:g}")


def _labels(label: str) -> str:
    return f", labels={label!r}" if label else ""


def _caption(seed: int, label: str) -> str:
    return f"{label}, seed {seed}" if label else f"seed {seed}"
