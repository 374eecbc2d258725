"""What watches a run: budget and signals, sample grids, diversity, throughput, progress bar."""

import signal
import sys
import threading
import time
from pathlib import Path
from types import FrameType
from typing import Any

from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import Callback, ProgressBar
from lightning.pytorch.utilities import rank_zero_warn
from tqdm import tqdm

from zoo.core import parallel
from zoo.core.files import atomic
from zoo.core.module import Batch, GenerativeModule
from zoo.tasks.task import Task


def crossed(model: GenerativeModule, batch: Batch, every: int) -> bool:
    """Whether this batch took the clock over a multiple of ``every`` images."""
    before = model.seen_before(batch)
    return model.images_seen // every > before // every


def _logs(trainer: Trainer, batch_idx: int) -> bool:
    """Whether Lightning logs after this batch."""
    return (batch_idx + 1) % trainer.log_every_n_steps == 0  # type: ignore[attr-defined]  # set from outside


class Budget(Callback):
    """Ends the run after ``images`` images seen, or after the batch in which SIGTERM or SIGINT came.

    The signal takes effect between batches, where the state is whole and all processes agree on it.
    """

    AGREE_EVERY = 10  # batches between the processes' asking each other for signals

    def __init__(self, images: int) -> None:
        self.images = images
        self.signal: int | None = None
        self._handlers: dict[int, Any] = {}

    def on_train_start(self, trainer: Trainer, model: Task) -> None:
        trainer.should_stop = model.images_seen >= self.images
        if threading.current_thread() is threading.main_thread():
            self._handlers = {number: signal.signal(number, self._note) for number in (signal.SIGTERM, signal.SIGINT)}

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.signal is not None and number == signal.SIGINT:
            raise KeyboardInterrupt  # asked twice: now
        self.signal = number

    def on_train_batch_end(self, trainer: Trainer, model: Task, outputs: Any, batch: Batch,
                           batch_idx: int) -> None:
        stop = self.signal is not None
        if trainer.world_size > 1:
            stop = batch_idx % self.AGREE_EVERY == 0 and trainer.strategy.reduce_boolean_decision(stop, all=False)
        if stop or model.images_seen >= self.images:
            trainer.should_stop = True

    def on_train_end(self, trainer: Trainer, model: Task) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        self._handlers = {}

    def on_exception(self, trainer: Trainer, model: Task, exception: BaseException) -> None:
        self.on_train_end(trainer, model)  # not in teardown: by then Lightning has put back what it replaced itself


class SampleGrid(Callback):
    """The model's sheet, of the same inputs, every so many images, under ``images-<seen>``.

    Attributes:
        examples: prepared examples of the data, for models whose inputs are made of them.
    """

    def __init__(self, folder: Path, every: int) -> None:
        self.folder, self.every = folder, every
        self.examples: Batch | None = None

    def on_train_batch_end(self, trainer: Trainer, model: Task, outputs: Any, batch: Batch,
                           batch_idx: int) -> None:
        if trainer.is_global_zero and (trainer.should_stop or crossed(model, batch, self.every)):
            name = f"images-{model.images_seen:012d}{Path(model.samples).suffix}"
            with atomic(self.folder / name) as partial:
                model.write_sheet(partial, self.examples)


class Diversity(Callback):
    """Watches for collapse: mean pairwise distance of generated images over that of real ones, logged as ``diversity``.

    1 is as diverse as the data, 0 a single image. Warns once when it falls under ``warn_below``, or is still there
    after ``grace`` images.
    """

    SAMPLES = 64

    def __init__(self, warn_below: float = 0.2, grace: int = 50_000) -> None:
        self.warn_below, self.grace = warn_below, grace
        self._was_above = self._warned = False

    def on_train_batch_end(self, trainer: Trainer, model: Task, outputs: Any, batch: Batch,
                           batch_idx: int) -> None:
        if _logs(trainer, batch_idx) or trainer.should_stop:
            value = self.measure(model, batch)
            if value is not None:
                model.track("diversity", value)
                self._warn(value, model.images_seen)

    def measure(self, model: Task, batch: Batch) -> float | None:
        """Of the real images of a batch, at most ``SAMPLES``; None where they tell nothing: a single one, or copies."""
        share = -(-self.SAMPLES // parallel.world_size())
        examples = type(batch)(*(parallel.gather(x[:share]) for x in batch))
        real = model.truth(examples)
        if len(real) < 2 or not (apart := model.spread(real)):
            return None
        return model.spread(model.respond(ema=False, **model.inputs(len(real), model.images_seen, examples))) / apart

    def _warn(self, value: float, seen: int) -> None:
        if value < self.warn_below and not self._warned and (self._was_above or seen > self.grace):
            self._warned = True
            rank_zero_warn(f"collapse? After {seen:,} images the generated images differ from each other by "
                           f"{value:.2f} of what real ones do. Look at samples/")
        self._was_above |= value >= self.warn_below


class Throughput(Callback):
    """Logs ``images_per_second`` of all processes together, over the last logging interval."""

    def on_train_start(self, trainer: Trainer, model: Task) -> None:
        self._mark = (time.perf_counter(), model.images_seen)

    def on_train_batch_end(self, trainer: Trainer, model: Task, outputs: Any, batch: Batch,
                           batch_idx: int) -> None:
        if _logs(trainer, batch_idx):
            now, (then, seen) = time.perf_counter(), self._mark
            model.track("images_per_second", (model.images_seen - seen) / (now - then))
            self._mark = (now, model.images_seen)


class ImageProgress(ProgressBar):
    """Images seen of the budget, images a second, every loss term and the diversity."""

    REFRESH_SECONDS = 1.0 if sys.stderr.isatty() else 20.0  # reading a loss waits for the GPU

    def __init__(self, images: int) -> None:
        super().__init__()
        self.images, self._enabled = images, True
        self._bar: tqdm | None = None

    def disable(self) -> None:
        self._enabled = False

    def enable(self) -> None:
        self._enabled = True

    def on_train_start(self, trainer: Trainer, model: Task) -> None:
        self._bar = tqdm(desc=model.variant, total=self.images, initial=model.images_seen,
                         unit=f" {model.examples}", unit_scale=True, dynamic_ncols=True,
                         mininterval=self.REFRESH_SECONDS, disable=not self._enabled)
        self._shown = 0.0

    def on_train_batch_end(self, trainer: Trainer, model: Task, outputs: Any, batch: Batch,
                           batch_idx: int) -> None:
        if self._bar is not None and self._enabled and (
                time.monotonic() - self._shown > self.REFRESH_SECONDS or trainer.should_stop):
            self._shown = time.monotonic()
            self._bar.set_postfix_str(self._terms(model), refresh=False)
            self._bar.update(min(model.images_seen, self.images) - self._bar.n)

    @staticmethod
    def _terms(model: Task) -> str:
        words, last = [], ""
        for name, value in model.terms.items():
            group, term = name.split("/")
            words.append(f"{f'{group[0].upper()} ' if group != last else ''}{term} {value.item():.3g}")
            last = group
        if "diversity" in model.measured:
            words.append(f"diversity {model.measured['diversity'].item():.2f}")
        return ", ".join(words)

    def teardown(self, trainer: Trainer, model: Task, stage: str) -> None:
        if self._bar is not None:
            self._bar.close()
