"""The network in whose features images are compared: a classifier's, or one that learnt without labels."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

LAYERS = 5  # of convolutions: plain ones and residual blocks


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


class Encoder(nn.Module):
    """A residual network of two or three strides, for images of one size.

    Args:
        channels: 1 grey, 3 colour: what it looks at; images of the other kind are converted.
        image_size: pixels; images of another size are resampled.
        width: channels of the first layer; the last has four times as many, which are the features.
    """

    def __init__(self, channels: int, image_size: int, width: int) -> None:
        super().__init__()
        self.channels, self.image_size, self.width = channels, image_size, width
        self.body = nn.Sequential(
            ConvBlock(channels, width, stride=2 if image_size > 48 else 1),
            ConvBlock(width, 2 * width, stride=2), Residual(2 * width),
            ConvBlock(2 * width, 4 * width, stride=2), Residual(4 * width),
            nn.AdaptiveAvgPool2d(1), nn.Flatten())

    @property
    def shape(self) -> dict[str, Any]:
        """What it is built with."""
        return {"channels": self.channels, "image_size": self.image_size, "width": self.width}

    @property
    def features(self) -> int:
        """How many numbers it makes of an image."""
        return 4 * self.width

    def prepare(self, images: Tensor) -> Tensor:
        """uint8 (N, 1 or 3, H, W) of any size -> floats (N, channels, image_size, image_size) in [-1, 1]."""
        return self.resampled(self.in_its_colours(images.float() / 127.5 - 1))

    def resampled(self, x: Tensor) -> Tensor:
        """Floats (N, C, H, W) -> (N, C, image_size, image_size)."""
        size = (self.image_size, self.image_size)
        return x if x.shape[2:] == size else F.interpolate(x, size, mode="bilinear", antialias=True)

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

    def encode(self, x: Tensor) -> Tensor:
        """Floats (N, channels, image_size, image_size) in [-1, 1] -> features (N, 4 width)."""
        return self.body(x.contiguous(memory_format=torch.channels_last))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """uint8 images -> features (N, 4 width), and logits (N, 0): it tells no classes."""
        features = self.encode(self.prepare(images))
        return features, features[:, :0]
