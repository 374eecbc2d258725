"""Backbones: pairs of networks under any unconditional or class-conditional variant."""

from collections.abc import Callable
from typing import Literal, NamedTuple

from torch import nn

from zoo.networks.blocks import Norm, Trunk
from zoo.networks.dcgan import DCGANGenerator, DCGANTrunk
from zoo.networks.infogan import InfoGANGenerator, InfoGANTrunk
from zoo.networks.mlp import MLPGenerator, MLPTrunk
from zoo.networks.r3gan import R3Generator, R3Trunk
from zoo.networks.resnet import ResNetGenerator, ResNetTrunk

BackboneName = Literal["mlp", "infogan", "dcgan", "resnet", "r3gan"]


class Backbone(NamedTuple):
    """``generator(latent_dim, channels, size, width, squash)`` and ``trunk(channels, size, width, norm)``."""

    generator: Callable[[int, int, int, int, bool], nn.Module]
    trunk: Callable[[int, int, int, Norm], Trunk]


BACKBONES: dict[BackboneName, Backbone] = {
    "mlp": Backbone(MLPGenerator, MLPTrunk),
    "infogan": Backbone(InfoGANGenerator, InfoGANTrunk),
    "dcgan": Backbone(DCGANGenerator, DCGANTrunk),
    "resnet": Backbone(ResNetGenerator, ResNetTrunk),
    "r3gan": Backbone(R3Generator, R3Trunk),
}
