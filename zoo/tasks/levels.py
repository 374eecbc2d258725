"""ByLevels: what samplers share whose pictures come about at several sizes, the smallest first."""

import torch.nn.functional as F
from torch import Tensor

from zoo.data.batches import Labelled
from zoo.data.pyramid import reduced
from zoo.tasks.task import IN_STEPS, OF_PICTURES, Task


class ByLevels(Task):
    """A base beside ``Sampler``, before it.

    Attributes:
        sides: heights of the pictures, the last is that of the answer.
    """

    reading = (f"{OF_PICTURES} `/coarsest` is what the real ones get, enlarged from as small as the first level has "
               f"them. {IN_STEPS}")
    sides: list[int]

    def real(self, images: Tensor, level: int) -> Tensor:
        """Images (N, C, H, W) as a level has them, (N, C, S, S)."""
        return reduced(images, self.sides[level])

    def trivial(self, examples: Labelled) -> dict[str, Tensor]:
        enlarged = F.interpolate(self.real(examples.images, 0), self.sides[-1], mode="bilinear")
        return {"coarsest": self.data.to_unit(enlarged)}
