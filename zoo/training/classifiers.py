"""Training of the classifiers in whose features images are compared."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from lightning.pytorch import seed_everything
from torch import Tensor, nn
from torch.utils.data import DataLoader
from torchmetrics.classification import MulticlassAccuracy

from zoo.core.config import option
from zoo.core.errors import UsageError
from zoo.data.labels import heads_of, targets_of
from zoo.data.source import Source
from zoo.features.bundled import PRETRAINED
from zoo.features.classifier import Classifier
from zoo.training.learning import Course, Learning, batches, learn, lessons


@dataclass(frozen=True, kw_only=True)
class ClassifierCourse(Course):
    shift: int = option(2, "pixels by which images are shifted at random, at most", minimum=0)


class Classification(Learning):
    """Cross-entropy of every head."""

    network: Classifier
    course: ClassifierCourse

    def __init__(self, network: Classifier, course: ClassifierCourse, steps: int) -> None:
        super().__init__(network, course, steps)
        self.accuracy = nn.ModuleDict({head: MulticlassAccuracy(len(classes), average="micro")
                                       for head, classes in network.heads.items()})

    def augment(self, images: Tensor) -> Tensor:
        """uint8 (N, C, H, W), each image shifted by up to ``shift`` pixels and perhaps mirrored."""
        n, _, height, width = images.shape
        shift = self.course.shift
        padded = F.pad(images, [shift] * 4)
        corner = torch.randint(0, 2 * shift + 1, (2, n, 1), device=images.device)
        rows = corner[0] + torch.arange(height, device=images.device)  # (N, H)
        columns = corner[1] + torch.arange(width, device=images.device)
        if self.course.flip:
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


def train_classifier(data: str, data_dir: str | None, course: ClassifierCourse, path: Path | None, command: str) \
        -> Mapping[str, float]:
    """Trains the classifier of a data set and writes it. Returns each head's accuracy on images not trained on.

    Raises:
        UsageError: data without classes.
    """
    parts = lessons(data, data_dir, course.image_size)
    spec = parts.training.spec
    if not spec.classes:
        raise UsageError(f"{spec.name} has no classes to learn: give a data set that has, or class folders; or let a "
                         "network learn without, with --objective contrast")
    heads = heads_of(spec.class_names)
    table = targets_of(heads, spec.class_names)
    assert table is not None  # the heads are of these classes

    def of(source: Source, for_training: bool) -> DataLoader:
        columns = source.load()
        return batches(columns.truth, table[columns.labels], course, for_training)

    seed_everything(course.seed, verbose=False)
    network = Classifier(spec.channels, spec.image_size, heads, course.width).to(memory_format=torch.channels_last)
    first = of(parts.training, True)
    module = Classification(network, course, course.epochs * len(first))
    return learn(module, first, of(parts.measuring, False), path or PRETRAINED / data, parts.facts(command))
