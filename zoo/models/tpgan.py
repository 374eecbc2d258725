"""TP-GAN: the frontal view of a face from a turned one, Huang 2017 (https://arxiv.org/abs/1704.04086), section 3.2.

A global pathway makes the face, four local ones its parts, and G puts both together. With y = G(x) and the truth t:

    D descends  -E[log D(t)] - E[log(1 - D(y))]
    G descends  L_pixel + 0.3 L_sym + 1e-3 L_adv + 3e-3 L_ip + 1e-4 L_tv

    L_pixel     ||t - y||_1, at a half and at a quarter of the size too, by weights of 1, 1 and 1.5, and that of each
                part which a local pathway makes, by a weight of 3
    L_sym       ||y - mirrored y||_1
    L_adv       -log D(y), of patches
    L_ip        the distance of t and y in the two last layers of a network that knows faces
    L_tv        the total variation of y

Every norm is a mean over places and channels. The weights are the paper's; those within L_pixel are of the authors'
code, which has sums over places, so that its 20, 40 and 1e-3 for the last three say about the same at 128 px. Pairs are
``--pairs turned``, made of any pictures of faces; ``frontal``, of pictures in folders that are persons; or files. Faces
have to lie alike, since parts are where ``--parts`` says. As in the authors' code Adam has 1e-4 and beta1 0.9.

Departures: those of the networks, see ``zoo.networks.pathways``; G is told no persons, where the authors' has a
cross-entropy of them at its bottleneck, and takes one step to one of D; the network of L_ip is one that comes with the
package, which knows no faces unless it learnt from them: see ``zoo features``.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import torch
import torch.nn.functional as F
from torch import Tensor

from zoo.core.config import option
from zoo.core.errors import UsageError
from zoo.core.module import Terms
from zoo.core.registry import register
from zoo.data.batches import Pair
from zoo.data.pair_spec import FILES, FRONTAL, PairSpec
from zoo.features.bundled import describe
from zoo.features.perceptual import IdentityDistance
from zoo.losses import nll_fake, nll_real
from zoo.networks.patchgan import PatchGAN, default_layers
from zoo.networks.pathways import Faces, TwoPathways, read_boxes
from zoo.networks.unet import UNetNorm
from zoo.tasks.paired import Judged, PairedTranslator
from zoo.tasks.task import WidthConfig

TURNED = "turned"
AT_SCALES = (1.0, 1.0, 1.5)  # weights of the L1 error at the size, a half and a quarter of it
IN_PARTS = 3.0  # and of that of a part


@dataclass(frozen=True, kw_only=True)
class TPGANConfig(WidthConfig):
    learning_rate: float = 1e-4
    beta1: float = 0.9
    norm: UNetNorm = option("instance", "normalisation in all networks")
    parts: str = option("2,1,3,3;2,4,3,3;3,2,3,4;5,2,2,4", "boxes of the local pathways (both eyes, nose and mouth), "
                        "each top,left,height,width in eighths of the picture")
    features: str = option("cifar10", "bundled network of the identity term; take others than those that the model is "
                           "measured in")
    symmetry: float = option(0.3, "weight of the symmetry term", minimum=0)
    adversarial: float = option(1e-3, "weight of the adversarial term; with 0 there is no D", minimum=0)
    identity: float = option(3e-3, "weight of the identity term", minimum=0)
    variation: float = option(1e-4, "weight of the total variation", minimum=0)


@register("tpgan", title="TP-GAN", paper="https://arxiv.org/abs/1704.04086", year=2017)
class TPGAN(PairedTranslator):
    Config = TPGANConfig
    config: TPGANConfig
    generator: TwoPathways
    ways = (TURNED, FRONTAL)

    def __init__(self, config: TPGANConfig, data: PairSpec) -> None:
        describe(config.features)  # raises, before any work, where there is none of this name
        super().__init__(config, data)
        if data.pairs not in (FILES, *self.ways) or data.source_size != data.image_size:
            raise UsageError(f"tpgan turns faces to the front: --pairs {TURNED}, {FRONTAL} or {FILES} of pictures of "
                             f"one size, not {data.pairs}")
        size, width = data.image_size, config.width
        self.generator = TwoPathways(data.source_channels, data.channels, size, width, read_boxes(config.parts),
                                     config.norm)
        if config.adversarial:
            self.discriminator = PatchGAN(data.channels, width, default_layers(size), config.norm)

    @classmethod
    def spec(cls, image_size: int = 32, channels: int = 1, classes: int = 0) -> PairSpec:
        return replace(super().spec(image_size, channels, classes), pairs=TURNED)

    @property
    def fixed(self) -> bool:
        return True

    @property
    def multiple(self) -> int:
        return self.data.image_size

    @cached_property
    def distance(self) -> IdentityDistance:
        return IdentityDistance(self.config.features)

    def generate(self, source: Tensor, normal: Tensor | None = None) -> Tensor:
        return self.generator(source)

    def training_step(self, batch: Pair, batch_idx: int) -> None:
        self.alternate(batch)

    def fake(self, batch: Pair) -> Faces:
        return self.generator.faces(batch.source)

    def picture_of(self, fake: Faces) -> Tensor:
        return fake.image

    def discriminator_loss(self, batch: Judged) -> Terms:
        return {"real": nll_real(self.discriminator(batch.target)), "fake": nll_fake(self.discriminator(batch.fake))}

    def generator_terms(self, batch: Pair, fake: Faces) -> Terms:
        config, made = self.config, fake.image
        play = {"adversarial": config.adversarial * nll_real(self.discriminator(made))} if config.adversarial else {}
        return {"pixels": self.pixels(fake, batch.target),
                "parts": self.parts(fake, batch.target),
                "symmetry": config.symmetry * asymmetry(made),
                "identity": config.identity * self.distance(made, batch.target).mean(),
                "variation": config.variation * variation(made)} | play

    def pixels(self, faces: Faces, target: Tensor) -> Tensor:
        """L_pixel of the face, of three sizes; the truth is averaged to the smaller ones."""
        errors = [weight * F.l1_loss(made, F.avg_pool2d(target, 2**level)) for level, (made, weight) in enumerate(
            zip([faces.image, *faces.small], AT_SCALES, strict=True))]
        return torch.stack(errors).sum()

    def parts(self, faces: Faces, target: Tensor) -> Tensor:
        """L_pixel of the parts that local pathways make."""
        errors = [F.l1_loss(made, box.cut(target)) for made, box in zip(faces.parts, self.generator.boxes, strict=True)]
        return IN_PARTS * torch.stack(errors).sum()

    @property
    def measures(self) -> tuple[str, ...]:
        return ("identification", *super().measures)


def asymmetry(faces: Tensor) -> Tensor:
    """Mean |y - mirrored y| of (N, C, H, W): 0 if and only if left and right are the same."""
    return (faces - faces.flip(3)).abs().mean()


def variation(faces: Tensor) -> Tensor:
    """Absolute differences of neighbours in rows and columns of (N, C, H, W), over the number of values."""
    return (faces.diff(dim=2).abs().sum() + faces.diff(dim=3).abs().sum()) / faces.numel()
