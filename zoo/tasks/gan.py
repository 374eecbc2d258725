"""GAN: a sampler that is trained against a discriminator, in turns. A variant writes two losses."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from zoo.core.config import option
from zoo.core.errors import UsageError
from zoo.core.module import Terms
from zoo.data.batches import Labelled
from zoo.data.spec import AnySpec
from zoo.losses import zero_centred_penalty
from zoo.networks import augmentation
from zoo.networks.blocks import AutoEncoder, Norm, TrunkWithHead, freeze
from zoo.tasks.adaptation import Anchors, Chance
from zoo.tasks.latent_model import BackboneConfig, LatentConfig
from zoo.tasks.shared_fakes import Fakes, SharedFakes


@dataclass(frozen=True, kw_only=True)
class AdversarialConfig(LatentConfig):
    """What every adversarial model that samples can be told."""

    critic_steps: int = option(1, "discriminator updates per generator update (k, n_critic)", minimum=1)
    instance_noise: float = option(0.0, "standard deviation of the noise that the discriminator sees on real and fake "
                                   "images alike (Sonderby 2016, arXiv:1610.04490)", minimum=0)
    instance_noise_images: int = option(0, "images over which instance noise falls linearly to 0 (0: stays)", minimum=0,
                                       needs="instance_noise")
    augment: Literal["none", "diff", "ada"] = option("none", "what the discriminator sees all images through, where "
                                                     "data are few: DiffAugment, or ADA, by chance and as needed")
    augment_p: float = option(0.0, "of ada: the probability of each augmentation at the beginning", minimum=0,
                              maximum=1, needs="augment=ada")
    augment_target: float = option(0.6, "of ada: r_t that the probability is led to, the mean sign of D on real images "
                                   "(0: the probability stays)", minimum=0, maximum=1, needs="augment=ada")
    augment_images: int = option(500_000, "of ada: images in which the probability can go from 0 to 1", minimum=1,
                                needs="augment=ada")
    freeze_discriminator: int = option(0, "of a run with --init-from: blocks of the discriminator, from the image on, "
                                       "that stay as they are (FreezeD: Mo 2020, arXiv:2002.10964)", minimum=0)
    r1: float = option(0.0, "weight of the penalty on D's gradient at real images (gamma; Mescheder 2018, "
                       "arXiv:1801.04406); 0: none", minimum=0)
    r1_every: int = option(16, "discriminator updates to one of that penalty alone, times as many (1: in each)",
                           minimum=1, needs="r1")
    lecam: float = option(0.0, "weight of LeCam's regularisation, for few data (Tseng 2021, arXiv:2104.03310: 0.3); 0: "
                          "none", minimum=0)
    lecam_after: int = option(1_000, "discriminator updates before it begins", minimum=0, needs="lecam")
    bcr: float = option(0.0, "weight of balanced consistency: D is to say the same of an image shifted or mirrored "
                        "(Zhao 2020, arXiv:2002.04724: 10); 0: none", minimum=0)


@dataclass(frozen=True, kw_only=True)
class GANConfig(BackboneConfig, AdversarialConfig):
    """What one can be told besides whose networks are not of its own kind."""

    discriminator_norm: Norm = option("batch", "normalisation in the discriminator")


class GAN(SharedFakes):
    """A generator and a discriminator in turns (Goodfellow 2014, arXiv:1406.2661, algorithm 1).

    The discriminator is updated on every batch, and then on every ``critic_steps``-th the generator. What D sees images
    through, and what its loss has besides the variant's terms, is here.

    Raises:
        UsageError: an option that the variant or the data have no meaning for.
    """

    Config: ClassVar[type[AdversarialConfig]] = GANConfig
    config: AdversarialConfig
    # What D says of an image by itself, see ``verdict``: a logit, above 0 where D takes it for real; a number of which
    # only differences count; or nothing.
    says: Literal["logit", "order", "nothing"] = "logit"
    takes_bare: ClassVar[bool] = False  # whether its losses get real images as they are, and call ``seen`` themselves

    def __init__(self, config: AdversarialConfig, data: AnySpec) -> None:
        super().__init__(config, data)
        self._check_options()
        self.discriminator = self.build_discriminator()
        freeze(self.discriminator, config.freeze_discriminator)
        self.penalises_gradients = self.penalises_gradients or config.r1 > 0
        if config.augment == "ada":
            self.chance = Chance(config.augment_p, config.augment_target, config.augment_images)
        if config.lecam:
            self.anchors = Anchors(config.lecam_after)

    def _check_options(self) -> None:
        config = self.config
        if config.augment != "none" and not self.data.bounded:
            raise UsageError(f"{self.data.name} is a set of {self.data.kind}, and --augment is for images: leave it "
                             "away")
        if config.augment == "ada" and config.augment_target and self.says != "logit":
            raise UsageError(f"--augment ada asks how often D takes real images for real, which D of {self.variant} "
                             "does not say: take --augment diff, or a probability that stays, such as --augment-p 0.3 "
                             "--augment-target 0")
        if self.says == "nothing" and (config.r1 or config.lecam or config.bcr):
            raise UsageError(f"--r1, --lecam and --bcr act on what D says of an image by itself, which is nothing in "
                             f"{self.variant}: leave them away")
        if config.r1 and config.r1_every > 1 and config.optimizer != "adam":
            raise UsageError(f"a penalty every {config.r1_every} updates is for Adam, whose rate and betas follow from "
                             f"it: take --r1-every 1 with {config.optimizer}, or --optimizer adam")

    def build_discriminator(self) -> nn.Module:
        """The network from images, and labels if conditional, to logits (N, 1)."""
        return self.backbone_discriminator(self._norm, outputs=1)

    def build_auto_encoder(self) -> AutoEncoder:
        """A discriminator that reconstructs: the trunk with a code of the latent's size, and the generator's shape."""
        encoder = TrunkWithHead(self.backbone_trunk(self._norm), outputs=self.config.latent_dim)
        return AutoEncoder(encoder, self.backbone_generator())

    @property
    def _norm(self) -> Norm:
        assert isinstance(self.config, GANConfig)  # else a variant builds networks of its own
        return self.config.discriminator_norm

    def build_optimizer(self, group: str, parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
        optimizer = super().build_optimizer(group, parameters)
        if self.share_of(group) < 1:
            self.set_adam(group, optimizer, self.learning_rate_of(group), self.config.beta1, self.config.beta2)
        return optimizer

    def set_adam(self, group: str, optimizer: torch.optim.Optimizer, rate: float, beta1: float, beta2: float) -> None:
        """Gives an Adam the rate and betas that are meant for updates without those of the penalty alone."""
        share = self.share_of(group)
        for settings in optimizer.param_groups:
            settings["lr"], settings["betas"] = rate * share, (beta1**share, beta2**share)

    def share_of(self, group: str) -> float:
        """The share of a group's updates that are not of a penalty alone.

        Where k updates become k + 1, Adam is to go as far and remember as long in as many images (Karras 2019,
        arXiv:1912.04958, appendix B).
        """
        every = self.config.r1_every
        return every / (every + 1) if group == "discriminator" and self._lazy else 1.0

    def verdict(self, images: Tensor, labels: Tensor) -> Tensor:
        """What D says of images that it sees, and of their classes if it is conditional: (N, 1), see ``says``."""
        return self.condition.call(self.discriminator, images, labels)

    # ---- what D sees ------------------------------------------------------------------------------------------

    def make_fakes(self, batch: Labelled) -> Fakes:
        latent, images = super().make_fakes(batch)
        return Fakes(latent, self.seen(images))

    def seen(self, images: Tensor) -> Tensor:
        """Images as the discriminator sees them."""
        return self.view(len(images))(images)

    def view(self, n: int) -> Callable[[Tensor], Tensor]:
        """What n images are seen through: drawn once, for images that are to be seen alike."""
        augmented, noise = self._augmentation(n), self._noise(n)
        return lambda images: noise(augmented(images))

    def _augmentation(self, n: int) -> Callable[[Tensor], Tensor]:
        if self.config.augment == "none":
            return lambda images: images
        if self.config.augment == "diff":
            numbers = self.draw(torch.rand, n, augmentation.DIFF_NUMBERS)
            return lambda images: augmentation.diff(images, numbers)
        uniform = self.draw(torch.rand, n, augmentation.ADA_UNIFORM)
        normal = self.draw(torch.randn, n, augmentation.ADA_NORMAL)
        return lambda images: augmentation.ada(images, uniform, normal, self.chance.p)

    def _noise(self, n: int) -> Callable[[Tensor], Tensor]:
        std, over = self.config.instance_noise, self.config.instance_noise_images
        if over:
            std *= max(0.0, 1 - self.images_seen / over)
        if not std:
            return lambda images: images
        noise = std * self.draw(torch.randn, n, *self.data.shape)
        return lambda images: images + noise

    # ---- a step -----------------------------------------------------------------------------------------------

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
        self.alternate(batch if self.takes_bare else batch._replace(images=self.seen(batch.images)))

    def train_discriminator(self, batch: Labelled) -> None:
        self.optimize("discriminator", self.regularised_loss, batch)
        turns, config = self.turns, self.config
        if self._lazy and turns % config.r1_every == 0:
            self.optimize("discriminator", lambda part: {"r1": config.r1_every * self.r1_penalty(part)}, batch)
        if config.lecam:
            self.anchors.move()
        if config.augment == "ada" and self.chance.is_due(turns):
            with torch.no_grad():
                self.chance.lead(self.verdict(self._as_seen(batch), batch.labels))
            self.track("discriminator/augment_p", self.chance.p.clone())

    def regularised_loss(self, batch: Labelled) -> Terms:
        """The variant's terms and those that were asked for besides."""
        config, terms = self.config, self.discriminator_loss(batch)
        if config.r1 and config.r1_every == 1:
            terms = terms | {"r1": self.r1_penalty(batch)}
        if not (config.lecam or config.bcr):
            return terms
        real, labels = self._as_seen(batch), batch.labels
        with torch.no_grad():
            fake = self.fake(batch)
        on_real, on_fake = self.verdict(real, labels), self.verdict(fake, labels)
        if config.lecam:
            terms = terms | {"lecam": config.lecam * self.anchors(on_real, on_fake)}
        if config.bcr:
            terms = terms | {"consistency_real": config.bcr * self.inconsistency(real, labels, on_real),
                             "consistency_fake": config.bcr * self.inconsistency(fake, labels, on_fake)}
        return terms

    def r1_penalty(self, batch: Labelled) -> Tensor:
        """gamma / 2 E[||grad D(x)||^2], x as D sees it (Mescheder 2018)."""
        real = self._as_seen(batch).detach().requires_grad_()
        return self.config.r1 / 2 * zero_centred_penalty(self.verdict(real, batch.labels), real)

    def inconsistency(self, images: Tensor, labels: Tensor, said: Tensor) -> Tensor:
        """E[(D(T x) - D(x))^2], given D(x); T is left to right and shifts (Zhao 2020)."""
        numbers = self.draw(torch.rand, len(images), augmentation.SMALL_NUMBERS)
        return (self.verdict(augmentation.small(images, numbers), labels) - said).square().mean()

    def _as_seen(self, batch: Labelled) -> Tensor:
        return self.seen(batch.images) if self.takes_bare else batch.images

    @property
    def _lazy(self) -> bool:
        """Whether the penalty has updates of its own."""
        return self.config.r1 > 0 and self.config.r1_every > 1

    @property
    def turns(self) -> int:
        """Discriminator updates, without those of the penalty alone."""
        updates = super().turns
        return updates - updates // (self.config.r1_every + 1) if self._lazy else updates

    @property
    def critic_steps(self) -> int:
        return self.config.critic_steps
