"""Does a model copy its training images? Nearest neighbours in feature space."""

from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor
from torchvision.utils import make_grid, save_image

from zoo.files import atomic


class Memorisation(NamedTuple):
    """The nearest training images of N images, nearest first (N, k), and the share that is memorised."""

    nearest: Tensor
    share: float


def memorisation(images: Tensor, training: Tensor, k: int = 3) -> Memorisation:
    """How many images lie nearer to a training image than that lies to any other training image.

    Held-out real images do so about half of the time, copies of training images always.

    Args:
        images: features (N, d) of the images in question.
        training: features (M, d) of all training images.
    """
    distances, nearest = _nearest(images, training, k)
    first = nearest[:, 0]
    between, _ = _nearest(training[first], training, 2)  # the nearest of a training image is itself
    return Memorisation(nearest, (distances[:, 0] < between[:, 1]).double().mean().item())


def _nearest(these: Tensor, those: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Distances and rows (N, k) of the nearest, in blocks that fit into memory."""
    blocks = [torch.cdist(block, those).topk(min(k, len(those)), largest=False) for block in these.split(500)]
    return torch.cat([b.values for b in blocks]), torch.cat([b.indices for b in blocks])


def memorisation_picture(images: Tensor, training: Tensor, nearest: Tensor, path: Path) -> None:
    """Writes a PNG: a row an image, first the generated one in [0, 1], then its nearest training images (uint8)."""
    rows = [torch.cat([image[None], training[row].float() / 255]) for image, row in zip(images, nearest, strict=True)]
    with atomic(path) as partial:
        save_image(make_grid(torch.cat(rows), nrow=1 + nearest.shape[1]), partial, format="png")
