"""CGAN: both players are told the class, Mirza 2014 (https://arxiv.org/abs/1411.1784), equation 2.

    min_G max_D  E_x[log D(x|y)] + E_z[log(1 - D(G(z|y)))]

G gets y beside z: one-hot or, for classes such as "pink hair, blue eyes", with a 1 for each part. D gets it as constant
planes beside the image; more than 32 numbers are embedded to as many. Departures: convolutional networks instead of the
paper's perceptrons (``--backbone mlp`` for those), the non-saturating loss for G, Adam instead of momentum.

With ``projection`` D sees the image alone and compares it with the class in its last layer, as the projection
discriminator of Miyato 2018 (https://arxiv.org/abs/1802.05637, equation 3).

With ``mismatched`` s > 0, D is also to reject real images of another class, as the matching-aware discriminator of Reed
2016 (https://arxiv.org/abs/1605.05396, algorithm 1, where s = 1/2): (1 - s) E[log(1 - D(G(z|y)|y))] +
s E[log(1 - D(x|y'))]. Here y' is drawn from the classes that differ from y in the fewest parts, the hardest to tell.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from zoo.core.config import option
from zoo.core.errors import UsageError
from zoo.core.module import Terms
from zoo.core.registry import register
from zoo.data.batches import Labelled
from zoo.data.labels import nearest_classes
from zoo.data.spec import AnySpec
from zoo.losses import nll_fake, nll_real
from zoo.networks.conditioning import ByLabel, ProjectionDiscriminator
from zoo.tasks.gan import GAN, GANConfig


@dataclass(frozen=True, kw_only=True)
class ConditionalGANConfig(GANConfig):
    projection: bool = option(False, "the discriminator compares image and class in its last layer (Miyato 2018) "
                              "instead of taking the class beside the image")
    mismatched: float = option(0.0, "share of real images of another class among what D is to reject (Reed 2016: 0.5)",
                               minimum=0, maximum=0.9)


@register("cgan", title="Conditional GAN", paper="https://arxiv.org/abs/1411.1784", year=2014)
class ConditionalGAN(GAN):
    Config = ConditionalGANConfig
    config: ConditionalGANConfig
    kind = "conditional"
    Condition = ByLabel
    nearest: Tensor

    def __init__(self, config: ConditionalGANConfig, data: AnySpec) -> None:
        super().__init__(config, data)
        if config.mismatched:
            if data.classes < 2:
                raise UsageError(f"the data set {data.name!r} has no two classes to mistake: leave --mismatched away")
            self.register_buffer("nearest", nearest_classes(data.class_names), persistent=False)

    def build_discriminator(self) -> nn.Module:
        if not self.config.projection:
            return super().build_discriminator()
        return ProjectionDiscriminator(self.backbone_trunk(self.config.discriminator_norm), self.data.class_names)

    def discriminator_loss(self, batch: Labelled) -> Terms:
        images, labels = batch
        share, fakes = self.config.mismatched, self.fake(batch)
        if not share:
            return {"real": nll_real(self.discriminator(images, labels)),
                    "fake": nll_fake(self.discriminator(fakes, labels))}
        real, mismatched = self.judge(images, labels, self.other_classes(labels))
        return {"real": nll_real(real),
                "fake": (1 - share) * nll_fake(self.discriminator(fakes, labels)),
                "mismatched": share * nll_fake(mismatched)}

    def judge(self, images: Tensor, *labels: Tensor) -> list[Tensor]:
        """The discriminator's logits (N, 1) for the same images with each of several labels (N,)."""
        if self.config.projection:
            return list(self.discriminator(images, torch.stack(labels, 1)).split(1, 1))
        return [self.discriminator(images, given) for given in labels]

    def other_classes(self, labels: Tensor) -> Tensor:
        """For every image one of the classes nearest to its own, all as likely: (N,) -> (N,)."""
        draws = 1 - self.draw(torch.rand, len(labels), self.data.classes)  # none is 0
        return (draws * self.nearest[labels]).argmax(1)

    def generator_loss(self, batch: Labelled) -> Terms:
        return {"adversarial": nll_real(self.discriminator(self.fake(batch), batch.labels))}
