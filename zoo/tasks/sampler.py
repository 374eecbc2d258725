"""Sampler: pictures, or points, from latents, as a task."""

import json
import math
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor

from zoo.data.batches import Labelled
from zoo.data.image_spec import ImageSpec, PointSpec
from zoo.data.labels import in_words
from zoo.data.mixtures import MIXTURES
from zoo.tasks import sampling_views, showcase
from zoo.tasks.asking import View
from zoo.tasks.latent_model import LatentModel
from zoo.tasks.task import Inputs

if TYPE_CHECKING:
    from PIL import Image


class Sampler(LatentModel):
    """A model that is trained on images and sampled from.

    A subclass writes its losses and, if its prior or its generator's call is special, overrides ``prior`` or
    ``generate``; one that has an encoder writes ``code``: see ``LatentModel``.

    Raises:
        UsageError: a conditional variant on data without classes, or a size that the backbone cannot do.
    """

    task = "sample"
    asks: ClassVar[tuple[str, ...]] = ("sample", "render", "encode", "decode", "reconstruct")
    hub_tag = "unconditional-image-generation"
    data_kind = "images"
    spec_kinds: ClassVar[tuple[str, ...]] = ("images", "points")
    output = "image"
    kind = "unconditional"

    @classmethod
    def spec(cls, image_size: int = 32, channels: int = 1, classes: int = 0) -> ImageSpec | PointSpec:
        names = [str(label) for label in range(classes)]
        if image_size == 1:
            return PointSpec(name="unnamed", channels=channels, class_names=names)
        return ImageSpec(name="unnamed", image_size=image_size, channels=channels, class_names=names)

    def as_batch(self, given: Any) -> Labelled:
        return given if isinstance(given, Labelled) else Labelled(*given)

    def inputs(self, n: int, seed: int | None = None, examples: Labelled | None = None) -> Inputs:
        """Normals and, for a conditional model, the classes of the examples in turn, else all classes in turn."""
        classes = torch.arange(max(self.data.classes, 1), device="cpu") if examples is None else examples.labels.cpu()
        labels = classes[torch.arange(n, device="cpu") % len(classes)] if self.conditional else None
        return {"normal": self.normals(n, seed), **self.condition.numbers(labels, n)}

    def answer(self, normal: Tensor, label: Tensor | None = None) -> Tensor:
        return self.data.to_unit(self.generate(self.prior(normal), label))

    def picture(self, images: Tensor, columns: int) -> "Image.Image":
        """What ``sample`` or ``render`` gave, as one picture."""
        return showcase.picture(self, images, columns)

    def sheet(self, examples: Labelled | None = None) -> "Image.Image":
        return showcase.sheet(self)

    @property
    def sheet_row(self) -> int | None:
        return self.data.image_size + 2 if self.data.bounded else None

    def pictures(self) -> "dict[str, Image.Image]":
        return showcase.pictures(self) if self.data.bounded else {}

    def views(self) -> list[View]:
        names = self.data.class_names
        saying = sampling_views.SayingClass(names) if self.conditional else sampling_views.Saying()
        return sampling_views.views(self, saying)

    def offline(self) -> dict[str, Any]:
        return {"ways": sampling_views.ways(self).tolist(), "latent": True, "truncates": math.isinf(self.untruncated)}

    def captions(self) -> dict[str, tuple[str, str]]:
        return showcase.captions(self)

    def usage(self, name: str) -> str:
        label = f", labels={self.data.class_names[0]!r}" if self.conditional else ""
        unit = "in [0, 1]" if self.data.bounded else "coordinates"
        shape = ", ".join(map(str, (16, *self.data.shape)))
        return f'images = zoo.load("{name}").sample(16{label}, seed=0)  # ({shape}) {unit}'

    def limits(self) -> str:
        data = self.data
        return (f"It knows {data.image_size} px images of the kind of {data.name} and nothing else, with the biases of "
                f"that set. {in_words(data.class_names) if self.conditional else 'It takes no labels.'}")

    def facts(self) -> dict[str, str]:
        return {"latent_size": str(self.latent_size), "class_names": json.dumps(self.data.class_names)}

    @property
    def measures(self) -> tuple[str, ...]:
        if not self.data.bounded:
            return ("modes",) if self.data.name in MIXTURES else ("transport",)
        return ("frechet", "coverage", "collapse", "score", "kernel", "precision", "classes",
                *(("agreement",) if self.conditional else ()))

    @property
    def told_apart(self) -> list[str]:
        return self.data.class_names if self.conditional else []

    @property
    def quick_measures(self) -> tuple[str, ...]:
        return ("neighbours",) if self.conditional else ()
