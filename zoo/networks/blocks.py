"""Blocks that two or more networks use."""

from typing import Literal, TypeVar

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import _SpectralNorm
from torch.nn.utils.parametrize import is_parametrized, register_parametrization

from zoo.core.errors import UsageError
from zoo.core.parallel import gather, world_size

Norm = Literal["batch", "spectral", "none"]
Network = TypeVar("Network", bound=nn.Module)


class BatchNorm(nn.BatchNorm2d):
    """Batch normalisation (Ioffe 2015, arXiv:1502.03167) of (N, C) or (N, C, H, W) over the batch of all processes.

    ``nn.SyncBatchNorm`` neither runs on the CPU nor has a second derivative, which gradient penalties need.
    """

    running_mean: Tensor  # None in torch's only with options that are not taken here, as are those below
    running_var: Tensor
    num_batches_tracked: Tensor
    momentum: float

    def _check_input_dim(self, x: Tensor) -> None:
        if x.dim() not in (2, 4):
            raise ValueError(f"expected (N, C) or (N, C, H, W), got {tuple(x.shape)}")

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or world_size() == 1:
            return super().forward(x)
        self._check_input_dim(x)
        dtype = x.dtype
        x = x.to(torch.promote_types(dtype, torch.float32))  # moments of half-precision activations need more digits
        rest = [0, *range(2, x.dim())]
        # One exchange carries both moments. Combining variances, not second moments, avoids cancellation.
        moments = torch.stack([x.mean(rest), x.var(rest, unbiased=False)])[None]  # (1, 2, C)
        means, variances = gather(moments).unbind(1)  # (world, C) each
        mean = means.mean(0)
        variance = variances.mean(0) + (means - mean).square().mean(0)
        count = world_size() * x.numel() // x.shape[1]
        with torch.no_grad():
            self.num_batches_tracked += 1
            self.running_mean.lerp_(mean.detach().to(self.running_mean), self.momentum)
            self.running_var.lerp_((variance * count / (count - 1)).detach().to(self.running_var), self.momentum)
        shape = (1, -1) + (1,) * (x.dim() - 2)
        scale, shift = (variance + self.eps).rsqrt(), torch.zeros_like(mean)
        if self.affine:
            scale, shift = self.weight * scale, self.bias
        return ((x - mean.view(shape)) * scale.view(shape) + shift.view(shape)).to(dtype)


def norm_layers(norm: Norm, channels: int, eps: float = 1e-5) -> list[nn.Module]:
    """The normalisation of a hidden layer, as a list to splice into a Sequential."""
    return [BatchNorm(channels, eps=eps)] if norm == "batch" else []


class SpectralNorm(_SpectralNorm):
    """Torch's, of shapes alone without the iterations that it begins with: of a deep network they take a minute."""

    def _power_method(self, weight_mat: Tensor, n_power_iterations: int) -> None:
        if not weight_mat.is_meta:
            super()._power_method(weight_mat, n_power_iterations)


def normalise_spectrally(network: Network) -> Network:
    """Divides every weight by its largest singular value, in place (Miyato 2018, arXiv:1802.05957, equation 8).

    One power iteration a forward pass in training (their algorithm 1). It follows from weights and buffers alone, so
    the buffers stay equal on all processes.
    """
    for layer in list(network.modules()):
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            dim = 1 if isinstance(layer, nn.ConvTranspose2d) else 0  # of the outputs
            register_parametrization(layer, "weight", SpectralNorm(layer.weight, dim=dim))
    return network


def halvings(size: int, backbone: str) -> tuple[int, int]:
    """How often ``size`` is halved on the way to 4, 5, 6 or 7 pixels, and which of them it ends at: 64 -> (4, 4).

    Raises:
        UsageError: a size that ends elsewhere, or is halved less than twice.
    """
    stages, base = 0, size
    while base % 2 == 0 and base > 7:
        stages, base = stages + 1, base // 2
    if stages < 2 or not 4 <= base <= 7:
        raise UsageError(f"the {backbone} backbone makes images of 4, 5, 6 or 7 times 4, 8, 16, ... pixels (28, 32, "
                         f"64, 128, ...), not {size}: choose another --image-size, or --backbone if there is one")
    return stages, base


def gaussian_sample(mean: Tensor, log_variance: Tensor, normal: Tensor) -> Tensor:
    """A sample of N(mean, exp(log_variance)), differentiable in both, from standard normals: (N, d) each, -> (N, d)
    (Kingma 2013, arXiv:1312.6114, section 2.4)."""
    return mean + (0.5 * log_variance).exp() * normal


def init_normal(module: nn.Module, std: float = 0.02) -> None:
    """Weights N(0, 0.02), biases 0; batch-norm scales N(1, 0.02) (Radford 2015, section 4). For ``Module.apply``."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
        nn.init.normal_(module.weight, 0.0, std)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, BatchNorm):
        nn.init.normal_(module.weight, 1.0, std)


@torch.no_grad()
def clip_weights(module: nn.Module, bound: float) -> None:
    """Clips every parameter to [-bound, bound] (Arjovsky 2017, arXiv:1701.07875, algorithm 1, line 7).

    Those that are frozen stay as they are.
    """
    for parameter in module.parameters():
        if parameter.requires_grad:
            parameter.clamp_(-bound, bound)


def freeze(network: nn.Module, count: int) -> None:
    """Keeps the first blocks of a network's trunk from being trained (Mo 2020, arXiv:2002.10964): FreezeD.

    A block is a layer with weights and what follows it up to the next, or a residual block. Running statistics of
    batch-norm go on.

    Raises:
        UsageError: the trunk has not so many, or there is none.
    """
    trunk = next((layer for layer in network.modules() if isinstance(layer, Trunk)), None)
    found: list[list[nn.Parameter]] = []
    for layer in _unfolded(trunk) if trunk is not None else []:
        parameters = list(layer.parameters())
        if any(p.dim() > 1 for p in parameters):
            found.append(parameters)
        elif found:
            found[-1] += parameters
    if count > len(found):
        raise UsageError(f"{count} blocks of the discriminator cannot be frozen: it has {len(found)} before its head")
    for parameter in (p for block in found[:count] for p in block):
        parameter.requires_grad_(False)


def _unfolded(trunk: nn.Sequential) -> list[nn.Module]:
    """Its layers, those of sequences in it too."""
    return [inner for layer in trunk for inner in (_unfolded(layer) if isinstance(layer, nn.Sequential) else [layer])]


class Trunk(nn.Sequential):
    """What a discriminator, critic or encoder begins with: (N, C, H, W) -> (N, features)."""

    features: int
    head_std: float = 0.02  # of the initial weights of a linear head


class TrunkWithHead(nn.Module):
    """A discriminator, critic or encoder: a backbone's trunk and a linear head, (N, C, H, W) -> (N, outputs).

    The head of a spectrally normalised trunk is normalised too.
    """

    def __init__(self, trunk: Trunk, outputs: int = 1) -> None:
        super().__init__()
        self.trunk = trunk
        self.head = nn.Linear(trunk.features, outputs)
        init_normal(self.head, getattr(trunk, "head_std", Trunk.head_std))  # of any network with features
        if any(is_parametrized(layer) for layer in trunk.modules()):
            normalise_spectrally(self.head)

    def forward(self, images: Tensor) -> Tensor:
        return self.head(self.trunk(images))


class AutoEncoder(nn.Module):
    """A discriminator that reconstructs: (N, C, H, W) -> code (N, d) -> (N, C, H, W)."""

    def __init__(self, encoder: nn.Module, decoder: nn.Module) -> None:
        super().__init__()
        self.encoder, self.decoder = encoder, decoder

    def forward(self, images: Tensor) -> Tensor:
        return self.decoder(self.encoder(images))


class CodeDiscriminator(nn.Sequential):
    """(N, latent_dim) -> logits (N, 1) of a latent's being from the prior."""

    def __init__(self, latent_dim: int, hidden: int) -> None:
        super().__init__(nn.Linear(latent_dim, hidden), nn.LeakyReLU(0.2), nn.Linear(hidden, hidden), nn.LeakyReLU(0.2),
                         nn.Linear(hidden, hidden), nn.LeakyReLU(0.2), nn.Linear(hidden, 1))
