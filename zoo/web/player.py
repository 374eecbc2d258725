"""Player: a variant in training that goes on by as many steps as it is told to, and stands still in between."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import Callback

from zoo.core.errors import UsageError
from zoo.core.module import Batch
from zoo.data.source import Source
from zoo.tasks.latent_model import LatentModel
from zoo.training.machine import quiet
from zoo.training.options import Training
from zoo.training.prepared import Prepared

WORK = threading.Lock()  # held while anything is computed: torch's global generator belongs to one model at a time


class Held(Callback):
    """Holds a Trainer between its steps, until it is told how many to take."""

    def __init__(self) -> None:
        self.steps, self.ended = 0, False
        self.batch: Batch | None = None  # of the last step
        self.error: BaseException | None = None  # that the training ended by
        self._go, self._done = threading.Semaphore(0), threading.Semaphore(0)

    def take(self, steps: int) -> None:
        """Has the Trainer, in its own thread, take so many steps, and waits for them; none ends it."""
        self.steps = steps
        self._go.release()
        self._done.acquire()

    def end(self, error: BaseException | None = None) -> None:
        """The Trainer has come to its end."""
        self.error, self.ended = error, True
        self._done.release()

    def _wait(self, trainer: Trainer) -> None:
        self._done.release()
        self._go.acquire()
        trainer.should_stop = self.steps == 0

    def on_train_start(self, trainer: Trainer, model: Any) -> None:
        self._wait(trainer)

    def on_train_batch_end(self, trainer: Trainer, model: Any, outputs: Any, batch: Batch, batch_idx: int) -> None:
        self.batch, self.steps = batch, self.steps - 1
        if not self.steps:
            self._wait(trainer)

    def begun(self) -> None:
        """Waits for the Trainer's first step to be due."""
        self._done.acquire()


class Player:
    """A variant that learns points, by the steps of Lightning's Trainer and by nothing else.

    Args:
        variant: a name from ``zoo.variants()``.
        config: fields of its Config.
        training: batch size and seed.
        source: of the points.

    Attributes:
        model: which stands still whenever ``advance`` does not run.

    Raises:
        UsageError: what does not fit.
    """

    def __init__(self, variant: str, config: dict[str, Any], training: Training, source: Source) -> None:
        quiet()
        prepared = Prepared(variant, config, training, source=source)
        if not isinstance(prepared.model, LatentModel):
            raise UsageError(f"{variant} makes nothing of latents: choose a variant that is asked with sample()")
        self.model = prepared.model
        self._held = Held()
        trainer = Trainer(accelerator="cpu", devices=1, max_epochs=-1, logger=False, enable_checkpointing=False,
                          enable_progress_bar=False, enable_model_summary=False, use_distributed_sampler=False,
                          callbacks=[self._held])

        def train() -> None:
            try:
                trainer.fit(self.model, datamodule=prepared.data)
            except BaseException as error:  # told to whoever waits for a step
                self._held.end(error)
            else:
                self._held.end()

        self._thread = threading.Thread(target=train, daemon=True)
        self._thread.start()
        self._held.begun()
        self._check()

    @property
    def batch(self) -> Batch | None:
        """Of the last step, as losses take it."""
        return self._held.batch

    @property
    def steps(self) -> int:
        """Batches that it has seen."""
        return 0 if self.batch is None else self.model.images_seen // len(self.batch[0])

    def advance(self, steps: int, alone: str | None = None) -> None:
        """Takes steps; with ``alone`` only the optimizer of this group does.

        Raises:
            UsageError: it has no such group.
            NonFiniteLossError: the training went wrong.
        """
        if alone not in (None, *self.model.groups.names):
            raise UsageError(f"{self.model.variant} trains {', '.join(self.model.groups.names)}, and no {alone}")
        self._check()
        self.model.alone = alone
        try:
            self._held.take(steps)
        finally:
            self.model.alone = None
        self._check()

    def close(self) -> None:
        """Ends the training."""
        if not self._held.ended:
            self._held.take(0)
        self._thread.join()

    def _check(self) -> None:
        if self._held.error is not None:
            raise self._held.error


@contextmanager
def at_work() -> Iterator[None]:
    """Meanwhile no other player computes, and gradients are as torch has them at first."""
    with WORK, torch.enable_grad():
        yield
