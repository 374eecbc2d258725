"""Training of encoders that learn without labels, in whose features images are compared.

Two views of an image, pieces of it in slightly other colours, are to be found again among those of a batch (SimCLR,
Chen 2020, arXiv:2002.05709). So the features have nothing to do with the classes that a model was trained with.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from lightning.pytorch import seed_everything
from torch import Tensor, nn

from zoo.core.config import option
from zoo.features.bundled import PRETRAINED
from zoo.features.encoder import Encoder
from zoo.training.learning import Course, Learning, batches, learn, lessons

PROJECTED = 64  # numbers in which views are compared


@dataclass(frozen=True, kw_only=True)
class ContrastCourse(Course):
    temperature: float = option(0.2, "by which cosines are divided (tau)", minimum=0.001)
    smallest: float = option(0.3, "the smallest piece of an image that is a view of it, in parts of its area",
                             minimum=0.01, maximum=1)
    colours: float = option(0.2, "by how much brightness, contrast and saturation change, at most", minimum=0,
                            maximum=1)
    hue: float = option(0.0, "by which part of the colour circle hues turn, at most: where views could be found again "
                        "by their colours alone", minimum=0, maximum=0.5)


def contrast(first: Tensor, second: Tensor, temperature: float) -> Tensor:
    """NT-Xent, equation 1: the mean over 2 N views of -log softmax of its like among the 2 N - 1 others.

    Args:
        first: (N, d) of one view of each image.
        second: (N, d) of the other, in the same order.
        temperature: tau, by which the cosines are divided.
    """
    views = F.normalize(torch.cat([first, second]).float(), dim=1)
    itself = torch.eye(len(views), dtype=torch.bool, device=views.device)
    logits = (views @ views.T / temperature).masked_fill(itself, -torch.inf)
    like = torch.arange(len(views), device=views.device).roll(len(first))
    return F.cross_entropy(logits, like)


def views(images: Tensor, course: ContrastCourse) -> Tensor:
    """Of images (N, C, H, W) in [-1, 1] a random piece each, brought to the whole size, perhaps mirrored, in other
    brightness, contrast, saturation and hue; the places and changes are random numbers of torch's own generator."""
    n, device = len(images), images.device
    side = (course.smallest + (1 - course.smallest) * torch.rand(n, device=device)).sqrt()
    place = (2 * torch.rand(2, n, device=device) - 1) * (1 - side)
    across = torch.where(torch.rand(n, device=device) < 0.5, -side, side) if course.flip else side
    zero = torch.zeros_like(side)
    cut = torch.stack([torch.stack([across, zero, place[0]], 1), torch.stack([zero, side, place[1]], 1)], 1)
    found = F.grid_sample(images, F.affine_grid(cut, list(images.shape), align_corners=False), align_corners=False,
                          padding_mode="border")
    change = 1 + course.colours * (2 * torch.rand(3, n, 1, 1, 1, device=device) - 1)
    grey, level = found.mean(1, keepdim=True), found.mean((1, 2, 3), keepdim=True)
    found = grey + change[0] * (found - grey)
    found = level + change[1] * (found - level)
    if course.hue and found.shape[1] == 3:
        found = turned(found, 2 * math.pi * course.hue * (2 * torch.rand(n, device=device) - 1))
    return (found + change[2] - 1).clamp(-1, 1)


def turned(images: Tensor, angle: Tensor) -> Tensor:
    """Colours (N, 3, H, W) turned about the axis of greys, by an angle (N,) in radians for each image: Rodrigues'
    formula, by which greys and the mean of the channels stay."""
    grey = images.mean(1, keepdim=True)
    colour = images - grey
    across = (colour.roll(1, 1) - colour.roll(-1, 1)) / math.sqrt(3)  # the axis' cross product with it
    cosine, sine = (part[:, None, None, None] for part in (angle.cos(), angle.sin()))
    return grey + cosine * colour + sine * across


class Contrast(Learning):
    """Views of an image are made alike, and unlike those of others."""

    course: ContrastCourse

    def __init__(self, network: Encoder, course: ContrastCourse, steps: int) -> None:
        super().__init__(network, course, steps)
        self.project = nn.Sequential(nn.Linear(network.features, network.features), nn.ReLU(),
                                     nn.Linear(network.features, PROJECTED))

    def both(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Two views of uint8 images, projected, (N, 64) each: in one pass, so that batch-norm sees both alike."""
        x = self.network.prepare(images)
        seen = self.network.encode(torch.cat([views(x, self.course), views(x, self.course)]))
        first, second = self.project(seen).chunk(2)
        return first, second

    def training_step(self, batch: list[Tensor], index: int) -> Tensor:
        return contrast(*self.both(batch[0]), self.course.temperature)

    def validation_step(self, batch: list[Tensor], index: int) -> None:
        """The share of images whose second view is nearer to the first than that of any other of the batch."""
        first, second = (F.normalize(x.float(), dim=1) for x in self.both(batch[0]))
        found = (first @ second.T).argmax(1) == torch.arange(len(first), device=first.device)
        self.log("found", found.float().mean(), prog_bar=True, batch_size=len(first))


def train_encoder(data: str, data_dir: str | None, course: ContrastCourse, path: Path | None, command: str) \
        -> Mapping[str, float]:
    """Trains an encoder on a data set's images and writes it, as DATA-simclr unless there is a path.

    Returns:
        ``found``: the share of images not trained on whose two views belong together by it, among those of a batch.
    """
    parts = lessons(data, data_dir, course.image_size)
    spec = parts.training.spec
    seed_everything(course.seed, verbose=False)
    network = Encoder(spec.channels, spec.image_size, course.width).to(memory_format=torch.channels_last)
    of, unseen = (columns.truth for columns in (parts.training.load(), parts.measuring.load()))
    first = batches(of, torch.zeros(len(of)), course, True)
    module = Contrast(network, course, course.epochs * len(first))
    return learn(module, first, batches(unseen, torch.zeros(len(unseen)), course, False),
                 path or PRETRAINED / f"{data}-simclr", parts.facts(command) | {"batch_size": course.batch_size})
