"""The pictures of a model's card: drawn from its weights and fixed seeds, none of them picked."""

from collections.abc import Iterator
from itertools import product
from pathlib import Path

import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from zoo.base import GenerativeModule
from zoo.files import atomic
from zoo.folder import load, read_config
from zoo.labels import heads_of
from zoo.sampling import interpolate, traverse

MILESTONES = (100, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000)  # generator updates
MARGIN, FONT = 4, 14  # pixels
THIRDS = ("top", "middle", "bottom")


def write_pictures(folder: Path) -> None:
    """Draws what there is to show of a model folder, and of the progress of a run."""
    model = load(folder)
    if model.data.is_points:
        return
    pictures = {"interpolation.png": _interpolation(model), "labels.png": _labels(model), "codes.png": _codes(model),
                "dimensions.png": _dimensions(model), "progress.png": _progress(folder)}
    for name, picture in pictures.items():
        if picture is not None:
            with atomic(folder / name) as partial:
                picture.save(partial, format="png", optimize=True)


def _interpolation(model: GenerativeModule) -> Image.Image:
    labels = [i % model.data.classes for i in range(8)] if model.conditional else None
    return table(list(interpolate(model, 8, 8, labels, seed=0)))


def _labels(model: GenerativeModule) -> Image.Image | None:
    """A row a class of the first head, with a latent of its own, and a column one of the second.

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


def _codes(model: GenerativeModule) -> Image.Image | None:
    """Three latents through every code that the model names."""
    rows, captions = [], []
    for name, way in model.code_walks(model.normals(3, seed=0)).items():
        rows += list(model.render(way.flatten(0, 1)).unflatten(0, way.shape[:2]))
        captions += [name] * len(way)
    return table(rows, captions) if rows else None


def _dimensions(model: GenerativeModule) -> Image.Image | None:
    if model.data.image_size < 64:
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


def changes(model: GenerativeModule, latents: int = 32, reach: float = 2.0) -> Tensor:
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


def _progress(folder: Path) -> Image.Image | None:
    """The first row of a run's sample grids that are nearest to the milestones, where there are such."""
    config = read_config(folder)
    per_update = config.get("training", {}).get("batch_size", 0) * config["config"].get("critic_steps", 1)
    grids = {int(path.stem.split("-")[1]): path for path in (folder / "samples").glob("images-*.png")}
    side, rows, captions = config["data"]["image_size"], [], []
    for updates in MILESTONES:
        nearest = min(grids, key=lambda seen: abs(seen - updates * per_update), default=0)
        if nearest and abs(nearest - updates * per_update) <= 0.02 * nearest:
            grid = Image.open(grids[nearest])
            top = grid.crop((0, 0, grid.width, side + 4))  # torchvision pads by 2 pixels
            rows.append(torch.stack(list(_tiles(top, side))))
            captions.append(f"{updates:,}")
    return table(rows, captions) if len(rows) > 1 else None


def _tiles(strip: Image.Image, side: int) -> Iterator[Tensor]:
    from torchvision.transforms.functional import to_tensor

    for left in range(2, strip.width - side, side + 2):
        yield to_tensor(strip.crop((left, 2, left + side, 2 + side)))


def table(rows: list[Tensor], captions: list[str] | None = None, columns: list[str] | None = None) -> Image.Image:
    """Rows of images (N, C, H, W) in [0, 1] as one picture, with captions to the left of rows and above columns.

    Images of fewer than 64 pixels are shown at twice their size.
    """
    scale = 1 if rows[0].shape[-1] >= 64 else 2
    side = rows[0].shape[-1] * scale
    font = ImageFont.load_default(FONT)
    left = MARGIN + (max(int(font.getlength(text)) for text in captions) + MARGIN if captions else 0)
    top = MARGIN + (FONT + MARGIN if columns else 0)
    size = left + len(rows[0]) * (side + MARGIN), top + len(rows) * (side + MARGIN)
    picture = Image.new("RGB" if rows[0].shape[1] == 3 else "L", size, "white")
    draw = ImageDraw.Draw(picture)
    for i, row in enumerate(rows):
        y = top + i * (side + MARGIN)
        if captions:
            draw.text((MARGIN, y + side // 2), captions[i], fill="black", font=font, anchor="lm")
        for j, image in enumerate(row):
            pixels = (image * 255).round().byte().permute(1, 2, 0).squeeze(2).numpy()
            tile = Image.fromarray(pixels).resize((side, side), Image.Resampling.NEAREST)
            picture.paste(tile, (left + j * (side + MARGIN), y))
    for j, text in enumerate(columns or []):
        draw.text((left + j * (side + MARGIN) + side // 2, MARGIN), text, fill="black", font=font, anchor="mt")
    return picture
