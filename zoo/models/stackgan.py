"""StackGAN: pictures from sentences in two stages, Zhang 2016 (https://arxiv.org/abs/1612.03242), equations 3 to 6.

A GRU reads the caption, c = mu + sigma eps with eps ~ N(0, 1) is what stage k makes of it, and

    stage I    G_1 makes s_1 of noise z and c_1, half as high and wide as the data
    stage II   G_2 makes s_2 of s_1 and c_2, with G_1 and the GRU as they are
    D_k descends  -E[log D_k(x, t)] - 1/2 E[log(1 - D_k(x, t'))] - 1/2 E[log(1 - D_k(s_k, t))]
    G_k descends  -E[log D_k(s_k, t)] + lambda KL(N(mu_k, sigma_k^2) || N(0, 1))

of images x with captions t, and t' that are said of other images and not of x. So D_k tells how real an image is and
whether it is what the caption says. The KL is a sum over dimensions; in the authors' code it is twice their mean, which
for 128 dimensions is ``--kl-weight 0.0156``. Adam 2e-4 with beta1 0.5; ``--halve-images`` halves the rate by the clock.

Departures: the encoder of sentences is trained here, one within G_1 and one within each D, where the paper has one that
was trained before on photographs of birds and flowers. Each stage trains for as many images as it is told, stage II to
the end. Stage I stands still at its averaged weights. A row whose batch has no other caption brings no t'. The networks
are in ``zoo/networks/stacked.py`` with their departures.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zoo.core import parallel
from zoo.core.config import option
from zoo.core.module import Terms
from zoo.core.registry import register
from zoo.core.schedules import set_rates
from zoo.data.batches import Captioned
from zoo.data.text_spec import CaptionSpec
from zoo.losses import kl_to_standard_normal, nll_fake, nll_real
from zoo.networks.stacked import StackDiscriminator, Stacked, StackNorm
from zoo.tasks.captioned import CaptionedSampler
from zoo.tasks.latent_model import LatentConfig
from zoo.tasks.levels import ByLevels

HALF = 0.5  # weight of each sort of what D is to reject
BLOCK = 64  # rows among which another caption is looked for, so that the cost does not grow with the processes


@dataclass(frozen=True, kw_only=True)
class StackGANConfig(LatentConfig):
    stage_one_images: int = option(60_000, "images over which stage I learns; from there on it stands still and stage "
                                   "II learns", minimum=0)
    condition_dim: int = option(128, "dimensions of c (N_g)", minimum=1, maximum=4096)
    text_width: int = option(64, "units of the encoders of captions", minimum=1, maximum=4096)
    blocks: int = option(2, "residual blocks of stage II (the paper: 4)", minimum=0, maximum=32)
    kl_weight: float = option(1.0, "weight of the KL of c (lambda)", minimum=0)
    halve_images: int = option(0, "images of a stage after which its learning rate is halved, again and again (0: it "
                               "stays)", minimum=0)
    norm: StackNorm = option("batch", "normalisation in all networks")


class Told(NamedTuple):
    """Images, a caption of each (N, T), one of another image, and whether there is such a one, (N, 1) of 0 or 1."""

    images: Tensor
    captions: Tensor
    others: Tensor
    mismatched: Tensor


@register("stackgan", title="StackGAN", paper="https://arxiv.org/abs/1612.03242", year=2016)
class StackGAN(ByLevels, CaptionedSampler):
    Config = StackGANConfig
    config: StackGANConfig
    generator: Stacked

    def __init__(self, config: StackGANConfig, data: CaptionSpec) -> None:
        super().__init__(config, data)
        self.sides = [data.image_size // 2, data.image_size]
        self.discriminators = nn.ModuleList(
            StackDiscriminator(data.text.vocabulary, config.text_width, data.channels, size, config.width, config.norm)
            for size in self.sides)

    def build_generator(self) -> Stacked:
        config, data = self.config, self.data
        return Stacked(data.text.vocabulary, config.text_width, config.latent_dim, config.condition_dim, data.channels,
                       data.image_size, config.width, config.blocks, config.norm)

    def optimizer_groups(self) -> dict[str, list[nn.Parameter]]:
        made, judges = self.generator, self.discriminators
        own: dict[str, list[nn.Module]] = {
            "discriminator_1": [judges[0]], "generator_1": made.first_parts,
            "discriminator_2": [judges[1]], "generator_2": [made.second_augmentation, made.second]}
        return {group: [p for part in parts for p in part.parameters()] for group, parts in own.items()}

    @property
    def latent_size(self) -> int:
        return self.config.latent_dim + 2 * self.config.condition_dim

    def prior(self, normal: Tensor) -> Tensor:
        """Of z; what an eps is, is normal whatever the prior of z."""
        z, eps = normal.split([self.config.latent_dim, 2 * self.config.condition_dim], 1)
        return torch.cat([super().prior(z), eps], 1)

    def stages_of(self, z: Tensor, labels: Tensor | None) -> dict[str, Tensor]:
        """The image of stage I and, once it has begun, that of stage II, for captions (N, T)."""
        assert labels is not None  # they are captions, which ``numbers`` asks for
        images = self.generator.stages(z, labels)
        return {f"stage {name}": x for name, x in zip(("I", "II"), images, strict=False)}

    # ---- training ---------------------------------------------------------------------------------------------

    def training_step(self, batch: Captioned, batch_idx: int) -> None:
        seen = self.seen_before(batch)
        number = int(seen >= self.config.stage_one_images)
        self.begin(number, seen - number * self.config.stage_one_images)
        told = self.told(batch)
        if number == 0:
            told = told._replace(images=self.real(told.images, 0))
        self.optimize(f"discriminator_{1 + number}", partial(self.discriminator_loss_of, number), told)
        self.optimize(f"generator_{1 + number}", partial(self.generator_loss_of, number), told)

    def begin(self, number: int, seen: int) -> None:
        """Stage 0 or 1, after so many images of it: its rate, and what stands still."""
        if number and not self.generator.second_begun:
            self._keep_averages()
        for network in (self.generator, *self.ema.values()):
            assert isinstance(network, Stacked)
            network.begin_second(bool(number))
        self.generator.first.train(not number)  # else the moments of its batch-norm would still move
        if number:
            self.terms = {name: value for name, value in self.terms.items() if "_1/" not in name}  # of the past
        every = self.config.halve_images
        optimizers: Any = self.optimizers(use_pl_optimizer=False)
        set_rates(optimizers, self.config.learning_rate * HALF**(seen // every if every else 0))

    @torch.no_grad()
    def _keep_averages(self) -> None:
        """From here on stage I is what its averages are, which are better than its last weights."""
        if not self.config.ema_halflife:
            return
        averages = self.ema["generator"]
        assert isinstance(averages, Stacked)
        for live, averaged in zip(self.generator.first_parts, averages.first_parts, strict=True):
            live.load_state_dict(averaged.state_dict())

    def told(self, batch: Captioned) -> Told:
        """A caption of each image and, out of a block of the batch of all processes, one that is not said of it."""
        captions = self.one_each(batch.captions)
        of_all, n = parallel.gather(captions), len(captions)
        own = torch.arange(parallel.rank() * n, (parallel.rank() + 1) * n, device=captions.device)
        block = torch.arange(min(BLOCK, len(of_all)), device=captions.device)
        near = of_all[(own[:, None] // BLOCK * BLOCK + block) % len(of_all)]  # (n, block, T)
        apart = (batch.captions[:, None] != near[:, :, None]).any(3).all(2)  # (n, block): what is not said of it
        place = (self.draw(torch.rand, n) * apart.sum(1)).long()  # among those
        which = (apart.cumsum(1) > place[:, None]).byte().argmax(1)
        others = near[torch.arange(n, device=near.device), which]
        return Told(batch.images, captions, others, apart.any(1, keepdim=True).to(batch.images))

    def judge_of(self, number: int) -> StackDiscriminator:
        """D of a stage."""
        judge = self.discriminators[number]
        assert isinstance(judge, StackDiscriminator)  # as all of them are
        return judge

    def discriminator_loss_of(self, number: int, batch: Told) -> Terms:
        judge = self.judge_of(number)
        seen, said = judge.trunk(batch.images), judge.read(batch.captions)
        other = judge.judge(seen, judge.read(batch.others))
        return {"real": nll_real(judge.judge(seen, said)),
                "mismatched": HALF * (F.softplus(other) * batch.mismatched).mean(),
                "fake": HALF * nll_fake(judge.judge(judge.trunk(self.fake(number, batch.captions)[0]), said))}

    def generator_loss_of(self, number: int, batch: Told) -> Terms:
        image, mean, log_variance = self.fake(number, batch.captions)
        return {"adversarial": nll_real(self.judge_of(number)(image, batch.captions)),
                "kl": self.config.kl_weight * kl_to_standard_normal(mean, log_variance).mean()}

    def fake(self, number: int, captions: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Images of a stage for captions (N, T), and mean and log variance of its c."""
        latent = self.latent(len(captions))
        said = self.generator.encoder(captions)
        image, mean, log_variance = self.generator.first_of(latent, said)
        return self.generator.second_of(image, latent, said) if number else (image, mean, log_variance)
