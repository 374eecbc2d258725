"""BigGAN, small: what made class-conditional GANs scale, Brock 2018 (https://arxiv.org/abs/1809.11096).

SAGAN with a class embedding that all batch-norms share, a piece of z for each block beside it, several steps of D,
averaged weights, and in G's loss (equation 3)

    beta sum_W ||W W^T o (1 - I)||_F^2

over its weights as they are stored, their rows flat: filters are to be orthogonal, of any length, so that a G that has
learnt from all of a normal still does well with the middle of it, ``sample(truncation=)``. Departures: the gains and
biases of the batch-norms are not spectrally normalised and begin as 0; the paper's batches of 2,048 are had, if at all,
by ``--accumulate``; sizes, widths and the latent of a CPU.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from zoo.core.config import option
from zoo.core.module import Terms
from zoo.core.registry import register
from zoo.data.batches import Labelled
from zoo.models.sagan import SAGAN, SAGANConfig


@dataclass(frozen=True, kw_only=True)
class BigGANConfig(SAGANConfig):
    learning_rate: float = 5e-5
    discriminator_learning_rate: float = 2e-4
    beta2: float = 0.999
    critic_steps: int = 2
    embedding: int = option(128, "numbers that a class is embedded to, once for all layers", minimum=1)
    orthogonal: float = option(1e-4, "weight of the penalty on filters of G that are not orthogonal (beta)", minimum=0)


@register("biggan", title="BigGAN (small)", paper="https://arxiv.org/abs/1809.11096", year=2018)
class BigGAN(SAGAN):
    Config = BigGANConfig
    config: BigGANConfig
    pool = True

    def build_generator(self) -> nn.Module:
        return self.attentive(embedding=self.config.embedding, chunks=True)

    def generator_loss(self, batch: Labelled) -> Terms:
        terms = super().generator_loss(batch)
        if not self.config.orthogonal:
            return terms
        weights = [p for name, p in self.generator.named_parameters() if p.dim() > 1 and "embedding" not in name]
        return terms | {"orthogonal": self.config.orthogonal * torch.stack(list(map(overlap, weights))).sum()}


def overlap(weight: Tensor) -> Tensor:
    """||W W^T o (1 - I)||_F^2 of a weight whose rows, (rows, ...), are taken flat."""
    rows = weight.flatten(1)
    products = rows @ rows.T
    return products.square().sum() - products.diagonal().square().sum()
