"""VAE/GAN: a VAE whose decoder is a GAN's generator, with errors measured in the discriminator's features, Larsen 2015
(https://arxiv.org/abs/1512.09300), algorithm 1.

    L_prior = KL(q(z|x) || p(z)),    L_llike = -E_q[log N(Dis_l(x) | Dis_l(x~), 1)],    x~ = Dec(z), z ~ q(z|x)
    L_GAN = log Dis(x) + log(1 - Dis(x~)) + log(1 - Dis(x_p)),    x_p = Dec(z_p), z_p ~ p(z)

Enc descends L_prior + L_llike, Dec gamma L_llike - L_GAN, Dis -L_GAN (their sign of L_GAN: Dis ascends it), each with
RMSProp 3e-4. Dis_l are the features of the discriminator's trunk. Departures: Dec ascends log Dis of x~ and x_p instead
of descending log(1 - Dis), which saturates; the three steps follow each other, each with draws of its own; the paper
gives no gamma.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from zoo.core.config import option
from zoo.core.module import Terms
from zoo.core.registry import register
from zoo.data.batches import Labelled
from zoo.losses import kl_to_standard_normal, nll_fake, nll_real
from zoo.networks.blocks import TrunkWithHead, gaussian_sample
from zoo.tasks.encoding import EncoderConfig, WithPosterior
from zoo.tasks.gan import GAN, GANConfig


@dataclass(frozen=True, kw_only=True)
class VAEGANConfig(EncoderConfig, GANConfig):
    optimizer: Literal["adam", "rmsprop"] = "rmsprop"
    learning_rate: float = 3e-4
    latent_dim: int = 128
    latent: Literal["normal"] = "normal"  # the KL term is to a normal
    gamma: float = option(1e-3, "weight of reconstruction against deception in the decoder (gamma)", minimum=0)


@register("vaegan", title="VAE/GAN", paper="https://arxiv.org/abs/1512.09300", year=2015)
class VAEGAN(WithPosterior, GAN):
    Config = VAEGANConfig
    config: VAEGANConfig
    discriminator: TrunkWithHead
    kind = "auto-encoder"
    takes_bare = True  # E sees images as they are

    def optimizer_groups(self) -> dict[str, list[nn.Parameter]]:
        return {"encoder": list(self.encoder.parameters())} | super().optimizer_groups()

    def training_step(self, batch: Labelled, batch_idx: int) -> None:
        self.optimize("encoder", self.encoder_loss, batch)
        self.alternate(batch)

    def reconstruction(self, mean: Tensor, log_variance: Tensor) -> Tensor:
        """x~: the decoder's image of a sample of q."""
        return self.generator(gaussian_sample(mean, log_variance, self.draw(torch.randn, *mean.shape)))

    def compared(self, images: Tensor, reconstruction: Tensor) -> tuple[Tensor, Tensor]:
        """D's features of x~, and L_llike in nats an image, without the constant of the Gaussian.

        D sees both alike, since what it sees them through is no error.
        """
        view = self.view(len(images))
        features = self.discriminator.trunk(view(reconstruction))
        error = features - self.discriminator.trunk(view(images))
        return features, 0.5 * error.square().sum(1).mean()

    def encoder_loss(self, batch: Labelled) -> Terms:
        images = batch.images
        mean, log_variance = self.posterior(images)
        _, error = self.compared(images, self.reconstruction(mean, log_variance))
        return {"prior": kl_to_standard_normal(mean, log_variance).mean(), "reconstruction": error}

    def generator_loss(self, batch: Labelled) -> Terms:
        images = batch.images
        features, error = self.compared(images, self.reconstruction(*self.posterior(images)))
        return {
            "reconstruction": self.config.gamma * error,
            "adversarial_reconstruction": nll_real(self.discriminator.head(features)),
            "adversarial": nll_real(self.discriminator(self.fake(batch))),
        }

    def discriminator_loss(self, batch: Labelled) -> Terms:
        images = batch.images
        return {
            "real": nll_real(self.discriminator(self.seen(images))),
            "reconstruction": nll_fake(self.discriminator(self.seen(self.reconstruction(*self.posterior(images))))),
            "fake": nll_fake(self.discriminator(self.fake(batch))),
        }
