"""Perceptual path length: how far pictures go on the way from one latent to another (Karras 2018, arXiv:1812.04948,
section 4.1).

    l = E[ d(x(t), x(t + epsilon)) / epsilon^2 ],    t uniform, x(t) the picture at the share t of the way

d is the perceptual distance in features that come with the package, so a length is named after these and is none of
the paper's, whose features are VGG's. d is the square of a distance between vectors that depend on one picture each, so
no way is shorter than the mean of d between its ends, and that stands beside it as the floor. A way as long as its
floor leads straight from one picture to the other, and where all pictures are alike both are 0. Departure: nothing is
cropped, and the mean is that of all ways.
"""

from functools import partial

import torch
from torch import Tensor

from zoo.core.errors import UsageError
from zoo.features.perceptual import PerceptualDistance
from zoo.metrics.comparison import Comparison
from zoo.metrics.protocol import short
from zoo.metrics.real import progress
from zoo.tasks.task import Inputs, Task

EPSILON = 1e-4


def check_ways(c: Comparison) -> None:
    """Raises UsageError where there is no way from one latent to another."""
    model = c.model
    if not model.spaces or not model.data.are_pictures:
        raise UsageError(f"{model.variant} on {model.data.name} makes no pictures from latents: there is no way from "
                         "one to another to measure")
    if model.jumps:
        raise UsageError(f"what {model.variant} makes of a latent jumps as that moves, since it chooses among several "
                         "things by it: no way from one latent to another has a length")


def path_lengths(c: Comparison) -> dict[str, float]:
    """In every space of latents that the model has, and the floor."""
    model, n, seed = c.model, c.protocol.samples, c.protocol.seed
    normals = model.normals(2 * n, seed)
    told = {name: x for name, x in c.inputs.items() if name != "normal"}
    share = (1 - EPSILON) * torch.rand(n, 1, generator=torch.Generator().manual_seed(seed))
    asked = {"start": normals[:n], "end": normals[n:], "share": share} | told
    model.to(c.how.device)
    means = _means(model, asked, PerceptualDistance(c.eye), c.how.batch_size)
    floor = means.pop("floor")
    return {f"{name}{short(n)}[{c.eye}]{which}": value for space, length in means.items()
            for name in [f"ppl_{space}"] for which, value in (("", length), ("/floor", floor))}


@torch.no_grad()
def _means(model: Task, asked: Inputs, distance: PerceptualDistance, batch_size: int) -> dict[str, float]:
    """The length in each space, and the distance of the ends."""
    found: dict[str, list[Tensor]] = {space: [] for space in (*model.spaces, "floor")}
    count = len(asked["share"])
    with model.answering(), progress("going from latent to latent", count) as bar:
        for rows in torch.arange(count).split(batch_size):
            start, end, share, *told = (model.placed(x[rows]) for x in asked.values())
            way = partial(model.on_the_way, start=start, end=end, labels=told[0] if told else None)
            for space in model.spaces:  # pictures are not rounded to 8 bits, of which a step is far less than one
                step = distance(way(space, t=share), way(space, t=share + EPSILON))
                found[space].append(step.double().cpu() / EPSILON**2)
            ends = (way("z", t=torch.full_like(share, at)) for at in (0, 1))  # the same in every space
            found["floor"].append(distance(*ends).double().cpu())
            bar.update(len(rows))
    return {name: torch.cat(parts).mean().item() for name, parts in found.items()}
