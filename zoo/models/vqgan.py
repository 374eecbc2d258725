"""VQGAN: images as grids of numbers, whose decoder is trained against a discriminator, Esser 2020
(https://arxiv.org/abs/2012.09841), equations 2 to 7.

E makes a vector e of every place of a grid, q is the nearest of K vectors of a codebook, and G makes an image x^ of the
q. With sg for what no gradient goes through, and q + e - sg[e] in place of q where G's gradient is to reach E:

    E, G, book    L_rec + ||sg[e] - q||^2 + beta ||e - sg[q]||^2 + lambda w (-E[D(x^)])
    D             E[max(0, 1 - D(x))] + E[max(0, 1 + D(x^))]
    prior         -log pi(numbers of x), place by place

L_rec is |x - x^| and a perceptual distance; lambda = |grad L_rec| / (|grad L_GAN| + 1e-4), of the gradients in G's last
layer, at most 1e4, and w is 0.8, all as in the authors' code. D judges patches (Isola 2016). It plays after
``pretrain_images``, and after ``stage_one_images`` E, G and the book stand still and the prior learns alone. A normal
of each place gives its number, by the inverse of pi's cumulative distribution, so a seed gives the same image anywhere.

Departures: beta 0.25 is on what moves e, as in the paper of the VQ-VAE (van den Oord 2017, arXiv:1711.00937, equation
3); vectors that are no longer used begin again at vectors of E; features that come with the package for VGG's; the
networks are in ``zoo/networks/vqgan.py`` with theirs.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zoo.core import parallel
from zoo.core.config import option
from zoo.core.errors import UsageError
from zoo.core.module import Terms
from zoo.core.registry import register
from zoo.data.batches import Labelled
from zoo.data.labels import Labels
from zoo.data.spec import AnySpec
from zoo.features.bundled import describe
from zoo.features.perceptual import PerceptualDistance
from zoo.losses import hinge_fake, hinge_real
from zoo.networks.patchgan import PatchGAN, default_layers
from zoo.networks.vqgan import Codebook, GridDecoder, GridEncoder, GridPrior, halvings_to_a_grid
from zoo.tasks.adaptation import Followed
from zoo.tasks.gan import GAN, AdversarialConfig

MOST, DELTA = 1e4, 1e-4  # of lambda
DEAD = 0.01  # of the share that a vector has where all are used alike: below, it is not used


@dataclass(frozen=True, kw_only=True)
class VQGANConfig(AdversarialConfig):
    learning_rate: float = 4e-4
    beta2: float = 0.9
    width: int = 32
    latent_dim: int = option(32, "numbers of a vector of the codebook", minimum=1, maximum=65536)
    latent: Literal["normal"] = "normal"  # a number of each place follows from it
    codes: int = option(256, "vectors of the codebook (K)", minimum=2, maximum=65536)
    commitment: float = option(0.25, "weight of what holds E to the codebook (beta)", minimum=0)
    features: str = option("cifar10", "bundled classifier of the perceptual distance; take others than those that the "
                           "model is measured in")
    perceptual_weight: float = option(1.0, "weight of the perceptual distance (0: none)", minimum=0)
    adversarial_weight: float = option(0.8, "weight of what D says, beside lambda (0: D does not play)", minimum=0)
    pretrain_images: int = option(30_000, "images from which on D plays", minimum=0)
    stage_one_images: int = option(300_000, "images after which the prior learns alone", minimum=0)
    judge_width: int = option(32, "channels of D's first layer", minimum=1, maximum=1024)
    code_width: int = option(256, "of the prior's embeddings and LSTM", minimum=1, maximum=8192)
    prior_learning_rate: float = option(1e-3, "of the prior", minimum=0)


class Grids(NamedTuple):
    """Numbers of images as tokens of the prior, (N, places) int64."""

    tokens: Tensor


@register("vqgan", title="VQGAN", paper="https://arxiv.org/abs/2012.09841", year=2020)
class VQGAN(GAN):
    kind = "auto-encoder"
    spec_kinds = ("images",)
    Config = VQGANConfig
    config: VQGANConfig
    generator: GridDecoder
    discriminator: PatchGAN
    couples_images = True  # lambda is of the gradients of the whole batch
    takes_bare = True  # E sees images as they are
    jumps = True  # from number to number
    no_gradient = "its images are made of whole numbers, which latents choose"

    def __init__(self, config: VQGANConfig, data: AnySpec) -> None:
        describe(config.features)  # raises, before any work, where there is none of this name
        self.check_kind(data)
        _, self.side = halvings_to_a_grid(data.image_size)  # before the networks, which are made for it
        super().__init__(config, data)
        self.encoder = GridEncoder(data.channels, data.image_size, config.width, config.latent_dim)
        self.codebook = Codebook(config.codes, config.latent_dim)
        self.code_prior = GridPrior(config.codes, self.side, config.code_width)
        self.uses = Followed(size=config.codes, decay=0.99)

    def build_generator(self) -> GridDecoder:
        data, config = self.data, self.config
        return GridDecoder(data.channels, data.image_size, config.width, config.latent_dim)

    def build_discriminator(self) -> PatchGAN:
        data = self.data
        return PatchGAN(data.channels, self.config.judge_width, default_layers(data.image_size), "batch")

    def networks_for_sampling(self) -> dict[str, nn.Module]:
        return {"generator": self.generator, "encoder": self.encoder, "codebook": self.codebook,
                "code_prior": self.code_prior}

    def optimizer_groups(self) -> dict[str, list[nn.Parameter]]:
        coder = [*self.encoder.parameters(), *self.codebook.parameters(), *self.generator.parameters()]
        return super().optimizer_groups() | {"generator": coder, "prior": list(self.code_prior.parameters())}

    def learning_rate_of(self, group: str) -> float:
        return self.config.prior_learning_rate if group == "prior" else super().learning_rate_of(group)

    @cached_property
    def distance(self) -> PerceptualDistance:
        return PerceptualDistance(self.config.features)

    # ---- numbers ----------------------------------------------------------------------------------------------

    @property
    def latent_size(self) -> int:
        return self.side * self.side

    def prior(self, normal: Tensor) -> Tensor:
        """The numbers of a grid, line by line, as floats."""
        return (self.code_prior.sentences(torch.special.ndtr(normal)) - 1).float()

    def generate(self, z: Tensor, labels: Tensor | None) -> Tensor:
        return self.generator(self.codebook(z.long().unflatten(1, (self.side, self.side))))

    def decode(self, z: Tensor, labels: Labels = None) -> Tensor:
        """As of any model.

        Raises:
            UsageError: also for numbers that are none of the codebook's.
        """
        if z.numel() and not 0 <= z.min() <= z.max() < self.config.codes:
            raise UsageError(f"the numbers of this {self.variant} are 0 to {self.config.codes - 1}, as encode gives "
                             "them")
        return super().decode(z, labels)

    def code(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        return self.codebook.nearest(self.encoder(images)).flatten(1).to(images)

    # ---- a step -----------------------------------------------------------------------------------------------

    def training_step(self, batch: Labelled, batch_idx: int) -> None:
        seen = self.seen_before(batch)
        learns = seen < self.config.stage_one_images
        if not learns:  # terms of the past
            self.terms, self.measured = ({name: value for name, value in known.items() if not name.startswith(
                ("generator/", "discriminator/"))} for known in (self.terms, self.measured))
        elif self.plays:
            self.alternate(batch)
        else:
            self.optimize("generator", self.generator_loss, batch)
        with torch.no_grad():
            vectors = self.encoder(batch.images)
            numbers = self.codebook.nearest(vectors)
        if learns:
            self.renew(vectors, numbers)
        self.optimize("prior", self.prior_loss, Grids(1 + numbers.flatten(1)))

    @property
    def plays(self) -> bool:
        """Whether D is asked."""
        return self.config.adversarial_weight > 0 and self.images_seen >= self.config.pretrain_images

    def reconstruction(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """x^ of images, with e and q, (N, latent_dim, h, w) each."""
        vectors = self.encoder(images)
        nearest = self.codebook(self.codebook.nearest(vectors))
        return self.generator(straight_through(vectors, nearest)), vectors, nearest

    def fake(self, batch: Labelled) -> Tensor:
        return self.seen(self.reconstruction(batch.images)[0])

    def verdict(self, images: Tensor, labels: Tensor) -> Tensor:
        """The mean over patches."""
        return self.discriminator(images).flatten(1).mean(1, keepdim=True)

    def verdicts(self, images: Tensor) -> Tensor:
        return self.discriminator(images).flatten(1).mean(1)

    def discriminator_loss(self, batch: Labelled) -> Terms:
        return {"real": hinge_real(self.discriminator(self.seen(batch.images))),
                "fake": hinge_fake(self.discriminator(self.fake(batch)))}

    def generator_loss(self, batch: Labelled) -> Terms:
        config, images = self.config, batch.images
        made, vectors, nearest = self.reconstruction(images)
        terms = {"reconstruction": (made - images).abs().mean()}
        if config.perceptual_weight:
            terms["perceptual"] = config.perceptual_weight * self.distance(made, images).mean()
        kept = torch.stack(list(terms.values())).sum()
        terms |= {"codebook": F.mse_loss(nearest, vectors.detach()),
                  "commitment": config.commitment * F.mse_loss(vectors, nearest.detach())}
        if self.plays:
            deceived = -self.discriminator(self.seen(made)).mean()
            weight = adaptive_weight(kept, deceived, self.generator.last.weight)
            self.track("generator/lambda", weight)
            terms["adversarial"] = config.adversarial_weight * weight * deceived
        return terms

    def prior_loss(self, batch: Grids) -> Terms:
        """In nats a place."""
        return {"nll": -self.code_prior.log_likelihoods(batch.tokens).mean()}

    @torch.no_grad()
    def renew(self, vectors: Tensor, numbers: Tensor) -> None:
        """Puts vectors of the book that were hardly used in the last hundred batches where E puts a place of an image,
        each of another image; before there were so many batches, those that none has used.

        Args:
            vectors, numbers: of the images of a batch, (N, latent_dim, h, w) and (N, h, w).
        """
        count, n = self.config.codes, len(numbers)
        self.uses.note(numbers.flatten().bincount(minlength=count) / numbers.numel())
        self.uses.move()
        place = (self.draw(torch.rand, n) * self.latent_size).long()
        candidates = vectors.flatten(2)[torch.arange(n, device=place.device), :, place]
        candidates = parallel.gather(candidates, stop=count).to(self.codebook.weight)
        unused = self.uses.means * count < DEAD
        self.track("generator/codes_used", (~unused).sum().float())
        renewed = unused.nonzero().view(-1)[:len(candidates)]
        self.codebook.weight[renewed] = candidates[:len(renewed)]
        self.uses.means[renewed] = 1 / count


def straight_through(vectors: Tensor, nearest: Tensor) -> Tensor:
    """``nearest``, whose gradient goes to ``vectors`` as it is, and to nothing else."""
    return vectors + (nearest - vectors).detach()


def adaptive_weight(kept: Tensor, deceived: Tensor, last: Tensor) -> Tensor:
    """lambda = |grad kept| / (|grad deceived| + delta), of the gradients of two losses of the batch of all processes in
    the weights of the last layer; nothing is trained through it."""
    lengths = [parallel.mean(torch.autograd.grad(loss, last, retain_graph=True)[0]).norm() for loss in (kept, deceived)]
    return (lengths[0] / (lengths[1] + DELTA)).clamp(max=MOST).detach()
