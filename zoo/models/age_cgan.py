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

import re
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from zoo.core.errors import UsageError
from zoo.core.module import Terms
from zoo.core.registry import register
from zoo.data.batches import Labelled
from zoo.data.labels import Labels
from zoo.data.pictures import Pictures
from zoo.models.cgan import ConditionalGAN, ConditionalGANConfig
from zoo.tasks.encoding import EncoderConfig, WithEncoder
from zoo.tasks.inversion import Method, invert

YEARS = re.compile(r"(\d+)-(\d+)$")  # such as "age7_051-060" ends
KEPT = 0.5  # more keeps a person better, less an age, and from there on two faces show through each other


@dataclass(frozen=True, kw_only=True)
class AgeCGANConfig(EncoderConfig, ConditionalGANConfig):
    """CGAN's options, and that of an encoder."""


@register("age-cgan", title="Age-cGAN", paper="https://arxiv.org/abs/1702.01983", year=2017)
class AgeCGAN(WithEncoder, ConditionalGAN):
    Config = AgeCGANConfig
    config: AgeCGANConfig
    asks = (*ConditionalGAN.asks, "age")
    reading = f"{ConditionalGAN.reading} Lower is better for `aged_off`, which is in classes, too."

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

    def age(self, faces: Pictures, to: Labels, labels: Labels = None, steps: int = 100, *, kept: float = KEPT,
            features: str | None = None, method: Method = "adam", progress: bool = True) -> Tensor:
        """The same faces at other ages, or of other classes whatever they are.

        Args:
            faces: (n, C, H, W) in [0, 1], or whatever else ``encode`` takes.
            to: the class of each answer, or one for all, by number or by name; or by years, such as "50-59": the class
                that shares the most of them, where classes are called so.
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
        wanted = self.condition.numbers(self.by_years(to), len(pictures))["label"]
        known = self.likely(pictures) if labels is None else self.by_years(labels)
        found = invert(self, pictures, known, steps, features=features, method=method, progress=progress)
        return (self.decode(found.latents, wanted) + kept * (pictures - found.images)).clamp(0, 1)

    def by_years(self, labels: Labels) -> Labels:
        """Classes that are told by years, such as "50-59", by their names; others as they are."""
        if isinstance(labels, str):
            return self._of_years(labels)
        if labels is None or isinstance(labels, int | Tensor):
            return labels
        return [self._of_years(label) if isinstance(label, str) else label for label in labels]

    def _of_years(self, label: str) -> str:
        shared = {name: _years_shared(label, name) for name in self.data.class_names}
        best = max(shared, key=lambda name: shared[name])
        return best if label not in shared and shared[best] else label

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


def _years_shared(asked: str, name: str) -> int:
    """By what is asked for, such as "50-59", and a class, such as "age7_051-060"."""
    years, of_class = YEARS.fullmatch(asked.strip()), YEARS.search(name)
    if not years or not of_class:
        return 0
    (first, last), (low, high) = ((int(year) for year in found.groups()) for found in (years, of_class))
    return max(0, min(last, high) - max(first, low) + 1)
