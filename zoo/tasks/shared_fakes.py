"""SharedFakes: a sampler whose players are shown the same fakes in a step, made once."""

from typing import NamedTuple

from torch import Tensor, nn

from zoo.data.batches import Labelled
from zoo.data.spec import AnySpec
from zoo.tasks.latent_model import SamplerConfig
from zoo.tasks.sampler import Sampler


class Fakes(NamedTuple):
    """What D is shown beside real images.

    Attributes:
        latent: (N, latent_size).
        images: that were made of them, (N, C, H, W), as D sees them.
    """

    latent: Tensor
    images: Tensor


class SharedFakes(Sampler):
    """In ``alternate`` G is corrected at the fakes that D was just shown, as in most code, where Goodfellow 2014
    (arXiv:1406.2661, algorithm 1) draws others.

    Both losses of a variant ask for ``fake(batch)``; it builds ``discriminator``.
    """

    discriminator: nn.Module

    def __init__(self, config: SamplerConfig, data: AnySpec) -> None:
        super().__init__(config, data)
        self._kept: list[Fakes] | None = None  # what the players of a step are shown; None: it is made for each

    def optimizer_groups(self) -> dict[str, list[nn.Parameter]]:
        return {"discriminator": list(self.discriminator.parameters()),
                "generator": list(self.generator.parameters())}

    def fake(self, batch: Labelled) -> Tensor:
        """As many generated images as the batch has real ones, of the same classes, as D sees them: (N, C, H, W).

        Within a step the same for D and for G, but that to D they are cut off from the generator.
        """
        return self.fakes(batch).images

    def fakes(self, batch: Labelled) -> Fakes:
        """The same, with the latents that they are of."""
        with self._draws.aside():
            if self._kept is None:
                return self.make_fakes(batch)
            if not self._kept:
                with self.groups.recorded("generator"):
                    self._kept.append(self.make_fakes(batch))
        fakes = self._kept[0]
        return fakes if self.groups.turn == "generator" else Fakes(*(x.detach() for x in fakes))

    def make_fakes(self, batch: Labelled) -> Fakes:
        """Draws latents and makes images of them, see ``fake``."""
        latent = self.latent(len(batch.images))
        return Fakes(latent, self.generate(latent, batch.labels))

    def alternate(self, batch: Labelled) -> None:
        """The turns of a step. Where a batch is taken in parts, to need less memory, fakes are made for each player."""
        due = (self.turns + 1) % self.critic_steps == 0
        self._kept = [] if due and self.accumulate == 1 else None
        try:
            super().alternate(batch)
        finally:
            self._kept = None
