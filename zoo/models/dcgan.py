"""DCGAN: the non-saturating game on deep convolutional networks, Radford 2015 (https://arxiv.org/abs/1511.06434).

Section 3: strided and transposed convolutions, batch-norm except in G's output and D's input, ReLU and tanh in G,
leaky ReLU 0.2 in D. Section 4: weights N(0, 0.02), Adam 2e-4 with beta1 0.5, z uniform on [-1, 1]^100. The networks
are in ``zoo/networks/dcgan.py`` with their departures; the paper's width is ``width=128``, half of it the default.
"""

from dataclasses import dataclass
from typing import Literal

from zoo.core.registry import register
from zoo.models.nsgan import NonSaturatingConfig, NonSaturatingGAN
from zoo.networks import BackboneName
from zoo.networks.blocks import Norm


@dataclass(frozen=True, kw_only=True)
class DCGANConfig(NonSaturatingConfig):
    backbone: BackboneName = "dcgan"
    discriminator_norm: Norm = "batch"
    latent: Literal["normal", "uniform"] = "uniform"


@register("dcgan", title="DCGAN", paper="https://arxiv.org/abs/1511.06434", year=2015)
class DCGAN(NonSaturatingGAN):
    Config = DCGANConfig
