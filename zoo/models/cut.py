"""CUT: two unpaired sets, one way, by contrast of patches, Park 2020 (https://arxiv.org/abs/2007.15651).

Equations 3 and 5, with least squares for the logarithms (as the authors' code has them), G from A to B:

    G, H descend  E[(D(G(a)) - 1)^2] + lambda_X PatchNCE(a, G(a)) + lambda_Y PatchNCE(b, G(b))
    D descends    1/2 E[(D(b) - 1)^2] + 1/2 E[D(G(a))^2]

with lambda_X = lambda_Y = 1 (FastCUT: ``--nce-x 10 --nce-y 0``). PatchNCE takes maps of five layers of G's first half,
of the picture and of what G made of it, at 256 places; H, of two layers a map, brings them to the sphere of 256
dimensions. What was made at a place has to be told from the picture at all other places, as the one that belongs to the
picture there: cross-entropy over products divided by tau = 0.07. Places of other pictures are not compared with, and
the picture's own side gets no gradient. What is of B already is to stay (lambda_Y).

Networks, rates and pictures are CycleGAN's, with one generator and one D. Departures: the two PatchNCE are added, where
the authors' code halves their sum; D steps after G, not before; D's strides are those of the 70 px PatchGAN without the
code's blur; each picture has places of its own.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zoo.core.config import option
from zoo.core.module import Terms
from zoo.core.registry import register
from zoo.data.batches import Domains
from zoo.data.pair_spec import DomainSpec
from zoo.losses import squared_error
from zoo.networks.blocks import init_normal
from zoo.networks.translation import ResNetTranslator
from zoo.tasks.unpaired import UnpairedConfig, UnpairedTranslator

EMBEDDING = 256  # dimensions in which places are compared


@dataclass(frozen=True, kw_only=True)
class CUTConfig(UnpairedConfig):
    nce_x: float = option(1.0, "weight of the contrast of what is made of A (lambda_X)", minimum=0)
    nce_y: float = option(1.0, "weight of that of B, which is to stay (lambda_Y)", minimum=0)
    patches: int = option(256, "places of a map that are compared, or all there are", minimum=2, maximum=65_536)
    temperature: float = option(0.07, "by which products are divided (tau)", minimum=1e-3)


class Judged(NamedTuple):
    """What D looks at: real pictures of the second domain, and those that G made."""

    b: Tensor
    made: Tensor


def patch_nce(queries: Tensor, keys: Tensor, temperature: float) -> Tensor:
    """Cross-entropy of telling the key of the same place, unit vectors (N, S, d) of S places a picture (equation 3)."""
    products = queries @ keys.mT / temperature  # (N, S, S): a row a query
    place = torch.arange(queries.shape[1], device=queries.device).expand(len(queries), -1)
    return F.cross_entropy(products.mT, place)


@register("cut", title="CUT", paper="https://arxiv.org/abs/2007.15651", year=2020)
class CUT(UnpairedTranslator):
    Config = CUTConfig
    config: CUTConfig
    generator: ResNetTranslator

    def __init__(self, config: CUTConfig, data: DomainSpec) -> None:
        super().__init__(config, data)
        self.generator, self.discriminator = self.build_generator(), self.build_discriminator()
        self.heads = nn.ModuleList(
            nn.Sequential(nn.Linear(channels, EMBEDDING), nn.ReLU(), nn.Linear(EMBEDDING, EMBEDDING))
            for channels in self.generator.encoder_channels).apply(init_normal)

    def optimizer_groups(self) -> dict[str, list[nn.Parameter]]:
        return {"discriminator": list(self.discriminator.parameters()),
                "generator": [*self.generator.parameters(), *self.heads.parameters()]}

    def training_step(self, batch: Domains, batch_idx: int) -> None:
        batch = self.begun(batch)
        made = self.step_generator(batch)
        self.optimize("discriminator", self.discriminator_loss, Judged(batch.b, torch.cat(made).detach().to(batch.a)))

    def fake(self, batch: Domains) -> Tensor:
        return self.generator(batch.a)

    def contrast(self, pictures: Tensor, made: Tensor) -> Tensor:
        """PatchNCE of pictures (N, C, H, W) and of what was made of them, a mean over the five layers."""
        queries, losses = self.generator.encoder_maps(made), []
        with torch.no_grad():
            keys = self.generator.encoder_maps(pictures)
        for head, query, key in zip(self.heads, queries, keys, strict=True):
            places = self.places(query)
            with torch.no_grad():
                told = self.embedded(head, key, places)
            losses.append(patch_nce(self.embedded(head, query, places), told, self.config.temperature))
        return torch.stack(losses).mean()

    def places(self, maps: Tensor) -> Tensor:
        """Which places of maps (N, C, h, w) are compared, (N, S), each at most once."""
        n, count = len(maps), maps.shape[2] * maps.shape[3]
        return self.draw(torch.rand, n, count).topk(min(self.config.patches, count)).indices

    @staticmethod
    def embedded(head: nn.Module, maps: Tensor, places: Tensor) -> Tensor:
        """Unit vectors (N, S, 256) of places (N, S) of maps (N, C, h, w)."""
        flat = maps.flatten(2).mT  # (N, h w, C)
        at_places = flat.gather(1, places[..., None].expand(-1, -1, flat.shape[2]))
        return F.normalize(head(at_places), dim=2)

    def discriminator_loss(self, batch: Judged) -> Terms:
        return {"real": 0.5 * squared_error(self.discriminator(batch.b), 1.0),
                "fake": 0.5 * squared_error(self.discriminator(batch.made), 0.0)}

    def generator_terms(self, batch: Domains, fake: Tensor) -> Terms:
        config = self.config
        terms = {"adversarial": squared_error(self.discriminator(fake), 1.0),
                 "nce_x": config.nce_x * self.contrast(batch.a, fake)}
        if config.nce_y:
            terms["nce_y"] = config.nce_y * self.contrast(batch.b, self.generator(batch.b))
        return terms
