"""A run, from what it needs to a finished folder."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock, Timeout
from lightning.pytorch import Trainer
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.utilities import rank_zero_only

from zoo.cards.publishing import write_metrics
from zoo.core.errors import UsageError
from zoo.core.parallel import ZooStrategy
from zoo.metrics.quick import QUICK
from zoo.store.saving import save, write_config
from zoo.training import callbacks
from zoo.training.checkpoints import ImageCheckpoint, checkpoint_images, newest_checkpoint
from zoo.training.loggers import MetricsCSV
from zoo.training.machine import Untimed, keep_memory, processes, quiet
from zoo.training.prepared import Prepared
from zoo.training.provenance import commit, hardware, libraries


class Run(Prepared):
    """One training run: see ``Prepared`` for its arguments."""

    def train(self) -> int:
        """Trains to the budget. Returns the exit status: 0, or 128 + signal after a graceful stop."""
        # The others start when this one has begun to fill the folder.
        if rank_zero_only.rank:  # type: ignore[attr-defined]  # a function's attribute
            return self._train()
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with self._alone():
                self.check_folder()
                if self.resume and self.checkpoint is None:
                    print(f"nothing was saved in {self.folder} yet: the run begins anew", file=sys.stderr)
                return self._train()
        except OSError as error:
            raise UsageError(f"the run cannot write to {self.folder}: {error}. Make room, or take another --out; what "
                             f"is saved is whole: --resume {self.folder} goes on with it") from error

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Holds the folder's lock. Raises UsageError where another process trains in it."""
        lock = FileLock(self.folder / ".lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            raise UsageError(f"another process trains in {self.folder}: wait for it, or stop it first") from None
        try:
            for partial in self.folder.rglob(".*.partial"):  # of a process that was killed while it wrote
                partial.unlink(missing_ok=True)
            yield
        finally:
            lock.release()

    def _train(self) -> int:
        training, model = self.training, self.model
        quiet()
        keep_memory()
        budget = callbacks.Budget(training.images)
        self.sheets.examples = self._examples()
        trainer = self._trainer(budget)
        if trainer.is_global_zero:
            # Weights that the folder has stay until there are others.
            write_config(model, self.folder, self._origin(trainer))
        checkpoint = str(self.checkpoint) if self.resume and self.checkpoint else None
        try:
            trainer.fit(model, datamodule=self.data, ckpt_path=checkpoint, weights_only=True)
        except RuntimeError:  # what a process finds whose neighbour died
            newest = newest_checkpoint(self.folder / "checkpoints")
            if trainer.world_size > 1 and newest:
                print(f"process {trainer.global_rank} of {trainer.world_size} stops with an error, perhaps because "
                      f"another did; go on from {newest} with --resume {self.folder}", file=sys.stderr)
            raise
        if trainer.is_global_zero:
            self._finish(budget.signal, trainer)
        return 128 + budget.signal if budget.signal else 0

    def _trainer(self, budget: callbacks.Budget) -> Trainer:
        training, folder = self.training, self.folder
        checkpoints = ImageCheckpoint(folder / "checkpoints", training.checkpoint_every, training.images,
                                      self.evaluation)
        start = checkpoint_images(self.checkpoint) if self.resume and self.checkpoint else 0
        devices, nodes = processes(training)
        return Trainer(
            accelerator=training.accelerator, devices=devices, num_nodes=nodes,
            precision=training.precision, strategy=ZooStrategy() if devices * nodes > 1 else "auto",
            max_epochs=-1, use_distributed_sampler=False, enable_model_summary=False,
            log_every_n_steps=max(1, training.log_every // training.batch_size),
            default_root_dir=folder, profiler=Untimed(),
            logger=[MetricsCSV(folder / "metrics.csv", start), *self._tensorboard()],
            callbacks=[
                budget,
                callbacks.Diversity(),
                callbacks.Throughput(),
                callbacks.ImageProgress(training.images),
                self.sheets,
                *([self.evaluation] if self.evaluation else []),
                checkpoints,
                *self.more_callbacks,
            ])

    def _tensorboard(self) -> list[TensorBoardLogger]:
        try:
            str(self.folder).encode()
        except UnicodeEncodeError:  # of a locale that does not know the name: TensorBoard could not open its file
            print(f"{self.folder} is no text in this locale: TensorBoard's log is left out", file=sys.stderr)
            return []
        return [TensorBoardLogger(self.folder, name="tensorboard", version="")]

    def _origin(self, trainer: Trainer) -> dict[str, Any]:
        software = ", ".join(f"{name} {version}" for name, version in libraries().items())
        return {"training": self.training.to_dict(), "images_seen": self.model.images_seen, "command": self.command,
                "commit": commit(), "hardware": hardware(trainer.world_size, trainer.strategy.root_device),
                "software": software}

    def _finish(self, stopped: int | None, trainer: Trainer) -> None:
        model, folder, checkpoints = self.model, self.folder, trainer.checkpoint_callback
        assert isinstance(checkpoints, ImageCheckpoint)  # the first of the callbacks that are such
        metrics = {}
        if "diversity" in model.measured:
            count = min(callbacks.Diversity.SAMPLES, self.training.batch_size)
            metrics["diversity"] = {
                "value": model.measured["diversity"].item(),
                "protocol": f"mean pairwise distance of {count} generated {model.examples} over that of {count} real "
                            "ones, live weights at the end"}
        if checkpoints.best:
            metrics |= self._restore_best(checkpoints)
        save(model, folder, self._origin(trainer), self.sheets.examples)
        for name in () if stopped else model.quick_measures:
            metrics |= QUICK[name](model, self.data.columns)
        write_metrics(folder, metrics)
        for name, metric in metrics.items():
            print(f"{name}: {metric['value']:.3f}")
        seen = checkpoint_images(Path(checkpoints.last_model_path))
        print(f"{'stopped' if stopped else 'finished'} after {seen:,} {model.examples}: "
              f'{folder}/{model.samples}\nload it with zoo.load("{folder}")'
              + (f", go on with --resume {folder}" if stopped else ""))

    def _restore_best(self, checkpoints: ImageCheckpoint) -> dict[str, Any]:
        """Takes the model back to its best checkpoint and tells what it was chosen by, there and at the end."""
        model, training = self.model, self.training
        best = torch.load(self.folder / "checkpoints" / "best.ckpt", weights_only=True)
        model.load_state_dict(best["state_dict"])
        model.on_load_checkpoint(best)
        name, how = model.monitor, "mean since the checkpoint before"
        if self.evaluation:
            name = self.evaluation.name
            split = "training" if training.eval_split == "train" else training.eval_split
            how = (f"{training.eval_samples:,} generated against as many {split} images at most, averaged weights, by "
                   "torchmetrics")
        return {f"{name}/{which}": {
            "value": score["value"], "protocol": f"{how}; after {score['images_seen']:,} images{where}"}
            for which, score, where in (("best", checkpoints.best, ", whose weights these are"),
                                        ("last", checkpoints.last, ""))}
