"""A perceptual distance in features that come with the package, for measures and for losses."""

import copy

import torch
import torch.nn.functional as F
from torch import Tensor

from zoo.features.bundled import load_network

SMALL = 1e-10  # length from which a vector of features has a direction, as in the authors' code


class PerceptualDistance:
    """How differently two pictures look to a bundled classifier (Zhang 2018, arXiv:1801.03924, equation 1).

        d(x, y) = 1/L sum_l  1/(H_l W_l) sum_hw  || f_l(x)_hw / |f_l(x)_hw| - f_l(y)_hw / |f_l(y)_hw| ||^2

    with f_l what the l-th of five layers of convolutions makes of a picture, at every place a vector over channels.
    It is 0 for equal pictures and at most 2, since no feature is negative. Departures: the mean over layers, not the
    sum; neither the paper's learned weights of channels nor its networks, so a number or a term in it is named after
    its features, such as ``perceptual[anime]``, and is no LPIPS.

    It is no module: its weights are in no checkpoint and in no optimizer, are never in training mode, and go wherever
    the pictures are.

    Args:
        name: of the classifier.

    Raises:
        UsageError: there is none of this name.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._network = copy.deepcopy(load_network(name))  # not the shared one, which would move along

    def __call__(self, x: Tensor, y: Tensor) -> Tensor:
        """Of pictures (N, 1 or 3, H, W) in [-1, 1], of any size, and as many others of that size: (N,).

        Differentiable in both. They are looked at as large as they are.
        """
        layers = [(a - b).square().sum(1).mean((1, 2)) for a, b in zip(self._seen(x), self._seen(y), strict=True)]
        return torch.stack(layers).mean(0)

    def _seen(self, pictures: Tensor) -> list[Tensor]:
        """Vectors of length 1 at every place of every layer, (N, c, h, w) each."""
        x = _precise(pictures)
        network = self._network.to(x.device, x.dtype)
        return [F.normalize(_precise(found), dim=1, eps=SMALL) for found in network.maps(network.in_its_colours(x))]


def _precise(x: Tensor) -> Tensor:
    """In single precision at least: under autocast pictures and features are of less."""
    return x.to(torch.promote_types(x.dtype, torch.float32))
