"""WithEncoder: what samplers share that have an encoder, from pictures to latents, on the trunk of their backbone."""

from dataclasses import dataclass

from torch import Tensor, nn

from zoo.core.config import Options, option
from zoo.core.module import Terms
from zoo.data.batches import Labelled
from zoo.data.spec import AnySpec
from zoo.networks.blocks import Norm, TrunkWithHead
from zoo.tasks.latent_model import LatentModel, SamplerConfig
from zoo.tasks.sampler import Sampler


@dataclass(frozen=True, kw_only=True)
class EncoderConfig(Options):
    """What one can be told besides that has an encoder. A base before others, so without their options: its defaults
    would stand in place of theirs."""

    encoder_norm: Norm = option("batch", "normalisation in the encoder")


class WithEncoder(LatentModel):
    """A base beside ``Sampler`` or ``GAN``, before it."""

    def __init__(self, config: SamplerConfig, data: AnySpec) -> None:
        super().__init__(config, data)
        self.encoder = self.build_encoder()

    def build_encoder(self) -> nn.Module:
        """The network from images in [-1, 1] to latents, (N, C, H, W) -> (N, latent_size)."""
        return TrunkWithHead(self.backbone_trunk(self.encoder_norm), outputs=self.latent_size)

    @property
    def encoder_norm(self) -> Norm:
        assert isinstance(self.config, EncoderConfig)  # as every model's with an encoder
        return self.config.encoder_norm

    def networks_for_sampling(self) -> dict[str, nn.Module]:
        return super().networks_for_sampling() | {"encoder": self.encoder}

    def code(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        return self.encoder(images)


class WithPosterior(WithEncoder):
    """One whose encoder gives each image a Gaussian of latents (Kingma 2013, arXiv:1312.6114), q(z|x)."""

    def build_encoder(self) -> nn.Module:
        """From images, and labels if conditional, to mean and log-variance of q(z|x), (N, 2 latent_size)."""
        return self.backbone_discriminator(self.encoder_norm, outputs=2 * self.latent_size)

    def posterior(self, images: Tensor, labels: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Mean and log-variance of q(z|x), (N, latent_size) each."""
        mean, log_variance = self.condition.call(self.encoder, images, labels).chunk(2, dim=1)
        return mean, log_variance

    def code(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        mean, _ = self.posterior(images, labels)
        return mean


class AutoEncoding(WithEncoder, Sampler):
    """Encoder and generator that descend one loss together."""

    kind = "auto-encoder"

    def optimizer_groups(self) -> dict[str, list[nn.Parameter]]:
        return {"autoencoder": [*self.encoder.parameters(), *self.generator.parameters()]}

    def training_step(self, batch: Labelled, batch_idx: int) -> None:
        self.optimize("autoencoder", self.loss, batch)

    def loss(self, batch: Labelled) -> Terms:
        """The terms that both descend."""
        raise NotImplementedError
