"""AE: an auto-encoder (Hinton 2006, https://doi.org/10.1126/science.1127647), a baseline and not a generative model.

    min_{E,G}  E_x ||x - G(E(x))||^2,    sampled by  z ~ N(mean of E(x), covariance of E(x))

Nothing in its training makes the codes fill a Gaussian, so most of what the fitted one gives is not a code: its samples
show what the priors of the other models are for. Fitting a density to the codes afterwards is that of Ghosh 2019
(https://arxiv.org/abs/1903.12436, section 4). Departures: squared error instead of cross-entropy and no pretraining,
on the networks of the comparison with GANs (Lucic 2018); mean and covariance are followed during training.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from zoo.core.module import Terms
from zoo.core.parallel import gather
from zoo.core.registry import register
from zoo.data.batches import Labelled
from zoo.data.spec import AnySpec
from zoo.networks import BackboneName
from zoo.tasks.encoding import AutoEncoding, EncoderConfig
from zoo.tasks.latent_model import BackboneConfig, LatentConfig


@dataclass(frozen=True, kw_only=True)
class AEConfig(EncoderConfig, BackboneConfig, LatentConfig):
    backbone: BackboneName = "infogan"
    learning_rate: float = 1e-3
    beta1: float = 0.9
    latent_dim: int = 64
    latent: Literal["normal"] = "normal"  # mapped to the Gaussian of the codes


@register("ae", title="Auto-encoder", paper="https://doi.org/10.1126/science.1127647", year=2006)
class AE(AutoEncoding):
    Config = AEConfig
    config: AEConfig
    codes: "GaussianOfCodes"
    couples_images = True

    def __init__(self, config: AEConfig, data: AnySpec) -> None:
        super().__init__(config, data)
        self.codes = GaussianOfCodes(config.latent_dim)

    def networks_for_sampling(self) -> dict[str, nn.Module]:
        return super().networks_for_sampling() | {"codes": self.codes}

    def prior(self, normal: Tensor) -> Tensor:
        return self.codes(normal)

    def loss(self, batch: Labelled) -> Terms:
        images, labels = batch
        codes = self.code(images)
        self.codes.follow(codes)
        error = self.generate(codes, labels) - images
        return {"reconstruction": error.square().flatten(1).sum(1).mean()}


class GaussianOfCodes(nn.Module):
    """Mean and covariance of the codes of all processes: of all so far, later of about the last 100 batches."""

    LEAST_WEIGHT = 0.01  # of a batch
    batches: Tensor
    mean: Tensor
    covariance: Tensor

    def __init__(self, size: int) -> None:
        super().__init__()
        self.register_buffer("batches", torch.zeros((), dtype=torch.int64))
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("covariance", torch.eye(size))

    @torch.no_grad()
    def follow(self, codes: Tensor) -> None:
        """Takes a batch of codes (N, d) into account."""
        codes = gather(codes).to(self.mean)
        self.batches += 1
        weight = (1 / self.batches).clamp(min=self.LEAST_WEIGHT)
        shift = codes.mean(0) - self.mean
        with torch.autocast(codes.device.type, enabled=False):  # small differences of large numbers
            within = (codes - codes.mean(0)).T @ (codes - codes.mean(0)) / len(codes)
        self.covariance.lerp_(within, weight).add_(weight * (1 - weight) * torch.outer(shift, shift))
        self.mean += weight * shift

    def forward(self, normal: Tensor) -> Tensor:
        """Standard normals (N, d) to samples of the Gaussian, by the covariance's symmetric root."""
        covariance = self.covariance.to(torch.promote_types(self.covariance.dtype, torch.float32))
        variances, axes = torch.linalg.eigh(covariance)  # unlike Cholesky's, also for singular covariances
        root = axes * variances.clamp(min=0).sqrt() @ axes.T
        return self.mean + (normal.to(root) @ root).to(self.mean)
