"""Pairs of a turned and a frontal picture of the same person, out of pictures in classes that are persons."""

from dataclasses import asdict
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from zoo.core.errors import UsageError
from zoo.data.batches import Pair
from zoo.data.image_spec import ImageSpec
from zoo.data.pair_spec import FRONTAL, PairSpec
from zoo.data.source import labels_of
from zoo.data.stored import Images, chosen

THUMB = 16  # pixels a side, at which pictures are compared with their mirror images
CHUNK = 2_048  # pictures that are looked at at once
FLAT = 1e-3  # levels of 255: a picture of less contrast is as good as plain


class FrontalPairs:
    """Every picture of a person, and the frontal one of that person, which is to be made of it.

    No angles are known: the frontal picture is that which is the most like its mirror image. It is in no pair with
    itself, and a person of a single picture in none.

    Args:
        images: a source of ``Labelled``, whose classes are persons.

    Raises:
        UsageError: other data, or no two pictures of anybody.
    """

    def __init__(self, images: Any) -> None:
        self.images, self.split, self.splits = images, images.split, images.splits
        spec, labels = images.spec, persons_of(images)
        count = len(labels.unique())
        if len(labels) == count:
            raise UsageError(f"{spec.name} has one picture of each of {count} persons: --pairs {FRONTAL} needs turned "
                             "and frontal ones of the same")
        self.spec = PairSpec(**asdict(spec) | {
            "images": len(labels) - count, "source_size": spec.image_size, "source_channels": spec.channels,
            "pairs": FRONTAL,
            "provenance": f"{spec.provenance or spec.name}; each with the most symmetric of its person"})

    def prepare(self) -> object:
        return self.images.prepare()

    def load(self) -> Pair:
        """Source and target uint8 (N, C, S, S) and the numbers of the persons (N,)."""
        columns = self.images.load()
        asymmetry = asymmetries(columns.images)
        people, labels = columns.labels.unique(return_inverse=True)
        frontal = torch.stack([torch.where(labels == person, asymmetry, torch.inf).argmin()
                               for person in range(len(people))])
        turned = torch.ones(len(labels), dtype=torch.bool)
        turned[frontal] = False
        rows = turned.nonzero().view(-1)
        return Pair(chosen(columns.images, rows), chosen(columns.images, frontal[labels[rows]]), columns.labels[rows])


def persons_of(images: Any) -> Tensor:
    """The numbers (N,) of the persons of a source of ``Labelled``. Raises UsageError for data without classes."""
    spec = images.spec
    if not isinstance(spec, ImageSpec):
        raise UsageError(f"{spec.name} is a set of {spec.kind}: pairs are made of images")
    if not spec.classes:
        raise UsageError(f"{spec.name} has no classes: for --pairs {FRONTAL} give a folder of folders, one a person")
    return labels_of(images)


def asymmetries(images: Images) -> Tensor:
    """How far pictures, uint8 (N, C, H, W), are from their mirror images, (N,): the mean difference of thumbnails over
    their contrast, so that neither light nor dark ones are ahead."""
    found = []
    for rows in torch.arange(len(images)).split(CHUNK):
        thumbs = F.adaptive_avg_pool2d(images[rows].float(), THUMB).flatten(0, 1)
        apart = (thumbs - thumbs.flip(2)).abs().mean((1, 2)) / thumbs.std((1, 2)).clamp(min=FLAT)
        found.append(apart.view(len(rows), -1).mean(1))
    return torch.cat(found)
