"""Checkpoints: the full training state of a run, by images seen."""

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import Checkpoint
from lightning.pytorch.plugins import TorchCheckpointIO
from lightning.pytorch.utilities import rank_zero_only
from torch import Tensor

from zoo.core.errors import UsageError
from zoo.core.files import atomic, is_whole_archive
from zoo.core.module import Batch, GenerativeModule
from zoo.training.callbacks import crossed

if TYPE_CHECKING:
    from zoo.training.evaluation import Evaluation

BEST = "best.ckpt"
State = tuple[int, int]  # size and time of a file: it is looked through once for each


class ImageCheckpoint(Checkpoint):
    """Full training state every so many images and at the end, under ``images-<seen>.ckpt``.

    ``best.ckpt`` is the one with the lowest value of the run's rule: of what ``evaluation`` measures, at each of its
    measurements, else of the model's own ``monitor``, as a mean since the one before that was due; without either there
    is none. What a signal asks for is not due: a run that was stopped chooses among the same as one that was not.

    Args:
        folder: where.
        every: images between checkpoints.
        budget: images of the run, after which one is due too.
        evaluation: a callback that comes before this one.
        keep: how many of the newest to keep.

    Attributes:
        last_model_path: the newest complete one.
        best, last: value and images seen by the run's rule; empty before the first, and without a rule.
    """

    def __init__(self, folder: Path, every: int, budget: int, evaluation: "Evaluation | None" = None,
                 keep: int = 2) -> None:
        self.folder, self.every, self.budget, self.evaluation, self.keep = folder, every, budget, evaluation, keep
        newest = newest_checkpoint(folder)
        self.last_model_path = str(newest) if newest else ""
        self.best: dict[str, float] = {}
        self.last: dict[str, float] = {}
        self._sum: Tensor | float = 0.0
        self._count = 0

    def setup(self, trainer: Trainer, model: GenerativeModule, stage: str) -> None:
        if type(trainer.strategy.checkpoint_io) is TorchCheckpointIO:  # not another that the user chose
            trainer.strategy.checkpoint_io = InPlace()

    def on_train_batch_end(self, trainer: Trainer, model: GenerativeModule, outputs: Any, batch: Batch,
                           batch_idx: int) -> None:
        if model.monitor:
            self._sum, self._count = self._sum + model.measured[model.monitor], self._count + 1
        measured = self.evaluation is not None and self.evaluation.measured_at == model.images_seen
        due = measured or crossed(model, batch, self.every) or model.images_seen >= self.budget
        if trainer.should_stop or due:
            better = due and self._improved(model, measured)
            self.save(trainer, self.folder / f"images-{model.images_seen:012d}.ckpt", better)

    def on_train_end(self, trainer: Trainer, model: GenerativeModule) -> None:
        self._forget_damaged_best()  # before the run takes its weights from there

    def _improved(self, model: GenerativeModule, measured: bool) -> bool:
        if self.evaluation is not None and measured:
            value = float(model.measured[self.evaluation.name])
        elif model.monitor and self.evaluation is None:
            value, self._sum, self._count = float(self._sum) / self._count, 0.0, 0
        else:
            return False
        self.last = {"value": value, "images_seen": model.images_seen}
        if value >= self.best.get("value", float("inf")):
            return False
        self.best = self.last
        return True

    def state_dict(self) -> dict[str, Any]:
        return {"best": self.best, "last": self.last, "sum": float(self._sum), "count": self._count}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.best, self.last = state["best"], state["last"]
        self._sum, self._count = state.get("sum", 0.0), state.get("count", 0)  # earlier versions kept neither
        self._forget_damaged_best()

    def _forget_damaged_best(self) -> None:
        """Lets another checkpoint be the best, from now on, where the file of the one that was cannot be used."""
        if self.best and not is_sound(self.folder / BEST):
            _say(f"{self.folder / BEST} is damaged or gone: of the checkpoints from here on the best is kept, and "
                 "without one the weights are the last")
            self.best = {}

    def save(self, trainer: Trainer, path: Path, better: bool = False) -> None:
        """Writes a checkpoint; every process takes part. Raises UsageError, earlier ones intact, if it cannot."""
        try:
            if trainer.is_global_zero:
                with atomic(path) as partial:
                    trainer.save_checkpoint(partial)
                if better:
                    with atomic(self.folder / BEST) as partial:
                        shutil.copyfile(path, partial)
                self._remove_others(path)
            else:
                trainer.save_checkpoint(path)  # writes nothing on this process
        except OSError as error:
            kept = f"the one before is whole: {self.last_model_path}" if self.last_model_path else "it is the first"
            raise UsageError(f"the checkpoint {path} cannot be written ({error}); {kept}. Make room and use "
                             "--resume") from error
        self.last_model_path = str(path)

    def _remove_others(self, path: Path) -> None:
        """Keeps this one and those just before it. One of more images was damaged, or the run would be there."""
        there = sorted(self.folder.glob("images-*.ckpt"))
        kept = [other for other in there if other.name <= path.name][-self.keep:]
        for other in there:
            if other not in kept:
                other.unlink()


class InPlace(TorchCheckpointIO):
    """Writes a checkpoint straight to its place, which ``atomic`` made.

    Lightning's own way makes it in memory first, and then in $TMPDIR, which has to have room for it.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:
        try:
            with open(path, "wb") as file:
                torch.save(checkpoint, file)
        except RuntimeError as error:
            if isinstance(error.__context__, OSError):  # torch complains of its own position in a file that is full
                raise error.__context__ from error
            raise


def newest_checkpoint(folder: Path) -> Path | None:
    """The newest that can be gone on with. What is damaged is passed over, and said so once."""
    for path in sorted(folder.glob("images-*.ckpt"), reverse=True):
        if is_sound(path):
            return path
        if path.exists() and path not in _told:  # it may have gone since it was listed
            _told.add(path)
            _say(f"the checkpoint {path} is damaged (empty, cut short or altered) and passed over")
    return None


_told: set[Path] = set()
_looked_through: dict[Path, tuple[State, bool]] = {}


def is_sound(path: Path) -> bool:
    """Whether a checkpoint is there, with the content that was written. One that was looked through is remembered."""
    try:
        state = path.stat().st_size, path.stat().st_mtime_ns
    except OSError:
        return False
    known, sound = _looked_through.get(path, (None, False))
    if known != state:
        sound = is_whole_archive(path) and _can_be_opened(path)
        _looked_through[path] = state, sound
    return sound


def _can_be_opened(path: Path) -> bool:
    """Whether torch finds its way in a file; no tensor is read."""
    try:
        return "zoo" in torch.load(path, map_location="meta", weights_only=True)
    except Exception:  # whatever torch's unpickler stumbles over
        return False


@rank_zero_only
def _say(sentence: str) -> None:
    print(sentence, file=sys.stderr)


def checkpoint_images(path: Path) -> int:
    """The images seen at a checkpoint, from its name."""
    return int(path.stem.split("-")[1])
