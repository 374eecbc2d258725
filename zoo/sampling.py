"""Walks through latent space, and pictures of what a model makes."""

from pathlib import Path

import torch
from torch import Tensor

from zoo.base import GenerativeModule
from zoo.errors import UsageError
from zoo.labels import Labels

MOST_COLUMNS = 10  # of a grid with a column a class


def interpolate(model: GenerativeModule, pairs: int = 8, steps: int = 8, labels: Labels = None, seed: int | None = None,
                truncation: float | None = None) -> Tensor:
    """Images on great circles between pairs of random latents (spherical interpolation, White 2016, arXiv:1609.04468).

    The circles lie in the space of normals, so the way stays typical for a uniform prior too. Where there is no great
    circle, as between the numbers of a latent of one dimension, the way is straight.

    Args:
        pairs: how many walks.
        steps: images a walk, both ends included.
        labels: for conditional models: one class for all, or one a walk.

    Returns:
        (pairs, steps, C, H, W), as ``sample`` returns images.
    """
    if pairs < 1 or steps < 2:
        raise UsageError(f"a walk has at least 2 steps and there is at least 1, not {steps} and {pairs}")
    start, end = model.normals(2 * pairs, seed, truncation)[:, None].chunk(2)  # (pairs, 1, latent_size)
    cosine = torch.cosine_similarity(start, end, dim=2)[:, :, None]
    angle = torch.acos(cosine.clamp(-1, 1))
    t = torch.linspace(0, 1, steps)[None, :, None]
    arc = (torch.sin((1 - t) * angle) * start + torch.sin(t * angle) * end) / torch.sin(angle)
    way = torch.where(cosine.abs() < 0.99999, arc, torch.lerp(start, end, t))  # (pairs, steps, latent_size)
    return _render_walks(model, way, labels)


def traverse(model: GenerativeModule, dimension: int, low: float = -3.0, high: float = 3.0, steps: int = 8,
             rows: int = 8, labels: Labels = None, seed: int | None = None, truncation: float | None = None) -> Tensor:
    """Images with one latent dimension moved over a range, all else fixed.

    Args:
        dimension: which, from 0.
        low, high: first and last value, in standard deviations of the normal that the prior is a map of.
        steps: images a row.
        rows: number of random latents to start from.
        labels: for conditional models: one class for all, or one a row.
        truncation: of the other dimensions, see ``sample``.

    Returns:
        (rows, steps, C, H, W), as ``sample`` returns images.
    """
    if not 0 <= dimension < model.latent_size:
        raise UsageError(f"there is no latent dimension {dimension}: they are 0 to {model.latent_size - 1}")
    if rows < 1 or steps < 2:
        raise UsageError(f"a traversal has at least 2 steps and 1 row, not {steps} and {rows}")
    way = model.normals(rows, seed, truncation)[:, None].repeat(1, steps, 1)  # (rows, steps, latent_size)
    way[:, :, dimension] = torch.linspace(low, high, steps)
    return _render_walks(model, way, labels)


def _render_walks(model: GenerativeModule, way: Tensor, labels: Labels) -> Tensor:
    walks, steps, _ = way.shape
    classes = model.class_indices(labels, walks).repeat_interleave(steps)
    images = model.render(way.flatten(0, 1), classes if model.conditional else None)
    return images.unflatten(0, (walks, steps))


def save_picture(model: GenerativeModule, path: Path) -> None:
    """Writes a PNG of samples that are not picked, 8 rows of them; points as density.

    Image k is ``sample(1, seed=k)``. A conditional model of up to MOST_COLUMNS classes has a column a class and the
    seed of the row; one of more has every so-manieth class, in order.
    """
    from torchvision.utils import make_grid, save_image  # slow to import, and loading a model does without

    if model.data.is_points:
        save_image(density(model.sample(10_000, seed=0)), path, format="png")
        return
    classes = model.data.classes if model.conditional else 0
    by_class = 0 < classes <= MOST_COLUMNS
    columns = classes if by_class else 8
    places = range(8 * columns)
    seeds = [i // columns if by_class else i for i in places]
    labels = [i % columns if by_class else i * classes // len(places) for i in places]
    normal = torch.cat([model.normals(1, seed) for seed in seeds])
    save_image(make_grid(model.render(normal, labels if classes else None), nrow=columns), path, format="png")


def density(points: Tensor, pixels: int = 256) -> Tensor:
    """Points (N, C, 1, 1) as a picture (1, pixels, pixels): histogram of the first two coordinates, or bars of one."""
    flat = points.flatten(1).float()
    if flat.shape[1] == 1:
        counts = torch.histc(flat, pixels)
        heights = counts / counts.max() * pixels
        return (torch.arange(pixels, 0, -1)[:, None] <= heights).float()[None]
    low, high = flat.min(0).values, flat.max(0).values
    span = [float(x) for pair in zip(low[:2], high[:2] + 1e-6, strict=True) for x in pair]
    counts = torch.histogramdd(flat[:, :2], [pixels, pixels], range=span).hist
    return (counts.T.flip(0) / counts.quantile(0.999).clamp(min=1)).clamp(0, 1)[None]
