"""Checkpoints: the full training state of a run, by images seen."""

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import Checkpoint
from torch import Tensor

from zoo.core.errors import UsageError
from zoo.core.files import atomic
from zoo.core.module import Batch, GenerativeModule
from zoo.training.callbacks import crossed

if TYPE_CHECKING:
    from zoo.training.evaluation import Evaluation


class ImageCheckpoint(Checkpoint):
    """Full training state every so many images and at the end, under ``images-<seen>.ckpt``.

    ``best.ckpt`` is the one with the lowest value of the run's rule: of what ``evaluation`` measures, at each of its
    measurements, else of the model's own ``monitor``, as a mean since the checkpoint before; without either there is
    none.

    Args:
        folder: where.
        every: images between checkpoints.
        evaluation: a callback that comes before this one.
        keep: how many of the newest to keep.

    Attributes:
        last_model_path: the newest complete one.
        best, last: value and images seen by the run's rule; empty before the first, and without a rule.
    """

    def __init__(self, folder: Path, every: int, evaluation: "Evaluation | None" = None, keep: int = 2) -> None:
        self.folder, self.every, self.evaluation, self.keep = folder, every, evaluation, keep
        newest = newest_checkpoint(folder)
        self.last_model_path = str(newest) if newest else ""
        self.best: dict[str, float] = {}
        self.last: dict[str, float] = {}
        self._sum: Tensor | float = 0.0
        self._count = 0

    def on_train_batch_end(self, trainer: Trainer, model: GenerativeModule, outputs: Any, batch: Batch,
                           batch_idx: int) -> None:
        if model.monitor:
            self._sum, self._count = self._sum + model.measured[model.monitor], self._count + 1
        measured = self.evaluation is not None and self.evaluation.measured_at == model.images_seen
        if trainer.should_stop or measured or crossed(model, batch, self.every):
            better = self._improved(model, measured)
            self.save(trainer, self.folder / f"images-{model.images_seen:012d}.ckpt", better)

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
        return {"best": self.best, "last": self.last}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.best, self.last = state["best"], state["last"]

    def save(self, trainer: Trainer, path: Path, better: bool = False) -> None:
        """Writes a checkpoint; every process takes part. Raises UsageError, earlier ones intact, if it cannot."""
        try:
            if trainer.is_global_zero:
                with atomic(path) as partial:
                    trainer.save_checkpoint(partial)
                if better:
                    with atomic(self.folder / "best.ckpt") as partial:
                        shutil.copyfile(path, partial)
                for old in sorted(self.folder.glob("images-*.ckpt"))[:-self.keep]:
                    old.unlink()
            else:
                trainer.save_checkpoint(path)  # writes nothing on this process
        except OSError as error:
            kept = f"the one before is whole: {self.last_model_path}" if self.last_model_path else "it is the first"
            raise UsageError(f"the checkpoint {path} cannot be written ({error}); {kept}. Make room and use "
                             "--resume") from error
        self.last_model_path = str(path)


def newest_checkpoint(folder: Path) -> Path | None:
    return max(folder.glob("images-*.ckpt"), default=None)


def checkpoint_images(path: Path) -> int:
    """The images seen at a checkpoint, from its name."""
    return int(path.stem.split("-")[1])
