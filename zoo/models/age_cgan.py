"""Age-cGAN: the same face at another age, Antipov 2017 (https://arxiv.org/abs/1702.01983).

A CGAN (Mirza 2014) makes faces of age groups y. An encoder learns from what G makes, where the latent is known:

    E descends  E_{z,y} ||E(G(z, y)) - z||^2

The latent of a face x of the group y0 is what makes the most similar face, looked for from E(x) on (section 2.2):

    z* = argmin_z  distance(x, G(z, y0)),    and the face at the age y is  G(z*, y)

The distance is the squared error of pixels (the paper's pixelwise z*); with ``features`` that in features of a bundled
network is added, for the paper's of a network that knows faces (z*_IP). The classes need not be ages: with colours of
hair a face gets another colour. Departures: E learns beside G, on what G makes at the time, where the paper's learns on
100,000 pairs afterwards; Adam in place of L-BFGS unless asked for, which takes one face at a time; and of what G cannot
make of a face a share is given back, since a small G does not have everybody's:

    G(z*, y) + kept (x - G(z*, y0))
"""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from zoo.core.config import option
from zoo.core.errors import UsageError
from zoo.core.module import Terms
from zoo.core.registry import register
from zoo.data.batches import Labelled
from zoo.data.labels import Labels
from zoo.data.pictures import Pictures
from zoo.data.spec import AnySpec
from zoo.models.cgan import ConditionalGAN, ConditionalGANConfig
from zoo.networks.blocks import Norm, TrunkWithHead
from zoo.tasks.inversion import invert

KEPT = 0.5  # more keeps a person better, less an age, and from there on two faces show through each other


@dataclass(frozen=True, kw_only=True)
class AgeCGANConfig(ConditionalGANConfig):
    encoder_norm: Norm = option("batch", "normalisation in the encoder")


@register("age-cgan", title="Age-cGAN", paper="https://arxiv.org/abs/1702.01983", year=2017)
class AgeCGAN(ConditionalGAN):
    Config = AgeCGANConfig
    config: AgeCGANConfig
    asks = (*ConditionalGAN.asks, "age")
    reading = f"{ConditionalGAN.reading} Lower is better for `aged_off`, which is in classes, too."

    def __init__(self, config: AgeCGANConfig, data: AnySpec) -> None:
        super().__init__(config, data)
        self.encoder = TrunkWithHead(self.backbone_trunk(config.encoder_norm), outputs=self.latent_size)

    def networks_for_sampling(self) -> dict[str, nn.Module]:
        return {"generator": self.generator, "encoder": self.encoder}

    def optimizer_groups(self) -> dict[str, list[nn.Parameter]]:
        return super().optimizer_groups() | {"encoder": list(self.encoder.parameters())}

    def training_step(self, batch: Labelled, batch_idx: int) -> None:
        super().training_step(batch, batch_idx)
        self.optimize("encoder", self.encoder_loss, batch)

    def encoder_loss(self, batch: Labelled) -> Terms:
        z = self.latent(len(batch.images))
        with torch.no_grad():
            made = self.generate(z, batch.labels)
        return {"latent": (self.encoder(made) - z).square().mean()}

    def code(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        return self.encoder(images)

    def age(self, faces: Pictures, to: Labels, labels: Labels = None, steps: int = 100, *, kept: float = KEPT,
            features: str | None = None, method: Literal["adam", "lbfgs"] = "adam", progress: bool = True) -> Tensor:
        """The same faces at other ages, or of other classes whatever they are.

        Args:
            faces: (n, C, H, W) in [0, 1], or whatever else ``encode`` takes.
            to: the class of each answer, or one for all, by number or by name, such as "50-59".
            labels: the classes of the faces; None: of each that by which encoder and generator come nearest to it.
            steps: of the search for the latents, see ``zoo.invert``; 0: what the encoder says.
            kept: share, from 0 to 1, of what the search does not find of a face that its answer is given back; 0: the
                paper's answer.
            features, method, progress: see ``zoo.invert``.

        Returns:
            (n, C, H, W) in [0, 1] on the CPU.

        Raises:
            UsageError: images of another size or range, unknown classes, features that there are not, or a share that
                is none.
        """
        if not 0 <= kept <= 1:
            raise UsageError(f"kept is a share from 0 to 1, not {kept}")
        pictures = self.data.read(faces)
        wanted = self.condition.numbers(to, len(pictures))["label"]
        known = self.likely(pictures) if labels is None else labels
        found = invert(self, pictures, known, steps, features=features, method=method, progress=progress)
        return (self.decode(found.latents, wanted) + kept * (pictures - found.images)).clamp(0, 1)

    @property
    def measures(self) -> tuple[str, ...]:
        return (*super().measures, "ageing")

    def likely(self, faces: Pictures) -> Tensor:
        """Of each face (n, C, H, W) in [0, 1] the class by which encoder and generator come nearest to it, (n,)."""
        pictures = self.data.read(faces)
        latents = self.encode(pictures, 0)  # E is told no class
        errors = [(self.decode(latents, label) - pictures).square().flatten(1).mean(1)
                  for label in range(self.data.classes)]
        return torch.stack(errors).argmin(0)
