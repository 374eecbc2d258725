"""Training of the classifiers in whose features images are compared."""

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from lightning.pytorch import LightningModule, Trainer, seed_everything
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor, nn
from torch.utils.data import BatchSampler, DataLoader, RandomSampler, SequentialSampler
from torchmetrics.classification import MulticlassAccuracy

from zoo.core.errors import UsageError
from zoo.data.batches import Labelled
from zoo.data.labels import heads_of, targets_of
from zoo.data.module import Rows
from zoo.data.source import Source, held_out
from zoo.data.sources import open_source
from zoo.features.classifier import PRETRAINED, Classifier, save_classifier

HELD_OUT = 0.2  # share of a data set that has no test split


class Training(LightningModule):
    """Cross-entropy of every head; stochastic gradient descent on one cycle (Smith 2017, arXiv:1708.07120)."""

    def __init__(self, network: Classifier, steps: int, learning_rate: float, shift: int, flip: bool) -> None:
        super().__init__()
        self.network, self.steps, self.learning_rate = network, steps, learning_rate
        self.shift, self.flip = shift, flip
        self.accuracy = nn.ModuleDict({head: MulticlassAccuracy(len(classes), average="micro")
                                       for head, classes in network.heads.items()})

    def augment(self, images: Tensor) -> Tensor:
        """uint8 (N, C, H, W), each image shifted by up to ``shift`` pixels and perhaps mirrored."""
        n, _, height, width = images.shape
        padded = F.pad(images, [self.shift] * 4)
        corner = torch.randint(0, 2 * self.shift + 1, (2, n, 1), device=images.device)
        rows = corner[0] + torch.arange(height, device=images.device)  # (N, H)
        columns = corner[1] + torch.arange(width, device=images.device)
        if self.flip:
            columns = torch.where(torch.rand(n, 1, device=images.device) < 0.5, columns.flip(1), columns)
        which = torch.arange(n, device=images.device)[:, None, None]
        return padded[which, :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)

    def training_step(self, batch: list[Tensor], index: int) -> Tensor:
        images, targets = batch  # targets (N, heads)
        _, logits = self.network(self.augment(images))
        losses = [F.cross_entropy(part, target)
                  for part, target in zip(self.network.split_heads(logits), targets.T, strict=True)]
        return torch.stack(losses).sum()

    def validation_step(self, batch: list[Tensor], index: int) -> None:
        images, targets = batch
        seen = self.network.classes_seen(self.network(images)[1])
        for column, (head, accuracy) in enumerate(self.accuracy.items()):
            accuracy(seen[:, column], targets[:, column])
            self.log(head, accuracy, prog_bar=True)  # type: ignore[arg-type]  # a ModuleDict forgets what it holds

    def configure_optimizers(self) -> OptimizerLRScheduler:
        optimizer = torch.optim.SGD(self.parameters(), self.learning_rate, momentum=0.9, nesterov=True,
                                    weight_decay=5e-4)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, self.learning_rate, self.steps)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def train_classifier(data: str, data_dir: str | None, image_size: int, width: int, epochs: int, batch_size: int,
                     learning_rate: float, shift: int, flip: bool, precision: Any, seed: int, path: Path | None,
                     command: str) -> Mapping[str, float]:
    """Trains the classifier of a data set and writes it. Returns each head's accuracy on images not trained on.

    Raises:
        UsageError: data without classes.
    """
    source = open_source(data, data_dir, image_size)
    spec = source.spec
    if not spec.classes:
        raise UsageError(f"{spec.name} has no classes to learn: give a data set that has, or class folders")
    what = f"the {held_out(source)} set"
    opening: dict[str, Any] = {}
    if held_out(source) == "train":
        opening, what = {"held_out": HELD_OUT}, f"a share of {HELD_OUT:g}, with all copies of each"
        source = open_source(data, data_dir, image_size, **opening)
    test = open_source(data, data_dir, image_size, split=held_out(source), **opening)
    heads = heads_of(spec.class_names)
    table = targets_of(heads, spec.class_names)
    assert table is not None  # the heads are of these classes
    loaders = [_loader(source, table, batch_size, True), _loader(test, table, batch_size, False)]
    seed_everything(seed, verbose=False)
    network = Classifier(spec.channels, spec.image_size, heads, width).to(memory_format=torch.channels_last)
    module = Training(network, epochs * len(loaders[0]), learning_rate, shift, flip)
    warnings.filterwarnings("ignore", message=".*does not have many workers.*")  # the data lie in memory
    quiet: dict[str, Any] = {"logger": False, "enable_checkpointing": False, "enable_model_summary": False}
    Trainer(max_epochs=epochs, precision=precision, **quiet).fit(module, loaders[0], loaders[1])
    network.half().float()  # as it is going to be saved
    accuracy = Trainer(enable_progress_bar=False, **quiet).validate(module, loaders[1], verbose=False)[0]
    save_classifier(network, path or PRETRAINED / data, {
        "data": spec.name, "provenance": spec.provenance, "held_out": f"{test.spec.images:,} images: {what}",
        "accuracy": accuracy, "command": command})
    return accuracy


def _loader(source: Source, table: Tensor, batch_size: int, training: bool) -> DataLoader:
    """Batches of images uint8 and their targets (n, heads); for training whole ones, in a random order."""
    columns = source.load()
    rows = Rows(Labelled(columns.truth, table[columns.labels]))
    order = RandomSampler(rows) if training else SequentialSampler(rows)
    return DataLoader(rows, batch_size=None, sampler=BatchSampler(order, batch_size, drop_last=training))
