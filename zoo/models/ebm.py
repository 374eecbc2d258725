"""EBM: an energy is its own generator, by Langevin chains, Du 2019 (https://arxiv.org/abs/1903.08689).

A network E(x) stands for the density exp(-E(x)) / Z. To sample, a chain goes from noise by equation 1

    x <- x - lambda/2 grad E(x) + omega,    omega ~ N(0, sigma^2)

and E descends, by section 3.2 and 4, with x- the ends of chains and no gradient through them,

    E(x+) - E(x-) + alpha (E(x+)^2 + E(x-)^2)

with alpha 1. Chains begin where earlier ones ended, out of the last 10,000, and 5 % at noise; weights are spectrally
normalised, without batch-norm; Adam 1e-4 with betas (0, 0.999). Activations are SiLU, so that E has a gradient that
changes smoothly. As in the authors' code lambda/2 is 10 and sigma 0.005, so chains climb and hardly wander: by
sigma^2 / lambda their temperature is 1e-6, and samples are peaks rather than draws of exp(-E). ``noise="matched"`` has
sigma^2 = lambda, which is equation 1 as it stands: then they are draws, the better the smaller lambda is. Images are
kept within [-1, 1].

``sampler="argmax"`` is the question of whether a discriminator can generate: each chain begins at noise and climbs,
without noise and without memory, to what E likes best.

Departures: backbones of the zoo in place of the paper's residual networks; samples begin at noise, and not at the
remembered ends, so they need as many steps as these have had; with fixed noise they are made without it, since it
hardly moves them, and a latent is where a chain begins, a number a pixel. With matched noise that of every step is part
of the latent, so that a seed gives an image: (1 + sampling_steps) numbers a pixel.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

import torch
from torch import Tensor, nn

from zoo.core.config import option
from zoo.core.errors import NonFiniteLossError, UsageError
from zoo.core.history import Replay
from zoo.core.module import Terms
from zoo.core.registry import register
from zoo.data.batches import Labelled
from zoo.data.mixtures import POINT_SETS
from zoo.data.spec import AnySpec
from zoo.networks.blocks import TrunkWithHead
from zoo.tasks.drawing import grid
from zoo.tasks.latent_model import BackboneConfig
from zoo.tasks.sampler import Sampler
from zoo.tasks.task import IN_STEPS, OF_PICTURES

if TYPE_CHECKING:
    from PIL import Image

LARGEST = 1e3  # energy from which on a run has left the rails
SHOWN = 8  # pictures of a chain
PIXELS, MARGIN = 256, 0.25  # of a picture of a density; of its span that is added at each side
DENSITY = ("density", "exp(-E / T), T = sigma^2 / lambda, over the plane; beside it, where it is known, the density of "
           "the data.")


@dataclass(frozen=True, kw_only=True)
class EBMConfig(BackboneConfig):
    learning_rate: float = 1e-4
    beta1: float = 0.0
    latent: Literal["normal", "uniform"] = "uniform"
    norm: Literal["spectral", "none"] = option("spectral", "normalisation of the energy's weights")
    sampler: Literal["langevin", "argmax"] = option("langevin", "chains with noise and memory, or ascent from noise")
    steps: int = option(20, "of a chain in training", minimum=1)
    sampling_steps: int = option(400, "of a chain from noise to a sample: by default as many as a remembered one has "
                                 "had on average, steps / restart; far fewer end before there is anything to see",
                                 minimum=1)
    step: float = option(20.0, "length of a step (lambda): half of it times the gradient", minimum=0)
    noise: Literal["fixed", "matched"] = option("fixed", "of a step: of one deviation, or of variance lambda")
    deviation: float = option(0.005, "of fixed noise (sigma)", minimum=0)
    size: float = option(1.0, "weight of the squared energies (alpha)", minimum=0)
    replay: int = option(10_000, "ends of chains that later ones begin at", minimum=1)
    restart: float = option(0.05, "share of the chains that begin at noise", minimum=0, maximum=1)


class Contrasted(NamedTuple):
    """What the energy learns from: real images and the ends of chains."""

    images: Tensor
    ends: Tensor


@register("ebm", title="Energy-based model", paper="https://arxiv.org/abs/1903.08689", year=2019)
class EBM(Sampler):
    Config = EBMConfig
    config: EBMConfig
    kind = "energy"
    reading = f"{OF_PICTURES} {IN_STEPS}"
    penalises_gradients = True  # a chain has the gradient of a network with respect to its input
    no_graph = "it samples by gradients of its network, which such a file does not compute"
    no_gradient = "a chain keeps nothing of its way, so an image has no gradient in where it begins"

    def __init__(self, config: EBMConfig, data: AnySpec) -> None:
        super().__init__(config, data)
        self.replay = Replay(config.replay, *data.shape)

    def build_generator(self) -> nn.Module:
        """E: (N, C, H, W) -> (N, 1)."""
        return smooth(TrunkWithHead(self.backbone_trunk(self.config.norm)))

    def optimizer_groups(self) -> dict[str, list[nn.Parameter]]:
        return {"energy": list(self.generator.parameters())}

    # ---- chains -----------------------------------------------------------------------------------------------

    @property
    def deviation(self) -> float:
        """Sigma."""
        config = self.config
        if config.sampler == "argmax":
            return 0.0
        return config.step**0.5 if config.noise == "matched" else config.deviation

    @property
    def pixels(self) -> int:
        """Numbers of an image."""
        channels, height, width = self.data.shape
        return channels * height * width

    @property
    def latent_size(self) -> int:
        """The start of a chain and, where it wanders, the noise of each step."""
        wanders = self.config.noise == "matched" and self.deviation
        return self.pixels * (1 + (self.config.sampling_steps if wanders else 0))

    def prior(self, normal: Tensor) -> Tensor:
        """Of the start alone: the noise of a step is normal."""
        start, noise = normal.tensor_split([self.pixels], 1)
        return torch.cat([super().prior(start), noise], 1)

    def moved(self, x: Tensor, noise: Tensor | float) -> Tensor:
        """Equation 1, once: images (N, C, H, W) and standard normals alike."""
        with torch.inference_mode(False), torch.enable_grad():
            x = x.detach().clone().requires_grad_()
            (slope,) = torch.autograd.grad(self.generator(x).sum(), x)
        x = x.detach() - self.config.step / 2 * slope + self.deviation * noise
        return x.clamp(-1, 1) if self.data.bounded else x

    def chain(self, z: Tensor) -> list[Tensor]:
        """The start, and where the chain is after every step, from latents."""
        start, *noise = z.view(len(z), -1, *self.data.shape).unbind(1)
        states = [start]
        for step in range(self.config.sampling_steps):
            states.append(self.moved(states[-1], noise[step] if noise else 0.0))
        return states

    def generate(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        return self.chain(z)[-1]

    def stages_of(self, z: Tensor, labels: Tensor | None = None) -> dict[str, Tensor]:
        """The chain from noise to the image, at some of its steps."""
        states = self.chain(z)
        last = self.config.sampling_steps
        shown = sorted({round(last * (i / (SHOWN - 1)) ** 2) for i in range(SHOWN)})  # it moves most at first
        return {f"step {step}": states[step] for step in shown}

    # ---- training ---------------------------------------------------------------------------------------------

    def training_step(self, batch: Labelled, batch_idx: int) -> None:
        self.optimize("energy", self.energy_loss, Contrasted(batch.images, self.ends(len(batch.images))))
        if self.device.type == "cpu":  # elsewhere looking would wait: it is looked at with every row of the log
            self.check_finite()

    def ends(self, n: int) -> Tensor:
        """(n, C, H, W) at which chains end now; with memory, they are remembered."""
        x = super().prior(self.draw(torch.randn, n, self.pixels)).view(n, *self.data.shape)
        remembers = self.config.sampler == "langevin"
        if remembers:
            x = self.replay.recall(x, self.draw(torch.rand, n, 2), 1 - self.config.restart)
        self.generator.eval()  # a chain is of one energy: the power iteration of spectral norm is left to the step
        for _ in range(self.config.steps):
            x = self.moved(x, self.draw(torch.randn, *x.shape) if self.deviation else 0.0)
        self.generator.train()
        if remembers:
            self.replay.keep(x)
        return x

    def verdicts(self, images: Tensor) -> Tensor:
        return -self.generator(images).flatten()

    def energy_loss(self, batch: Contrasted) -> Terms:
        real, made = self.generator(batch.images), self.generator(batch.ends)
        self.track("energy/largest", torch.maximum(real.detach().abs().amax(), made.detach().abs().amax()))
        return {"real": real.mean(), "fake": -made.mean(),
                "size": self.config.size * (real.square().mean() + made.square().mean())}

    def check_finite(self) -> None:
        """Raises NonFiniteLossError if a term is NaN or infinite, or an energy beyond LARGEST."""
        super().check_finite()
        largest = self.measured.get("energy/largest")
        if largest is not None and largest > LARGEST:
            raise NonFiniteLossError(
                f"{self.variant}: an energy of {largest.item():,.0f} after {self.images_seen:,} images; beyond "
                f"{LARGEST:,.0f} chains run away and training does not come back; {self.last_good()}. A lower "
                "--learning-rate or --step, a larger --size or --norm spectral may help.")

    # ---- shown ------------------------------------------------------------------------------------------------

    @torch.no_grad()
    def density(self, points: Tensor, ema: bool = True) -> Tensor:
        """exp(-E / T) of points (N, C), which add up to 1, (N,): T = sigma^2 / lambda is the temperature of its chains.

        Raises:
            UsageError: chains without noise, whose temperature is 0.
        """
        if not self.deviation or not self.config.step:
            raise UsageError("without noise chains end at peaks, and there is no density: choose --noise matched")
        with self.answering(ema):
            energy = self.generator(self.placed(points).view(-1, *self.data.shape)).flatten().double().cpu()
        return torch.softmax(-energy * self.config.step / self.deviation**2, 0)

    def pictures(self) -> "dict[str, Image.Image]":
        if self.data.shape != (2, 1, 1) or not self.deviation:
            return super().pictures()
        mixture = POINT_SETS[self.data.name]() if self.data.name in POINT_SETS else None
        reach = (mixture.centres if mixture else self.sample(1000, seed=0)).flatten(1).abs().max().item()
        axis = torch.linspace(-1, 1, PIXELS, dtype=torch.float64) * reach * (1 + MARGIN)
        plane = torch.cartesian_prod(-axis, axis).flip(1)  # (x, y) of the pixels, the top row first
        shown = [self.density(plane), *([mixture.density(plane)] if mixture else [])]
        maps = torch.stack([x.view(1, PIXELS, PIXELS) / x.max() for x in shown]).sqrt()  # so that the faint is seen
        return {"density.png": grid(maps.float(), len(maps))}

    def captions(self) -> dict[str, tuple[str, str]]:
        return super().captions() | {"density.png": DENSITY}


def smooth(network: nn.Module) -> nn.Module:
    """The network with SiLU in place of rectifiers."""
    for module in list(network.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, nn.ReLU | nn.LeakyReLU):
                setattr(module, name, nn.SiLU())
    return network
