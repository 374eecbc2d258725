"""CaptionedSampler: pictures from latents and a caption, learnt from pictures with captions."""

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor

from zoo.core.errors import UsageError
from zoo.data.batches import Captioned
from zoo.data.saying import said_of
from zoo.data.text_spec import CaptionSpec
from zoo.data.tokens import plain
from zoo.networks.captions import ByCaption
from zoo.tasks import sampling_views, showcase
from zoo.tasks.asking import View
from zoo.tasks.drawing import MARGIN, table
from zoo.tasks.sampler import Sampler
from zoo.tasks.task import PASS, Inputs

if TYPE_CHECKING:
    from PIL import Image

ROWS, COLUMNS = 8, 8  # of a sheet: captions and seeds
Captions = str | Iterable[str] | None


class CaptionedSampler(Sampler):
    """A sampler that is told by a sentence what to make.

    A subclass writes its losses and builds a generator that ``generate`` calls with latents and captions, (N, T) int64.
    """

    Condition = ByCaption
    data: CaptionSpec
    data_kind = "captions"
    spec_kinds: ClassVar[tuple[str, ...]] = ("captions",)
    hub_tag = "text-to-image"
    kind = "text to image"

    @classmethod
    def spec(cls, image_size: int = 32, channels: int = 1, classes: int = 0,
             captions: Iterable[str] = ("a cat", "a dog")) -> CaptionSpec:
        names = [str(label) for label in range(classes)]
        given = [said_of(name, "a picture")[0] for name in names] or list(captions)
        words = list(dict.fromkeys(word for caption in given for word in plain(caption).split()))
        return CaptionSpec(name="unnamed", image_size=image_size, channels=channels, class_names=names, captions=given,
                           known=" ".join(words), length=max(len(plain(caption).split()) for caption in given))

    # ---- asked by a user --------------------------------------------------------------------------------------

    def sample(self, n: int, captions: Captions = None, seed: int | None = None,  # type: ignore[override]  # a text
               truncation: float | None = None, batch_size: int = PASS, ema: bool = True) -> Tensor:
        """Generates images.

        Args:
            n: how many.
            captions: what they are to show: one text for all or one an image, of words that the training data have.
            seed, truncation, batch_size, ema: as for other samplers.

        Returns:
            (n, C, H, W) in [0, 1] on the CPU.

        Raises:
            UsageError: captions missing, too few or many, empty, too long, or of unknown words, with the near ones.
        """
        with self.truncating(truncation) as within:
            return self.render(self.normals(n, seed, within), captions, batch_size, ema)

    # ---- the contract of a task -------------------------------------------------------------------------------

    def as_batch(self, given: Any) -> Captioned:  # type: ignore[override]  # another kind of data
        if isinstance(given, Captioned):
            return given
        raise UsageError(f"{self.variant} is trained on images with captions: a loader gives "
                         "zoo.data.batches.Captioned(images, captions, labels)")

    def prepare(self, batch: Captioned) -> Captioned:
        return super().prepare(batch._replace(captions=batch.captions.long()))

    def inputs(self, n: int, seed: int | None = None,
               examples: Captioned | None = None) -> Inputs:  # type: ignore[override]
        """Normals and the first captions of the examples in turn, else those that the data name in turn."""
        told = self.data.read_captions(self.data.captions, len(self.data.captions)) if examples is None else (
            examples.captions[:, 0].cpu().long())
        return {"normal": self.normals(n, seed), "caption": told[torch.arange(n, device="cpu") % len(told)]}

    def answer(self, normal: Tensor, caption: Tensor) -> Tensor:  # type: ignore[override]  # in place of a label
        return self.data.to_unit(self.generate(self.prior(normal), caption))

    def views(self) -> list[View]:
        return sampling_views.views(self, sampling_views.SayingCaption(self.data.captions[0]))

    def asked(self, places: int) -> list[str]:
        """Some of the captions that the data name, evenly spaced."""
        known = self.data.captions
        return [known[place * len(known) // places] for place in range(places)]

    def sheet(self, examples: Captioned | None = None) -> "Image.Image":  # type: ignore[override]
        """A row a caption, a column a seed."""
        normal = torch.cat([self.normals(1, seed) for seed in range(COLUMNS)])
        captions = self.asked(ROWS)
        return table([self.render(normal, caption) for caption in captions], captions)

    @property
    def sheet_row(self) -> int:
        return MARGIN + self.data.image_size * (1 if self.data.image_size >= 64 else 2)

    def pictures(self) -> "dict[str, Image.Image]":
        return {"interpolation.png": showcase.interpolation(self, self.asked(ROWS))}

    def captions(self) -> dict[str, tuple[str, str]]:
        return {"samples.png": ("samples", "Samples, not picked: a row a caption, and in column k `seed=k`."),
                "interpolation.png": ("interpolation", "On great circles between random latents, a row a caption: "
                                      "`zoo.interpolate(model, 8, 8, captions, seed=0)`.")}

    def usage(self, name: str) -> str:
        shape = ", ".join(map(str, (8, *self.data.shape)))
        return (f'images = zoo.load("{name}").sample(8, captions="{self.data.captions[0]}", seed=0)  # ({shape}) '
                "in [0, 1]")

    def limits(self) -> str:
        data, words = self.data, self.data.text.words
        unseen = (f" These {len(data.unseen)} combinations were held out of training: {'; '.join(data.unseen)}."
                  if data.unseen else "")
        return (f"It knows {data.image_size} px images of the kind of {data.name} and {len(words):,} words of their "
                f"captions, such as {', '.join(words[:30])}; it knows no others, and has the biases of that set."
                + unseen)

    def facts(self) -> dict[str, str]:
        return super().facts() | {"words": json.dumps(self.data.text.words, ensure_ascii=False), "ends_with": "0"}

    @property
    def measures(self) -> tuple[str, ...]:
        return (*super().measures, *(("combinations",) if self.data.class_names else ()))

    @property
    def told_apart(self) -> list[str]:
        return self.data.class_names

    # ---- for losses -------------------------------------------------------------------------------------------

    def one_each(self, captions: Tensor) -> Tensor:
        """One of the captions (n, K, T) of each image, all as likely: (n, T)."""
        n, count, _ = captions.shape
        which = (self.draw(torch.rand, n) * count).long()
        return captions[torch.arange(n, device=captions.device), which]
