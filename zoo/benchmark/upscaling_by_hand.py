"""The reference of srgan: the step of its second stage as one would write it, in plain torch, on the zoo's own networks
and features."""

from argparse import Namespace

import torch.nn.functional as F
from torch import Tensor

from zoo.benchmark.by_hand import DEVICE, adam, batches, steps
from zoo.benchmark.measure import Meter
from zoo.core.errors import UsageError
from zoo.features.perceptual import PerceptualDistance
from zoo.networks.srgan import SRDiscriminator, SRResNet

FACTOR, BLOCKS, JUDGE = 4, 4, 16
ADAM = (1e-4, (0.9, 0.999))
ADVERSARIAL, PERCEPTUAL = 1e-3, 0.05


class Loop:
    """Networks and optimizers."""

    def __init__(self, options: Namespace) -> None:
        self.generator = SRResNet(1, options.width, BLOCKS, FACTOR, "batch").to(DEVICE)
        self.discriminator = SRDiscriminator(1, options.image_size, JUDGE, "batch").to(DEVICE)
        self.of_g, self.of_d = (adam([network], *ADAM, options) for network in (self.generator, self.discriminator))
        self.distance = PerceptualDistance("cifar10")

    def step(self, target: Tensor) -> None:
        small = F.interpolate(target, scale_factor=1 / FACTOR, mode="bicubic", antialias=True)
        source = ((small + 1) * 127.5).round().clamp(0, 255) / 127.5 - 1
        made = self.generator(source)
        self.of_d.zero_grad()
        on_real, on_made = self.discriminator(target), self.discriminator(made.detach())
        (F.softplus(-on_real).mean() + F.softplus(on_made).mean()).backward()
        self.of_d.step()
        self.discriminator.requires_grad_(False)
        self.of_g.zero_grad()
        (PERCEPTUAL * self.distance(made, target).mean() + F.mse_loss(made, target)
         + ADVERSARIAL * F.softplus(-self.discriminator(made)).mean()).backward()
        self.of_g.step()
        self.discriminator.requires_grad_(True)


def check(options: Namespace) -> None:
    """Raises UsageError for a size that small pictures cannot be made of."""
    if options.image_size % FACTOR:
        raise UsageError(f"srgan makes pictures of a multiple of {FACTOR} pixels, not {options.image_size}")


def train(options: Namespace, meter: Meter) -> None:
    loop = Loop(options)
    stream = batches(options.data_loading, options.image_size, options.batch_size)
    steps(lambda number: loop.step(next(stream)[0]), options, meter)
