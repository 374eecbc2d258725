"""Improved GAN: three remedies for the game's instability, Salimans 2016 (https://arxiv.org/abs/1606.03498), section 3.

Feature matching (3.1): G descends || E_x[f(x)] - E_z[f(G(z))] ||^2 for the features f before D's last layer.
Minibatch discrimination (3.2): D also sees, for each image, how close the others of its batch are to it.
One-sided label smoothing (3.4): D's target for real images is 0.9, for fakes it stays 0.

Each is a switch; the default leaves feature matching out, since the paper finds minibatch discrimination better for
sample quality. Departures: closeness is the mean over the batch instead of the sum, so that its scale does not depend
on the batch size; no historical averaging, no virtual batch norm: D has no normalisation, since batch-norm would
already make the feature means of every batch agree; the semi-supervised classifier is another model.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from zoo.core.config import option
from zoo.core.module import Terms
from zoo.core.parallel import gather
from zoo.core.registry import register
from zoo.data.batches import Labelled
from zoo.losses import nll_fake, nll_real
from zoo.networks.blocks import Norm, Trunk, TrunkWithHead
from zoo.tasks.gan import GAN, GANConfig


@dataclass(frozen=True, kw_only=True)
class ImprovedGANConfig(GANConfig):
    discriminator_norm: Norm = "none"
    feature_matching: bool = option(False, "G matches the mean features of real images instead of fooling D")
    minibatch_discrimination: bool = option(True, "D sees how close the images of a batch are to each other")
    kernels: int = option(100, "closeness features of minibatch discrimination (B)", minimum=1,
                         needs="minibatch_discrimination")
    kernel_dim: int = option(5, "dimensions of each (C)", minimum=1, needs="minibatch_discrimination")
    label_smoothing: float = option(0.1, "how far D's target for real images is below 1 (0: off)", minimum=0,
                                    maximum=0.5)


class MinibatchDiscrimination(nn.Module):
    """Appends to features (N, A) the closeness to the batch of all processes: (N, A + B).

    o(x_i)_b = mean_j exp(-||M_ib - M_jb||_1),  M_i = f(x_i) T
    """

    def __init__(self, features: int, kernels: int, dim: int) -> None:
        super().__init__()
        self.shape = (kernels, dim)
        self.tensor = nn.Linear(features, kernels * dim, bias=False)  # T

    def forward(self, features: Tensor) -> Tensor:
        m = self.tensor(features).unflatten(1, self.shape)  # (N, B, C)
        distance = torch.cdist(m.transpose(0, 1), gather(m).transpose(0, 1), p=1)  # (B, N, N of all processes)
        return torch.cat([features, torch.exp(-distance).mean(2).T], 1)


@register("improved-gan", title="Improved GAN", paper="https://arxiv.org/abs/1606.03498", year=2016)
class ImprovedGAN(GAN):
    Config = ImprovedGANConfig
    config: ImprovedGANConfig
    discriminator: TrunkWithHead
    couples_images = True

    def build_discriminator(self) -> nn.Module:
        config, trunk = self.config, self.backbone_trunk(self.config.discriminator_norm)
        if config.minibatch_discrimination:
            features = trunk.features + config.kernels
            trunk = Trunk(trunk, MinibatchDiscrimination(trunk.features, config.kernels, config.kernel_dim))
            trunk.features = features
        return TrunkWithHead(trunk)

    def verdicts(self, images: Tensor) -> Tensor | None:
        """None where D sees the batch."""
        return None if self.config.minibatch_discrimination else super().verdicts(images)

    def discriminator_loss(self, batch: Labelled) -> Terms:
        on_real, on_fake = self.discriminator(batch.images), self.discriminator(self.fake(batch))
        smoothing = self.config.label_smoothing
        return {"real": (1 - smoothing) * nll_real(on_real) + smoothing * nll_fake(on_real), "fake": nll_fake(on_fake)}

    def generator_loss(self, batch: Labelled) -> Terms:
        fake = self.fake(batch)
        if self.config.feature_matching:
            return {"features": (self.feature_mean(batch.images) - self.feature_mean(fake)).square().sum()}
        return {"adversarial": nll_real(self.discriminator(fake))}

    def feature_mean(self, images: Tensor) -> Tensor:
        """E[f(x)] over the batch of all processes, (features,)."""
        return gather(self.discriminator.trunk(images).mean(0, keepdim=True)).mean(0)
