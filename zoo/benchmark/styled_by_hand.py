"""The reference of stylegan2: its step as one would write it for one model, in plain torch, on the zoo's own networks.

Of both players an update on every batch, of the discriminator one more on R1 every 16, of the generator one more on the
path lengths every 4 of half a batch; averaged weights after each of the generator's.
"""

import copy
from argparse import Namespace

import torch
import torch.nn.functional as F
from torch import Tensor

from zoo.benchmark.by_hand import DEVICE, adam, batches, steps
from zoo.benchmark.measure import Meter
from zoo.core.errors import UsageError
from zoo.data.pyramid import sides
from zoo.networks.progressive import COARSEST
from zoo.networks.stylegan2 import StyleDiscriminator, StyleGenerator

LATENT, LAYERS, GROUP = 128, 4, 4
R1, R1_EVERY, PATH, PATH_EVERY = 0.05, 16, 2.0, 4
MIXING, RATE = 0.9, 2e-3


class Loop:
    """Networks, optimizers and averages."""

    def __init__(self, options: Namespace) -> None:
        size, width = options.image_size, options.width
        levels = sides(size, COARSEST)
        self.size = size
        self.generator = StyleGenerator(LATENT, 1, levels, width, LAYERS).to(DEVICE)
        self.discriminator = StyleDiscriminator(1, levels, width, GROUP).to(DEVICE)
        self.average = copy.deepcopy(self.generator).requires_grad_(False)
        self.of_g, self.of_d = (
            adam([network], RATE * every / (every + 1), (0.0, 0.99 ** (every / (every + 1))), options)
            for network, every in ((self.generator, PATH_EVERY), (self.discriminator, R1_EVERY)))
        self.mean_path = torch.zeros((), device=DEVICE)

    def styles(self, n: int) -> Tensor:
        """Of n images, mixed."""
        first, second = (self.generator.mapping(torch.randn(n, LATENT, device=DEVICE)) for _ in range(2))
        layers = self.generator.layers
        self.generator.centre.lerp_(first.detach().mean(0), 0.005)
        since = int(torch.randint(1, layers, ())) if torch.rand(()) < MIXING else layers
        return torch.stack([first] * since + [second] * (layers - since), 1)

    def made(self, w: Tensor) -> Tensor:
        return self.generator.synthesise(w, torch.randn(len(w), self.generator.noise_size, device=DEVICE))

    def step(self, number: int, real: Tensor) -> None:
        """One batch, the ``number``-th from 1."""
        n = len(real)
        with torch.no_grad():
            fake = self.made(self.styles(n))
        self._update(self.of_d, F.softplus(-self.discriminator(real)).mean() + F.softplus(
            self.discriminator(fake)).mean())
        if number % R1_EVERY == 0:
            real = real.clone().requires_grad_()
            slope, = torch.autograd.grad(self.discriminator(real).sum(), real, create_graph=True)
            self._update(self.of_d, R1_EVERY * R1 / 2 * slope.square().sum((1, 2, 3)).mean())
        self.discriminator.requires_grad_(False)
        self._update(self.of_g, F.softplus(-self.discriminator(self.made(self.styles(n)))).mean())
        self.discriminator.requires_grad_(True)
        if number % PATH_EVERY == 0:
            w = self.styles(max(n // 2, 1))
            image = self.made(w)
            slope, = torch.autograd.grad((image * torch.randn_like(image)).sum() / self.size, w, create_graph=True)
            lengths = (slope.square().sum(2).mean(1) + 1e-8).sqrt()
            self.mean_path.lerp_(lengths.detach().mean(), 0.01)
            self._update(self.of_g, PATH_EVERY * PATH * (lengths - self.mean_path).square().mean())
        with torch.no_grad():
            for mine, other in zip(self.average.parameters(), self.generator.parameters(), strict=True):
                mine.lerp_(other, 0.001)

    @staticmethod
    def _update(optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def check(options: Namespace) -> None:
    """Raises UsageError for a batch that cannot be compared in groups, or a size that there are no levels for."""
    sides(options.image_size, COARSEST)
    if options.batch_size % GROUP:
        raise UsageError(f"stylegan2 takes batches that are multiples of {GROUP}, not {options.batch_size}")


def train(options: Namespace, meter: Meter) -> None:
    loop = Loop(options)
    stream = batches(options.data_loading, options.image_size, options.batch_size)
    steps(lambda number: loop.step(number, next(stream)[0]), options, meter)
