"""Label maps, pictures of few colours of which each stands for a class, and whether these are found again."""

from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchmetrics.functional.classification import multiclass_confusion_matrix

from zoo.core.errors import UsageError
from zoo.metrics.judges import SEED, UNKNOWN, Lesson, Schooling, at_most, rows_in_turn, schooled
from zoo.metrics.segmentation import PixelClassifier

SCHOOLING = Schooling(pictures=6_400, batch_size=8, learning_rate=3e-3)
WIDTH = 16
LARGEST = 128  # pixels a side of the pictures that the judge looks at
LOOKED_AT = 200  # label maps in which the colours are looked for
FLAT = 32  # levels by which neighbours differ at most inside an area of one colour
REACH = 40  # levels within which a colour is that of a class: resampling and JPEG smear it
TIGHT, MOSTLY = 12, 0.75  # within so many levels of their colour are so many of the pixels inside areas
RARE = 0.002  # share of those pixels below which a colour is none of a class
MOST = 32  # classes


def palette(maps: Tensor, name: str) -> Tensor:
    """The colours of the classes of label maps, uint8 (N, C, H, W) -> (classes, C), the most frequent first.

    They are looked for inside areas of one colour, since a border between two has others.

    Raises:
        UsageError: pictures that are no label maps.
    """
    x = maps.float()
    spread = (F.max_pool2d(x, 3, 1) + F.max_pool2d(-x, 3, 1)).amax(1)
    inside = x[:, :, 1:-1, 1:-1].permute(0, 2, 3, 1)[spread <= FLAT]
    colours: list[Tensor] = []
    tight, rest = 0, inside
    while len(rest) > RARE * len(inside) and len(colours) <= MOST:
        colour = _densest(rest)
        apart = (rest - colour).abs().amax(1)
        if (apart <= REACH).sum() < RARE * len(inside):
            break
        colours.append(colour)
        tight += int((apart <= TIGHT).sum())
        rest = rest[apart > REACH]
    if not 2 <= len(colours) <= MOST or tight < MOSTLY * len(inside):
        raise UsageError(f"the sources of {name} are no label maps, which have 2 to {MOST} colours, each for a class: "
                         "there are no labels to predict back")
    return torch.stack(colours)


def _densest(pixels: Tensor) -> Tensor:
    """The colour (C,) around which most of (n, C) lie."""
    key = torch.zeros(len(pixels), dtype=torch.int64)
    for channel in pixels.T:
        key = key * 16 + (channel / 16).long()
    _, which, counts = key.unique(return_inverse=True, return_counts=True)
    colour = pixels[which == counts.argmax()].mean(0)
    for _ in range(3):
        colour = pixels[(pixels - colour).abs().amax(1) <= REACH].mean(0)
    return colour


def classes_in(maps: Tensor, colours: Tensor) -> Tensor:
    """Class numbers (N, H, W) of label maps (N, C, H, W) in [0, 255]; UNKNOWN where a colour is that of none."""
    apart = (maps.float()[:, None] - colours[:, :, None, None]).abs().amax(2)
    least, which = apart.min(1)
    return torch.where(least <= REACH, which, UNKNOWN)


def pixel_judge(examples: Callable[[Tensor], tuple[Tensor, Tensor]], count: int, channels: int, colours: Tensor,
                device: torch.device) -> nn.Module:
    """A judge that has learnt to tell the class of every pixel.

    Args:
        examples: numbers (n,) of ``count`` training pairs -> pictures (n, channels, H, W) and their label maps
            (n, C, H, W), both in [0, 1].
    """
    def lessons() -> Iterator[Lesson]:
        random = torch.Generator().manual_seed(SEED)
        for rows in rows_in_turn(count, SCHOOLING.batch_size):
            pictures, maps = examples(rows)
            pictures = at_most(LARGEST, pictures)
            right = of_size(classes_in(maps * 255, colours), pictures)
            turned = torch.rand(len(rows), generator=random) < 0.5
            yield (2 * torch.where(turned[:, None, None, None], pictures.flip(3), pictures) - 1,
                   torch.where(turned[:, None, None], right.flip(2), right))

    return schooled(lambda: PixelClassifier(channels, len(colours), WIDTH), lessons(), SCHOOLING,
                    "teaching a judge labels", device)


def of_size(classes: Tensor, pictures: Tensor) -> Tensor:
    """Class numbers (N, h, w) at the height and width of pictures."""
    return F.interpolate(classes[:, None].float(), pictures.shape[2:], mode="nearest-exact")[:, 0].long()


def found_again(seen: Tensor, right: Tensor, classes: int) -> dict[str, float]:
    """Of class numbers (N, H, W), UNKNOWN where nothing is right: the share of pixels that are right, the mean over
    classes of that of each, and of its intersection over union; of the classes that there are."""
    table = multiclass_confusion_matrix(seen, right, classes, ignore_index=UNKNOWN).double()  # (right, seen)
    hits, there = table.diagonal(), table.sum(1)
    unions = there + table.sum(0) - hits
    return {"pixel_accuracy": (hits.sum() / table.sum()).item(),
            "class_accuracy": (hits / there)[there > 0].mean().item(),
            "class_iou": (hits / unions)[there > 0].mean().item()}
