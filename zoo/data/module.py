"""Whole batches out of memory or from disk, in an order that follows from the seed and the clock alone."""

import signal
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from lightning.pytorch import LightningDataModule
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from zoo.core import parallel
from zoo.core.errors import UsageError
from zoo.data.batches import AnyColumns, mirrored, streamed, take, where
from zoo.data.memory import memory_for_images
from zoo.data.source import Source
from zoo.data.stored import OnDisk

WORKERS = 2  # processes that read what is streamed, for each that trains: four were 14 % faster on a solid-state disk


class Rows(Dataset):
    """Indexed with a batch of row numbers at once; on the device of the columns. With ``mirror`` the N examples are
    followed by N that are their mirror images.
    """

    def __init__(self, columns: AnyColumns, mirror: bool = False) -> None:
        self.columns, self.mirror, self.count = columns, mirror, len(columns[0])

    def __getitem__(self, rows: Tensor | list[int]) -> AnyColumns:
        if isinstance(rows, int):
            raise UsageError("the order of the batches was replaced, as by Trainer(overfit_batches=...): give the "
                             "Trainer a DataLoader of a few examples of your own instead")
        rows = torch.as_tensor(rows, device=self.columns[0].device)
        batch = take(self.columns, rows)
        return where(rows < self.count, batch, mirrored(batch)) if self.mirror else batch

    def __len__(self) -> int:
        return self.count * (2 if self.mirror else 1)


class Together(Dataset):
    """Several sets, indexed with a batch of row numbers of each: a batch out of one of each set."""

    def __init__(self, sets: list[Rows], together: Callable[..., AnyColumns]) -> None:
        self.sets, self.together = sets, together

    def __getitem__(self, rows: Sequence[Tensor]) -> AnyColumns:
        if isinstance(rows, int):
            rows = [rows] * len(self.sets)  # type: ignore[list-item]  # which Rows refuses, with the reason
        return self.together(*(one[numbers] for one, numbers in zip(self.sets, rows, strict=True)))

    def __len__(self) -> int:
        return len(self.sets[0])


class ClockedBatches(Sampler[Tensor]):
    """Endless batches of row numbers: epoch e is a permutation seeded by (seed, e), batches run across epochs.

    The stream is that of the global batch; a process takes its rows of it. So the position is one number, the images
    seen, and a run can go on from it on any number of processes.

    Args:
        which: of several sets that are gone through at once; each has permutations of its own.
    """

    def __init__(self, count: int, batch_size: int, seed: int, start: int, which: int = 0) -> None:
        self.count, self.batch_size, self.start = count, batch_size, start
        self.seed = seed * 1_000_003 + which * 2_654_435_769  # of a seed torch takes the lower 32 bits

    def _rows(self, position: int) -> Iterator[Tensor]:
        while True:
            epoch, offset = divmod(position, self.count)
            random = torch.Generator().manual_seed(self.seed + epoch)
            yield torch.randperm(self.count, generator=random)[offset:]
            position += self.count - offset

    def __iter__(self) -> Iterator[Tensor]:
        share = self.batch_size // parallel.world_size()
        first = parallel.rank() * share
        rows = self._rows(self.start)
        queue = next(rows)
        while True:
            while len(queue) < self.batch_size:
                queue = torch.cat([queue, next(rows)])
            yield queue[:self.batch_size][first:first + share]
            queue = queue[self.batch_size:]


class AtOnce(Sampler[tuple[Tensor, ...]]):
    """The orders of several sets, side by side."""

    def __init__(self, orders: list[ClockedBatches]) -> None:
        self.orders = orders

    def __iter__(self) -> Iterator[tuple[Tensor, ...]]:
        return zip(*self.orders, strict=True)


class DataModule(LightningDataModule):
    """Feeds a model of the zoo from a source, from where its clock stands.

    Examples that fit into memory are taken from there, on a GPU with room for them from its own; more are streamed from
    disk, and shards from where they lie, by workers, of which a line is printed. The batches are the same.

    Args:
        source: see ``zoo.data.sources``.
        batch_size: examples a step over all processes.
        seed: of the order.
        mirror: whether an epoch has every picture left to right as well.

    Attributes:
        columns: what the source loaded; None before ``setup``.

    Raises:
        UsageError: mirror images of what has none.
    """

    trainer: Any  # Lightning's, whose model is a GenerativeModule

    def __init__(self, source: Source, batch_size: int, seed: int = 0, mirror: bool = False) -> None:
        super().__init__()
        if mirror and not source.spec.has_mirror_images:
            raise UsageError(f"{source.spec.name} is a set of {source.spec.kind}, which have no mirror images: leave "
                             "--mirror away")
        self.source, self.batch_size, self.seed, self.mirror = source, batch_size, seed, mirror
        self.columns: AnyColumns = None  # type: ignore[assignment]  # only setup sees None

    def prepare_data(self) -> None:
        self.source.prepare()

    def setup(self, stage: str) -> None:
        self._check_shares(self.trainer.world_size, self.trainer.lightning_module)
        if self.columns is None:
            self.columns = self.source.load()
            if any(isinstance(column, OnDisk) for column in self.columns) and parallel.rank() == 0:
                print(f"{len(self.columns[0]):,} images take {_bytes(self.columns[:-1]) / 1e9:,.3g} GB, more than the "
                      f"{memory_for_images() / 1e9:,.3g} GB of memory for them ($ZOO_MEMORY, else half of what is "
                      f"available): streaming them from disk with {WORKERS} workers a process")

    def _check_shares(self, processes: int, model: Any) -> None:
        """Raises UsageError where processes, and parts, would get no whole number of examples, or of groups."""
        parts, group = model.accumulate, model.group_size
        if self.batch_size % (processes * parts * group):
            raise UsageError(f"the batch of {self.batch_size} cannot be shared by {processes} processes"
                             + (f", each in {parts} parts" if parts > 1 else "")
                             + (f", in groups of {group} images (--group)" if group > 1 else "")
                             + f": choose a multiple of {processes * parts * group} for --batch-size")

    def train_dataloader(self) -> DataLoader:
        device = self.trainer.strategy.root_device
        columns, are_streamed = self.columns, streamed(self.columns)
        if not are_streamed and fits(columns, device):
            columns = type(columns)(*(column.to(device) for column in columns))
        rows, order = self._in_order(columns)
        # A loader draws a seed for its workers even without any: from its own generator, not from the run's.
        return DataLoader(rows, sampler=order, batch_size=None, generator=torch.Generator(),
                          num_workers=WORKERS if are_streamed else 0, worker_init_fn=_leave_signals,
                          pin_memory=device.type == "cuda" and columns[0].device.type == "cpu")


    def _in_order(self, columns: AnyColumns) -> tuple[Dataset, Sampler]:
        """The examples and the order of their batches; sets that are not paired have one each."""
        sets = [Rows(columns_of_one, self.mirror) for columns_of_one in getattr(columns, "sets", [columns])]
        seen = self.trainer.lightning_module.images_seen
        orders = [ClockedBatches(len(rows), self.batch_size, self.seed, seen, which)
                  for which, rows in enumerate(sets)]
        if len(sets) == 1:
            return sets[0], orders[0]
        return Together(sets, type(columns).together), AtOnce(orders)  # type: ignore[union-attr]  # as it has sets


def _leave_signals(worker: int) -> None:
    """Ctrl-C and a scheduler's SIGTERM reach all processes: that which trains ends its batch, which needs workers."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


def _bytes(columns: AnyColumns) -> int:
    return sum(column.nbytes for column in columns)


def fits(columns: AnyColumns, device: torch.device) -> bool:
    """Whether the whole data set may lie on a GPU, as 8-bit numbers: it takes at most a quarter of what is free."""
    return device.type == "cuda" and _bytes(columns) <= torch.cuda.mem_get_info(device)[0] / 4
