"""InfoGAN: codes that can be read off the images, Chen 2016 (https://arxiv.org/abs/1606.03657), equations 5 and 6.

    min_{G,Q} max_D  V(D, G) - lambda L_I(G, Q),   L_I = E_{c, x ~ G(z, c)}[log Q(c|x)] + H(c)  <=  I(c; G(z, c))

A latent is continuous codes, U(-1, 1), then categorical codes, one-hot, then noise: ``zoo.traverse(model, 0)`` moves
the first continuous code, and dimension ``continuous + k`` raised chooses category k of the first categorical one.
Q shares D's trunk. D's step also ascends L_I in Q and the trunk, G's step in G, as in the authors' code. Defaults
are those for MNIST (appendix C.1): 62 numbers of noise, a code of ten categories and two continuous ones, Adam 2e-4 for
D and 1e-3 for G. The paper asks for a smaller lambda for continuous codes; 0.1 is ours. Departures: V is the
non-saturating game; rectifiers are the backbone's (theirs leak 0.1 in D and not in G).
"""

import math
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.distributions import Normal, OneHotCategorical

from zoo.core.config import option
from zoo.core.module import Terms
from zoo.core.registry import register
from zoo.data.batches import Labelled
from zoo.losses import nll_fake, nll_real
from zoo.networks import BackboneName
from zoo.networks.blocks import TrunkWithHead, init_normal, norm_layers
from zoo.tasks.gan import GAN, GANConfig


@dataclass(frozen=True, kw_only=True)
class InfoGANConfig(GANConfig):
    backbone: BackboneName = "infogan"
    latent_dim: int = option(62, "dimensions of the noise z, codes apart", minimum=1, maximum=65536)
    latent: Literal["normal", "uniform"] = option("uniform", "prior of the noise z: N(0, 1) or U(-1, 1)")
    generator_learning_rate: float = option(1e-3, "learning rate of the generator", minimum=0)
    categorical: int = option(1, "number of categorical codes", minimum=1)
    categories: int = option(10, "categories of a categorical code (K)", minimum=2)
    continuous: int = option(2, "number of continuous codes", minimum=0)
    information: float = option(1.0, "weight of the bound for categorical codes (lambda)", minimum=0)
    continuous_information: float = option(0.1, "weight of the bound for continuous codes (lambda)", minimum=0)


class DiscriminatorWithQ(TrunkWithHead):
    """D, and Q on the same trunk."""

    q: nn.Module


@register("infogan", title="InfoGAN", paper="https://arxiv.org/abs/1606.03657", year=2016)
class InfoGAN(GAN):
    Config = InfoGANConfig
    config: InfoGANConfig
    jumps = True  # from one categorical code to another
    discriminator: DiscriminatorWithQ

    @property
    def latent_size(self) -> int:
        return self.config.continuous + self.config.categorical * self.config.categories + self.config.latent_dim

    def codes(self, latent: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Continuous codes (N, continuous), categorical ones (N, categorical, K) and the noise of a latent."""
        first, last = self.config.continuous, self.latent_size - self.config.latent_dim
        continuous, categorical, noise = latent.tensor_split([first, last], dim=1)
        return continuous, categorical.unflatten(1, (-1, self.config.categories)), noise

    def prior(self, normal: Tensor) -> Tensor:
        continuous, scores, noise = self.codes(normal)
        one_hot = F.one_hot(scores.argmax(2), self.config.categories)  # each of K normals is as likely the largest
        return torch.cat([torch.erf(continuous / 2**0.5), one_hot.flatten(1).to(normal), super().prior(noise)], 1)

    def code_walks(self, normal: Tensor) -> dict[str, Tensor]:
        """Every category of every categorical code in turn, and each continuous code from -0.99 to 0.99."""
        config, first = self.config, self.config.continuous
        walks = {}
        for code in range(config.categorical):
            way = normal[:, None].repeat(1, config.categories, 1)
            scores = way[:, :, first + code * config.categories:][:, :, :config.categories]
            scores.copy_(scores.clamp(max=3) + 10 * torch.eye(config.categories))  # one is the largest by far
            walks[f"category {code}"] = way
        for code in range(first):
            way = normal[:, None].repeat(1, config.categories, 1)
            way[:, :, code] = torch.linspace(-2.576, 2.576, config.categories)  # 1 % of the normals lie beyond
            walks[f"code {code}"] = way
        return walks

    def build_discriminator(self) -> nn.Module:
        """D, and ``q`` on the same trunk with the paper's hidden layer of 128 (table 1)."""
        config, norm = self.config, self.config.discriminator_norm
        codes = self.latent_size - config.latent_dim + config.continuous  # a continuous one takes two numbers
        discriminator = DiscriminatorWithQ(self.backbone_trunk(norm))
        discriminator.q = nn.Sequential(
            nn.Linear(discriminator.trunk.features, 128, bias=norm != "batch"), *norm_layers(norm, 128),
            nn.LeakyReLU(0.1), nn.Linear(128, codes)).apply(init_normal)
        return discriminator

    def learning_rate_of(self, group: str) -> float:
        return self.config.generator_learning_rate if group == "generator" else self.config.learning_rate

    def bounds(self, q: Tensor, latent: Tensor) -> tuple[Tensor, Tensor]:
        """L_I in nats for categorical and continuous codes, from Q's outputs on the images of the latents."""
        continuous, categorical, _ = self.codes(latent)
        number = self.config.continuous
        mean, log_std, logits = q.tensor_split([number, 2 * number], dim=1)
        logits = logits.view_as(categorical)
        self.track("generator/code_accuracy", (logits.argmax(2) == categorical.argmax(2)).float().mean())
        log_category = OneHotCategorical(logits=logits, validate_args=False).log_prob(categorical)
        log_density = Normal(mean, log_std.exp(), validate_args=False).log_prob(continuous)
        return (log_category.sum(1).mean() + self.config.categorical * math.log(self.config.categories),
                log_density.sum(1).mean() + number * math.log(2))

    def judge_fakes(self, batch: Labelled) -> tuple[Tensor, Terms]:
        """D's logits on generated images (N, 1), and the weighted bounds for their codes."""
        latent, fake = self.fakes(batch)
        features = self.discriminator.trunk(fake)
        categorical, continuous = self.bounds(self.discriminator.q(features), latent)
        self.track("generator/information", categorical + continuous)
        return self.discriminator.head(features), {
            "information": -self.config.information * categorical,
            "continuous_information": -self.config.continuous_information * continuous}

    def discriminator_loss(self, batch: Labelled) -> Terms:
        logits, information = self.judge_fakes(batch)
        return {"real": nll_real(self.discriminator(batch.images)), "fake": nll_fake(logits)} | information

    def generator_loss(self, batch: Labelled) -> Terms:
        logits, information = self.judge_fakes(batch)
        return {"adversarial": nll_real(logits)} | information
