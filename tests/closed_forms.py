"""Models whose discriminator and fakes are given, so that losses can be compared with formulas."""

import torch
from torch import nn

from zoo.data.batches import Labelled
from zoo.data.image_spec import PointSpec
from zoo.models import variant_class


class Function(nn.Module):
    """A discriminator in closed form, (N, C, 1, 1) -> (N, 1)."""

    def __init__(self, function) -> None:
        super().__init__()
        self.function = function

    def forward(self, images):
        return self.function(images.flatten(1))


def of_points(name, channels=1, **config):
    """A new, untrained model of points (N, C, 1, 1)."""
    cls = variant_class(name)
    return cls(cls.Config.from_dict(config), PointSpec(name="unnamed", channels=channels))


def create(name, discriminator, fake, channels=1, **config):
    """A model whose discriminator and fakes (N, C) are given."""
    model = of_points(name, channels, backbone="mlp", width=1, **config).double()
    model.discriminator = discriminator if isinstance(discriminator, nn.Module) else Function(discriminator)
    model.fake = lambda batch: fake[:, :, None, None]
    return model


def batch(points):
    """Points (N, C) as a batch of real images."""
    return Labelled(points[:, :, None, None], torch.zeros(len(points), dtype=torch.int64))


def quantiles(distribution, n=100_001):
    """Points (n, 1) whose mean of a function is its expectation."""
    return distribution.icdf((torch.arange(n, dtype=torch.float64) + 0.5) / n)[:, None]


def linear(weights, bias=0.7):
    """The critic <weights, x> + bias."""
    layer = nn.Linear(len(weights), 1).double()
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([weights], dtype=torch.float64))
        layer.bias.fill_(bias)
    return nn.Sequential(nn.Flatten(), layer)
