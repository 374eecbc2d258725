"""BiGAN: an encoder learnt by judging pairs of image and latent, Donahue 2016 (https://arxiv.org/abs/1605.09782),
section 3.

    min_{G,E} max_D  E_x[log D(x, E(x))] + E_z[log(1 - D(G(z), z))]

G and E take one step together, by the paper's "inverse" objective, which does not saturate: they ascend
E_x[log(1 - D(x, E(x)))] + E_z[log D(G(z), z)]. z is uniform on [-1, 1]^50 as for their MNIST, Adam 2e-4 with beta1 0.5.
D joins the features of x with a hidden layer of z. Departures: convolutional networks where their MNIST has
perceptrons (``--backbone mlp`` for those); no weight decay and no decay of the learning rate.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from zoo.core.module import Terms
from zoo.core.registry import register
from zoo.data.batches import Labelled
from zoo.losses import nll_fake, nll_real
from zoo.networks.blocks import Trunk
from zoo.tasks.encoding import EncoderConfig, WithEncoder
from zoo.tasks.gan import GAN, GANConfig


@dataclass(frozen=True, kw_only=True)
class BiGANConfig(EncoderConfig, GANConfig):
    latent_dim: int = 50
    latent: Literal["normal", "uniform"] = "uniform"


@register("bigan", title="BiGAN", paper="https://arxiv.org/abs/1605.09782", year=2016)
class BiGAN(WithEncoder, GAN):
    Config = BiGANConfig
    config: BiGANConfig
    says = "nothing"
    takes_bare = True  # E sees images as they are

    def build_discriminator(self) -> nn.Module:
        config = self.config
        return JointDiscriminator(self.backbone_trunk(config.discriminator_norm), config.latent_dim, 16 * config.width)

    def optimizer_groups(self) -> dict[str, list[nn.Parameter]]:
        return {"discriminator": list(self.discriminator.parameters()),
                "generator": [*self.generator.parameters(), *self.encoder.parameters()]}

    def judge(self, batch: Labelled) -> tuple[Tensor, Tensor]:
        """Logits (N, 1) of the pairs (x, E(x)) and (G(z), z)."""
        images = batch.images
        z, fake = self.fakes(batch)
        encoded = self.discriminator(self.seen(images), self.code(images))
        return encoded, self.discriminator(fake, z)

    def verdicts(self, images: Tensor) -> Tensor:
        """Of the pairs (x, E(x))."""
        return self.discriminator(images, self.code(images)).flatten()

    def discriminator_loss(self, batch: Labelled) -> Terms:
        encoded, generated = self.judge(batch)
        return {"real": nll_real(encoded), "fake": nll_fake(generated)}

    def generator_loss(self, batch: Labelled) -> Terms:
        encoded, generated = self.judge(batch)
        return {"encoder": nll_fake(encoded), "adversarial": nll_real(generated)}


class JointDiscriminator(nn.Module):
    """(N, C, H, W), (N, latent_dim) -> logits (N, 1)."""

    def __init__(self, trunk: Trunk, latent_dim: int, hidden: int) -> None:
        super().__init__()
        self.trunk = trunk
        self.latent = nn.Sequential(nn.Linear(latent_dim, hidden), nn.LeakyReLU(0.2))
        self.head = nn.Sequential(nn.Linear(trunk.features + hidden, hidden), nn.LeakyReLU(0.2), nn.Linear(hidden, 1))

    def forward(self, images: Tensor, z: Tensor) -> Tensor:
        return self.head(torch.cat([self.trunk(images), self.latent(z)], 1))
