"""What a discriminator's training follows of what D says: state of a run, in buffers, the same on all processes."""

import torch
from torch import Tensor, nn

from zoo.core import parallel


class Chance(nn.Module):
    """The probability of augmentations, which rises while D is too sure of real images (Karras 2020,
    arXiv:2006.06676, section 3).

    Every four updates r_t = E[sign D(x)] is measured on the real images of that step, where the paper has the mean over
    the four, and p goes towards more or less augmentation by as much as the images since, of ``images``.

    Args:
        p: at the beginning.
        target: of r_t; 0 keeps p.
        images: in which p can go from 0 to 1.
    """

    EVERY = 4  # updates
    p: Tensor

    def __init__(self, p: float, target: float, images: int) -> None:
        super().__init__()
        self.target, self.images = target, images
        self.register_buffer("p", torch.tensor(p))

    def is_due(self, updates: int) -> bool:
        """Whether ``lead`` is to be called after so many updates."""
        return self.target > 0 and updates % self.EVERY == 0

    @torch.no_grad()
    def lead(self, logits: Tensor) -> None:
        """Moves p, by D's logits (N, 1) of the real images of this process."""
        r = parallel.mean(logits.to(self.p).sign().mean())
        step = self.EVERY * len(logits) * parallel.world_size() / self.images
        self.p.add_(step * (r - self.target).sign()).clamp_(0, 1)


class Followed(nn.Module):
    """Moving averages of what is seen in the course of a run, over the batches of all processes.

    Args:
        size: how many numbers.
        decay: what is kept of the averages at each step; the first step's numbers are taken as they are.

    Attributes:
        means: (size,).
        updates: int64, so that nothing averages it.
    """

    means: Tensor
    updates: Tensor

    def __init__(self, size: int, decay: float) -> None:
        super().__init__()
        self.decay = decay
        self._seen: list[Tensor] = []  # in the parts of a step
        self.register_buffer("means", torch.zeros(size))
        self.register_buffer("updates", torch.zeros((), dtype=torch.int64))

    def note(self, values: Tensor) -> None:
        """Numbers (size,) of a part of a step, which ``move`` will take into account; not of what is only looked at."""
        if self.training:
            self._seen.append(values.detach())

    @torch.no_grad()
    def move(self) -> None:
        """Once a step, after it."""
        seen = parallel.mean(torch.stack(self._seen).mean(0).to(self.means))
        self._seen = []
        self.means.lerp_(seen, torch.where(self.updates > 0, 1 - self.decay, 1.0).to(seen))
        self.updates += 1


class Anchors(Followed):
    """LeCam's regularisation (Tseng 2021, arXiv:2104.03310): what D says of real images is held near the mean of what
    it said of fakes, and the other way round.

        E[(D(x) - a_F)^2] + E[(D(G(z)) - a_R)^2]

    ``means`` are a_R and a_F.

    Args:
        after: updates before which it is 0, while the means settle.
    """

    def __init__(self, after: int) -> None:
        super().__init__(size=2, decay=0.99)
        self.after = after

    def forward(self, on_real: Tensor, on_fake: Tensor) -> Tensor:
        """The term, of outputs (N, 1) on real and on fake images."""
        self.note(torch.stack([on_real.mean(), on_fake.mean()]))
        real, fake = self.means.clone()  # for the backward pass, since the means move
        distance = (on_real - fake).square().mean() + (on_fake - real).square().mean()
        return distance * (self.updates >= self.after)
