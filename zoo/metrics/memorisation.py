"""Does a model copy its training images? Nearest neighbours in feature space."""

from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor
from torchvision.utils import make_grid, save_image

from zoo.core.files import atomic
from zoo.data.stored import Images, OnDisk
from zoo.metrics.neighbours import nearest_rows


class Memorisation(NamedTuple):
    """The nearest training images of N images, nearest first (N, k), and the share that is memorised."""

    nearest: Tensor
    share: float


def memorisation(images: Tensor, training: Tensor | OnDisk, groups: Tensor, k: int = 3) -> Memorisation:
    """How many images lie nearer to a training image than that lies to any other training image that is no copy of it.

    Held-out real images do so about half of the time, copies of training images always.

    Args:
        images: features (N, d) of the images in question.
        training: features (M, d) of all training images.
        groups: numbers (M,) that are equal for copies, see ``zoo.data.copies``.
    """
    distances, nearest = nearest_rows(images, training, k)
    first = nearest[:, 0]
    own = groups[first]
    most = int(groups.bincount()[own].max())  # copies of a training image, itself among them
    between, others = nearest_rows(training[first], training, most + 1)
    between = between.masked_fill(groups[others] == own[:, None], torch.inf).amin(1)
    return Memorisation(nearest, (distances[:, 0] < between).double().mean().item())


def memorisation_picture(images: Tensor, training: Images, nearest: Tensor, path: Path) -> None:
    """Writes a PNG: a row an image, first the generated one, then its nearest training images, all of 8 bits."""
    rows = [torch.cat([image[None], training[row]]).float() / 255 for image, row in zip(images, nearest, strict=True)]
    with atomic(path) as partial:
        save_image(make_grid(torch.cat(rows), nrow=1 + nearest.shape[1]), partial, format="png")
