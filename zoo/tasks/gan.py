"""GAN: a sampler that is trained against a discriminator, in turns. A variant writes two losses."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from zoo.core.config import option
from zoo.data.batches import Labelled
from zoo.data.spec import AnySpec
from zoo.networks.blocks import AutoEncoder, Norm, TrunkWithHead
from zoo.tasks.latent_model import BackboneConfig
from zoo.tasks.sampler import Sampler


@dataclass(frozen=True, kw_only=True)
class GANConfig(BackboneConfig):
    """What every adversarial model that samples can be told."""

    critic_steps: int = option(1, "discriminator updates per generator update (k, n_critic)", minimum=1)
    discriminator_norm: Norm = option("batch", "normalisation in the discriminator")
    instance_noise: float = option(0.0, "standard deviation of the noise that the discriminator sees on real and fake "
                                   "images alike (Sonderby 2016, arXiv:1610.04490)", minimum=0)
    instance_noise_images: int = option(0, "images over which instance noise falls linearly to 0 (0: stays)", minimum=0)


class GAN(Sampler):
    """A generator and a discriminator in turns (Goodfellow 2014, arXiv:1406.2661, algorithm 1).

    The discriminator is updated on every batch, the generator on every ``critic_steps``-th, each with fakes from
    latents of its own.
    """

    Config: ClassVar[type[GANConfig]] = GANConfig
    config: GANConfig

    def __init__(self, config: GANConfig, data: AnySpec) -> None:
        super().__init__(config, data)
        self.discriminator = self.build_discriminator()

    def build_discriminator(self) -> nn.Module:
        """The network from images, and labels if conditional, to logits (N, 1)."""
        return self.backbone_discriminator(self.config.discriminator_norm, outputs=1)

    def build_auto_encoder(self) -> AutoEncoder:
        """A discriminator that reconstructs: the trunk with a code of the latent's size, and the generator's shape."""
        encoder = TrunkWithHead(self.backbone_trunk(self.config.discriminator_norm), outputs=self.config.latent_dim)
        return AutoEncoder(encoder, self.backbone_generator())

    def optimizer_groups(self) -> dict[str, list[nn.Parameter]]:
        return {"discriminator": list(self.discriminator.parameters()),
                "generator": list(self.generator.parameters())}

    def fake(self, batch: Labelled) -> Tensor:
        """As many generated images as the batch has real ones, of the same classes: (N, C, H, W)."""
        return self.with_instance_noise(self.generate(self.latent(len(batch.images)), batch.labels))

    def with_instance_noise(self, images: Tensor) -> Tensor:
        """Images as the discriminator sees them."""
        std, over = self.config.instance_noise, self.config.instance_noise_images
        if over:
            std *= max(0.0, 1 - self.images_seen / over)
        return images + std * self.draw(torch.randn, *images.shape) if std else images

    def verdicts(self, images: Tensor) -> Tensor | None:
        return None if self.conditional else self.discriminator(images).flatten()

    def makers(self) -> list[nn.Module]:
        """The networks whose outputs are generated images."""
        return [self.generator]

    def pull(self, batch: Labelled) -> tuple[Tensor, Tensor]:
        made: list[Tensor] = []
        hooks = [maker.register_forward_hook(lambda maker, given, images: made.append(images))
                 for maker in self.makers()]
        try:
            with self.looking():
                loss = torch.stack(list(self.generator_loss(batch).values())).sum()
        finally:
            for hook in hooks:
                hook.remove()
        slopes = torch.autograd.grad(loss, made, allow_unused=True, materialize_grads=True)
        images = torch.cat(made).detach()
        return images, -len(images) * torch.cat(slopes)

    def training_step(self, batch: Labelled, batch_idx: int) -> None:
        self.alternate(batch._replace(images=self.with_instance_noise(batch.images)))

    @property
    def critic_steps(self) -> int:
        return self.config.critic_steps
