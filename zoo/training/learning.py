"""How the networks learn in whose features images are compared: from a data set's training part, for some epochs."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor
from torch.utils.data import BatchSampler, DataLoader, RandomSampler, SequentialSampler

from zoo.core.config import Options, option
from zoo.core.errors import UsageError
from zoo.data.batches import Labelled
from zoo.data.module import Rows
from zoo.data.source import Source, held_out
from zoo.data.sources import open_source
from zoo.features.bundled import save_network
from zoo.features.encoder import Encoder
from zoo.training.machine import keep_memory

HELD_OUT = 0.2  # share of a data set that has no test split


@dataclass(frozen=True, kw_only=True)
class Course(Options):
    """How a network learns, whatever it learns."""

    image_size: int = option(0, "pixels (0: the data set's own)", minimum=0)
    width: int = option(32, "channels of the first layer; features are four times as many", minimum=1)
    epochs: int = option(10, "times that every image is seen", minimum=1)
    batch_size: int = option(128, "images a step", minimum=2)
    learning_rate: float = option(0.1, "the highest on one cycle", minimum=0)
    flip: bool = option(False, "mirror half of the images")
    precision: str = option("32-true", "of the arithmetic, in Lightning's words")
    seed: int = option(0, "of weights, order and augmentation", minimum=0)


class Lessons(NamedTuple):
    """The parts of a data set to learn from and to be measured on."""

    training: Source
    measuring: Source
    said: str  # of the second

    def facts(self, command: str) -> dict[str, Any]:
        """What is said of a network that learnt from them, by a command."""
        spec = self.training.spec
        return {"data": spec.name, "provenance": spec.provenance, "held_out": self.said, "command": command}


def lessons(data: str, data_dir: str | None, image_size: int) -> Lessons:
    """The training part, and the test part or else a share with all copies of each image."""
    source = open_source(data, data_dir, image_size)
    if source.spec.kind != "images":
        raise UsageError(f"{source.spec.name} is a set of {source.spec.kind}: features are learnt of images")
    part, share = held_out(source), 0.0
    said = f"the {part} set"
    if part == "train":
        part, share = "test", HELD_OUT
        said = f"a share of {HELD_OUT:g}, with all copies of each"
        source = open_source(data, data_dir, image_size, held_out=share)
    test = open_source(data, data_dir, image_size, split=part, held_out=share)
    return Lessons(source, test, f"{test.spec.images:,} images: {said}")


class Learning(LightningModule):
    """Stochastic gradient descent on one cycle (Smith 2017, arXiv:1708.07120) of a network's loss.

    Args:
        network: what learns, and is kept.
        course: how.
        steps: of the whole course.
    """

    def __init__(self, network: Encoder, course: Course, steps: int) -> None:
        super().__init__()
        self.network, self.course, self.steps = network, course, steps

    def configure_optimizers(self) -> OptimizerLRScheduler:
        rate = self.course.learning_rate
        optimizer = torch.optim.SGD(self.parameters(), rate, momentum=0.9, nesterov=True, weight_decay=5e-4)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, self.steps)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def batches(images: Any, targets: Tensor, course: Course, training: bool) -> DataLoader:
    """Batches of images uint8 and their targets (n, ...); for training whole ones, in a random order."""
    rows = Rows(Labelled(images, targets))
    order = RandomSampler(rows) if training else SequentialSampler(rows)
    return DataLoader(rows, batch_size=None, sampler=BatchSampler(order, course.batch_size, drop_last=training))


def learn(module: Learning, training: DataLoader, measuring: DataLoader, path: Path, facts: Mapping[str, Any]) \
        -> dict[str, float]:
    """Goes through the course, measures the network in half precision, as it is stored, and writes it with ``facts``.

    Returns:
        What the module logs of the images that it was not trained on.

    Raises:
        UsageError: a precision that there is not, or a place that cannot be written to; before any work.
    """
    warnings.filterwarnings("ignore", message=".*does not have many workers.*")  # the data lie in memory
    keep_memory()
    quiet: dict[str, Any] = {"logger": False, "enable_checkpointing": False, "enable_model_summary": False}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        trainer = Trainer(max_epochs=module.course.epochs, precision=module.course.precision,  # type: ignore[arg-type]
                          **quiet)
    except (OSError, ValueError) as error:
        raise UsageError(str(error)) from error
    trainer.fit(module, training, measuring)
    module.network.half().float()  # as it is going to be saved
    found = Trainer(enable_progress_bar=False, **quiet).validate(module, measuring, verbose=False)[0]
    save_network(module.network, path, {**facts, "accuracy": dict(found)})
    return dict(found)
