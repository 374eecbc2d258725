"""The references of pix2pix and cyclegan: the loops that one would write for one of them, in plain torch.

As in ``by_hand``: networks of the same shapes as the zoo's, and what tutorials do about them. Of the zoo they take the
images alone.
"""

from argparse import Namespace
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zoo.benchmark.by_hand import DEVICE, adam, batches, initial, steps
from zoo.benchmark.measure import Meter
from zoo.core.errors import UsageError

POOL = 50
ENLARGED = 286 / 256
ADAM = (2e-4, (0.5, 0.999))


# ---- networks --------------------------------------------------------------------------------------------------------

class Level(nn.Module):
    """A halving, what lies within, and a doubling, beside the input: the U-Net of tutorials, from the outside in."""

    def __init__(self, outer: int, inner: int, within: nn.Module | None, dropout: bool) -> None:
        super().__init__()
        down: list[nn.Module] = [nn.LeakyReLU(0.2), nn.Conv2d(outer, inner, 4, 2, 1, bias=within is None)]
        if within is not None:
            down += [nn.InstanceNorm2d(inner), within]
        twice = inner if within is None else 2 * inner
        up: list[nn.Module] = [nn.ReLU(), nn.ConvTranspose2d(twice, outer, 4, 2, 1, bias=False),
                               nn.InstanceNorm2d(outer)]
        self.layers = nn.Sequential(*down, *up, *([nn.Dropout2d(0.5)] if dropout else []))

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x, self.layers(x)], 1)


def unet(source_channels: int, channels: int, size: int, width: int) -> nn.Sequential:
    """(N, Cs, size, size) -> (N, C, size, size) in [-1, 1]."""
    halvings = size.bit_length() - 1
    hidden = [width * min(2**layer, 8) for layer in range(halvings)]
    level: Level | None = None
    for depth in range(halvings - 1, 0, -1):
        level = Level(hidden[depth - 1], hidden[depth], level, dropout=depth > halvings - 4)
    assert level is not None  # of two halvings or more
    return nn.Sequential(nn.Conv2d(source_channels, width, 4, 2, 1), level, nn.ReLU(),
                         nn.ConvTranspose2d(2 * width, channels, 4, 2, 1), nn.Tanh()).apply(initial)


class Block(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.ReflectionPad2d(1), nn.Conv2d(channels, channels, 3, bias=False), nn.InstanceNorm2d(channels), nn.ReLU(),
            nn.ReflectionPad2d(1), nn.Conv2d(channels, channels, 3, bias=False), nn.InstanceNorm2d(channels))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x)


def resnet(channels: int, width: int, blocks: int = 6) -> nn.Sequential:
    """(N, C, H, W) -> the same, in [-1, 1]."""
    def normalised(layer: nn.Conv2d | nn.ConvTranspose2d) -> list[nn.Module]:
        return [layer, nn.InstanceNorm2d(layer.out_channels), nn.ReLU()]

    return nn.Sequential(
        nn.ReflectionPad2d(3), *normalised(nn.Conv2d(channels, width, 7, bias=False)),
        *normalised(nn.Conv2d(width, 2 * width, 3, 2, 1, bias=False)),
        *normalised(nn.Conv2d(2 * width, 4 * width, 3, 2, 1, bias=False)),
        *[Block(4 * width) for _ in range(blocks)],
        *normalised(nn.ConvTranspose2d(4 * width, 2 * width, 3, 2, 1, output_padding=1, bias=False)),
        *normalised(nn.ConvTranspose2d(2 * width, width, 3, 2, 1, output_padding=1, bias=False)),
        nn.ReflectionPad2d(3), nn.Conv2d(width, channels, 7), nn.Tanh()).apply(initial)


def patch_discriminator(channels: int, size: int, width: int) -> nn.Sequential:
    """(N, C, size, size) -> logits of patches (N, 1, h, w), as high as the zoo's are by default."""
    strided = min(max(size.bit_length() - 5, 1), 3)
    layers: list[nn.Module] = [nn.Conv2d(channels, width, 4, 2, 1), nn.LeakyReLU(0.2)]
    for layer in range(1, strided + 1):
        outer, inner = (width * min(2**number, 8) for number in (layer - 1, layer))
        layers += [nn.Conv2d(outer, inner, 4, 2 if layer < strided else 1, 1, bias=False), nn.InstanceNorm2d(inner),
                   nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers, nn.Conv2d(inner, 1, 4, 1, 1)).apply(initial)


# ---- training --------------------------------------------------------------------------------------------------------

def jittered(images: Tensor) -> Tensor:
    """Each picture enlarged, cut back at a place of its own, mirrored or not: as transforms do, one by one."""
    size = images.shape[2]
    large = F.interpolate(images, (round(size * ENLARGED),) * 2, mode="bicubic").clamp(-1, 1)
    pieces = []
    for picture in large:
        top, left = (int(torch.randint(large.shape[2] - size + 1, ())) for _ in range(2))
        piece = picture[:, top:top + size, left:left + size]
        pieces.append(piece.flip(2) if torch.rand(()) < 0.5 else piece)
    return torch.stack(pieces)


def frozen(networks: list[nn.Module], still: bool) -> None:
    for network in networks:
        network.requires_grad_(not still)


def edges(images: Tensor) -> Tensor:
    """Black where Sobel's gradient is a fifth of a full step or more."""
    kernel = torch.tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]], device=images.device) / 8
    slopes = F.conv2d(F.pad(images, (1, 1, 1, 1), mode="replicate"), torch.stack([kernel, kernel.T])[:, None])
    return 1 - 2 * (slopes.norm(dim=1, keepdim=True) >= 0.2).float()


class Pix2Pix:
    """On edges and pictures."""

    def __init__(self, options: Namespace) -> None:
        size, width = options.image_size, options.width
        self.generator = unet(1, 1, size, width).to(DEVICE)
        self.discriminator = patch_discriminator(2, size, width).to(DEVICE)
        self.of_g, self.of_d = (adam([network], *ADAM, options) for network in (self.generator, self.discriminator))

    def step(self, stream: Iterator[Tensor]) -> None:
        target = jittered(next(stream))
        source = edges(target)
        fake = self.generator(source)
        self.of_d.zero_grad()
        on_real = self.discriminator(torch.cat([source, target], 1))
        on_fake = self.discriminator(torch.cat([source, fake.detach()], 1))
        (0.5 * (F.softplus(-on_real).mean() + F.softplus(on_fake).mean())).backward()
        self.of_d.step()
        frozen([self.discriminator], True)
        self.of_g.zero_grad()
        judged = self.discriminator(torch.cat([source, fake], 1))
        (F.softplus(-judged).mean() + 100 * F.l1_loss(fake, target)).backward()
        self.of_g.step()
        frozen([self.discriminator], False)


class CycleGAN:
    """On pictures of one set, twice."""

    def __init__(self, options: Namespace) -> None:
        size, width = options.image_size, options.width
        self.there, self.back = (resnet(1, width).to(DEVICE) for _ in range(2))
        self.of_a, self.of_b = (patch_discriminator(1, size, width).to(DEVICE) for _ in range(2))
        self.by_g = adam([self.there, self.back], *ADAM, options)
        self.by_d = adam([self.of_a, self.of_b], *ADAM, options)
        self.pools: tuple[list[Tensor], list[Tensor]] = ([], [])

    def step(self, stream: Iterator[Tensor]) -> None:
        a, b = jittered(next(stream)), jittered(next(stream))
        frozen([self.of_a, self.of_b], True)
        self.by_g.zero_grad()
        made_b, made_a = self.there(a), self.back(b)
        cycle = F.l1_loss(self.back(made_b), a) + F.l1_loss(self.there(made_a), b)
        ((self.of_b(made_b) - 1).square().mean() + (self.of_a(made_a) - 1).square().mean() + 10 * cycle).backward()
        self.by_g.step()
        frozen([self.of_a, self.of_b], False)
        self.by_d.zero_grad()
        for judge, real, made, pool in ((self.of_a, a, made_a, self.pools[0]), (self.of_b, b, made_b, self.pools[1])):
            old = self._exchanged(made.detach(), pool)
            (0.5 * ((judge(real) - 1).square().mean() + judge(old).square().mean())).backward()
        self.by_d.step()

    @staticmethod
    def _exchanged(made: Tensor, pool: list[Tensor]) -> Tensor:
        given = []
        for picture in made:
            if len(pool) < POOL:
                pool.append(picture)
            elif torch.rand(()) < 0.5:
                row = int(torch.randint(POOL, ()))
                pool[row], picture = picture, pool[row]
            given.append(picture)
        return torch.stack(given)


LOOPS: dict[str, type[Pix2Pix] | type[CycleGAN]] = {"pix2pix": Pix2Pix, "cyclegan": CycleGAN}


def check(options: Namespace) -> None:
    """Raises UsageError for a model that is not written here, or a size that the U-Net cannot take."""
    if options.variant not in LOOPS:
        raise UsageError(f"the references are written for {' and '.join(LOOPS)}, not for {options.variant}")
    size = options.image_size
    if size < 16 or size & (size - 1):
        raise UsageError(f"the references are written for images of 16, 32, 64, 128, 256, ... pixels, not {size}")


def train(options: Namespace, meter: Meter) -> None:
    model = LOOPS[options.variant](options)
    stream = (images for images, _ in batches(options.data_loading, options.image_size, options.batch_size))
    steps(lambda number: model.step(stream), options, meter)


@torch.inference_mode()
def translate(options: Namespace, meter: Meter) -> None:
    """Calls of the generator on batches of 256 pictures, with dropout on where there is any."""
    model = LOOPS[options.variant](options)
    generator = model.generator if isinstance(model, Pix2Pix) else model.there
    pictures = torch.rand(options.samples, 1, options.image_size, options.image_size)
    meter.start()
    torch.cat([(generator(part.to(DEVICE) * 2 - 1) / 2 + 0.5).cpu() for part in pictures.split(256)])
    meter.stop()
