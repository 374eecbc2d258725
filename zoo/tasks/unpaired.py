"""UnpairedTranslator: pictures from pictures, learnt from two sets that are not paired; one way, or there and back."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import torch
from torch import Tensor

from zoo.core.config import option
from zoo.data.batches import Domains, Originals
from zoo.data.jitter import jittered
from zoo.data.pair_spec import DomainSpec
from zoo.data.pictures import Pictures, as_tensor
from zoo.networks.patchgan import PatchGAN, default_layers
from zoo.networks.translation import ResNetTranslator
from zoo.tasks.asking import View
from zoo.tasks.task import PASS, Task, WidthConfig
from zoo.tasks.translating_views import picture_view
from zoo.tasks.translator import SHOWN, Translator

if TYPE_CHECKING:
    from PIL import Image

LARGE = 256  # pixels from which generators have nine blocks


@dataclass(frozen=True, kw_only=True)
class UnpairedConfig(WidthConfig):
    """What every model of two unpaired sets can be told."""

    blocks: int | None = option(None, "residual blocks of the generators (default: 6, from 256 px on 9)", minimum=1,
                                maximum=64)
    patch_layers: int | None = option(None, "strided layers of D: 0 to 5 for patches of 1, 16, 34, 70, 142, 286 px "
                                      "(default: 3 from 128 px on, 2 at 64 px, 1 below)", minimum=0, maximum=5)
    jitter: bool = option(True, "cut pictures at random from somewhat larger ones, mirrored or not")


class Judged(NamedTuple):
    """What the discriminators of both domains look at: real pictures, and made ones."""

    a: Tensor
    b: Tensor
    made_a: Tensor
    made_b: Tensor


class UnpairedTranslator(Translator):
    """A model that makes pictures of a second domain from those of a first."""

    Config: ClassVar[type[UnpairedConfig]] = UnpairedConfig
    config: UnpairedConfig
    data: DomainSpec
    data_kind = "domains"
    spec_kinds = ("domains",)
    channels_last = False  # with instance norm a step takes up to a tenth more time so
    kind = "unpaired"

    @classmethod
    def spec(cls, image_size: int = 32, channels: int = 1, classes: int = 0) -> DomainSpec:
        return DomainSpec(name="unnamed", image_size=image_size, channels=channels, domains=["A", "B"])

    # ---- for a variant ----------------------------------------------------------------------------------------

    def build_generator(self) -> ResNetTranslator:
        data = self.data
        blocks = self.config.blocks or (9 if data.image_size >= LARGE else 6)
        return ResNetTranslator(data.channels, data.channels, self.config.width, blocks)

    def build_discriminator(self) -> PatchGAN:
        data, layers = self.data, self.config.patch_layers
        return PatchGAN(data.channels, self.config.width, default_layers(data.image_size) if layers is None else layers,
                        "instance")

    @property
    def multiple(self) -> int:
        return ResNetTranslator.multiple

    @property
    def smallest(self) -> int:
        return ResNetTranslator.smallest

    def generate(self, source: Tensor, normal: Tensor | None = None) -> Tensor:
        return self.generator(source)

    def begun(self, batch: Domains) -> Domains:
        """The batch of a step as losses take it, jittered if asked for."""
        return self.jittered(batch) if self.config.jitter else batch

    def jittered(self, batch: Domains) -> Domains:
        """A piece of each picture, somewhat enlarged."""
        n = len(batch.a)
        return batch._replace(a=jittered(batch.a, self.draw(torch.rand, n, 3)),
                              b=jittered(batch.b, self.draw(torch.rand, n, 3)))

    def read(self, images: Pictures) -> Tensor:
        """A user's pictures as sources in [0, 1]; grey ones where the first domain was made so."""
        channels = self.data.way.source_channels or self.data.channels
        return as_tensor(images, channels).expand(-1, self.data.channels, -1, -1)

    # ---- the contract of a task -------------------------------------------------------------------------------

    def as_batch(self, given: Any) -> Domains:
        """Of a user's loader: pictures of both domains, with or without labels."""
        return given if isinstance(given, Domains) else Domains(
            given[0], given[1], torch.zeros(len(given[0]), dtype=torch.int64, device=given[0].device))

    @property
    def paired(self) -> bool:  # type: ignore[override]  # of some data
        """Whether what belongs together is known, though not to the model."""
        return self.data.way.source is not None

    def prepare(self, batch: Domains) -> Domains:
        batch = Task.prepare(self, batch)
        if not isinstance(batch, Originals) or self.data.way.source is None:
            return batch
        return Domains(self.data.way.source(batch.a).expand_as(batch.a), batch.b, batch.labels)

    def sheet(self, examples: Domains | None = None) -> "Image.Image":
        """A row an example: a picture of the first domain, and what is made of it."""
        inputs = self.inputs(SHOWN, 0, examples)
        return self._in_rows([inputs["source"], self.respond(**inputs)])

    def views(self) -> list[View]:
        first, second = self.data.domains
        return [self.translating()._replace(label=f"{first} to {second}")]

    def captions(self) -> dict[str, tuple[str, str]]:
        first, second = self.data.domains
        return {"samples.png": ("examples", "Examples that were held out of training where the data have such, not "
                                f"picked. Left a picture of {first}, right what the model makes of it in {second}.")}

    def usage(self, name: str) -> str:
        first, second = self.data.domains
        return (f'model = zoo.load("{name}")\n'
                f'image = model.translate("picture.png")  # {first} -> {second}: (1, {self.data.channels}, H, W) in '
                '[0, 1]')

    def limits(self) -> str:
        data = self.data
        return (f"It was trained on {data.image_size} px pictures of {data.name}, {data.domains[0]} and "
                f"{data.domains[1]}, of which no two belong together, and knows nothing else, with the biases of that "
                "set. What it keeps of a picture is its own choice: nothing in its training says what belongs to what.")

    @property
    def measures(self) -> tuple[str, ...]:
        return (*(("pixels", "perceptual") if self.paired else ()), "frechet", "domains", "parts")

    @property
    def told_apart(self) -> list[str]:
        return self.data.domains


class CyclicTranslator(UnpairedTranslator):
    """A model that goes back as well: ``inverse`` makes pictures of the first domain from those of the second."""

    inverse: torch.nn.Module
    asks = ("translate", "back")

    def networks_for_sampling(self) -> dict[str, torch.nn.Module]:
        return {"generator": self.generator, "inverse": self.inverse}

    def back(self, images: Pictures, batch_size: int = PASS, tile: int | None = None) -> Tensor:
        """Makes pictures of the first domain from those of the second; otherwise as ``translate``."""
        target = as_tensor(images, self.data.channels)
        return self._of_any_size(target, lambda target: self.respond(batch_size, target=target), tile)

    def answer(self, source: Tensor | None = None, normal: Tensor | None = None,
               target: Tensor | None = None) -> Tensor:
        """Of a source what it is in the second domain, of a target what it is in the first."""
        if target is not None:
            return self.data.to_unit(self.inverse(self.data.from_unit(target)))
        assert source is not None  # one of the two is asked for
        return super().answer(source)

    def sheet(self, examples: Domains | None = None) -> "Image.Image":
        """A row an example: of the first domain, there and back; of the second likewise, if there are examples."""
        here = self.inputs(SHOWN, 0, examples)["source"]
        there = self.respond(source=here)
        columns = [here, there, self.respond(target=there)]
        if examples is not None:
            truth = self.truth(self.prepare(examples)).cpu()
            other = truth[torch.arange(SHOWN) % len(truth)]
            made = self.respond(target=other)
            columns += [other, made, self.respond(source=made)]
        return self._in_rows(columns)

    def views(self) -> list[View]:
        first, second = self.data.domains
        return [*super().views(), picture_view(self, "back", f"{second} to {first}")]

    def captions(self) -> dict[str, tuple[str, str]]:
        first, second = self.data.domains
        return {"samples.png": ("examples", "Examples that were held out of training where the data have such, not "
                                f"picked. From left to right: a picture of {first}, what the model makes of it in "
                                f"{second}, and of that back in {first}; then one of {second}, there and back.")}

    def usage(self, name: str) -> str:
        first, second = self.data.domains
        return f"{super().usage(name)}\nagain = model.back(image)  # {second} -> {first}"

    @property
    def measures(self) -> tuple[str, ...]:
        return (*super().measures, "cycle")
