"""Translator: pictures from pictures."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from zoo.core.errors import UsageError
from zoo.core.module import Batch, Config, Terms
from zoo.data.labels import Labels
from zoo.data.pictures import Pictures, as_tensor
from zoo.tasks.asking import SEED, Control, Values, View
from zoo.tasks.drawing import grid
from zoo.tasks.latents import standard_normals
from zoo.tasks.task import PASS, Inputs, Task
from zoo.tasks.tiles import Looks, in_tiles, side_of
from zoo.tasks.translating_views import picture_view

if TYPE_CHECKING:
    from PIL import Image

SHOWN = 8  # rows of a sheet
COARSE = 4  # pixels of the pictures that are asked where there are no examples


class Translator(Task):
    """A model that makes pictures of pictures; what it learns them from is a subclass's: see ``PairedTranslator``.

    A subclass builds ``generator`` and says with ``generate`` how it is called. Whatever is random in an answer follows
    from standard normals, ``noise_size`` of them, so a seed gives the same picture everywhere.
    """

    Config = Config
    data: Any  # a spec of pictures
    generator: torch.nn.Module
    task = "translate"
    asks: ClassVar[tuple[str, ...]] = ("translate",)
    hub_tag = "image-to-image"
    output = "image"
    once = True
    smallest_batch = 1  # of pictures, whose places have a spread

    @classmethod
    def needs(cls) -> tuple[str, ...]:
        return ("images",)

    # ---- what a variant defines -------------------------------------------------------------------------------

    def networks_for_sampling(self) -> dict[str, torch.nn.Module]:
        return {"generator": self.generator}

    @property
    def noise_size(self) -> int:
        """Normals that an answer takes; 0 where a picture has one answer."""
        return 0

    @property
    def source_shape(self) -> tuple[int, int, int]:
        """Of the pictures that it is trained to take, (Cs, Hs, Ws)."""
        return (self.data.source_channels, self.data.source_size, self.data.source_size)

    @property
    def multiple(self) -> int:
        """What height and width of a picture must be multiples of, for the network."""
        return 1

    @property
    def smallest(self) -> int:
        """Height and width of the smallest picture that the network takes."""
        return 1

    @property
    def largest(self) -> int | None:
        """Height and width of the largest picture that the network takes; None where there is no such."""
        return None

    @property
    def reach(self) -> int | None:
        """Pixels of a picture on either side that what is made of one depends on; None where that is not known."""
        return None

    @property
    def factor(self) -> int:
        return self.data.image_size // self.source_shape[1]

    def generate(self, source: Tensor, normal: Tensor | None) -> Tensor:
        """Pictures (N, C, H, W) in [-1, 1] from pictures (N, Cs, Hs, Ws) in [-1, 1] and normals (N, noise_size)."""
        raise NotImplementedError

    @property
    def derives(self) -> bool:
        """Whether what it is given is made of pictures in training, see ``source_of``."""
        return False

    def source_of(self, images: Pictures) -> Tensor:
        """Sources (N, Cs, H/factor, W/factor) in [0, 1] made of pictures as in training, for ``translate``.

        Raises:
            UsageError: they are not made of pictures.
        """
        raise UsageError(f"{self.variant} takes pictures as they are: nothing is made of them first")

    def fake(self, batch: Any) -> Any:
        """What G makes of a batch: pictures (N, C, H, W), or what there are such among."""
        raise NotImplementedError

    def generator_terms(self, batch: Any, fake: Any) -> Terms:
        """What G descends, given what it makes."""
        raise NotImplementedError

    def generator_loss(self, batch: Batch) -> Terms:
        return self.generator_terms(batch, self.fake(batch))

    def step_generator(self, batch: Batch) -> list[Any]:
        """A step of G, and what it made of each part of the batch: so D can be shown the pictures that G was corrected
        by, and those of a step are made once."""
        fakes = []

        def generator_loss(part: Batch) -> Terms:
            fakes.append(self.fake(part))
            return self.generator_terms(part, fakes[-1])

        self.optimize("generator", generator_loss, batch)
        return fakes

    # ---- asked by a user --------------------------------------------------------------------------------------

    def translate(self, images: Pictures, labels: Labels = None, style: Pictures = None, seed: int = 0,
                  batch_size: int = PASS, tile: int | None = None) -> Tensor:
        """Makes pictures of pictures.

        Args:
            images: one or several of one size, of any size: see ``zoo.data.pictures.as_tensor``. What the network
                cannot take is continued at the border, and cut off again.
            labels: for models that make classes: what is to be made, one class for all, one a picture, or several of
                one picture; by number or name, or a part of a name such as "blue eyes", where the rest stays.
            style: for models that take a style: pictures that have it, one for all, one a picture, or several for one
                picture; without it the style is drawn.
            seed: of what is random in the answer; the same seed gives the same pictures.
            batch_size: pictures a pass through the network; does not change them.
            tile: side in pixels of the overlapping tiles in which a picture is made; 0: in one piece; None: in one up
                to a megapixel, larger ones in tiles. See ``zoo.tasks.tiles.in_tiles``.

        Returns:
            (n, C, H, W) in [0, 1] on the CPU.

        Raises:
            UsageError: what are no pictures, see ``as_tensor``; labels, a style or tiles that do not fit.
        """
        source = self.read(images)
        return self._translated(source, seed, batch_size, self.told(len(source), labels, style), tile)

    def told(self, n: int, labels: Labels = None, style: Pictures = None) -> Inputs:
        """What is said of n pictures beside them, as inputs; see ``translate``.

        Raises:
            UsageError: what does not fit, or what this model takes none of.
        """
        if labels is not None:
            raise UsageError(f"{self.variant} makes no classes of pictures: it takes no labels")
        if style is not None:
            raise UsageError(f"{self.variant} takes no style from a picture, as munit does: leave it away")
        return {}

    def read(self, images: Pictures) -> Tensor:
        """A user's pictures as sources in [0, 1]."""
        return as_tensor(images, self.source_shape[0])

    def bands(self, images: Pictures, labels: Labels = None, style: Pictures = None, seed: int = 0,
              batch_size: int = PASS, tile: int | None = None) -> Iterator[Tensor]:
        """What ``translate`` makes, in bands from top to bottom, (n, C, h, W): of large pictures before all is made."""
        source = self.read(images)
        return self._bands(source, seed, batch_size, self.told(len(source), labels, style), tile)

    def _bands(self, source: Tensor, seed: int, batch_size: int, told: Inputs, tile: int | None) -> Iterator[Tensor]:
        n = max([len(source), *map(len, told.values())])  # of one picture several are made
        return self._in_bands(source.expand(n, -1, -1, -1), lambda padded: self.respond(
            batch_size, **self._asked(padded, seed) | told), tile)

    def _translated(self, source: Tensor, seed: int, batch_size: int, told: Inputs, tile: int | None) -> Tensor:
        return joined(self._bands(source, seed, batch_size, told, tile), self.factor * source.shape[2])

    def _of_any_size(self, source: Tensor, made_of: Callable[[Tensor], Tensor], tile: int | None) -> Tensor:
        """What is made of sources, which the network gets at a size that it can take."""
        return joined(self._in_bands(source, made_of, tile), self.factor * source.shape[2])

    def _in_bands(self, source: Tensor, made_of: Callable[[Tensor], Tensor], tile: int | None) -> Iterator[Tensor]:
        """The same, in bands from top to bottom."""
        height, width = source.shape[2:]
        looks = Looks(self.multiple, self.largest, self.reach, self.factor)
        if side := side_of(height, width, tile, looks):
            return in_tiles(source, made_of, side, looks)
        down, across = (max(-length % self.multiple, self.smallest - length) for length in (height, width))
        padding = (0, across, 0, down)
        made = made_of(F.pad(source, padding, mode="replicate"))
        return iter([made[:, :, :height * self.factor, :width * self.factor]])

    def _asked(self, source: Tensor, seed: int | None) -> Inputs:
        """The inputs for pictures in [0, 1]."""
        noise = {"normal": standard_normals(len(source), self.noise_size, seed)} if self.noise_size else {}
        return {"source": source} | noise

    # ---- the contract of a task -------------------------------------------------------------------------------

    def inputs(self, n: int, seed: int | None = None, examples: Batch | None = None) -> Inputs:
        """The sources of the examples in turn; without examples blurred random pictures."""
        if examples is None:
            return self._asked(self._blurred(n, seed), seed)
        source = self.given(examples)
        return self._asked(source[torch.arange(n) % len(source)], seed)

    def given(self, examples: Batch) -> Tensor:
        """What is given of examples as they are stored, (N, Cs, Hs, Ws) in [0, 1] on the CPU."""
        return self.data.to_unit(self.prepare(examples).source).cpu()

    def _blurred(self, n: int, seed: int | None) -> Tensor:
        channels, *size = self.source_shape
        coarse = standard_normals(n, channels * COARSE**2, seed).sigmoid()
        return F.interpolate(coarse.view(n, channels, COARSE, COARSE), size, mode="bilinear")

    def answer(self, source: Tensor, normal: Tensor | None = None) -> Tensor:
        return self.data.to_unit(self.generate(self.data.from_unit(source), normal))

    def sheet(self, examples: Batch | None = None) -> "Image.Image":
        """A row an example: source, answer and, where it is known, the truth."""
        columns = self.columns_of(self.inputs(SHOWN, 0, examples))
        if examples is not None:
            truth = self.truth(self.prepare(examples)).cpu()
            columns.append(truth[torch.arange(SHOWN) % len(truth)])
        return self._in_rows(columns)

    def columns_of(self, inputs: Inputs) -> list[Tensor]:
        """What a sheet shows of inputs, besides the truth."""
        return [inputs["source"], self.respond(**inputs)]

    def _in_rows(self, columns: list[Tensor]) -> "Image.Image":
        pictures = torch.stack([self._shown(column) for column in columns], 1)  # (rows, columns, 3, H, W)
        return grid(pictures.flatten(0, 1), len(columns))

    def _shown(self, pictures: Tensor) -> Tensor:
        size = self.data.image_size
        return F.interpolate(pictures[:, :self.data.channels], (size, size)).expand(-1, 3, -1, -1)

    @property
    def sheet_row(self) -> int:
        return self.data.image_size + 2

    def views(self) -> list[View]:
        return [self.translating()]

    def translating(self, **how: Any) -> View:
        """The view of ``translate``, with what this model is told besides; for ``how`` see ``picture_view``."""
        seed = (SEED,) if self.noise_size else ()
        return picture_view(self, "translate", "Translate", (*self.telling(), *seed), told=self.told_by, **how)

    def telling(self) -> tuple[Control, ...]:
        """Controls of what is said of a picture beside it."""
        return ()

    def told_by(self, values: Values) -> dict[str, Any]:
        """The arguments of ``translate`` that their values stand for."""
        return {"seed": values["seed"]} if "seed" in values else {}

    def facts(self) -> dict[str, str]:
        return {"multiple": str(self.multiple)}


def joined(bands: Iterator[Tensor], height: int) -> Tensor:
    """Bands (N, C, h, W) from top to bottom as one tensor (N, C, height, W), without a second copy of them."""
    made, top = torch.empty(0), 0
    for band in bands:
        if band.shape[2] == height:
            return band
        if not top:
            made = band.new_empty(*band.shape[:2], height, band.shape[3])
        made[:, :, top:top + band.shape[2]] = band
        top += band.shape[2]
    return made
