"""UnpairedTranslator: pictures from pictures, both ways, learnt from two sets that are not paired."""

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from zoo.data.batches import Domains
from zoo.data.pictures import Pictures
from zoo.data.spec import DomainSpec
from zoo.tasks.task import PASS, Task
from zoo.tasks.translator import SHOWN, Translator

if TYPE_CHECKING:
    from PIL import Image


class UnpairedTranslator(Translator):
    """A model that makes pictures of a second domain from those of a first, and back.

    A subclass builds ``generator``, from the first to the second, and ``inverse``, from the second to the first.
    """

    data: DomainSpec
    inverse: torch.nn.Module
    asks = ("translate", "back")
    data_kind = "domains"
    spec_kinds = ("domains",)
    paired = False
    kind = "unpaired"

    @classmethod
    def spec(cls, image_size: int, channels: int, classes: int) -> DomainSpec:
        return DomainSpec(name="unnamed", image_size=image_size, channels=channels, domains=["A", "B"])

    def networks_for_sampling(self) -> dict[str, torch.nn.Module]:
        return {"generator": self.generator, "inverse": self.inverse}

    def generate(self, source: Tensor, normal: Tensor | None = None) -> Tensor:
        return self.generator(source)

    def back(self, images: Pictures, batch_size: int = PASS) -> Tensor:
        """Makes pictures of the first domain from those of the second; otherwise as ``translate``."""
        return self._of_any_size(self.read(images), lambda target: self.respond(batch_size, target=target))

    # ---- the contract of a task -------------------------------------------------------------------------------

    def as_batch(self, given: Any) -> Domains:
        """Of a user's loader: pictures of both domains, with or without labels."""
        return given if isinstance(given, Domains) else Domains(
            given[0], given[1], torch.zeros(len(given[0]), dtype=torch.int64, device=given[0].device))

    def prepare(self, batch: Domains) -> Domains:
        return Task.prepare(self, batch)

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

    def captions(self) -> dict[str, tuple[str, str]]:
        first, second = self.data.domains
        return {"samples.png": ("examples", "Examples that were held out of training where the data have such, not "
                                f"picked. From left to right: a picture of {first}, what the model makes of it in "
                                f"{second}, and of that back in {first}; then one of {second}, there and back.")}

    def usage(self, name: str) -> str:
        first, second = self.data.domains
        return (f'model = zoo.load("{name}")\n'
                f'image = model.translate("picture.png")  # {first} -> {second}: (1, {self.data.channels}, H, W) in '
                f'[0, 1]\nagain = model.back(image)  # {second} -> {first}')

    def limits(self) -> str:
        data = self.data
        return (f"It was trained on {data.image_size} px pictures of {data.name}, {data.domains[0]} and "
                f"{data.domains[1]}, of which no two belong together, and knows nothing else, with the biases of that "
                "set. What it keeps of a picture is its own choice: nothing in its training says what belongs to what.")

    @property
    def measures(self) -> tuple[str, ...]:
        return ("frechet", "cycle")
