"""LatentModel: networks from latents to pictures or points, and what a user may ask of them."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from zoo.core.config import option
from zoo.core.errors import UsageError
from zoo.data.batches import Labelled
from zoo.data.labels import Labels
from zoo.data.pictures import Pictures
from zoo.data.spec import AnySpec
from zoo.networks import BACKBONES, Backbone, BackboneName
from zoo.networks.blocks import Norm, Trunk, TrunkWithHead, normalise_spectrally
from zoo.networks.conditioning import Unconditional
from zoo.tasks.latents import between, standard_normals
from zoo.tasks.task import PASS, Inputs, Task, WidthConfig

NO_ENCODER = "{} has no encoder: it makes images from latents, not latents from images"


@dataclass(frozen=True, kw_only=True)
class SamplerConfig(WidthConfig):
    """What every model that samples can be told."""

    latent: Literal["normal", "uniform"] = option("normal", "prior of z: N(0, 1) or U(-1, 1)")


@dataclass(frozen=True, kw_only=True)
class LatentConfig(SamplerConfig):
    """What a model can be told besides whose latents are as long as one wants."""

    latent_dim: int = option(100, "dimensions of the latent z", minimum=1, maximum=65536)


@dataclass(frozen=True, kw_only=True)
class BackboneConfig(SamplerConfig):
    """What a model can be told besides whose networks are not of its own kind."""

    backbone: BackboneName = option("dcgan", "pair of networks")


class LatentModel(Task):
    """The networks of a ``Sampler`` and what is asked of it; what the rest of the zoo needs of it stands there."""

    Config: ClassVar[type[SamplerConfig]] = SamplerConfig
    config: SamplerConfig
    Condition: ClassVar[type[Unconditional]] = Unconditional  # what the networks are told besides their input
    spaces: ClassVar[tuple[str, ...]] = ("z",)
    untruncated: ClassVar[float] = math.inf  # the truncation that leaves all there is
    jumps: ClassVar[bool] = False  # whether a latent that moves makes the picture another at some places, all at once

    def __init__(self, config: SamplerConfig, data: AnySpec) -> None:
        super().__init__(config, data)
        try:
            self.condition = self.Condition(data)
        except UsageError as error:
            raise UsageError(f"{self.variant} on the data set {data.name!r}: {error}") from None
        self.generator = self.build_generator()

    @classmethod
    def needs(cls) -> tuple[str, ...]:
        return cls.Condition.needs

    @property
    def conditional(self) -> bool:
        """Whether sampling needs labels."""
        return "labels" in self.needs()

    # ---- what a variant defines -------------------------------------------------------------------------------

    def build_generator(self) -> nn.Module:
        """The network from latents, and labels if conditional, to images in [-1, 1]."""
        return self.condition.generator(self.backbone_generator())

    def networks_for_sampling(self) -> dict[str, nn.Module]:
        return {"generator": self.generator}

    @property
    def latent_size(self) -> int:
        """Numbers that the generator gets for an image, labels apart: ``latent_dim``, and codes if there are any."""
        assert isinstance(self.config, LatentConfig)  # else a variant has another size of its own
        return self.config.latent_dim

    def prior(self, normal: Tensor) -> Tensor:
        """Maps standard normals (N, latent_size) to latents of this model's prior.

        Everything that samples starts from normals, so interpolation and truncation mean the same for every prior.
        """
        return torch.erf(normal / 2**0.5) if self.config.latent == "uniform" else normal

    def code_walks(self, normal: Tensor) -> dict[str, Tensor]:
        """Walks through codes that the latent has: name -> normals (N, steps, latent_size), each from one of N."""
        return {}

    def generate(self, z: Tensor, labels: Tensor | None) -> Tensor:
        """Images in [-1, 1], (N, C, H, W), from latents (N, latent_size) and classes (N,)."""
        return self.condition.call(self.generator, z, labels)

    def stages_of(self, z: Tensor, labels: Tensor | None) -> dict[str, Tensor]:
        """Images in [-1, 1], (N, C, h, w), on the way from latents (N, latent_size) to ``generate``'s, by name."""
        return {"image": self.generate(z, labels)}

    def on_the_way(self, space: str, start: Tensor, end: Tensor, t: Tensor, labels: Tensor | None) -> Tensor:
        """Images in [-1, 1], (N, C, H, W), at shares t (N, 1) of the way from normals (N, latent_size) to others.

        Args:
            space: one of ``spaces``, in which the way is the shortest; in z on a great circle of the normals.
        """
        return self.generate(self.prior(between(start, end, t)), labels)

    def code(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """Latents (N, latent_size) of images in [-1, 1], differentiably.

        Raises:
            UsageError: a variant without an encoder.
        """
        raise UsageError(NO_ENCODER.format(self.variant))

    def recode(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """Images in [-1, 1] through the encoder and the generator, (N, C, H, W), differentiably."""
        return self.generate(self.code(images, labels), labels)

    def latent(self, n: int) -> Tensor:
        """Latents (n, latent_size) from the prior, for training."""
        return self.prior(self.draw(torch.randn, n, self.latent_size))

    def of_classes(self, classes: Tensor, seed: int | None = None) -> Inputs:
        if not self.needs() or not self.data.class_names:
            return super().of_classes(classes, seed)  # which says so
        return {"normal": self.normals(len(classes), seed)} | self.condition.of_classes(classes)

    # ---- looked at while it is trained ------------------------------------------------------------------------

    def verdicts(self, images: Tensor) -> Tensor | None:
        """How real what plays against the generator takes images in [-1, 1] for, one by one: (N, C, H, W) -> (N,).

        The more the higher, in a unit of its own; None where nothing judges single images.
        """
        return None

    def pull(self, batch: Labelled) -> tuple[Tensor, Tensor] | None:
        """Generated images, and how the generator's loss would move each: (n, C, H, W) both, the latter -n times the
        gradient of the loss. The latents are the same every time. None where the generator has no loss of its own.
        """
        return None

    # ---- networks ---------------------------------------------------------------------------------------------

    def backbone_generator(self, squash: bool = True, inputs: int | None = None) -> nn.Module:
        """A generator of ``inputs`` numbers an image: by default the latent and what the condition adds."""
        data = self.data
        if inputs is None:
            inputs = self.latent_size + self.condition.inputs
        build = self._backbone().generator
        return build(inputs, data.channels, data.image_size, self.config.width, squash and data.bounded)

    def backbone_trunk(self, norm: Norm, extra_channels: int = 0) -> Trunk:
        data = self.data
        trunk = self._backbone().trunk(data.channels + extra_channels, data.image_size, self.config.width, norm)
        return normalise_spectrally(trunk) if norm == "spectral" else trunk

    def backbone_discriminator(self, norm: Norm, outputs: int) -> nn.Module:
        """From images, and labels if conditional, to (N, outputs): a discriminator, or an encoder."""
        trunk = self.backbone_trunk(norm, extra_channels=self.condition.planes)
        return self.condition.discriminator(TrunkWithHead(trunk, outputs))

    def _backbone(self) -> Backbone:
        assert isinstance(self.config, BackboneConfig)  # else a variant builds networks of its own
        if self.data.kind == "points" and self.config.backbone != "mlp":
            raise UsageError(f"{self.data.name} is a set of points, which takes --backbone mlp, not "
                             f"{self.config.backbone}")
        return BACKBONES[self.config.backbone]

    # ---- asked by a user --------------------------------------------------------------------------------------

    def sample(self, n: int, labels: Labels = None, seed: int | None = None, truncation: float | None = None,
               batch_size: int = PASS, ema: bool = True) -> Tensor:
        """Generates images.

        Args:
            n: how many.
            labels: for conditional models: one class for all or one an image, by number or by name.
            seed: the same seed gives the same images, and the first of many are those of few.
            truncation: keeps the normals within this magnitude, as if those beyond were drawn again (Brock 2018,
                arXiv:1809.11096); of a variant that has another, such as StyleGAN2 in W, that one. Less variety, more
                typical images.
            batch_size: images a pass through the generator; does not change the images.
            ema: averaged weights, if the model has them.

        Returns:
            (n, C, H, W) in [0, 1] on the CPU; for point sets the coordinates, unbounded.

        Raises:
            UsageError: labels missing, too few or many, out of range or unknown; a truncation that there is not.
        """
        with self.truncating(truncation) as within:
            return self.render(self.normals(n, seed, within), labels, batch_size, ema)

    @contextmanager
    def truncating(self, truncation: float | None) -> Iterator[float | None]:
        """Meanwhile all that is made of normals is truncated, see ``sample``.

        Gives what normals are to be kept within, see ``normals``: None where they are not what is truncated.
        """
        yield truncation

    def normals(self, n: int, seed: int | None = None, truncation: float | None = None) -> Tensor:
        """Standard normals (n, latent_size) on the CPU, which ``prior`` maps to latents."""
        return standard_normals(n, self.latent_size, seed, truncation)

    @torch.no_grad()
    def stages(self, normal: Tensor, labels: Labels = None) -> dict[str, Tensor]:
        """What comes about on the way from standard normals (n, latent_size) to their images, which are the last.

        Returns:
            name of the stage -> (n, C, h, w) in [0, 1] on the CPU.

        Raises:
            UsageError: labels that do not fit.
        """
        told = self._told(labels, len(normal))
        with self.answering():
            made = self.stages_of(self.prior(self.placed(normal)), told)
        return {name: self.data.to_unit(x).cpu() for name, x in made.items()}

    @classmethod
    def in_steps(cls) -> bool:
        return cls.stages_of is not LatentModel.stages_of

    def render(self, normal: Tensor, labels: Labels = None, batch_size: int = PASS, ema: bool = True) -> Tensor:
        """The images of standard normals (n, latent_size), as ``sample`` returns them."""
        return self.respond(batch_size, ema, normal=normal, **self.condition.numbers(labels, len(normal)))

    @torch.no_grad()
    def encode(self, images: Pictures, labels: Labels = None) -> Tensor:
        """Latents (n, latent_size) on the CPU of images, where the variant has an encoder.

        Args:
            images: (n, C, H, W) in [0, 1], or whatever else ``zoo.data.pictures.as_tensor`` takes, of the model's size;
                for point sets the coordinates.
            labels: of a conditional model, see ``sample``.

        Raises:
            UsageError: no encoder, images of another size or range, or labels that do not fit.
        """
        if type(self).code is LatentModel.code:
            raise UsageError(NO_ENCODER.format(self.variant))
        images = self.data.read(images)
        with self.answering():
            code = self.code(self.placed(self.data.from_unit(images)), self._told(labels, len(images)))
        return code.to(torch.promote_types(code.dtype, torch.float32)).cpu()  # of bf16

    @torch.no_grad()
    def decode(self, z: Tensor, labels: Labels = None) -> Tensor:
        """The images of latents (n, latent_size), such as ``encode`` gives them, as ``sample`` returns images.

        Raises:
            UsageError: latents of another shape, or labels that do not fit.
        """
        if z.dim() != 2 or z.shape[1] != self.latent_size:
            raise UsageError(f"latents of this model are (n, {self.latent_size}), not of the shape {tuple(z.shape)}")
        with self.answering():
            return self.data.to_unit(self.generate(self.placed(z), self._told(labels, len(z)))).cpu()

    def reconstruct(self, images: Pictures, labels: Labels = None) -> Tensor:
        """Images, as ``encode`` takes them, through encoder and generator: ``decode(encode(images))``."""
        return self.decode(self.encode(images, labels), labels)

    def _told(self, labels: Labels, n: int) -> Tensor | None:
        """What the networks are told besides their input; None where there is nothing."""
        return next((self.placed(x) for x in self.condition.numbers(labels, n).values()), None)
