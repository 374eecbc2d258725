"""What a model makes of the classes that it is asked for, beside real images of the same classes."""

import warnings
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor, nn

from zoo.core.errors import UsageError
from zoo.features.classifier import Classifier
from zoo.metrics.comparison import FEWEST, Comparison
from zoo.metrics.distances import between_halves, by_chance, frechet_distance
from zoo.metrics.features import to_uint8
from zoo.metrics.judges import Lesson, Schooling, at_most, rows_in_turn, schooled, told
from zoo.metrics.protocol import short
from zoo.metrics.real import real_rows

Values = dict[str, float]
SCHOOLING = Schooling(pictures=32_000, batch_size=64, learning_rate=3e-3)
WIDTH = 16
LARGEST = 64  # pixels a side of the pictures that the classifier learns from


class Within(NamedTuple):
    """Frechet distances within classes, as means over these, and how many classes they are of.

    Attributes:
        distance: of the generated images of a class to its real ones.
        floor: of as many other real images of the class.
        blind: of as many real images of any class: what a model gets that makes real images and does not heed what it
            is asked for.
    """

    distance: float
    floor: float
    blind: float
    classes: int


def within_classes(fake: Tensor, asked: Tensor, real: Tensor, labels: Tensor) -> Within:
    """From features (N, d), (M, d) and the classes that were asked for (N,), and that the real ones are of (M,).

    Of classes with fewer than ``FEWEST`` images on one side nothing is said; without any other the numbers are NaN.
    """
    sides = [(fake[asked == label], real[labels == label]) for label in labels.unique()]
    sides = [(these, those) for these, those in sides if min(len(these), len(those)) >= FEWEST]

    def mean(distances: list[float]) -> float:
        return torch.tensor(distances, dtype=torch.float64).mean().item()

    return Within(mean([frechet_distance(these, those) for these, those in sides]),
                  mean([by_chance(between_halves(those), len(those), len(these)) for these, those in sides]),
                  mean([frechet_distance(real[real_rows(len(real), len(these))], those) for these, those in sides]),
                  len(sides))


def class_frechet(c: Comparison) -> Values:
    """The Frechet distance within classes (intra FID: Miyato 2018, arXiv:1802.05637, section 4), beside that of as many
    real images of the class, and of any class."""
    asked, count = asked_for(c), len(c.model.data.class_names)
    found = within_classes(c.fake.pooled, asked, c.real.features.pooled, c.real.labels)
    if not found.classes:
        raise UsageError(f"no class of {c.source.spec.name} has {FEWEST} images on both sides, among "
                         f"{c.protocol.samples:,} and {c.protocol.real:,}: raise --samples and --real")
    if found.classes < count:
        warnings.warn(f"{count - found.classes} of {count} classes have fewer than {FEWEST} images on one side, and "
                      "are left out of the distance within classes: raise --samples and --real", stacklevel=4)
    name = f"class_{c.space.distance_name(c.protocol.samples)}"
    return {name: found.distance, f"{name}/floor": found.floor, f"{name}/blind": found.blind,
            f"{name}/classes": float(found.classes)}


def classification(c: Comparison) -> Values:
    """The classification accuracy score (Ravuri 2019, arXiv:1905.10887): the share of real images that a classifier is
    right of which learnt from generated ones alone, under the classes that were asked for; beside the same classifier
    that learnt from as many real ones of the training part."""
    asked, training, device = asked_for(c), c.training_columns, c.how.device
    rows = real_rows(len(training.truth), c.protocol.samples)
    lessons = {"": (to_uint8(c.outputs[:len(rows)]), asked[:len(rows)]),
               "/real": (training.truth[rows], training.labels[rows])}
    truth, right = c.columns.truth[c.rows], c.columns.labels[c.rows]
    return {f"cas{short(len(rows))}{which}": share_right(schooled_by(*lesson, c.model.data.class_names, device), truth,
                                                        right, c.how.batch_size, device)
            for which, lesson in lessons.items()}


def check_classification(c: Comparison) -> None:
    """Raises UsageError where no classes are asked for, or the images to be told are those that the model was trained
    with."""
    asked_for(c)
    if c.protocol.split == "train":
        raise UsageError(f"a classifier is tried on images that were not trained with, and {c.source.spec.name} is "
                         "compared with its training part: train the model with --held-out 0.1, or name another set "
                         "of the same classes that has a test part with --data")


def schooled_by(images: Tensor, labels: Tensor, class_names: list[str], device: torch.device) -> nn.Module:
    """A classifier that has learnt from uint8 (N, C, S, S) and their classes (N,), and from nothing else."""
    _, channels, side, _ = images.shape

    def lessons() -> Iterator[Lesson]:
        for rows in rows_in_turn(len(images), SCHOOLING.batch_size):
            yield 2 * at_most(LARGEST, images[rows].float() / 255) - 1, labels[rows]

    def build() -> nn.Module:
        network = Classifier(channels, min(side, LARGEST), {"class": class_names}, WIDTH)
        return nn.Sequential(network.body, network.head)

    return schooled(build, lessons(), SCHOOLING, "teaching a classifier", device)


def share_right(classifier: nn.Module, images: Tensor, labels: Tensor, batch_size: int, device: torch.device) -> float:
    """Of uint8 (N, C, S, S) and their classes (N,)."""
    seen = told(classifier, at_most(LARGEST, images.float() / 255), batch_size, device)
    return (seen == labels).double().mean().item()


def asked_for(c: Comparison) -> Tensor:
    """The classes (N,) that the model is asked for.

    Raises:
        UsageError: there are none, or those of the real images are others.
    """
    asked = c.inputs.get("label")
    if asked is None or asked.dim() > 1:
        raise UsageError(f"{c.model.variant} is asked for no classes: its images belong to none by themselves")
    if c.source.spec.class_names != c.model.data.class_names:
        raise UsageError(f"the classes of {c.source.spec.name} are others than those that {c.model.variant} was "
                         "trained with: choose real images of the same with --data")
    return asked
