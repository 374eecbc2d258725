"""ACGAN: the discriminator also names the class, Odena 2016 (https://arxiv.org/abs/1610.09585), equations 2 and 3.

    L_S = E[log P(S=real | X_real)] + E[log P(S=fake | X_fake)]
    L_C = E[log P(C=c | X_real)] + E[log P(C=c | X_fake)]

D ascends L_S + L_C, G ascends L_C - L_S. G is told the class, D is not: its trunk ends in one output for the source and
one a class. Departures: G ascends log P(S=real | X_fake) instead of descending log P(S=fake | X_fake), which
saturates; fakes have the classes of the batch instead of drawn ones; no dropout and no noise on activations in D;
z has 100 dimensions instead of 110.
"""

import torch.nn.functional as F
from torch import Tensor, nn

from zoo.core.module import Terms
from zoo.core.registry import register
from zoo.data.batches import Labelled
from zoo.losses import nll_fake, nll_real
from zoo.networks.blocks import TrunkWithHead
from zoo.networks.conditioning import ByLabel
from zoo.tasks.gan import GAN, GANConfig


@register("acgan", title="AC-GAN", paper="https://arxiv.org/abs/1610.09585", year=2016)
class ACGAN(GAN):
    config: GANConfig
    kind = "conditional"
    Condition = ByLabel

    def build_discriminator(self) -> nn.Module:
        """The network from images to logits of source and class, (N, 1 + classes)."""
        return TrunkWithHead(self.backbone_trunk(self.config.discriminator_norm), outputs=1 + self.data.classes)

    def discriminate(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of the source (N, 1) and of the class (N, classes)."""
        source, category = self.discriminator(images).split([1, self.data.classes], dim=1)
        return source, category

    def verdict(self, images: Tensor, labels: Tensor) -> Tensor:
        return self.discriminate(images)[0]

    def discriminator_loss(self, batch: Labelled) -> Terms:
        images, labels = batch
        source_of_real, class_of_real = self.discriminate(images)
        source_of_fake, class_of_fake = self.discriminate(self.fake(batch))
        self.track("discriminator/class_accuracy", accuracy(class_of_real, labels))
        return {
            "real": nll_real(source_of_real),
            "fake": nll_fake(source_of_fake),
            "class_real": F.cross_entropy(class_of_real, labels),
            "class_fake": F.cross_entropy(class_of_fake, labels),
        }

    def generator_loss(self, batch: Labelled) -> Terms:
        labels = batch.labels
        source, category = self.discriminate(self.fake(batch))
        self.track("generator/class_accuracy", accuracy(category, labels))
        return {"adversarial": nll_real(source), "class": F.cross_entropy(category, labels)}


def accuracy(logits: Tensor, labels: Tensor) -> Tensor:
    """Share of rows whose largest logit is the label's: (N, classes), (N,) -> ()."""
    return (logits.argmax(1) == labels).float().mean()
