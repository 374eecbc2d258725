"""Distances of pictures in features that come with the package, for measures and for losses."""

import copy

import torch
import torch.nn.functional as F
from torch import Tensor

from zoo.features.bundled import load_network
from zoo.features.encoder import Encoder

SMALL = 1e-10  # length from which a vector of features has a direction, as in the authors' code


class FeatureDistance:
    """What a bundled network makes of pictures, for a subclass to compare.

    It is no module: its weights are in no checkpoint and in no optimizer, are never in training mode, and go wherever
    the pictures are.

    Args:
        name: of the network.

    Raises:
        UsageError: there is none of this name.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._network = copy.deepcopy(load_network(name))  # not the shared one, which would move along

    def __call__(self, x: Tensor, y: Tensor) -> Tensor:
        """Of pictures (N, 1 or 3, H, W) in [-1, 1], of any size, and as many others of that size: (N,).

        Differentiable in both.
        """
        raise NotImplementedError

    def network_for(self, x: Tensor) -> Encoder:
        """The network where such pictures are, in their precision."""
        return self._network.to(x.device, x.dtype)


class PerceptualDistance(FeatureDistance):
    """How differently two pictures look to a bundled classifier (Zhang 2018, arXiv:1801.03924, equation 1).

        d(x, y) = 1/L sum_l  1/(H_l W_l) sum_hw  || f_l(x)_hw / |f_l(x)_hw| - f_l(y)_hw / |f_l(y)_hw| ||^2

    with f_l what the l-th of five layers of convolutions makes of a picture, at every place a vector over channels.
    It is 0 for equal pictures and at most 2, since no feature is negative. Departures: the mean over layers, not the
    sum; neither the paper's learned weights of channels nor its networks, so a number or a term in it is named after
    its features, such as ``perceptual[anime]``, and is no LPIPS. Pictures are looked at as large as they are.
    """

    def __call__(self, x: Tensor, y: Tensor) -> Tensor:
        layers = [(a - b).square().sum(1).mean((1, 2)) for a, b in zip(self._seen(x), self._seen(y), strict=True)]
        return torch.stack(layers).mean(0)

    def _seen(self, pictures: Tensor) -> list[Tensor]:
        """Vectors of length 1 at every place of every layer, (N, c, h, w) each."""
        x = _precise(pictures)
        network = self.network_for(x)
        return [F.normalize(_precise(found), dim=1, eps=SMALL) for found in network.maps(network.in_its_colours(x))]


class IdentityDistance(FeatureDistance):
    """How differently two faces look to the two last layers of a bundled network (Huang 2017, arXiv:1704.04086, section
    3.2): the mean absolute difference of the last layer of convolutions, and that of the features, added.

    Faces are brought to the size that the network learnt at.
    """

    def __call__(self, x: Tensor, y: Tensor) -> Tensor:
        return torch.stack([(a - b).abs().flatten(1).mean(1)
                            for a, b in zip(self._seen(x), self._seen(y), strict=True)]).sum(0)

    def _seen(self, faces: Tensor) -> list[Tensor]:
        """The last maps (N, c, h, w), and their means (N, c), which are the features."""
        x = _precise(faces)
        network = self.network_for(x)
        maps = _precise(network.maps(network.resampled(network.in_its_colours(x)))[-1])
        return [maps, maps.mean((2, 3))]


def _precise(x: Tensor) -> Tensor:
    """In single precision at least: under autocast pictures and features are of less."""
    return x.to(torch.promote_types(x.dtype, torch.float32))
