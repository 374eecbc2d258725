"""A training run from options to a finished run folder."""

import json
import logging
import os
import subprocess
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch
from lightning.fabric.plugins.environments import SLURMEnvironment, TorchElasticEnvironment
from lightning.pytorch import Trainer, seed_everything
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.utilities import rank_zero_only

from zoo import callbacks
from zoo.base import GenerativeModule
from zoo.card import write_metrics
from zoo.config import Options, option
from zoo.data.module import DataModule
from zoo.data.sources import Source, open_source
from zoo.errors import UsageError
from zoo.folder import read_config, save, write_config
from zoo.logger import MetricsCSV
from zoo.metrics.agreement import label_agreement
from zoo.parallel import ZooStrategy
from zoo.registry import variant_class

if TYPE_CHECKING:
    from zoo.metrics.during import Evaluation


@dataclass(frozen=True, kw_only=True)
class Training(Options):
    """Everything about a run that is not the model's own."""

    data: str = option("digits", "a data set (digits, mnist, fashion-mnist, cifar10, anime, ring, grid, two-peaks), a "
                       "folder of images, or hf:org/name", group="data")
    data_dir: str | None = option(None, "where named data sets are found or downloaded to (default: $ZOO_CACHE/data "
                                 "or ~/.cache/gan-zoo/data)", group="data")
    image_size: int = option(0, "pixels (0: the data set's own; 64 for a folder)", minimum=0, group="data")
    channels: int = option(0, "of a folder: 1 grey, 3 colour (0: as the files are)", minimum=0, maximum=3, group="data")
    images: int = option(60_000, "budget: real images to see, such as 500k or 2M", minimum=1, group="training")
    batch_size: int = option(64, "images a step, over all processes", minimum=2, group="training")
    accumulate: int = option(1, "parts that a process takes its share of the batch in, to need less memory", minimum=1,
                             group="training")
    seed: int = option(0, "of initial weights, latents and data order", minimum=0,
                       maximum=2**32 - 1, group="training")
    accelerator: Literal["auto", "cpu", "gpu", "mps"] = option("auto", "kind of device", group="machine")
    devices: str = option("auto", "processes a machine, one a device (auto: all GPUs, or one CPU process)",
                          group="machine")
    num_nodes: int = option(1, "machines", minimum=1, group="machine")
    precision: Literal["32-true", "bf16-mixed", "64-true"] = option("32-true", "of the arithmetic", group="machine")
    compile: bool = option(False, "compile the networks with torch.compile, which takes a minute and pays on GPUs",
                           group="machine")
    log_every: int = option(3_200, "images between rows of metrics.csv", minimum=1, group="output")
    samples_every: int = option(20_000, "images between sample grids", minimum=1, group="output")
    checkpoint_every: int = option(50_000, "images between checkpoints", minimum=1, group="output")
    eval_every: int = option(0, "images between measurements of the Frechet distance and label agreement; the best "
                             "checkpoint is chosen by the distance (0: none)", minimum=0, group="evaluation")
    eval_features: str | None = option(None, "feature space: inception or a bundled classifier (default: the data "
                                       "set's own, else inception)", group="evaluation")
    eval_samples: int = option(10_000, "images to generate, and to compare with", minimum=50, group="evaluation")
    eval_split: Literal["train", "test"] = option("train", "which of the data set's images to compare with; with test "
                                                  "the best checkpoint is chosen by test images", group="evaluation")

    # What a resumed run may change: the rest would make it another run.
    MAY_CHANGE = ("data_dir", "images", "accelerator", "devices", "num_nodes", "precision", "accumulate", "compile",
                  "log_every", "samples_every", "checkpoint_every", "eval_every")


class Run:
    """One run: its model, data and folder. Making it checks everything that can be checked before work begins.

    Args:
        variant: a name from ``zoo.variants()``.
        config: the fields of the variant's Config that differ from its defaults.
        training: see ``Training``.
        folder: default ``runs/<variant>-<data>``.
        resume: go on from the folder's newest checkpoint.

    Attributes:
        more_callbacks: of Lightning, besides the run's own.

    Raises:
        UsageError: whatever does not fit, with what to do about it.
    """

    def __init__(self, variant: str, config: dict[str, Any], training: Training, folder: str | None = None,
                 resume: bool = False, command: str = "") -> None:
        cls = variant_class(variant)
        self.training, self.resume, self.command = training, resume, command
        self.more_callbacks: list[Callback] = []
        if training.devices != "auto" and not (training.devices.isdigit() and int(training.devices) > 0):
            raise UsageError(f"devices must be auto or a number from 1, not {training.devices!r}")
        options = cls.Config.from_dict(config)
        self.source: Source = open_source(training.data, training.data_dir, training.image_size, training.channels)
        seed_everything(training.seed, verbose=False)
        self.model: GenerativeModule = cls(options, self.source.spec)
        self._prepare_model()
        self.folder = Path(folder or f"runs/{variant}-{self.source.spec.name}")
        self.checkpoint = callbacks.newest_checkpoint(self.folder / "checkpoints")
        self.evaluation = self._evaluation() if training.eval_every else None

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
        from zoo.metrics.during import Evaluation  # torch-fidelity takes seconds to import
        from zoo.metrics.features import default_features, feature_space

        training, spec = self.training, self.source.spec
        if spec.is_points:
            raise UsageError(f"{spec.name} is a set of points: leave --eval-every away and use scripts/modes.py")
        space = feature_space(training.eval_features or default_features(spec.name))
        real = None if training.eval_split == "train" else open_source(
            training.data, training.data_dir, training.image_size, training.channels, training.eval_split)
        return Evaluation(space, training.eval_every, training.eval_samples, training.images, real)

    def _check_folder(self) -> None:
        if self.resume and self.checkpoint is None:
            raise UsageError(f"there is no checkpoint to resume in {self.folder}")
        if not self.resume and (self.folder / "config.json").exists():
            raise UsageError(f"{self.folder} already holds a run: --resume {self.folder} to go on with it, or --out "
                             "for another folder")

    def describe(self) -> str:
        """The resolved configuration, parameter counts and shapes."""
        model, data = self.model, self.model.data
        lines = [json.dumps(model.description() | {"training": self.training.to_dict()}, indent=2)]
        for name, network in model.named_children():
            count = sum(p.numel() for p in network.parameters())
            if count:
                lines.append(f"{name}: {count:,} parameters\n{network}")
        sampled = tuple(model.sample(1, 0 if model.conditional else None, seed=0).shape)
        lines.append(f"latent (N, {model.latent_size}) -> images (N, {', '.join(map(str, sampled[1:]))}); "
                     f"{data.images:,} training images, {data.classes} classes")
        return "\n".join(lines)

    def train(self) -> int:
        """Trains to the budget. Returns the exit status: 0, or 128 + signal after a graceful stop."""
        training, model = self.training, self.model
        if rank_zero_only.rank == 0:  # the others start when this one has begun to fill the folder
            self._check_folder()
        _quiet()
        budget = callbacks.Budget(training.images)
        trainer = self._trainer(budget)
        if trainer.is_global_zero:
            # Weights that the folder has stay until there are others.
            write_config(model, self.folder, self._origin(trainer))
        data = DataModule(self.source, training.batch_size, training.seed)
        try:
            trainer.fit(model, datamodule=data, ckpt_path=str(self.checkpoint) if self.resume else None,
                        weights_only=True)
        except RuntimeError:  # what a process finds whose neighbour died
            newest = callbacks.newest_checkpoint(self.folder / "checkpoints")
            if trainer.world_size > 1 and newest:
                print(f"process {trainer.global_rank} of {trainer.world_size} stops with an error, perhaps because "
                      f"another did; go on from {newest} with --resume {self.folder}", file=sys.stderr)
            raise
        if trainer.is_global_zero:
            self._finish(data, budget.signal, trainer)
        return 128 + budget.signal if budget.signal else 0

    def _trainer(self, budget: callbacks.Budget) -> Trainer:
        training, folder = self.training, self.folder
        checkpoints = callbacks.ImageCheckpoint(folder / "checkpoints", training.checkpoint_every, self.evaluation)
        start = callbacks.checkpoint_images(self.checkpoint) if self.resume else 0
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
                callbacks.SampleGrid(folder / "samples", training.samples_every),
                *([self.evaluation] if self.evaluation else []),
                checkpoints,
                *self.more_callbacks,
            ])

    def _origin(self, trainer: Trainer) -> dict[str, Any]:
        device = trainer.strategy.root_device
        kind = torch.cuda.get_device_name(device) if device.type == "cuda" else f"{device.type} process"
        return {"training": self.training.to_dict(), "images_seen": self.model.images_seen, "command": self.command,
                "commit": _commit(), "hardware": f"{trainer.world_size} x {kind}"}

    def _finish(self, data: DataModule, stopped: int | None, trainer: Trainer) -> None:
        model, folder, checkpoints = self.model, self.folder, trainer.checkpoint_callback
        metrics = {}
        if "diversity" in model.measured:
            metrics["diversity"] = {
                "value": model.measured["diversity"].item(),
                "protocol": "mean pairwise distance of 64 generated images over that of 64 real ones, live weights"}
        if checkpoints.best:
            metrics |= self._restore_best(checkpoints)
        save(model, folder, self._origin(trainer))
        if model.conditional and not stopped:
            agreement = label_agreement(model, data.images, data.labels)
            metrics["label_agreement[knn]"] = {"value": agreement.generated, "protocol": agreement.protocol}
            metrics["label_agreement[knn]/real"] = {"value": agreement.real, "protocol": "held-out real images"}
        write_metrics(folder, metrics)
        for name, metric in metrics.items():
            print(f"{name}: {metric['value']:.3f}")
        seen = callbacks.checkpoint_images(Path(checkpoints.last_model_path))
        print(f"{'stopped' if stopped else 'finished'} after {seen:,} images: "
              f'{folder}/samples.png\nload it with zoo.load("{folder}")'
              + (f", go on with --resume {folder}" if stopped else ""))

    def _restore_best(self, checkpoints: callbacks.ImageCheckpoint) -> dict[str, Any]:
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


def resumed(folder: str, variant: str | None, config: dict[str, Any], training: dict[str, Any]) -> tuple:
    """Variant, config and training of the run in ``folder``, with what may be changed changed.

    Raises:
        UsageError: for anything that would make it another run.
    """
    stored = read_config(Path(folder))
    if "training" not in stored:
        raise UsageError(f"{folder} is a model without a run: there is nothing to resume")
    given = {"variant": variant} if variant else {}
    theirs = {"variant": stored["variant"]} | stored["config"] | stored["training"]
    fixed = given | config | {k: v for k, v in training.items() if k not in Training.MAY_CHANGE}
    for name, value in fixed.items():
        if theirs.get(name) != value:
            raise UsageError(f"the run in {folder} has {name} {theirs.get(name)!r}, not {value!r}: start another run "
                             "with --out, or leave the option away")
    return stored["variant"], stored["config"], Training.from_dict(stored["training"] | training)


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


def _commit() -> str | None:
    """The commit of this checkout of the zoo, or None for an installed package."""
    here = os.path.dirname(__file__)
    result = subprocess.run(["git", "-C", here, "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    return result.stdout.strip() or None
