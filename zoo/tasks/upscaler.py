"""Upscaler: larger pictures from small ones, learnt from pictures that were made smaller."""

from dataclasses import replace
from typing import Any, ClassVar

from torch import Tensor

from zoo.core.errors import UsageError
from zoo.data.derived import SHRINK, source_size
from zoo.data.pictures import Pictures, bicubic
from zoo.data.spec import PairSpec
from zoo.tasks.paired import PairedTranslator
from zoo.tasks.task import PASS, Inputs


class Upscaler(PairedTranslator):
    """A model that makes pictures 2, 4 or 8 times as high and wide, of any size.

    What its network is given is the small picture, (N, C, H/factor, W/factor): ``--pairs half``, ``quarter`` or
    ``eighth``.
    """

    asks: ClassVar[tuple[str, ...]] = ("translate", "upscale")
    kind = "super-resolution"

    def __init__(self, config: Any, data: PairSpec) -> None:
        super().__init__(config, data)
        if data.pairs not in SHRINK:
            raise UsageError(f"{self.variant} makes pictures larger: --pairs {', '.join(SHRINK)}, not {data.pairs}")

    @classmethod
    def spec(cls, image_size: int = 32, channels: int = 1, classes: int = 0) -> PairSpec:
        return replace(super().spec(image_size, channels, classes), pairs="quarter",
                       source_size=source_size("quarter", image_size))

    def upscale(self, images: Pictures, batch_size: int = PASS, tile: int | None = None) -> Tensor:
        """Makes pictures larger, by ``factor``.

        Args:
            images: one or several of one size, of any size: see ``zoo.data.pictures.as_tensor``.
            batch_size, tile: as for ``translate``; of tiles those of the pictures that are given.

        Returns:
            (n, C, H * factor, W * factor) in [0, 1] on the CPU.

        Raises:
            UsageError: what are no pictures, see ``as_tensor``, or tiles that do not fit.
        """
        return self.translate(images, batch_size=batch_size, tile=tile)

    # ---- the contract of a task -------------------------------------------------------------------------------

    def columns_of(self, inputs: Inputs) -> list[Tensor]:
        source = inputs["source"]
        return [source, bicubic(source, self.factor * source.shape[2], self.factor * source.shape[3]),
                self.respond(**inputs)]

    def captions(self) -> dict[str, tuple[str, str]]:
        return {"samples.png": ("examples", "Examples that were held out of training where the data have such, not "
                                "picked. From left to right: the small picture that is given, the same made larger by "
                                f"{self.factor} by bicubic interpolation and by the model, and the true one.")}

    def usage(self, name: str) -> str:
        return (f'image = zoo.load("{name}").upscale("picture.png")  # {self.factor} times as high and wide, '
                f"(1, {self.data.channels}, H, W) in [0, 1]")

    def facts(self) -> dict[str, str]:
        return super().facts() | {"factor": str(self.factor)}

    @property
    def measures(self) -> tuple[str, ...]:
        return ("luma", *super().measures)
