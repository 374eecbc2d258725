"""Walks through latent space."""

import torch
from torch import Tensor

from zoo.core.errors import UsageError
from zoo.data.labels import Labels
from zoo.tasks.attributes import attribute
from zoo.tasks.latent_model import LatentModel
from zoo.tasks.latents import between
from zoo.tasks.task import Inputs


def interpolate(model: LatentModel, pairs: int = 8, steps: int = 8, labels: Labels = None, seed: int | None = None,
                truncation: float | None = None) -> Tensor:
    """Images on great circles between pairs of random latents (spherical interpolation, White 2016, arXiv:1609.04468).

    The circles lie in the space of normals, so the way stays typical for a uniform prior too. Where there is no great
    circle, as between the numbers of a latent of one dimension, the way is straight.

    Args:
        pairs: how many walks.
        steps: images a walk, both ends included.
        labels: for conditional models: one class for all, or one a walk.
        truncation: see ``sample``.

    Returns:
        (pairs, steps, C, H, W), as ``sample`` returns images.
    """
    if pairs < 1 or steps < 2:
        raise UsageError(f"a walk has at least 2 steps and there is at least 1, not {steps} and {pairs}")
    with model.truncating(truncation) as within:
        start, end = model.normals(2 * pairs, seed, within)[:, None].chunk(2)  # (pairs, 1, latent_size)
        way = between(start, end, torch.linspace(0, 1, steps)[None, :, None])  # (pairs, steps, latent_size)
        return _render_walks(model, way, labels)


def traverse(model: LatentModel, dimension: int | str | Tensor, low: float = -3.0, high: float = 3.0, steps: int = 8,
             rows: int = 8, labels: Labels = None, seed: int | None = None, truncation: float | None = None) -> Tensor:
    """Images with one latent dimension, or what lies along one direction, moved over a range, all else fixed.

    Args:
        dimension: which, from 0; or what is to become more by name, such as "pink hair", see ``zoo.attribute``; or a
            direction (latent_size,), such as one of ``zoo.directions``, of any length.
        low, high: first and last value, in standard deviations of the normal that the prior is a map of.
        steps: images a row.
        rows: number of random latents to start from.
        labels: for conditional models: one class for all, or one a row.
        truncation: of the other dimensions where normals are truncated, see ``sample``.

    Returns:
        (rows, steps, C, H, W), as ``sample`` returns images.
    """
    if rows < 1 or steps < 2:
        raise UsageError(f"a traversal has at least 2 steps and 1 row, not {steps} and {rows}")
    if isinstance(dimension, str):
        along = attribute(model, dimension).vector.float()
    elif isinstance(dimension, Tensor):
        along = _unit(dimension, model.latent_size)
    elif 0 <= dimension < model.latent_size:
        along = torch.eye(model.latent_size)[dimension]
    else:
        raise UsageError(f"there is no latent dimension {dimension}: they are 0 to {model.latent_size - 1}")
    with model.truncating(truncation) as within:
        way = model.normals(rows, seed, within)[:, None].repeat(1, steps, 1)  # (rows, steps, latent_size)
        way -= (way * along).sum(2, keepdim=True) * along  # what lies along it goes first, so that a dimension is exact
        way += torch.linspace(low, high, steps)[None, :, None] * along
        return _render_walks(model, way, labels)


def _unit(direction: Tensor, size: int) -> Tensor:
    """Of length 1. Raises UsageError for what is no direction among latents."""
    if direction.shape != (size,) or not torch.isfinite(direction).all() or not direction.any():
        raise UsageError(f"a direction is a tensor of {size} numbers that are not all 0, not of the shape "
                         f"{tuple(direction.shape)}")
    return torch.nn.functional.normalize(direction.detach().float().cpu(), dim=0)


def _render_walks(model: LatentModel, way: Tensor, labels: Labels) -> Tensor:
    walks, steps, _ = way.shape
    told: Inputs = {name: x.repeat_interleave(steps, 0) for name, x in model.condition.numbers(labels, walks).items()}
    images = model.respond(normal=way.flatten(0, 1), **told)
    return images.unflatten(0, (walks, steps))
