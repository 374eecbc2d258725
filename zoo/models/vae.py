"""VAE: the variational auto-encoder of Kingma 2013 (https://arxiv.org/abs/1312.6114), equation 10 and appendix B.

    -ELBO = E_q[-log p(x|z)] + beta KL(q(z|x) || p(z)),   q(z|x) = N(mu(x), sigma(x)^2),  p(z) = N(0, 1)

in nats an image, one sample of z an image. The decoder is Bernoulli (C.1) on intensities in [0, 1], or Gaussian (C.2)
with a fixed standard deviation ``sigma``. Encoder and decoder are the trunk and generator of the backbone (Lucic 2018).
Departures: Adam instead of Adagrad; ``beta`` (Higgins 2017) is 1 by default, the paper's bound.
"""

import math
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zoo.core.config import option
from zoo.core.errors import UsageError
from zoo.core.module import Terms
from zoo.core.registry import register
from zoo.data.batches import Labelled
from zoo.data.spec import AnySpec
from zoo.losses import kl_to_standard_normal
from zoo.networks import BackboneName
from zoo.networks.blocks import gaussian_sample
from zoo.tasks.encoding import AutoEncoding, EncoderConfig, WithPosterior
from zoo.tasks.latent_model import BackboneConfig, LatentConfig


@dataclass(frozen=True, kw_only=True)
class VAEConfig(EncoderConfig, BackboneConfig, LatentConfig):
    backbone: BackboneName = "infogan"
    learning_rate: float = 1e-3
    beta1: float = 0.9
    latent_dim: int = 64
    latent: Literal["normal"] = "normal"  # the KL term is to a normal
    decoder: Literal["bernoulli", "gaussian"] = option("bernoulli", "distribution of a pixel given z")
    sigma: float = option(0.1, "standard deviation of the Gaussian decoder, for intensities in [0, 1]", minimum=1e-3)
    beta: float = option(1.0, "weight of the KL term (beta)", minimum=0)


@register("vae", title="Variational auto-encoder", paper="https://arxiv.org/abs/1312.6114", year=2013)
class VAE(WithPosterior, AutoEncoding):
    Config = VAEConfig
    config: VAEConfig
    searched = ("encoder_norm",)

    def __init__(self, config: VAEConfig, data: AnySpec) -> None:
        super().__init__(config, data)
        if not data.bounded:
            raise UsageError(f"{self.variant} models intensities of pixels, but {data.name} is a set of {data.kind}")

    def build_generator(self) -> nn.Module:
        return self.condition.generator(self.backbone_generator(squash=False))

    def logits(self, z: Tensor, labels: Tensor | None) -> Tensor:
        """The decoder's output before squashing."""
        return super().generate(z, labels)

    def generate(self, z: Tensor, labels: Tensor | None) -> Tensor:
        return 2 * torch.sigmoid(self.logits(z, labels)) - 1  # the mean of p(x|z)

    def loss(self, batch: Labelled) -> Terms:
        images, labels = batch
        mean, log_variance = self.posterior(images, labels)
        z = gaussian_sample(mean, log_variance, self.draw(torch.randn, *mean.shape))
        reconstruction = -self.log_likelihood(images, self.logits(z, labels)).mean()
        kl = kl_to_standard_normal(mean, log_variance).mean()
        self.track("autoencoder/elbo", -(reconstruction + kl))
        return {"reconstruction": reconstruction, "kl": self.config.beta * kl}

    def log_likelihood(self, images: Tensor, logits: Tensor) -> Tensor:
        """log p(x|z) in nats of every image (N,), for images in [-1, 1] and decoder outputs before squashing."""
        x = (images + 1) / 2
        if self.config.decoder == "bernoulli":
            return -F.binary_cross_entropy_with_logits(logits, x, reduction="none").flatten(1).sum(1)
        sigma = self.config.sigma
        error = (x - torch.sigmoid(logits)) / sigma
        return (-0.5 * error.square() - math.log(sigma * math.sqrt(2 * math.pi))).flatten(1).sum(1)
