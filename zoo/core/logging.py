"""Rows: what a step measured, to the loggers, before a checkpoint of the step is written."""

from typing import Any

import torch
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import Callback
from torch import Tensor

from zoo.core import parallel


class Rows(Callback):
    """Hands every logging interval's values to the loggers, under the images seen, as means over the processes.

    Lightning itself would log them after its checkpoints, so that a run that is killed in between would lack a row for
    ever. This comes before: a row too many is dropped by a resumed run.
    """

    def on_train_batch_end(self, trainer: Trainer, model: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        if (batch_idx + 1) % trainer.log_every_n_steps == 0 or trainer.should_stop:  # type: ignore[attr-defined]
            model.check_finite()
            values = means(model.log_values(), model.device)
            for logger in trainer.loggers:
                logger.log_metrics(values, step=model.images_seen)
            model.log_dict(values, logger=False)  # for callbacks of a user's own, such as early stopping


def means(values: dict[str, Tensor | float], device: torch.device) -> dict[str, float]:
    """Over the processes, of which all have the same names."""
    row = torch.stack([torch.as_tensor(value, device=device).float().reshape(()) for value in values.values()])
    return dict(zip(values, parallel.mean(row).tolist(), strict=True))
