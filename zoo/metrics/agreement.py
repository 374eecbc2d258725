"""Label agreement: does a classifier that learnt from real images see the class that was asked for?"""

import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from zoo.data.stored import Images
from zoo.tasks.task import Task


class Agreement(NamedTuple):
    """Shares in [0, 1]."""

    generated: float  # generated images that are classified as asked
    real: float  # held-out real images that are classified right: how far the classifier can be trusted
    protocol: str


def label_agreement(model: Task, images: Images, labels: Tensor, samples: int = 1000,
                    seed: int = 0) -> Agreement:
    """Agreement of a nearest-neighbour classifier on pixels with the labels asked of a conditional model.

    Good enough for digits and the like; for natural images the held-out share says that it is not.

    Args:
        images, labels: the real training set, uint8 (N, C, H, W) and (N,). A fifth, at most 2,000, is held out.
        samples: images to generate, classes in turn.
    """
    from sklearn.neighbors import KNeighborsClassifier

    def pixels(rows: Tensor) -> np.ndarray:
        return images[rows].flatten(1).float().numpy()

    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(seed))
    held_out = min(max(len(images) // 5, 1), 2000)
    most = min(20_000, max(1_000, 2**27 // math.prod(images.shape[1:])))  # half a gigabyte of floats
    fit, test = order[held_out:][:most], order[:held_out]
    neighbours = min(3, len(fit))
    classifier = KNeighborsClassifier(n_neighbors=neighbours).fit(pixels(fit), labels[fit].numpy())
    inputs = model.inputs(samples, seed)
    asked, generated = inputs["label"], (model.respond(**inputs) * 255).round().flatten(1)
    return Agreement(
        generated=float((classifier.predict(generated.numpy()) == asked.numpy()).mean()),
        real=float((classifier.predict(pixels(test)) == labels[test].numpy()).mean()),
        protocol=f"{neighbours} nearest neighbours in pixels among {len(fit):,} real images; {samples:,} generated, "
                 f"classes in turn, seed {seed}, averaged weights")
