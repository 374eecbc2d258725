"""What a model made in steps before: for a discriminator to look at again (Shrivastava 2016, arXiv:1612.07828), or for
a chain to go on from (Tieleman 2008, doi:10.1145/1390156.1390290)."""

import torch
from torch import Tensor, nn

from zoo.core import parallel


class Past(nn.Module):
    """Examples of steps before, in buffers: they are in a checkpoint, and the same on all processes.

    Args:
        size: how many are kept.
        shape: of an example.

    Attributes:
        kept: (size, *shape).
        count: int64, so that nothing averages it.
    """

    kept: Tensor
    count: Tensor

    def __init__(self, size: int, *shape: int) -> None:
        super().__init__()
        self.size = size
        self.register_buffer("kept", torch.zeros(size, *shape))
        self.register_buffer("count", torch.zeros((), dtype=torch.int64))


class History(Past):
    """A pool, of which ``count`` places were filled; with a ``size`` of 0 nothing is kept."""

    @torch.no_grad()
    def exchange(self, new: Tensor, chance: Tensor) -> Tensor:
        """Past examples in place of some of the new ones, as if the rows of all processes came one after the other.

        While the pool has room a new one is kept and given back. Then, with probability 1/2, one of the pool is given
        back and replaced by the new one; else the new one is given back and not kept. So are the rows of a step beyond
        the size of the pool: it holds no more past ones, and what processes exchange does not grow with their number.

        Args:
            new: (n, *shape), the examples of this process.
            chance: (n, 2) of ``draw(torch.rand, n, 2)``: from 1/2 on nothing is exchanged; with which of the pool.

        Returns:
            (n, *shape), the rows of this process.
        """
        if not self.size:
            return new
        rows = parallel.gather(new, stop=self.size).to(self.kept)
        chance = parallel.gather(chance, stop=self.size)
        number = torch.arange(len(rows), device=rows.device)
        room = self.size - self.count
        filling = number < room
        swapping = ~filling & (chance[:, 0] < 0.5)
        slot = torch.where(filling, self.count + number, (chance[:, 1] * self.size).long()).clamp(max=self.size - 1)
        # A row finds in its slot what the last row before it put there; in the end it holds what the last of all did.
        put = (slot == slot[:, None]) & (filling | swapping)  # (row, row that puts into its slot)
        found = self.kept[slot]
        given = torch.where(_beside(swapping, rows), _latest(put.tril(-1), rows, found), rows)
        self.kept[slot] = _latest(put, rows, found)  # rows of one slot put the same
        self.count.copy_((self.count + len(rows)).clamp(max=self.size))
        mine = given[parallel.rank() * len(new):][:len(new)]
        return torch.cat([mine, new[len(mine):].to(mine)])


def _latest(which: Tensor, rows: Tensor, otherwise: Tensor) -> Tensor:
    """For each of m the last of n rows that ``which`` (m, n) has true, else that of ``otherwise`` (m, ...)."""
    last = (which * torch.arange(1, which.shape[1] + 1, device=which.device)).amax(1)
    return torch.where(_beside(last > 0, rows), rows[(last - 1).clamp(min=0)], otherwise)


def _beside(values: Tensor, rows: Tensor) -> Tensor:
    """(m,) -> (m, 1, ...), to meet rows of any shape."""
    return values.view(-1, *[1] * (rows.dim() - 1))


class Replay(Past):
    """The newest, which take the place of the oldest; ``count`` is how many were ever kept."""

    def recall(self, new: Tensor, chance: Tensor, share: float) -> Tensor:
        """A past example in place of a new one, each with the probability ``share``; all new ones while there are none.

        Args:
            new: (n, *shape).
            chance: (n, 2) of ``draw(torch.rand, n, 2)``: below ``share`` a past one is taken; which of them.
        """
        filled = self.count.clamp(max=self.size)
        past = self.kept[(chance[:, 1] * filled).long().clamp(max=self.size - 1)].to(new)
        return torch.where(_beside((chance[:, 0] < share) & (filled > 0), new), past, new)

    @torch.no_grad()
    def keep(self, new: Tensor) -> None:
        """Keeps (n, *shape) of each process, as if the rows of all came one after the other."""
        rows = parallel.gather(new, -self.size).to(self.kept)
        slots = (self.count + torch.arange(len(rows), device=rows.device)) % self.size
        self.kept[slots] = rows
        self.count += len(rows)
