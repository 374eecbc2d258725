"""WAE: an auto-encoder whose codes are held to the prior as a whole, Tolstikhin 2017 (https://arxiv.org/abs/1711.01558),
algorithm 2 (WAE-MMD).

    min_{E,G}  E_x ||x - G(E(x))||^2 + lambda MMD_k^2(E(x), z),    k(x, y) = C / (C + ||x - y||^2),  C = 2 d

z of the prior N(0, 1), lambda 10. E gives one code an image, where a VAE's posteriors are each held to the prior and so
overlap. MMD^2 is the unbiased estimate over the batch of all processes, which may be negative. The squared error is the
sum over pixels in [-1, 1]. Departures: the networks are those of the comparison with GANs (Lucic 2018); one C, where
the authors' code sums seven.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

from torch import Tensor

from zoo.core.config import option
from zoo.core.module import Terms
from zoo.core.parallel import gather
from zoo.core.registry import register
from zoo.data.batches import Labelled
from zoo.losses import squared_mmd
from zoo.networks import BackboneName
from zoo.tasks.encoding import AutoEncoding, EncoderConfig
from zoo.tasks.latent_model import BackboneConfig, LatentConfig


@dataclass(frozen=True, kw_only=True)
class CodeConfig(EncoderConfig, BackboneConfig, LatentConfig):
    backbone: BackboneName = "infogan"
    learning_rate: float = 1e-3
    latent_dim: int = 8
    latent: Literal["normal"] = "normal"


@dataclass(frozen=True, kw_only=True)
class WAEConfig(CodeConfig):
    weight: float = option(10.0, "weight of the discrepancy of codes and prior (lambda)", minimum=0)


@register("wae", title="Wasserstein auto-encoder", paper="https://arxiv.org/abs/1711.01558", year=2017)
class WAE(AutoEncoding):
    Config: ClassVar[type[CodeConfig]] = WAEConfig
    config: CodeConfig
    couples_images = True

    def reconstruction(self, images: Tensor, codes: Tensor) -> Tensor:
        """E ||x - G(code)||^2."""
        return (self.generate(codes, None) - images).square().flatten(1).sum(1).mean()

    def loss(self, batch: Labelled) -> Terms:
        assert isinstance(self.config, WAEConfig)
        codes = self.code(batch.images)
        discrepancy = squared_mmd(gather(codes), gather(self.latent(len(codes))), inverse_multiquadratic)
        return {"reconstruction": self.reconstruction(batch.images, codes), "mmd": self.config.weight * discrepancy}


def inverse_multiquadratic(x: Tensor, y: Tensor) -> Tensor:
    """C / (C + ||x_i - y_j||^2), C = 2 d: what two of N(0, 1) are apart on average. (N, d), (M, d) -> (N, M)."""
    scale = 2 * x.shape[1]
    return scale / (scale + (x[:, None] - y[None]).square().sum(2))
