"""Upscaler: larger pictures from small ones, learnt from pictures that were made smaller."""

from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

from torch import Tensor

from zoo.core.config import option
from zoo.core.errors import UsageError
from zoo.core.module import Config, Terms
from zoo.data.batches import Pair
from zoo.data.derived import SHRINK, source_size
from zoo.data.pair_spec import PairSpec
from zoo.data.pictures import Pictures, bicubic
from zoo.losses import nll_fake, nll_real, relative
from zoo.networks.srgan import SRDiscriminator, SRNorm, Upwards
from zoo.tasks.asking import View
from zoo.tasks.paired import Judged, PairedTranslator
from zoo.tasks.task import PASS, Inputs
from zoo.tasks.translating_views import picture_view

TRADEOFF = "tradeoff.png"  # what ``zoo tradeoff`` draws of a run


class Upscaler(PairedTranslator):
    """A model that makes pictures 2, 4 or 8 times as high and wide, of any size.

    What its network is given is the small picture, (N, C, H/factor, W/factor): ``--pairs half``, ``quarter`` or
    ``eighth``.
    """

    asks: ClassVar[tuple[str, ...]] = ("translate", "upscale")
    ways = (*SHRINK,)
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

    def views(self) -> list[View]:
        return [picture_view(self, "upscale", "Enlarge", derive=self.source_of)]

    # ---- the contract of a task -------------------------------------------------------------------------------

    def columns_of(self, inputs: Inputs) -> list[Tensor]:
        source = inputs["source"]
        return [source, bicubic(source, self.factor * source.shape[2], self.factor * source.shape[3]),
                self.respond(**inputs)]

    def captions(self) -> dict[str, tuple[str, str]]:
        return {"samples.png": ("examples", "Examples that were held out of training where the data have such, not "
                                "picked. From left to right: the small picture that is given, the same made larger by "
                                f"{self.factor} by bicubic interpolation and by the model, and the true one."),
                TRADEOFF: ("trade-off of errors and looks", "Models whose weights lie between those of the end of "
                           "stage 1 (0) and of this model (1), by PSNR on Y, better to the right, and perceptual "
                           "distance, better downwards (Wang 2018, arXiv:1809.00219, section 3.4).")}

    def usage(self, name: str) -> str:
        return (f'image = zoo.load("{name}").upscale("picture.png")  # {self.factor} times as high and wide, '
                f"(1, {self.data.channels}, H, W) in [0, 1]")

    def facts(self) -> dict[str, str]:
        return super().facts() | {"factor": str(self.factor)}

    @property
    def measures(self) -> tuple[str, ...]:
        return ("luma", *super().measures)


@dataclass(frozen=True, kw_only=True)
class UpscalerConfig(Config):
    beta1: float = 0.9
    width: int = option(64, "channels of G", minimum=1, maximum=1024)
    blocks: int = option(16, "residual blocks of G", minimum=1, maximum=64)
    judge_width: int = option(64, "channels of D's first layer; its last has eight times as many", minimum=1,
                              maximum=1024)
    norm: SRNorm = option("batch", "normalisation in both networks")
    pretrain_images: int = option(20_000, "images of stage 1, in which G learns alone", minimum=0)
    adversarial: Literal["standard", "relativistic"] = option("standard", "the loss of SRGAN, or of ESRGAN")
    adversarial_weight: float = option(1e-3, "weight of the adversarial term; with 0 there is no stage 2 and no D",
                                       minimum=0)


class UpscalerGAN(Upscaler):
    """An upscaler that learns in two stages by the clock: G alone by ``first_loss``, then by ``content_loss`` and
    against the discriminator of SRGAN.

    A subclass says these losses, and builds G.
    """

    Config = UpscalerConfig
    config: UpscalerConfig
    generator: Upwards

    def __init__(self, config: Any, data: PairSpec) -> None:
        super().__init__(config, data)
        self.couples_images = config.adversarial == "relativistic"
        self.generator = self.build_generator()
        if self.plays:
            self.discriminator = SRDiscriminator(data.channels, data.image_size, config.judge_width, config.norm)

    def build_generator(self) -> Upwards:
        raise NotImplementedError

    def first_loss(self, batch: Pair) -> Terms:
        """The terms of stage 1."""
        raise NotImplementedError

    def content_loss(self, batch: Pair, made: Tensor) -> Terms:
        """What the pictures made in stage 2 keep to, besides what D says of them."""
        raise NotImplementedError

    @property
    def plays(self) -> bool:
        """Whether there is a stage 2."""
        return self.config.adversarial_weight > 0

    @property
    def reach(self) -> int:
        return self.generator.reach

    def generate(self, source: Tensor, normal: Tensor | None = None) -> Tensor:
        return self.generator(source)

    def training_step(self, batch: Pair, batch_idx: int) -> None:
        if self.plays and self.seen_before(batch) >= self.config.pretrain_images:
            self.alternate(batch)
        else:
            self.optimize("generator", self.first_loss, batch)

    def judged(self, batch: Pair | Judged, made: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of true and of made pictures, (N, 1) each; relativistic ones against the mean of the others."""
        real, fake = self.discriminator(batch.target), self.discriminator(made)
        return relative(real, fake) if self.config.adversarial == "relativistic" else (real, fake)

    def discriminator_loss(self, batch: Judged) -> Terms:
        real, fake = self.judged(batch, batch.fake)
        return {"real": nll_real(real), "fake": nll_fake(fake)}

    def generator_terms(self, batch: Pair, fake: Tensor) -> Terms:
        if self.config.adversarial == "relativistic":
            on_real, on_fake = self.judged(batch, fake)
            adversarial = nll_real(on_fake) + nll_fake(on_real)
        else:
            adversarial = nll_real(self.discriminator(fake))
        return self.content_loss(batch, fake) | {"adversarial": self.config.adversarial_weight * adversarial}
