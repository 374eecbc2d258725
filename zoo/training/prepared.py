"""A run, from its options to what it needs."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from lightning.pytorch import seed_everything
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.utilities import rank_zero_only

from zoo.core.errors import UsageError
from zoo.core.module import Batch
from zoo.data.batches import take
from zoo.data.module import DataModule
from zoo.data.source import Source, held_out
from zoo.data.sources import open_source
from zoo.models import variant_class
from zoo.store.export import describe_graph
from zoo.tasks.task import Task
from zoo.training import callbacks
from zoo.training.beginning import begin_with, check_frozen
from zoo.training.checkpoints import newest_checkpoint
from zoo.training.machine import check_accelerator
from zoo.training.options import Training

if TYPE_CHECKING:
    from zoo.training.evaluation import Evaluation


EXAMPLES = 8  # that are shown


class Prepared:
    """A run before its work begins: its model, data and folder. Making it checks all that can be checked by then.

    Args:
        variant: a name from ``zoo.variants()``, or the address of a class.
        config: the fields of the variant's Config that differ from its defaults.
        training: see ``Training``.
        folder: default ``runs/<variant>-<data>``.
        resume: go on from the folder's newest checkpoint.
        command: the line that trains the same, for the card.
        source: of the images, or texts, in place of the data set that ``training`` names.

    Attributes:
        more_callbacks: of Lightning, besides the run's own.

    Raises:
        UsageError: whatever does not fit, with what to do about it.
    """

    def __init__(self, variant: str, config: dict[str, Any], training: Training, folder: str | None = None,
                 resume: bool = False, command: str = "", source: Source | list[str] | None = None) -> None:
        cls = variant_class(variant)
        self.training, self.resume, self.command = training.placed(), resume, command
        self.more_callbacks: list[Callback] = []
        if training.devices != "auto" and not (training.devices.isdigit() and int(training.devices) > 0):
            raise UsageError(f"devices must be auto or a number from 1, not {training.devices!r}")
        check_accelerator(training.accelerator)
        options = cls.Config.from_dict(config)
        if not resume:
            options.check_needs()
            training.check_needs()
        self.given = source
        self.source: Source = self._open(cls)
        seed_everything(training.seed, verbose=False)
        self.model: Task = cls(options, self.source.spec)
        self._prepare_model()
        self.data = DataModule(self.source, training.batch_size, training.seed, training.mirror)
        self.folder = Path(folder or f"runs/{cls.variant.rpartition(':')[2]}-{self.source.spec.name}").expanduser()
        self.sheets = callbacks.SampleGrid(self.folder / "samples", training.samples_every)
        self.checkpoint = newest_checkpoint(self.folder / "checkpoints")
        if not (resume and self.checkpoint):
            self._begin()
        self.evaluation = self._evaluation() if training.eval_every else None

    def _begin(self) -> None:
        """Takes the weights of the model that training begins with, if there is one."""
        if not self.training.init_from:
            check_frozen(self.model, [])
            return
        said = begin_with(self.model, self.training.init_from)
        if rank_zero_only.rank == 0:  # type: ignore[attr-defined]  # a function's attribute
            print(said, file=sys.stderr)

    def _open(self, cls: type[Task] | Task, split: str = "train") -> Source:
        options = self.training.source() | ({"data": self.given} if self.given else {})
        return open_source(**options, split=split, kind=cls.data_kind, ways=cls.ways)

    def _examples(self) -> Batch | None:
        """Examples that are held out of training, where there are such, to show what the model makes of them."""
        if not self.model.once:
            return None
        source = self._open(self.model, held_out(self.source))
        source.prepare()
        columns = source.load()
        count, shown = len(columns[0]), min(EXAMPLES, len(columns[0]))
        return self.model.prepare(take(columns, torch.arange(shown) * count // shown))  # spaced: files may be sorted

    def _prepare_model(self) -> None:
        training, model = self.training, self.model
        if training.accumulate > 1 and model.couples_images:
            raise UsageError(f"{model.variant} compares the images of a batch with each other, so it needs them at "
                             "once: leave --accumulate away")
        if training.batch_size < model.smallest_batch:
            raise UsageError(f"batch_size must be at least {model.smallest_batch} for {model.variant}, not "
                             f"{training.batch_size}")
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
        real = None if training.eval_split == "train" else self._open(self.model, training.eval_split)
        return Evaluation(space, training.eval_every, training.eval_samples, training.images, real)

    def check_folder(self) -> None:
        """Raises UsageError where a run would take the place of one that left something."""
        if self.resume and self.checkpoint is None and (self.folder / "model.safetensors").exists():
            raise UsageError(f"there is no checkpoint to resume in {self.folder}, but a model that a run from the "
                             "beginning would replace: take another folder with --config and --out")
        if not self.resume and (self.checkpoint or (self.folder / "model.safetensors").exists()):
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
        lines.append(f"{describe_graph(model)}; {data.images:,} training {model.examples}, {data.classes} classes")
        return "\n".join(lines)

