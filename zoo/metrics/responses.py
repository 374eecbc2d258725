"""How the Frechet distance in a feature space answers to images that are made worse step by step.

A distance that is to rank models has to rise with every step. Half of some real images is made worse and compared with
the other half: noised, blurred and swirled (Heusel 2017, arXiv:1706.08500, figure 3), with pieces in each other's
place, and as a whole, with classes left out or few images copied (Lucic 2018, arXiv:1711.10337, section 5).
"""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor
from torchvision.transforms.v2.functional import gaussian_blur

from zoo.data.batches import Labelled
from zoo.metrics.distances import frechet_distance
from zoo.metrics.features import FeatureSpace
from zoo.metrics.real import join, progress

STEPS = 4
MOST = 2_000  # images of a half
BATCH = 256
GRID = 4  # pieces a side


def noised(images: Tensor, step: int, random: torch.Generator) -> Tensor:
    """With normal noise of 8, 16, 32 and 64 of 255."""
    return images + 4 * 2**step * torch.randn(images.shape, generator=random)


def blurred(images: Tensor, step: int, random: torch.Generator) -> Tensor:
    """By a Gaussian of 1/100 to 4/100 of the width."""
    return gaussian_blur(images, kernel_size=2 * (images.shape[3] // 6) + 1, sigma=images.shape[3] * step / 100)


def swirled(images: Tensor, step: int, random: torch.Generator) -> Tensor:
    """Turned by 20 to 80 degrees in the middle and less and less towards the border."""
    axis = torch.linspace(-1, 1, images.shape[3])
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    turn = math.radians(20 * step) * (1 - (x.square() + y.square()).sqrt()).clamp(min=0)
    place = torch.stack([x * turn.cos() - y * turn.sin(), x * turn.sin() + y * turn.cos()], -1)
    return F.grid_sample(images, place.expand(len(images), -1, -1, -1), align_corners=True, padding_mode="border")


def swapped(images: Tensor, step: int, random: torch.Generator) -> Tensor:
    """With 1 to 4 pairs of 4 x 4 pieces in each other's place."""
    side = images.shape[3] // GRID
    made = images.clone()
    for image, source in zip(made, images, strict=True):
        chosen = torch.randperm(GRID * GRID, generator=random)[:2 * step].tolist()
        for piece, other in zip(chosen, reversed(chosen), strict=True):
            image[:, _at(piece, side)[0], _at(piece, side)[1]] = source[:, _at(other, side)[0], _at(other, side)[1]]
    return made


def _at(piece: int, side: int) -> tuple[slice, slice]:
    row, column = divmod(piece, GRID)
    return slice(row * side, (row + 1) * side), slice(column * side, (column + 1) * side)


def copied(count: int, step: int) -> Tensor:
    """Numbers (count,) of images of which only one in 4, 16, 64, 256 is left, again and again."""
    return torch.arange(count) % max(1, count // 4**step)


def without_classes(labels: Tensor, step: int) -> Tensor:
    """Numbers of the images that are left without the first of 1/5, 2/5, .. of the classes."""
    classes = labels.unique()
    return (labels >= classes[len(classes) * step // (STEPS + 1)]).nonzero().flatten()


AS_IT_IS = "nothing"
WORSE: dict[str, Callable[[Tensor, int, torch.Generator], Tensor]] = {
    AS_IT_IS: lambda images, step, random: images, "noise": noised, "blur": blurred, "swirl": swirled,
    "pieces swapped": swapped}


@torch.no_grad()
def responses(space: FeatureSpace, columns: Labelled, device: torch.device) -> dict[str, list[float]]:
    """Distances of images as they are and after each step, by what is done to them; of classes where there are some.

    Args:
        columns: uint8 images (N, C, H, W) that the network has not learnt from, and their classes.
    """
    space.extractor.to(device)
    order = torch.randperm(len(columns.images), generator=torch.Generator().manual_seed(0))[:2 * MOST]
    given, rows = order[::2], order[1::2]

    def features(which: Tensor, name: str, step: int) -> Tensor:
        random, found = torch.Generator().manual_seed(step), []
        with progress(f"{name}, step {step}", len(which)) as bar:
            for batch in which.split(BATCH):
                images = WORSE[name](columns.images[batch].float(), step, random).round().clamp(0, 255).byte()
                found.append(space.extract(images.to(device)))
                bar.update(len(batch))
        return join(found).pooled

    reference, whole = (features(half, AS_IT_IS, 0) for half in (given, rows))
    floor = frechet_distance(whole, reference)
    found = {name: [floor, *(frechet_distance(features(rows, name, step), reference) for step in range(1, STEPS + 1))]
             for name in WORSE if name != AS_IT_IS}
    labels, steps = columns.labels[rows], range(1, STEPS + 1)
    left = {"few images copied": [copied(len(rows), step) for step in steps]}
    if len(labels.unique()) > STEPS:
        left["classes left out"] = [without_classes(labels, step) for step in steps]
    return found | {name: [floor, *(frechet_distance(whole[which], reference) for which in kept)]
                    for name, kept in left.items()}
