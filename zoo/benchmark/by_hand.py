"""The references: what one would write for a single model without the zoo, in plain torch and as in tutorials.

Where options say ``engineered`` they do what a good engineer would besides: a fused Adam, and weights of convolutions
with the channels last. Of the zoo they take the images alone, so that a process that runs one holds neither the zoo's
models nor Lightning.
"""

from argparse import Namespace
from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from zoo.benchmark.measure import WARM_UP, Meter, take
from zoo.core.errors import UsageError

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
LATENT = 100
CLASSES = 10
SIZES = (16, 32, 64, 128)  # of dcgan, in pixels


# ---- networks --------------------------------------------------------------------------------------------------------

def initial(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0.0, 0.02)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)


def dcgan_generator(size: int, channels: int, width: int, latent_size: int = LATENT) -> nn.Sequential:
    """(N, 100) -> (N, C, size, size) in [-1, 1], for a size of SIZES."""
    inside = width * min(size // 8, 8)
    layers = [nn.Unflatten(1, (latent_size, 1, 1)), nn.ConvTranspose2d(latent_size, inside, 4, bias=False),
              nn.BatchNorm2d(inside), nn.ReLU()]
    while size > 8:
        size, outside = size // 2, width * min(size // 16, 8)
        layers += [nn.ConvTranspose2d(inside, outside, 4, 2, 1, bias=False), nn.BatchNorm2d(outside), nn.ReLU()]
        inside = outside
    return nn.Sequential(*layers, nn.ConvTranspose2d(inside, channels, 4, 2, 1), nn.Tanh()).apply(initial)


def dcgan_discriminator(size: int, channels: int, width: int, normalised: bool) -> nn.Sequential:
    """(N, C, size, size) -> (N, 1)."""
    layers, outside = [nn.Conv2d(channels, width, 4, 2, 1), nn.LeakyReLU(0.2)], width
    while size > 8:
        size, inside = size // 2, min(2 * outside, 8 * width)
        layers += [nn.Conv2d(outside, inside, 4, 2, 1, bias=not normalised),
                   *([nn.BatchNorm2d(inside)] if normalised else []), nn.LeakyReLU(0.2)]
        outside = inside
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(16 * outside, 1)).apply(initial)


def mlp_generator(size: int, channels: int, width: int, latent_size: int = LATENT) -> nn.Sequential:
    hidden = 8 * width
    return nn.Sequential(
        nn.Linear(latent_size, hidden), nn.LeakyReLU(0.2), nn.Linear(hidden, hidden), nn.LeakyReLU(0.2),
        nn.Linear(hidden, channels * size**2), nn.Unflatten(1, (channels, size, size)), nn.Tanh())


def mlp_discriminator(size: int, channels: int, width: int, normalised: bool) -> nn.Sequential:
    hidden = 8 * width
    return nn.Sequential(
        nn.Flatten(), nn.Linear(channels * size**2, hidden), nn.LeakyReLU(0.2), nn.Linear(hidden, hidden),
        *([nn.BatchNorm1d(hidden)] if normalised else []), nn.LeakyReLU(0.2), nn.Linear(hidden, 1))


NETWORKS = {"dcgan": (dcgan_generator, dcgan_discriminator), "mlp": (mlp_generator, mlp_discriminator)}


def networks(options: Namespace) -> tuple[nn.Sequential, nn.Sequential]:
    """The pair that the zoo would train with these options."""
    build_generator, build_discriminator = NETWORKS[options.backbone]
    size, width = options.image_size, options.width
    normalised, told = options.variant in ("dcgan", "cgan"), CLASSES if options.variant == "cgan" else 0
    return (build_generator(size, 1, width, LATENT + told).to(DEVICE),
            build_discriminator(size, 1 + told, width, normalised).to(DEVICE))


def adam(networks: list[nn.Module], rate: float, betas: tuple[float, float], options: Namespace) -> torch.optim.Adam:
    """Of networks, which are put in order where they are ``engineered``."""
    if options.engineered:
        for network in networks:
            network.to(memory_format=torch.channels_last)
    parameters = [p for network in networks for p in network.parameters()]
    return torch.optim.Adam(parameters, rate, betas, fused=options.engineered or None)


# ---- data ------------------------------------------------------------------------------------------------------------

class Pictures(Dataset):
    """Images as tutorials read them: one PIL image at a time, through transforms. As many as MNIST, in repetition."""

    def __init__(self, images: Tensor, labels: Tensor, size: int) -> None:
        from torchvision import transforms  # a loop over images in memory does without

        self.images, self.labels = [transforms.functional.to_pil_image(image) for image in images], labels.tolist()
        self.transform = transforms.Compose([transforms.Resize(size), transforms.ToTensor(),
                                             transforms.Normalize([0.5], [0.5])])

    def __getitem__(self, row: int) -> tuple[Tensor, int]:
        row %= len(self.images)
        return self.transform(self.images[row]), self.labels[row]

    def __len__(self) -> int:
        return 60_000


def batches(how: str, size: int, batch_size: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Floats (N, 1, size, size) in [-1, 1] and classes: from a DataLoader as in tutorials, or out of memory."""
    from zoo.data.sources import open_source  # it imports torchvision, and ``load`` does without

    columns = open_source("digits", image_size=size).load()
    images, labels = columns.truth, columns.labels
    if how == "tutorial":
        loader = DataLoader(Pictures(images, labels, size), batch_size, shuffle=True, drop_last=True, num_workers=2)
        while True:
            yield from ((real.to(DEVICE), classes.to(DEVICE)) for real, classes in loader)
    ready, classes = (images.float() / 127.5 - 1).to(DEVICE), labels.to(DEVICE)
    while True:
        for rows in torch.randperm(len(ready), device=DEVICE).split(batch_size)[:-1]:
            yield ready[rows], classes[rows]


def data(options: Namespace, meter: Meter) -> None:
    take(batches("tutorial", options.image_size, options.batch_size), options.batches, meter)


# ---- training and sampling -------------------------------------------------------------------------------------------

def steps(step: Callable[[int], None], options: Namespace, meter: Meter) -> None:
    """Calls ``step`` with numbers from 1, and times those after the warm-up."""
    for number in range(1, WARM_UP + options.batches + 1):
        step(number)
        if number == WARM_UP:
            meter.start()
    meter.stop()


def with_classes(x: Tensor, labels: Tensor) -> Tensor:
    """Latents (N, L), or images (N, C, H, W), and ten numbers or planes more that tell a class."""
    told = F.one_hot(labels, CLASSES).to(x.dtype)
    return torch.cat([x, told if x.dim() == 2 else told[:, :, None, None].expand(-1, -1, *x.shape[2:])], 1)


def latent(n: int, variant: str) -> Tensor:
    return torch.rand(n, LATENT, device=DEVICE) * 2 - 1 if variant == "dcgan" else torch.randn(n, LATENT, device=DEVICE)


def discriminator_loss(variant: str, discriminator: nn.Module, real: Tensor, fake: Tensor) -> Tensor:
    if variant != "wgan-gp":
        return F.softplus(-discriminator(real)).mean() + F.softplus(discriminator(fake)).mean()
    middle = torch.lerp(fake, real, torch.rand(len(real), 1, 1, 1, device=DEVICE)).requires_grad_()
    slope, = torch.autograd.grad(discriminator(middle).sum(), middle, create_graph=True)
    penalty = (slope.flatten(1).norm(dim=1) - 1).square().mean()
    return discriminator(fake).mean() - discriminator(real).mean() + 10 * penalty


GENERATOR_LOSS = {"wgan-gp": lambda x: -x.mean(), "gan": lambda x: -F.softplus(x).mean(),
                  **dict.fromkeys(("dcgan", "cgan"), lambda x: F.softplus(-x).mean())}


def schedule(variant: str) -> tuple[int, float, tuple[float, float]]:
    """Discriminator's steps to one of the generator's, and learning rate and betas of Adam."""
    return (5, 1e-4, (0.0, 0.9)) if variant == "wgan-gp" else (1, 2e-4, (0.5, 0.999))


def check(options: Namespace) -> None:
    """Raises UsageError for a model that is not written here."""
    if options.backbone == "dcgan" and options.image_size not in SIZES:
        raise UsageError(f"the references are written for images of {', '.join(map(str, SIZES))} pixels, not "
                         f"{options.image_size}")
    if options.variant not in GENERATOR_LOSS or options.backbone not in NETWORKS:
        raise UsageError(f"the references are written for {', '.join(GENERATOR_LOSS)} with the backbones "
                         f"{' and '.join(NETWORKS)}, and of training for pix2pix, cyclegan, srgan, stylegan2 and "
                         f"lstm, not for {options.variant} with {options.backbone}")


def train(options: Namespace, meter: Meter) -> None:
    """The alternating update of gan, dcgan, cgan and wgan-gp, by hand: as in most code G is corrected at the fakes that
    D was shown."""
    variant = options.variant
    critic_steps, rate, betas = schedule(variant)
    generator, discriminator = networks(options)
    of_g, of_d = (adam([network], rate, betas, options) for network in (generator, discriminator))
    stream = batches(options.data_loading, options.image_size, options.batch_size)

    def step(number: int) -> None:
        real, labels = next(stream)
        told = (lambda x: with_classes(x, labels)) if variant == "cgan" else (lambda x: x)
        due = number % critic_steps == 0
        with torch.set_grad_enabled(due):
            fake = generator(told(latent(len(real), variant)))
        of_d.zero_grad()
        discriminator_loss(variant, discriminator, told(real), told(fake.detach())).backward()
        of_d.step()
        if due:
            of_g.zero_grad()
            GENERATOR_LOSS[variant](discriminator(told(fake))).backward()
            of_g.step()

    steps(step, options, meter)


@torch.inference_mode()
def sample(options: Namespace, meter: Meter) -> None:
    """Calls of the network on batches of 256."""
    generator = networks(options)[0].eval()
    meter.start()
    parts = [generator(latent(len(rows), options.variant)).cpu() for rows in torch.arange(options.samples).split(256)]
    torch.cat(parts)
    meter.stop()
