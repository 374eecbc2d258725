"""BEGAN: an auto-encoder against a generator, held in balance, Berthelot 2017 (https://arxiv.org/abs/1703.10717).

Section 3.4, with L(v) = |v - D(v)| the reconstruction error of an image:

    L_D = L(x) - k_t L(G(z_D)),    L_G = L(G(z_G)),    k_{t+1} = k_t + lambda_k (gamma L(x) - L(G(z_G))) in [0, 1]

and the measure of convergence M = L(x) + |gamma L(x) - L(G(z_G))|, which picks the best checkpoint. L is a mean over
pixels. D's encoder is the trunk of the backbone and its decoder the generator's shape, code and latent of one size, as
in the paper; the backbone is that of the comparison of Lucic 2018 (arXiv:1711.10337), with its code of 64. Departures:
batch-norm in G and the decoder, of which the paper has none anywhere, and no exponential linear units or skip
connections; the learning rate stays, where the paper halves it when M stalls; the paper gives no betas for Adam.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from zoo.core.config import option
from zoo.core.module import Terms
from zoo.core.parallel import gather
from zoo.core.registry import register
from zoo.data.batches import Labelled
from zoo.data.spec import AnySpec
from zoo.networks import BackboneName
from zoo.networks.blocks import Norm
from zoo.tasks.gan import GAN, GANConfig


@dataclass(frozen=True, kw_only=True)
class BEGANConfig(GANConfig):
    backbone: BackboneName = "infogan"
    discriminator_norm: Norm = "none"
    learning_rate: float = 1e-4
    latent_dim: int = option(64, "dimensions of the latent z and of D's code (N_z, N_h)", minimum=1, maximum=65536)
    latent: Literal["normal", "uniform"] = "uniform"
    critic_steps: int = option(1, "always 1: k balances the players instead", minimum=1, maximum=1)
    gamma: float = option(0.5, "error on fakes over that on real images at equilibrium: higher is more diverse (gamma)",
                          minimum=0, maximum=1)
    lambda_k: float = option(1e-3, "learning rate of the balance k (lambda_k)", minimum=0)


@register("began", title="BEGAN", paper="https://arxiv.org/abs/1703.10717", year=2017)
class BEGAN(GAN):
    Config = BEGANConfig
    config: BEGANConfig
    says = "nothing"
    searched = ("lambda_k", "gamma")
    defining = ("critic_steps",)  # k balances the players
    k: Tensor
    monitor = "discriminator/convergence"

    def __init__(self, config: BEGANConfig, data: AnySpec) -> None:
        super().__init__(config, data)
        self.register_buffer("k", torch.zeros(()))

    def build_discriminator(self) -> nn.Module:
        return self.build_auto_encoder()

    def error(self, images: Tensor) -> Tensor:
        """L, a mean over the batch and the pixels."""
        return (images - self.discriminator(images)).abs().mean()

    def verdicts(self, images: Tensor) -> Tensor:
        return -(images - self.discriminator(images)).abs().flatten(1).mean(1)

    def discriminator_loss(self, batch: Labelled) -> Terms:
        return {"real": self.error(batch.images), "fake": -self.k * self.error(self.fake(batch))}

    def generator_loss(self, batch: Labelled) -> Terms:
        return {"adversarial": self.error(self.fake(batch))}

    def training_step(self, batch: Labelled, batch_idx: int) -> None:
        super().training_step(batch, batch_idx)
        errors = torch.stack([self.terms["discriminator/real"], self.terms["generator/adversarial"]])
        self.balance(*gather(errors[None]).mean(0))

    def balance(self, real: Tensor, fake: Tensor) -> None:
        """Moves k and tracks M, from the errors of real and generated images."""
        difference = self.config.gamma * real - fake
        self.k.add_(self.config.lambda_k * difference).clamp_(0, 1)
        self.track("discriminator/k", self.k.clone())
        self.track("discriminator/convergence", real + difference.abs())
