"""MAD-GAN: several generators that D has to tell apart, Ghosh 2017 (https://arxiv.org/abs/1704.02906).

    max_D  E_x[log D_{k+1}(x)] + sum_i E_z[log D_i(G_i(z))],    min_{G_i}  E_z[log(1 - D_{k+1}(G_i(z)))]

D is a softmax over the k generators and, last, the data: to know the maker of a fake it pushes the generators apart.
Each makes an equal share of every batch; sampling draws one for each image, evenly. Departures: G_i ascends
E_z[log D_{k+1}(G_i(z))], which does not saturate (Goodfellow 2014, section 3); the generators share no layers, where
the paper's share the first ones; the networks and Adam are DCGAN's.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zoo.core.config import option
from zoo.core.errors import UsageError
from zoo.core.module import Terms
from zoo.core.registry import register
from zoo.data.batches import Labelled
from zoo.networks.blocks import TrunkWithHead
from zoo.tasks.gan import GAN, GANConfig
from zoo.tasks.shared_fakes import Fakes


@dataclass(frozen=True, kw_only=True)
class MADGANConfig(GANConfig):
    generators: int = option(4, "number of generators (k)", minimum=1, maximum=64)


class Generators(nn.ModuleList):
    """k generators of latents whose last k numbers, one-hot, say which: (N, latent_dim + k) -> (N, C, H, W)."""

    def forward(self, z: Tensor) -> Tensor:
        images = torch.stack([generator(z[:, :-len(self)]) for generator in self])  # (k, N, C, H, W)
        return images[z[:, -len(self):].argmax(1), torch.arange(len(z), device=z.device)]

    def in_turn(self, z: Tensor) -> Tensor:
        """The same, but row i is by generator i mod k, which sees no other rows. N is a multiple of k."""
        shares = [generator(z[i::len(self), :-len(self)]) for i, generator in enumerate(self)]
        return torch.stack(shares, 1).flatten(0, 1)


@register("madgan", title="MAD-GAN", paper="https://arxiv.org/abs/1704.02906", year=2017)
class MADGAN(GAN):
    Config = MADGANConfig
    config: MADGANConfig
    jumps = True  # from one generator to another
    generator: Generators

    @property
    def latent_size(self) -> int:
        return self.config.latent_dim + self.config.generators

    def prior(self, normal: Tensor) -> Tensor:
        z, scores = normal.split([self.config.latent_dim, self.config.generators], dim=1)
        which = scores.argmax(1)  # of k normals each is as likely
        return torch.cat([super().prior(z), F.one_hot(which, self.config.generators).to(z)], 1)

    def build_generator(self) -> nn.Module:
        return Generators(self.backbone_generator(inputs=self.config.latent_dim)
                          for _ in range(self.config.generators))

    def build_discriminator(self) -> nn.Module:
        return TrunkWithHead(self.backbone_trunk(self.config.discriminator_norm), outputs=self.config.generators + 1)

    def make_fakes(self, batch: Labelled) -> Fakes:
        """Images (N, C, H, W), row i by generator i mod k, so that two processes equal one."""
        n, k = len(batch[0]), self.config.generators
        if n % k:
            raise UsageError(f"the {n} images a process and step cannot be shared by {k} generators: choose a multiple "
                             f"of {k} for --batch-size, or another --generators")
        latent = self.latent(n)
        return Fakes(latent, self.seen(self.generator.in_turn(latent)))

    def verdict(self, images: Tensor, labels: Tensor) -> Tensor:
        """The logit of an image's being real: log p - log(1 - p)."""
        logits = self.discriminator(images)
        return logits[:, -1:] - logits[:, :-1].logsumexp(1, keepdim=True)

    def verdicts(self, images: Tensor) -> Tensor:
        """log D_{k+1}."""
        return self.discriminator(images).log_softmax(1)[:, -1]

    def makers(self) -> list[nn.Module]:
        return list(self.generator)

    def discriminator_loss(self, batch: Labelled) -> Terms:
        images, labels = batch
        k = self.config.generators
        data = torch.full_like(labels, k)
        maker = torch.arange(len(images), device=images.device) % k
        return {
            "real": F.cross_entropy(self.discriminator(images), data),
            "fake": k * F.cross_entropy(self.discriminator(self.fake(batch)), maker),
        }

    def generator_loss(self, batch: Labelled) -> Terms:
        data = torch.full_like(batch.labels, self.config.generators)
        return {"adversarial": self.config.generators * F.cross_entropy(self.discriminator(self.fake(batch)), data)}
