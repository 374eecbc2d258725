"""Backbones: pairs of networks under any unconditional or class-conditional variant."""

from typing import Literal, NamedTuple

from torch import nn

from zoo.networks.dcgan import DCGANGenerator, DCGANTrunk
from zoo.networks.infogan import InfoGANGenerator, InfoGANTrunk
from zoo.networks.mlp import MLPGenerator, MLPTrunk
from zoo.networks.resnet import ResNetGenerator, ResNetTrunk

BackboneName = Literal["mlp", "infogan", "dcgan", "resnet"]


class Backbone(NamedTuple):
    """``generator(latent_dim, channels, size, width, squash)`` and ``trunk(channels, size, width, norm)``."""

    generator: type[nn.Sequential]
    trunk: type[nn.Sequential]


BACKBONES: dict[BackboneName, Backbone] = {
    "mlp": Backbone(MLPGenerator, MLPTrunk),
    "infogan": Backbone(InfoGANGenerator, InfoGANTrunk),
    "dcgan": Backbone(DCGANGenerator, DCGANTrunk),
    "resnet": Backbone(ResNetGenerator, ResNetTrunk),
}
