"""A training run from options to a finished run folder."""

import json
import logging
import os
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from lightning.fabric.plugins.environments import SLURMEnvironment, TorchElasticEnvironment
from lightning.pytorch import Trainer, seed_everything
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.utilities import rank_zero_only

from zoo.cards.publishing import write_metrics
from zoo.core.errors import UsageError
from zoo.core.module import Batch
from zoo.core.parallel import ZooStrategy
from zoo.data.batches import take
from zoo.data.module import DataModule
from zoo.data.sources import Source, open_source
from zoo.metrics.quick import QUICK
from zoo.models import variant_class
from zoo.store.export import describe_graph
from zoo.store.saving import save, write_config
from zoo.tasks.task import Task
from zoo.training import callbacks
from zoo.training.checkpoints import ImageCheckpoint, checkpoint_images, newest_checkpoint
from zoo.training.loggers import MetricsCSV
from zoo.training.options import Training
from zoo.training.provenance import commit

if TYPE_CHECKING:
    from zoo.training.evaluation import Evaluation


EXAMPLES = 8  # that are shown


class Run:
    """One run: its model, data and folder. Making it checks everything that can be checked before work begins.

    Args:
        variant: a name from ``zoo.variants()``, or the address of a class.
        config: the fields of the variant's Config that differ from its defaults.
        training: see ``Training``.
        folder: default ``runs/<variant>-<data>``.
        resume: go on from the folder's newest checkpoint.
        command: the line that trains the same, for the card.
        source: of the images, in place of the data set that ``training`` names.

    Attributes:
        more_callbacks: of Lightning, besides the run's own.

    Raises:
        UsageError: whatever does not fit, with what to do about it.
    """

    def __init__(self, variant: str, config: dict[str, Any], training: Training, folder: str | None = None,
                 resume: bool = False, command: str = "", source: Source | None = None) -> None:
        cls = variant_class(variant)
        self.training, self.resume, self.command = training, resume, command
        self.more_callbacks: list[Callback] = []
        if training.devices != "auto" and not (training.devices.isdigit() and int(training.devices) > 0):
            raise UsageError(f"devices must be auto or a number from 1, not {training.devices!r}")
        options = cls.Config.from_dict(config)
        self.given = source
        self.source: Source = self._open(cls.data_kind)
        seed_everything(training.seed, verbose=False)
        self.model: Task = cls(options, self.source.spec)
        self._prepare_model()
        self.data = DataModule(self.source, training.batch_size, training.seed, training.mirror)
        self.folder = Path(folder or f"runs/{cls.variant.rpartition(':')[2]}-{self.source.spec.name}")
        self.sheets = callbacks.SampleGrid(self.folder / "samples", training.samples_every)
        self.checkpoint = newest_checkpoint(self.folder / "checkpoints")
        self.evaluation = self._evaluation() if training.eval_every else None

    def _open(self, kind: str, split: str = "train") -> Source:
        options = self.training.source() | ({"data": self.given} if self.given else {})
        return open_source(**options, split=split, kind=kind)

    def _examples(self) -> Batch | None:
        """Examples that are held out of training, where there are such, to show what the model makes of them."""
        if not self.model.once:
            return None
        held_out = next((split for split in ("test", "val") if split in self.source.splits), "train")
        source = self._open(self.model.data_kind, held_out)
        source.prepare()
        columns = source.load()
        return self.model.prepare(take(columns, torch.arange(min(EXAMPLES, len(columns[0])))))

    def _prepare_model(self) -> None:
        training, model = self.training, self.model
        if training.accumulate > 1 and model.couples_images:
            raise UsageError(f"{model.variant} compares the images of a batch with each other, so it needs them at "
                             "once: leave --accumulate away")
        model.accumulate = training.accumulate
        if training.compile and model.penalises_gradients:
            raise UsageError(f"{model.variant} has a gradient penalty, and second derivatives of compiled networks are "
                             "wrong without a warning (pytorch #91469): leave --compile away")
        if training.compile:
            for network in model.children():
                network.compile()

    def _evaluation(self) -> "Evaluation":
        from zoo.metrics.features import default_features, feature_space
        from zoo.training.evaluation import Evaluation  # torch-fidelity takes seconds to import

        training, spec = self.training, self.source.spec
        if "frechet" not in self.model.measures:
            raise UsageError(f"{self.model.variant} on {spec.name} is not measured by a Frechet distance: leave "
                             "--eval-every away, and use zoo evaluate at the end")
        space = feature_space(training.eval_features or default_features(spec.name))
        real = None if training.eval_split == "train" else self._open(self.model.data_kind, training.eval_split)
        return Evaluation(space, training.eval_every, training.eval_samples, training.images, real)

    def _check_folder(self) -> None:
        if self.resume and self.checkpoint is None:
            raise UsageError(f"there is no checkpoint to resume in {self.folder}")
        if not self.resume and (self.folder / "config.json").exists():
            raise UsageError(f"{self.folder} already holds a run: --resume {self.folder} to go on with it, or --out "
                             "for another folder")

    def describe(self) -> str:
        """The resolved configuration, parameter counts and shapes."""
        model, data = self.model, self.source.spec
        lines = [json.dumps(model.description() | {"training": self.training.to_dict()}, indent=2)]
        for name, network in model.named_children():
            count = sum(p.numel() for p in network.parameters())
            if count:
                lines.append(f"{name}: {count:,} parameters\n{network}")
        lines.append(f"{describe_graph(model)}; {data.images:,} training images, {data.classes} classes")
        return "\n".join(lines)

    def train(self) -> int:
        """Trains to the budget. Returns the exit status: 0, or 128 + signal after a graceful stop."""
        training, model = self.training, self.model
        # The others start when this one has begun to fill the folder.
        if rank_zero_only.rank == 0:  # type: ignore[attr-defined]  # a function's attribute
            self._check_folder()
        _quiet()
        budget = callbacks.Budget(training.images)
        self.sheets.examples = self._examples()
        trainer = self._trainer(budget)
        if trainer.is_global_zero:
            # Weights that the folder has stay until there are others.
            write_config(model, self.folder, self._origin(trainer))
        try:
            trainer.fit(model, datamodule=self.data, ckpt_path=str(self.checkpoint) if self.resume else None,
                        weights_only=True)
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
        checkpoints = ImageCheckpoint(folder / "checkpoints", training.checkpoint_every, self.evaluation)
        start = checkpoint_images(self.checkpoint) if self.resume and self.checkpoint else 0
        devices, nodes = _processes(training)
        return Trainer(
            accelerator=training.accelerator, devices=devices, num_nodes=nodes,
            precision=training.precision, strategy=ZooStrategy() if devices * nodes > 1 else "auto",
            max_epochs=-1, use_distributed_sampler=False, enable_model_summary=False,
            log_every_n_steps=max(1, training.log_every // training.batch_size),
            default_root_dir=folder,
            logger=[MetricsCSV(folder / "metrics.csv", start),
                    TensorBoardLogger(folder, name="tensorboard", version="")],
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

    def _origin(self, trainer: Trainer) -> dict[str, Any]:
        device = trainer.strategy.root_device
        kind = torch.cuda.get_device_name(device) if device.type == "cuda" else f"{device.type} process"
        return {"training": self.training.to_dict(), "images_seen": self.model.images_seen, "command": self.command,
                "commit": commit(), "hardware": f"{trainer.world_size} x {kind}"}

    def _finish(self, stopped: int | None, trainer: Trainer) -> None:
        model, folder, checkpoints = self.model, self.folder, trainer.checkpoint_callback
        assert isinstance(checkpoints, ImageCheckpoint)  # the first of the callbacks that are such
        metrics = {}
        if "diversity" in model.measured:
            metrics["diversity"] = {
                "value": model.measured["diversity"].item(),
                "protocol": "mean pairwise distance of 64 generated images over that of 64 real ones, live weights"}
        if checkpoints.best:
            metrics |= self._restore_best(checkpoints)
        save(model, folder, self._origin(trainer), self.sheets.examples)
        for name in () if stopped else model.quick_measures:
            metrics |= QUICK[name](model, self.data.columns)
        write_metrics(folder, metrics)
        for name, metric in metrics.items():
            print(f"{name}: {metric['value']:.3f}")
        seen = checkpoint_images(Path(checkpoints.last_model_path))
        print(f"{'stopped' if stopped else 'finished'} after {seen:,} images: "
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


def _processes(training: Training) -> tuple[int, int]:
    """Processes a machine and machines: as asked for, else as torchrun or SLURM launched them, else one a GPU."""
    if training.devices != "auto":
        return int(training.devices), training.num_nodes
    if TorchElasticEnvironment.detect():
        here = int(os.environ["LOCAL_WORLD_SIZE"])
        return here, int(os.environ["WORLD_SIZE"]) // here
    if SLURMEnvironment.detect():
        return int(os.environ.get("SLURM_NTASKS_PER_NODE", 1)), int(os.environ.get("SLURM_NNODES", 1))
    gpus = torch.cuda.device_count() if training.accelerator in ("auto", "gpu") else 0
    return max(gpus, 1), training.num_nodes


def _quiet() -> None:
    """Hides what Lightning says about itself; its warnings about the run stay, but for these that do not apply."""
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    for message in (".*does not have many workers.*",  # data lie in memory
                    ".*overridden `on_after_batch_transfer` in `LightningModule`.*",  # on purpose
                    ".*module.s. in eval mode at the start of training.*",  # the averaged copies
                    ".*isinstance.treespec, LeafSpec.*"):  # inside Lightning
        warnings.filterwarnings("ignore", message=message)
