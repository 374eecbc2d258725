"""Times the zoo against a plain reference that does the same, in one run on this machine.

    python scripts/benchmark.py train --variant dcgan
    python scripts/benchmark.py train --variant gan --backbone mlp --data-loading memory
    python scripts/benchmark.py sample
    python scripts/benchmark.py data
    python scripts/benchmark.py evaluate --features mnist
"""

import os
import shlex
import tempfile
from collections.abc import Iterator
from types import SimpleNamespace

import torch
import torch.nn.functional as F
from lightning.pytorch.callbacks import Callback
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

import zoo
from zoo import cli
from zoo.benchmark import Comparison, Meter, compare
from zoo.data.module import DataModule
from zoo.data.sources import open_source
from zoo.data.spec import DataSpec
from zoo.errors import UsageError
from zoo.training import Run, Training

WARM_UP = 10  # batches before the clock starts
DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")


# ---- training --------------------------------------------------------------------------------------------------------

class Clock(Callback):
    """Starts a meter after the warm-up and stops it after the last batch."""

    def __init__(self, meter: Meter, batches: int) -> None:
        self.meter, self.batches = meter, batches

    def on_train_batch_end(self, trainer, model, outputs, batch, batch_idx) -> None:
        if batch_idx + 1 == WARM_UP:
            self.meter.start()
        if batch_idx + 1 == WARM_UP + self.batches:
            self.meter.stop()


class Pictures(Dataset):
    """Images as tutorials read them: one PIL image at a time, through transforms."""

    def __init__(self, images: Tensor, size: int) -> None:
        self.images = [transforms.functional.to_pil_image(image) for image in images]
        self.transform = transforms.Compose([transforms.Resize(size), transforms.ToTensor(),
                                             transforms.Normalize([0.5], [0.5])])

    def __getitem__(self, row: int) -> Tensor:
        return self.transform(self.images[row])

    def __len__(self) -> int:
        return len(self.images)


def endless(loader: DataLoader) -> Iterator[Tensor]:
    while True:
        yield from loader


def bare_batches(how: str, size: int, batch_size: int, device: torch.device) -> Iterator[Tensor]:
    """Floats (N, C, H, W) in [-1, 1]: from a DataLoader as in tutorials, or out of memory."""
    images, _ = open_source("digits", image_size=size).load()
    if how == "tutorial":
        loader = DataLoader(Pictures(images, size), batch_size, shuffle=True, drop_last=True, num_workers=2)
        yield from (batch.to(device) for batch in endless(loader))
    ready = (images.float() / 127.5 - 1).to(device)
    while True:
        for rows in torch.randperm(len(ready), device=device).split(batch_size)[:-1]:
            yield ready[rows]


def bare_steps(model: zoo.GenerativeModule, batches: Iterator[Tensor], count: int, meter: Meter) -> None:
    """The alternating update of gan, dcgan and wgan-gp as one would write it for one of them alone."""
    generator, discriminator, config = model.generator, model.discriminator, model.config
    betas = (config.beta1, config.beta2)
    of_g, of_d = (torch.optim.Adam(net.parameters(), config.learning_rate, betas) for net in (generator, discriminator))
    device = next(generator.parameters()).device

    def latent(n: int) -> Tensor:
        return torch.randn(n, config.latent_dim, device=device)

    for step in range(1, WARM_UP + count + 1):
        real = next(batches)
        fake = generator(latent(len(real))).detach()
        if model.variant == "wgan-gp":
            middle = torch.lerp(fake, real, torch.rand(len(real), 1, 1, 1, device=device)).requires_grad_()
            slope, = torch.autograd.grad(discriminator(middle).sum(), middle, create_graph=True)
            penalty = (slope.flatten(1).norm(dim=1) - 1).square().mean()
            loss = discriminator(fake).mean() - discriminator(real).mean() + config.penalty * penalty
        else:
            loss = F.softplus(-discriminator(real)).mean() + F.softplus(discriminator(fake)).mean()
        of_d.zero_grad()
        loss.backward()
        of_d.step()
        if step % config.critic_steps == 0:
            on_fake = discriminator(generator(latent(len(real))))
            loss = {"wgan-gp": lambda x: -x.mean(), "gan": lambda x: -F.softplus(x).mean(),
                    "dcgan": lambda x: F.softplus(-x).mean()}[model.variant](on_fake)
            of_g.zero_grad()
            loss.backward()
            of_g.step()
        if step == WARM_UP:
            meter.start()
    meter.stop()


def train(options) -> Comparison:
    """A run of the zoo, with its averaged weights, log and watchers, against the bare loop."""
    if options.variant not in ("gan", "dcgan", "wgan-gp"):
        raise UsageError(f"the bare loop is written for gan, dcgan and wgan-gp, not for {options.variant}")
    config = {"width": options.width, "backbone": options.backbone}
    batches, size = options.batches, options.image_size
    total = (WARM_UP + batches) * options.batch_size
    training = Training(image_size=size, images=total, batch_size=options.batch_size, samples_every=10 * total,
                        checkpoint_every=10 * total)

    def ours(meter: Meter) -> None:
        with tempfile.TemporaryDirectory() as folder:
            run = Run(options.variant, config, training, folder)
            run.more_callbacks = [Clock(meter, batches)]
            run.train()

    def reference(meter: Meter) -> None:
        model = zoo.create(options.variant, image_size=size, **config)
        data = bare_batches(options.data_loading, size, options.batch_size, DEVICE)
        bare_steps(model.to(DEVICE), data, batches, meter)

    return compare(ours, reference, options.pairs)


# ---- sampling and data -----------------------------------------------------------------------------------------------

def sample(options) -> Comparison:
    """``sample`` of so many images, which come checked, in [0, 1] and on the CPU, against calls of the network."""
    model = zoo.create(options.variant, image_size=options.image_size, width=options.width, backbone=options.backbone)
    model = model.to(DEVICE).eval()

    def ours(meter: Meter) -> None:
        meter.start()
        model.sample(options.samples, seed=0)
        meter.stop()

    @torch.inference_mode()
    def reference(meter: Meter) -> None:
        meter.start()
        parts = [model.generator(torch.randn(len(rows), model.latent_size, device=DEVICE)).cpu()
                 for rows in torch.arange(options.samples).split(256)]
        torch.cat(parts)
        meter.stop()

    return compare(ours, reference, options.pairs)


def data(options) -> Comparison:
    """Batches of the zoo's data module against a DataLoader of PIL images with two workers, as in tutorials."""
    model = zoo.create(options.variant, image_size=options.image_size)

    def ours(meter: Meter) -> None:
        module = DataModule(open_source("digits", image_size=options.image_size), options.batch_size)
        module.trainer = SimpleNamespace(world_size=1, lightning_module=model,
                                         strategy=SimpleNamespace(root_device=torch.device("cpu")))
        module.setup("fit")
        batches = iter(module.train_dataloader())
        take((model.on_after_batch_transfer(batch, 0) for batch in batches), options.batches, meter)

    def reference(meter: Meter) -> None:
        batches = bare_batches("tutorial", options.image_size, options.batch_size, torch.device("cpu"))
        take(batches, options.batches, meter)

    return compare(ours, reference, options.pairs)


def take(batches: Iterator, count: int, meter: Meter) -> None:
    for _ in range(WARM_UP):
        next(batches)
    meter.start()
    for _ in range(count):
        next(batches)
    meter.stop()


# ---- evaluation ------------------------------------------------------------------------------------------------------

class Bare(Dataset):
    """Images in memory, as torch-fidelity takes them."""

    def __init__(self, images: Tensor) -> None:
        self.images = images.expand(-1, 3, -1, -1)

    def __getitem__(self, row: int) -> Tensor:
        return self.images[row]

    def __len__(self) -> int:
        return len(self.images)


def evaluate(options) -> Comparison:
    """The evaluation of images in memory, nothing cached, against torch-fidelity's own of the same images."""
    from torch_fidelity import calculate_metrics

    from zoo.metrics.evaluation import distances
    from zoo.metrics.features import feature_space
    from zoo.metrics.real import join, real_side

    samples, space = options.samples, feature_space(options.features)
    space.extractor.to(DEVICE)
    network = space.classifier
    shape = (network.channels, network.image_size, network.image_size) if network else (3, 32, 32)
    fake, real = (torch.randint(0, 256, (samples, *shape), dtype=torch.uint8) for _ in range(2))
    spec = DataSpec(name="noise", image_size=shape[1], channels=shape[0], images=samples)
    source = SimpleNamespace(spec=spec, prepare=lambda: None, load=lambda: (real, torch.zeros(samples)))

    def ours(meter: Meter) -> None:
        with tempfile.TemporaryDirectory() as cache:
            os.environ["ZOO_CACHE"] = cache
            meter.start()
            truth = real_side(source, space, samples, 256, DEVICE)
            generated = join([space.extract(batch.to(DEVICE)) for batch in fake.split(256)])
            distances(generated, truth.features, space)
            meter.stop()

    def reference(meter: Meter) -> None:
        extractor = f"zoo-{options.features}" if network else "inception-v3-compat"
        meter.start()
        calculate_metrics(input1=Bare(fake), input2=Bare(real), isc=True, fid=True, kid=True, prc=True, batch_size=256,
                          feature_extractor=extractor, cuda=DEVICE.type == "cuda", cache=False, verbose=False)
        meter.stop()

    return compare(ours, reference, options.pairs)


BENCHMARKS = {"train": train, "sample": sample, "data": data, "evaluate": evaluate}


def main(arguments: list[str]) -> None:
    parser = cli.Parser("Time the zoo against a plain reference that does the same. Leave the machine to it.")
    parser.add_argument("what", choices=BENCHMARKS, help="what to time")
    parser.add_argument("--variant", default="dcgan", help="of training and sampling (default: %(default)s)")
    parser.add_argument("--backbone", default="dcgan", help="(default: %(default)s)")
    parser.add_argument("--width", type=int, default=64, help="(default: %(default)s)")
    parser.add_argument("--image-size", type=int, default=32, metavar="N", help="pixels (default: %(default)s)")
    parser.add_argument("--batch-size", type=int, default=64, metavar="N", help="(default: %(default)s)")
    parser.add_argument("--batches", type=int, default=50, metavar="N", help="of training and data (default: 50)")
    parser.add_argument("--data-loading", default="tutorial", choices=["tutorial", "memory"],
                        help="of the bare loop: PIL images by two workers, or floats in memory (default: %(default)s)")
    parser.add_argument("--features", default="mnist", help="feature space (default: %(default)s)")
    parser.add_argument("--samples", type=cli.count, default=10_000, help="images to draw or measure (default: 10k)")
    parser.add_argument("--pairs", type=int, default=5, help="measurements of each (default: %(default)s)")
    options = parser.parse_args(arguments)
    print(f"{shlex.join([options.what, *arguments[1:]])}: {BENCHMARKS[options.what](options)}")


if __name__ == "__main__":
    cli.run(main)
