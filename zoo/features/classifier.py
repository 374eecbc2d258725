"""Small classifiers of one kind of image, in whose features images are compared.

A classifier's last hidden layer does for digits or faces what the pool layer of InceptionV3 does for photographs in
FID (Heusel 2017, arXiv:1706.08500), and its convolutions do what those of VGG do in a perceptual distance: see
``zoo.features.perceptual``. ``zoo features`` trains them; those in ``zoo/features/pretrained`` come with the package.
"""

import json
from functools import cache
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from zoo.core.errors import UsageError, unknown
from zoo.core.files import atomic, digest, write_json
from zoo.data.labels import Heads

PRETRAINED = Path(__file__).parent / "pretrained"
LAYERS = 5  # of convolutions in a classifier: plain ones and residual blocks


class ConvBlock(nn.Sequential):
    """3x3 convolution, batch-norm, ReLU."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__(nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU())


class Residual(nn.Sequential):
    """x + two convolutions of it (He 2015, arXiv:1512.03385)."""

    def __init__(self, channels: int) -> None:
        super().__init__(ConvBlock(channels, channels), ConvBlock(channels, channels))

    def forward(self, x: Tensor) -> Tensor:
        return x + super().forward(x)


class Classifier(nn.Module):
    """A residual network of two or three strides, for images of one size.

    Args:
        channels: 1 grey, 3 colour: what it looks at; images of the other kind are converted.
        image_size: pixels; images of another size are resampled.
        heads: see ``heads_of``.
        width: channels of the first layer; the last has four times as many, which are the features.
    """

    def __init__(self, channels: int, image_size: int, heads: Heads, width: int) -> None:
        super().__init__()
        self.channels, self.image_size, self.heads, self.width = channels, image_size, heads, width
        self.body = nn.Sequential(
            ConvBlock(channels, width, stride=2 if image_size > 48 else 1),
            ConvBlock(width, 2 * width, stride=2), Residual(2 * width),
            ConvBlock(2 * width, 4 * width, stride=2), Residual(4 * width),
            nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.head = nn.Linear(4 * width, sum(map(len, heads.values())))

    def prepare(self, images: Tensor) -> Tensor:
        """uint8 (N, 1 or 3, H, W) of any size -> floats (N, channels, image_size, image_size) in [-1, 1]."""
        x = self.in_its_colours(images.float() / 127.5 - 1)
        if x.shape[2:] != (self.image_size, self.image_size):
            x = F.interpolate(x, (self.image_size, self.image_size), mode="bilinear", antialias=True)
        return x

    def in_its_colours(self, x: Tensor) -> Tensor:
        """Floats (N, 1 or 3, H, W) -> (N, channels, H, W): colour is made grey, and grey is repeated."""
        if x.shape[1] == self.channels:
            return x
        return x.mean(1, keepdim=True) if self.channels == 1 else x.expand(-1, self.channels, -1, -1)

    def maps(self, x: Tensor) -> list[Tensor]:
        """Floats (N, channels, H, W) in [-1, 1] of any size, not resampled -> what its five layers of convolutions
        give, (N, c, h, w) each, none of it negative."""
        found = [x]
        for layer in self.body[:LAYERS]:
            found.append(layer(found[-1]))
        return found[1:]

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """uint8 images -> features (N, 4 width), logits of all heads side by side (N, classes)."""
        features = self.body(self.prepare(images).contiguous(memory_format=torch.channels_last))
        return features, self.head(features)

    def split_heads(self, logits: Tensor) -> tuple[Tensor, ...]:
        """Logits (N, classes) of all heads -> those of each."""
        return logits.split([len(classes) for classes in self.heads.values()], dim=1)

    def classes_seen(self, logits: Tensor) -> Tensor:
        """The likeliest class of each head, (N, heads) int64."""
        return torch.stack([part.argmax(1) for part in self.split_heads(logits)], 1)


def save_classifier(network: Classifier, path: Path, facts: dict[str, Any]) -> None:
    """Writes NAME.safetensors in half precision and NAME.json, which describes the network and holds ``facts``."""
    half = {key: (value.half() if value.is_floating_point() else value).contiguous()
            for key, value in network.state_dict().items()}
    with atomic(path.with_suffix(".safetensors")) as partial:
        save_file(half, partial)
        content = digest(partial)
    shape = {name: getattr(network, name) for name in ("channels", "image_size", "heads", "width")}
    write_json(path.with_suffix(".json"), {"network": shape, "sha256": content} | facts)


def bundled() -> list[str]:
    """The names of the classifiers that come with the package."""
    return sorted(path.stem for path in PRETRAINED.glob("*.json"))


def describe(name: str) -> dict[str, Any]:
    """What NAME.json says of a bundled classifier. Raises UsageError if there is none of this name."""
    if name not in bundled():
        raise unknown("features", name, ["inception", *bundled()])
    return json.loads((PRETRAINED / f"{name}.json").read_text(encoding="utf-8"))


@cache
def load_classifier(name: str) -> Classifier:
    """A bundled classifier in evaluation mode, in single precision.

    Raises:
        UsageError: there is none of this name, or its weights are not those it came with.
    """
    description, path = describe(name), PRETRAINED / f"{name}.safetensors"
    if digest(path) != description["sha256"]:
        raise UsageError(f"{path} is damaged: install gan-zoo again")
    network = Classifier(**description["network"])
    network.load_state_dict(load_file(path))  # half to single precision, element by element
    return network.eval().requires_grad_(False).to(memory_format=torch.channels_last)
