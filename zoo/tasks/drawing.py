"""Pictures of images and points."""

from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:  # loading a model does without
    from PIL import Image, ImageFont

MARGIN, FONT = 4, 14  # pixels


def grid(images: Tensor, columns: int) -> "Image.Image":
    """Images (N, C, H, W) in [0, 1] in rows of ``columns``, 2 pixels apart."""
    from torchvision.transforms.functional import to_pil_image
    from torchvision.utils import make_grid

    return to_pil_image((make_grid(images, nrow=columns) * 255).round().byte())


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


def table(rows: list[Tensor], captions: list[str] | None = None, columns: list[str] | None = None) -> "Image.Image":
    """Rows of images (N, C, H, W) in [0, 1] as one picture, with captions to the left of rows and above columns.

    Images of fewer than 64 pixels are shown at twice their size.
    """
    from PIL import Image, ImageDraw, ImageFont

    scale = 1 if rows[0].shape[-1] >= 64 else 2
    side = rows[0].shape[-1] * scale
    font = ImageFont.load_default(FONT)
    left = MARGIN + (_width(captions, font) + MARGIN if captions else 0)
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


def strips(pictures: list["Image.Image"], captions: list[str]) -> "Image.Image":
    """Pictures of one size below each other, with captions to their left."""
    from PIL import Image, ImageDraw, ImageFont

    font = ImageFont.load_default(FONT)
    left = 2 * MARGIN + _width(captions, font)
    width, height = pictures[0].size
    sheet = Image.new(pictures[0].mode, (left + width, len(pictures) * height), "white")
    draw = ImageDraw.Draw(sheet)
    for i, (strip, caption) in enumerate(zip(pictures, captions, strict=True)):
        draw.text((MARGIN, i * height + height // 2), caption, fill="black", font=font, anchor="lm")
        sheet.paste(strip, (left, i * height))
    return sheet


def _width(captions: list[str], font: "ImageFont.FreeTypeFont | ImageFont.ImageFont") -> int:
    return max(int(font.getlength(text)) for text in captions)
