"""The residual pair with classes in every block and a layer of attention.

Blocks as in ``zoo/networks/resnet.py``, at the same sizes; the generator's batch-norms are told the class (Dumoulin
2016, arXiv:1610.07629; Miyato 2018, arXiv:1802.05637), and at the largest map of at most 32 px that is not the image
both networks have self-attention (Zhang 2018, arXiv:1805.08318, section 3).
"""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zoo.networks.blocks import BatchNorm, Norm, Trunk, halvings, norm_layers, normalise_spectrally
from zoo.networks.conditioning import ClassVectors
from zoo.networks.resnet import ResNetTrunk, channels_of, conv, glorot

MOST = 32  # pixels of a map that has attention


class Attention(nn.Module):
    """x + gamma o, of which every place o is a mean over all places of v(x), weighted by softmax(f(x)^T g(x)).

    (N, C, H, W) -> (N, C, H, W). gamma begins as 0.

    Args:
        pool: halve the map that is looked at, as the authors of SAGAN and BigGAN do in their code.
    """

    def __init__(self, channels: int, pool: bool) -> None:
        super().__init__()
        self.pool = nn.MaxPool2d(2) if pool else nn.Identity()
        inner, values = max(channels // 8, 1), max(channels // 2, 1)
        self.query, self.key = (glorot(nn.Conv2d(channels, inner, 1)) for _ in range(2))
        self.value, self.out = glorot(nn.Conv2d(channels, values, 1)), glorot(nn.Conv2d(values, channels, 1))
        self.gamma = nn.Parameter(torch.zeros(()))

    def weights(self, x: Tensor) -> Tensor:
        """(N, places, places that are looked at); every row sums to 1."""
        query, key = self.query(x).flatten(2), self.pool(self.key(x)).flatten(2)
        return (query.transpose(1, 2) @ key).softmax(2)

    def forward(self, x: Tensor) -> Tensor:
        values = self.pool(self.value(x)).flatten(2)
        seen = (values @ self.weights(x).transpose(1, 2)).unflatten(2, x.shape[2:])
        return x + self.gamma * self.out(seen)


class ConditionalNorm(nn.Module):
    """(N, C, H, W), (N, inputs) -> (N, C, H, W): batch-norm times 1 + a linear map of the vector, plus another.

    The maps begin as 0: at first all classes have plain batch-norm, or, with the norm ``none``, what came in.
    """

    def __init__(self, channels: int, inputs: int, norm: Norm = "batch") -> None:
        super().__init__()
        self.norm = BatchNorm(channels, affine=False) if norm == "batch" else nn.Identity()
        self.gain, self.bias = (nn.Linear(inputs, channels, bias=False) for _ in range(2))
        for layer in (self.gain, self.bias):
            nn.init.zeros_(layer.weight)

    def forward(self, x: Tensor, vector: Tensor) -> Tensor:
        gain, bias = self.gain(vector)[:, :, None, None], self.bias(vector)[:, :, None, None]
        return self.norm(x) * (1 + gain) + bias


class ConditionalBlock(nn.Module):
    """(N, inputs, H, W), (N, numbers) -> (N, outputs, 2H, 2W)."""

    def __init__(self, inputs: int, outputs: int, numbers: int, norm: Norm) -> None:
        super().__init__()
        self.first_norm, self.second_norm = (ConditionalNorm(count, numbers, norm) for count in (inputs, outputs))
        self.first, self.second = conv(inputs, outputs), conv(outputs, outputs)
        self.shortcut = glorot(nn.Conv2d(inputs, outputs, 1))

    def forward(self, x: Tensor, vector: Tensor) -> Tensor:
        branch = self.first(F.interpolate(F.relu(self.first_norm(x, vector)), scale_factor=2.0))
        branch = self.second(F.relu(self.second_norm(branch, vector)))
        return branch + F.interpolate(self.shortcut(x), scale_factor=2.0)


class AttentiveGenerator(nn.Module):
    """(N, latent_dim), classes (N,) -> (N, C, H, W) in [-1, 1].

    Args:
        norm: what the class scales and shifts.
        spectral: whether weights are spectrally normalised, but for those maps of the class.
        embedding: numbers that a class is embedded to, once for all blocks; 0: blocks get the class as it is.
        chunks: whether every block gets a piece of z of its own, beside the class.
        pool: see ``Attention``.
    """

    def __init__(self, latent_dim: int, channels: int, size: int, width: int, class_names: list[str], embedding: int,
                 chunks: bool, pool: bool, norm: Norm, spectral: bool) -> None:
        super().__init__()
        hidden, base = channels_of(size, width)
        self.vectors = ClassVectors(class_names)
        known = embedding or self.vectors.size
        self.embedding = nn.Linear(self.vectors.size, embedding, bias=False) if embedding else nn.Identity()
        piece = latent_dim // len(hidden) if chunks else 0
        self.pieces = [latent_dim - piece * (len(hidden) - 1)] + [piece] * (len(hidden) - 1)
        self.first = glorot(nn.Linear(self.pieces[0], hidden[0] * base * base))
        self.shape = (hidden[0], base, base)
        self.blocks = nn.ModuleList(ConditionalBlock(inner, outer, known + piece, norm)
                                    for inner, outer in pairwise(hidden))
        self.attended = [base * 2**(at + 1) for at in range(len(self.blocks))].index(attention_side(size))
        self.attention = Attention(hidden[self.attended + 1], pool)
        self.last = nn.Sequential(*norm_layers(norm, hidden[-1]), nn.ReLU(),
                                  glorot(nn.Conv2d(hidden[-1], channels, 3, padding=1)), nn.Tanh())
        convolutions = [layer for layer in self.modules() if isinstance(layer, nn.Conv2d)]
        for layer in [self.first, *convolutions] if spectral else []:
            normalise_spectrally(layer)

    def forward(self, z: Tensor, labels: Tensor) -> Tensor:
        known = self.embedding(self.vectors(labels).to(z))
        first, *rest = z.split(self.pieces, 1)
        x = self.first(first).unflatten(1, self.shape)
        for at, (block, piece) in enumerate(zip(self.blocks, rest, strict=True)):
            x = block(x, torch.cat([known, piece], 1))
            if at == self.attended:
                x = self.attention(x)
        return self.last(x)


def attentive_trunk(channels: int, size: int, width: int, norm: Norm, pool: bool) -> Trunk:
    """ResNetTrunk with attention: (N, C, H, W) -> (N, features)."""
    plain = ResNetTrunk(channels, size, width, norm)
    layers, halved = list(plain), (size // attention_side(size)).bit_length() - 1
    last = [layer for layer in layers[halved - 1].modules() if isinstance(layer, nn.Conv2d)][-1]
    layers.insert(halved, Attention(last.out_channels, pool))
    trunk = Trunk(*layers)
    trunk.features = plain.features
    return trunk


def attention_side(size: int) -> int:
    """Height of the map that has attention."""
    halvings(size, "resnet")  # raises for sizes that there are no blocks for
    side = size // 2
    while side > MOST:
        side //= 2
    return side
