"""AAE: an auto-encoder whose codes a discriminator holds to the prior, Makhzani 2015 (https://arxiv.org/abs/1511.05644).

With codes z^ = E(x), in turn (section 2):

    E and G descend  E ||x - G(z^)||^2
    C descends       -log C(z) - log(1 - C(z^)),    z of the prior N(0, 1)
    E descends       -log C(z^)

Where the codes fill the prior, C is at 1/2 and G makes images of it. E gives one code an image, the simplest of the
paper's three. Departures: the networks are those of the comparison with GANs (Lucic 2018), the decoder's for the
paper's perceptrons; C has three hidden layers, as that of ``alphagan``; Adam for gradient descent with momentum.
"""

from dataclasses import dataclass

from torch import nn

from zoo.core.config import option
from zoo.core.module import Terms
from zoo.core.registry import register
from zoo.data.batches import Labelled
from zoo.data.spec import AnySpec
from zoo.losses import nll_fake, nll_real
from zoo.models.wae import WAE, CodeConfig
from zoo.networks.blocks import CodeDiscriminator


@dataclass(frozen=True, kw_only=True)
class AAEConfig(CodeConfig):
    learning_rate: float = 2e-4
    code_width: int = option(750, "units of a hidden layer of the code discriminator", minimum=1)


@register("aae", title="Adversarial auto-encoder", paper="https://arxiv.org/abs/1511.05644", year=2015)
class AAE(WAE):
    Config = AAEConfig
    couples_images = False

    def __init__(self, config: AAEConfig, data: AnySpec) -> None:
        super().__init__(config, data)
        self.code_discriminator = CodeDiscriminator(config.latent_dim, config.code_width)

    def optimizer_groups(self) -> dict[str, list[nn.Parameter]]:
        return super().optimizer_groups() | {"discriminator": list(self.code_discriminator.parameters()),
                                             "generator": list(self.encoder.parameters())}

    def training_step(self, batch: Labelled, batch_idx: int) -> None:
        super().training_step(batch, batch_idx)
        self.alternate(batch)

    def loss(self, batch: Labelled) -> Terms:
        return {"reconstruction": self.reconstruction(batch.images, self.code(batch.images))}

    def discriminator_loss(self, batch: Labelled) -> Terms:
        on_prior = self.code_discriminator(self.latent(len(batch.images)))
        on_codes = self.code_discriminator(self.code(batch.images))
        self.track("discriminator/accuracy", ((on_prior > 0).float().mean() + (on_codes < 0).float().mean()) / 2)
        return {"prior": nll_real(on_prior), "codes": nll_fake(on_codes)}

    def generator_loss(self, batch: Labelled) -> Terms:
        return {"codes": nll_real(self.code_discriminator(self.code(batch.images)))}
