"""PairedTranslator: pictures from pictures, learnt from pairs."""

from collections.abc import Callable, Iterator
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from zoo.core.errors import UsageError
from zoo.core.module import Batch
from zoo.data.batches import Labelled, Pair
from zoo.data.derived import Way
from zoo.data.holes import in_the_centre, unknown_pixels
from zoo.data.jitter import jittered
from zoo.data.pair_spec import FILES, FRONTAL, PairSpec
from zoo.data.pictures import Pictures, as_tensor
from zoo.tasks.asking import Control, Values, View, wanted
from zoo.tasks.task import PASS
from zoo.tasks.translating_views import picture_view
from zoo.tasks.translator import Translator


class Judged(NamedTuple):
    """Pairs, and the pictures (N, C, H, W) that G made of the sources, which D is to tell from the targets."""

    source: Tensor
    target: Tensor
    labels: Tensor
    fake: Tensor


class PairedTranslator(Translator):
    """A model that is trained on pairs of pictures, and makes the second, the target, of the first, the source.

    Where pairs are made of images its network may work on other planes than red, green and blue, and may be told to
    fill holes: see ``zoo.data.derived.Way``.
    """

    data: PairSpec
    asks: ClassVar[tuple[str, ...]] = ("translate", "inpaint")
    data_kind = "pairs"
    spec_kinds = ("pairs",)
    paired = True
    kind = "paired"

    @classmethod
    def spec(cls, image_size: int = 32, channels: int = 1, classes: int = 0) -> PairSpec:
        return PairSpec(name="unnamed", image_size=image_size, channels=channels, source_size=image_size,
                        source_channels=channels, pairs=FILES)

    # ---- for a variant ----------------------------------------------------------------------------------------

    def optimizer_groups(self) -> dict[str, list[nn.Parameter]]:
        """Of D, if there is one, and of G."""
        return {name: list(getattr(self, name).parameters()) for name in ("discriminator", "generator")
                if hasattr(self, name)}

    def fake(self, batch: Pair) -> Any:
        """What G makes of the sources of a batch: pictures (N, C, H, W), or what ``picture_of`` finds them in."""
        return self.generate(batch.source, None)

    def picture_of(self, fake: Any) -> Tensor:
        return fake

    def alternate(self, batch: Pair) -> None:
        """A step of G, and one of D, if there is one, on the pictures of that step: they are made once."""
        made = self.step_generator(batch)
        if hasattr(self, "discriminator"):
            fakes = torch.cat(list(map(self.picture_of, made))).detach().to(batch.target)
            self.optimize("discriminator", self.discriminator_loss, Judged(*batch, fakes))

    @property
    def way(self) -> Way:
        """How pairs come out of images; for pairs in files, as they are."""
        return self.data.way

    @property
    def fixed(self) -> bool:
        """Whether it takes pictures of the size of its training alone."""
        return self.way.missing is in_the_centre

    def jittered(self, batch: Pair) -> Pair:
        """A piece of each pair, somewhat enlarged, mirrored or not, the same of both."""
        place = self.draw(torch.rand, len(batch.source), 3)
        if self.way.source is not None:  # made of the piece: a hole stays where it is, an edge as sharp
            return self._derived(jittered(self.pictured(batch.source, batch.target), place), batch.labels)
        channels = self.data.source_channels
        piece = jittered(torch.cat([batch.source, batch.target], 1), place)
        return batch._replace(source=piece[:, :channels], target=piece[:, channels:])

    def missing(self, source: Tensor) -> Tensor:
        """The pixels that sources in [-1, 1] lack, bool (N, 1, H, W)."""
        assert self.way.missing is not None  # else there are no holes
        return self.way.missing(source)

    def completed(self, source: Tensor, made: Tensor) -> Tensor:
        """What was made, with the pixels that the source has in place of its own."""
        if self.way.missing is None:
            return made
        return torch.where(self.missing(source), made, source[:, :made.shape[1]])

    def pictured(self, source: Tensor, made: Tensor) -> Tensor:
        """Pictures (N, C, H, W) in [-1, 1] of what a network made of sources, both in [-1, 1]."""
        return made if self.way.picture is None else self.way.picture(source, made)

    @property
    def derives(self) -> bool:
        return self.way.source is not None

    def source_of(self, images: Pictures) -> Tensor:
        if self.way.source is None:  # by which mypy knows it too
            raise UsageError(f"the pairs of {self.data.name} are files: nothing says what belongs to another picture")
        return self.data.to_unit(self.way.source(self.data.from_unit(as_tensor(images, self.data.channels))))

    # ---- asked by a user --------------------------------------------------------------------------------------

    def inpaint(self, images: Pictures, holes: Pictures = None, seed: int = 0, batch_size: int = PASS,
                tile: int | None = None) -> Tensor:
        """Fills holes, for a model of pairs with holes (``--pairs hole`` or ``blocks``); else as ``translate``.

        Args:
            images: pictures; what they have in the holes does not matter.
            holes: pictures of the same size, white where a hole is: as many, or one for all. Without them, for a model
                of ``hole``, the centre half.

        Returns:
            (n, C, H, W) in [0, 1] on the CPU, outside the holes as it was given.

        Raises:
            UsageError: a model of other pairs, no holes for one of ``blocks`` or some for one of ``hole``, or holes of
                another size.
        """
        way, known = self.way, as_tensor(images, self.data.channels)
        if way.missing is None:
            raise UsageError(f"this {self.variant} was trained on pairs of the kind {self.data.pairs!r}, not on "
                             "pictures with holes: translate() asks it")
        if way.missing is in_the_centre:
            if holes is not None:
                raise UsageError(f"this {self.variant} fills the centre half alone: leave the holes away, or train one "
                                 "with --pairs blocks")
            return self.translate(known, seed=seed, batch_size=batch_size)
        if holes is None:
            raise UsageError("say with holes= where the holes are: a picture of the same size, white there")
        missing = as_tensor(holes, 1) >= 0.5
        if missing.shape[2:] != known.shape[2:] or len(missing) not in (1, len(known)):
            raise UsageError(f"holes of {tuple(missing.shape)} do not fit pictures of {tuple(known.shape)}: give one "
                             "for all, or one each, of their height and width")
        source = torch.cat([known, (~missing).to(known).expand(len(known), -1, -1, -1)], 1)  # as ``holed`` has it
        return self._translated(source, seed, batch_size, {}, tile)

    def read(self, images: Pictures) -> Tensor:
        if self.way.missing is not unknown_pixels:
            return super().read(images)
        if isinstance(images, Tensor) and images.dim() == 4 and images.shape[1] == self.data.source_channels:
            return torch.cat([as_tensor(images[:, :-1], self.data.channels), as_tensor(images[:, -1:], 1)], 1)
        raise UsageError(f"this {self.variant} fills holes that it is told of: model.inpaint(images, holes), or zoo "
                         "translate --holes")

    def _in_bands(self, source: Tensor, made_of: Callable[[Tensor], Tensor], tile: int | None) -> Iterator[Tensor]:
        size = self.data.image_size
        if self.fixed and source.shape[2:] != (size, size):
            raise UsageError(f"this {self.variant} takes pictures of {size}x{size} px alone, not of "
                             f"{source.shape[3]}x{source.shape[2]}: resize or crop them")
        return super()._in_bands(source, made_of, tile)

    # ---- the contract of a task -------------------------------------------------------------------------------

    def as_batch(self, given: Any) -> Batch:
        if isinstance(given, Labelled | Pair):
            return given
        return Pair(*given) if len(given) == 3 else Labelled(*given)

    def prepare(self, batch: Batch) -> Batch:
        """Pairs as they are, or made of images."""
        batch = super().prepare(batch)
        return batch if isinstance(batch, Pair) else self._derived(batch.images, batch.labels)

    def given(self, examples: Batch) -> Tensor:
        batch = super().prepare(examples)
        return self.data.to_unit(batch.source if isinstance(batch, Pair) else self._source(batch.images)).cpu()

    def _source(self, images: Tensor) -> Tensor:
        assert self.way.source is not None  # else the data are pairs already
        return self.way.source(images)

    def _derived(self, images: Tensor, labels: Tensor) -> Pair:
        target = self.way.target
        return Pair(self._source(images), images if target is None else target(images), labels)

    def truth(self, examples: Pair) -> Tensor:
        return self.data.to_unit(self.pictured(examples.source, examples.target))

    def answer(self, source: Tensor, normal: Tensor | None = None) -> Tensor:
        given = self.data.from_unit(source)
        if self.way.missing is None:
            return self.data.to_unit(self.pictured(given, self.generate(given, normal)))
        missing, channels = self.missing(given), self.data.channels
        given = torch.cat([given[:, :channels].masked_fill(missing, 0), given[:, channels:]], 1)
        made = self.data.to_unit(self.generate(given, normal))
        return torch.where(missing, made, source[:, :channels].to(made))

    def views(self) -> list[View]:
        way = self.way
        if way.missing is None:
            return [self.translating(derive=self.source_of if self.derives else None, fixed=self.fixed)]
        if way.missing is in_the_centre:
            return [picture_view(self, "inpaint", "Fill the centre", fixed=True)]
        return [picture_view(self, "inpaint", "Fill holes", (
            Control("holes", "holes: white on black", "picture", blank="#000000"),), told=self._holes)]

    def _holes(self, values: Values) -> dict[str, Any]:
        return {"holes": wanted(values["holes"])}

    def captions(self) -> dict[str, tuple[str, str]]:
        return {"samples.png": ("examples", "Examples that were held out of training where the data have such, not "
                                "picked. From left to right: the picture that is given, what the model makes of it, "
                                "and the true one.")}

    def usage(self, name: str) -> str:
        return f'image = zoo.load("{name}").translate("picture.png")  # (1, {self.data.channels}, H, W) in [0, 1]'

    def limits(self) -> str:
        data = self.data
        made = {FILES: FILES, FRONTAL: "each picture with the most symmetric of its person"}.get(
            data.pairs, f"sources made of their targets ({data.pairs})")
        return (f"It was trained on {data.image_size} px pairs of {data.name}, {made}, and knows nothing else, with "
                "the biases of that set.")

    @property
    def measures(self) -> tuple[str, ...]:
        return ("pixels", "perceptual", "frechet")
