"""The pictures of a sampler: drawn from its weights and fixed seeds, none of them picked."""

from itertools import islice, product
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from zoo.data.labels import Labels, heads_of
from zoo.tasks.attributes import attributes, names_of_attributes
from zoo.tasks.drawing import density, grid, table
from zoo.tasks.latent_model import LatentModel
from zoo.tasks.walks import interpolate, traverse

if TYPE_CHECKING:
    from PIL import Image

MOST_COLUMNS = 10  # of a sheet with one column per class
MOST_DIMENSIONS = 1024  # of a latent that are moved one by one: those of planes of noise move a pixel each
SHOWN = 8  # attributes of which there is a row
THIRDS = ("top", "middle", "bottom")
CAPTIONS = {  # picture -> what it is in a word, and how it comes about
    "samples.png": ("samples", "Samples, not picked: in order `model.sample(1, seed=k)` for k = 0, 1, 2, ..."),
    "labels.png": ("classes", "Every combination of classes that the data have; row k has one latent, `seed=k`."),
    "codes.png": ("codes", "Codes moved, the rest of the latent fixed: the categories of a categorical code in turn; "
                           "a continuous code from -0.99 to 0.99."),
    "dimensions.png": ("latent dimensions", "Single dimensions of one latent moved from -3 to 3 standard deviations, "
                       "`zoo.traverse(model, D, rows=1, seed=0)`: for the top, the middle and the bottom third of the "
                       "image the three dimensions that change it most beside what they change elsewhere. Conditional "
                       "models with class 0, `labels=0`."),
    "attributes.png": ("attributes", "More and more of what a bundled network tells of such pictures, from -4 to 4 "
                       "standard deviations, `zoo.traverse(model, NAME, low=-4, high=4, rows=1, seed=0)`: the eight "
                       "that directions follow the closest; the number is the correlation."),
    "interpolation.png": ("interpolation", "On great circles between random latents: "
                                           "`zoo.interpolate(model, 8, 8, seed=0)`, conditional models with class i in "
                                           "row i."),
}
BY_CLASS = "Samples, not picked: one column per class, and in row k `seed=k`."


def sheet(model: LatentModel) -> "Image.Image":
    """Samples that are not picked, 8 rows of them; points as density.

    Image k is ``sample(1, seed=k)``. A conditional model of up to MOST_COLUMNS classes has one column per class and the
    seed of the row; one of more classes has some of them, evenly spaced, in order.
    """
    if not model.data.bounded:
        return picture(model, model.sample(10_000, seed=0), 1)
    classes = model.data.classes if model.conditional else 0
    by_class = _by_class(model)
    columns = classes if by_class else 8
    places = range(8 * columns)
    seeds = [i // columns if by_class else i for i in places]
    labels = [i % columns if by_class else i * classes // len(places) for i in places]
    normal = torch.cat([model.normals(1, seed) for seed in seeds])
    return grid(model.render(normal, labels if classes else None), columns)


def picture(model: LatentModel, images: Tensor, columns: int) -> "Image.Image":
    """Images in rows of ``columns``; points as density."""
    return grid(images, columns) if model.data.bounded else grid(density(images)[None], 1)


def _by_class(model: LatentModel) -> bool:
    return model.conditional and model.data.classes <= MOST_COLUMNS


def captions(model: LatentModel) -> dict[str, tuple[str, str]]:
    return CAPTIONS | ({"samples.png": ("samples", BY_CLASS)} if _by_class(model) else {})


def pictures(model: LatentModel) -> "dict[str, Image.Image]":
    """Whatever else there is to show, by the name of the file."""
    drawn = {"interpolation.png": _interpolation(model), "labels.png": _labels(model), "codes.png": _codes(model),
             "dimensions.png": _dimensions(model), "attributes.png": _attributes(model)}
    return {name: picture for name, picture in drawn.items() if picture is not None}


def _interpolation(model: LatentModel) -> "Image.Image":
    return interpolation(model, [i % model.data.classes for i in range(8)] if model.conditional else None)


def interpolation(model: LatentModel, labels: Labels) -> "Image.Image":
    """8 walks, each of one label or caption."""
    return table(list(interpolate(model, 8, 8, labels, seed=0)))


def _labels(model: LatentModel) -> "Image.Image | None":
    """One row per class of the first head, with a latent of its own, and one column per class of the second.

    None for classes that are not made of two parts.
    """
    names = model.data.class_names
    heads = heads_of(names) if model.conditional else {}
    if len(heads) != 2:
        return None
    first, second = heads.values()
    normal = torch.cat([model.normals(1, seed=first.index(name.split(", ")[0])) for name in names])
    images = dict(zip(names, model.render(normal, names), strict=True))
    blank = torch.ones_like(next(iter(images.values())))
    cells = [images.get(f"{a}, {b}", blank) for a, b in product(first, second)]
    return table([torch.stack(cells[i:i + len(second)]) for i in range(0, len(cells), len(second))], first,
                 [name.split()[0] for name in second])


def _codes(model: LatentModel) -> "Image.Image | None":
    """Three latents through every code that the model names."""
    rows, captions = [], []
    for name, way in model.code_walks(model.normals(3, seed=0)).items():
        rows += list(model.render(way.flatten(0, 1)).unflatten(0, way.shape[:2]))
        captions += [name] * len(way)
    return table(rows, captions) if rows else None


def _dimensions(model: LatentModel) -> "Image.Image | None":
    if model.data.image_size < 64 or model.latent_size > MOST_DIMENSIONS:
        return None
    label = 0 if model.conditional else None
    change = changes(model)
    apart = change / (change.sum(1, keepdim=True) - change)
    apart[change.sum(1) < change.sum(1).median()] = 0  # a dimension that hardly does anything
    rows, captions = [], []
    for third, name in enumerate(THIRDS):
        for dimension in apart[:, third].topk(3).indices.tolist():
            rows.append(traverse(model, dimension, rows=1, labels=label, seed=0)[0])
            captions.append(f"{name}: z{dimension}")
    return table(rows, captions)


def _attributes(model: LatentModel) -> "Image.Image | None":
    """Of a model that is not told by the user what its pictures are to have."""
    if model.needs() or model.data.image_size < 64 or not names_of_attributes(model):
        return None
    found = dict(islice(attributes(model).items(), SHOWN))
    rows = [traverse(model, one.vector, low=-4, high=4, rows=1, seed=0)[0] for one in found.values()]
    return table(rows, [f"{name}: {one.correlation:.2f}" for name, one in found.items()]) if rows else None


def changes(model: LatentModel, latents: int = 32, reach: float = 2.0) -> Tensor:
    """What each latent dimension does: (latent_size, 3), by thirds of the image from top to bottom.

    It is the mean absolute difference between the images with the dimension at -reach and at +reach standard
    deviations, over ``latents`` random latents, of a conditional model with classes from the first to the last.
    """
    normal = model.normals(latents, seed=0)
    labels = (torch.arange(latents) * model.data.classes // latents).repeat(2) if model.conditional else None
    rows = []
    for dimension in range(model.latent_size):
        ends = normal.repeat(2, 1)
        ends[:latents, dimension], ends[latents:, dimension] = -reach, reach
        low, high = model.render(ends, labels).chunk(2)
        rows.append(torch.stack([part.mean() for part in (low - high).abs().tensor_split(3, dim=2)]))
    return torch.stack(rows)
