"""alpha-GAN: a VAE whose likelihood and KL terms are discriminators, Rosca 2017 (https://arxiv.org/abs/1706.04987),
algorithm 1.

With codes z^ = E(x), reconstructions x^ = G(z^), samples x~ = G(z), and the density ratios log D/(1-D), log C/(1-C):

    E descends  lambda ||x - x^||_1 - log C(z^)/(1 - C(z^))
    G descends  lambda ||x - x^||_1 - log D(x^)/(1 - D(x^)) - log D(x~)/(1 - D(x~))
    D descends  -log D(x) - log(1 - D(x^)) - log(1 - D(x~))
    C descends  -log C(z) - log(1 - C(z^))

C tells latents of the prior from codes, by three hidden layers of 750. Each of the four networks has a step of its own.
The first version of the paper has the two cases of C exchanged. Departures: the norm is averaged over the pixels, so
that lambda does not depend on their number; the paper chooses lambda and learning rates by search, the defaults
are ours.
"""

from dataclasses import dataclass

from torch import nn

from zoo.core.config import option
from zoo.core.module import Terms
from zoo.core.registry import register
from zoo.data.batches import Labelled
from zoo.data.spec import AnySpec
from zoo.losses import nll_fake, nll_real
from zoo.networks.blocks import CodeDiscriminator
from zoo.tasks.encoding import EncoderConfig, WithEncoder
from zoo.tasks.gan import GAN, GANConfig


@dataclass(frozen=True, kw_only=True)
class AlphaGANConfig(EncoderConfig, GANConfig):
    beta2: float = 0.9
    latent_dim: int = 128
    code_width: int = option(750, "units of a hidden layer of the code discriminator", minimum=1)
    reconstruction: float = option(10.0, "weight of the reconstruction error (lambda)", minimum=0)


@register("alphagan", title="alpha-GAN", paper="https://arxiv.org/abs/1706.04987", year=2017)
class AlphaGAN(WithEncoder, GAN):
    Config = AlphaGANConfig
    config: AlphaGANConfig
    kind = "auto-encoder"
    defining = ("latent",)  # a normal, as of any VAE
    takes_bare = True  # E sees images as they are

    def __init__(self, config: AlphaGANConfig, data: AnySpec) -> None:
        super().__init__(config, data)
        self.code_discriminator = CodeDiscriminator(config.latent_dim, config.code_width)

    def optimizer_groups(self) -> dict[str, list[nn.Parameter]]:
        return {"encoder": list(self.encoder.parameters())} | super().optimizer_groups() | {
            "code_discriminator": list(self.code_discriminator.parameters())}

    def training_step(self, batch: Labelled, batch_idx: int) -> None:
        self.optimize("encoder", self.encoder_loss, batch)
        self.alternate(batch)
        self.optimize("code_discriminator", self.code_discriminator_loss, batch)

    def encoder_loss(self, batch: Labelled) -> Terms:
        images = batch.images
        codes = self.code(images)
        error = (images - self.generator(codes)).abs().mean()
        return {"reconstruction": self.config.reconstruction * error, "prior": -self.code_discriminator(codes).mean()}

    def generator_loss(self, batch: Labelled) -> Terms:
        images = batch.images
        reconstructed = self.recode(images)
        return {
            "reconstruction": self.config.reconstruction * (images - reconstructed).abs().mean(),
            "adversarial_reconstruction": -self.discriminator(self.seen(reconstructed)).mean(),
            "adversarial": -self.discriminator(self.fake(batch)).mean(),
        }

    def discriminator_loss(self, batch: Labelled) -> Terms:
        images = batch.images
        return {
            "real": nll_real(self.discriminator(self.seen(images))),
            "reconstruction": nll_fake(self.discriminator(self.seen(self.recode(images)))),
            "fake": nll_fake(self.discriminator(self.fake(batch))),
        }

    def code_discriminator_loss(self, batch: Labelled) -> Terms:
        images = batch.images
        on_prior = self.code_discriminator(self.latent(len(images)))
        on_codes = self.code_discriminator(self.code(images))
        self.track("code_discriminator/accuracy", ((on_prior > 0).float().mean() + (on_codes < 0).float().mean()) / 2)
        return {"prior": nll_real(on_prior), "codes": nll_fake(on_codes)}
