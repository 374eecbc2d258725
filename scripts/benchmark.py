"""Times the zoo against a plain reference that does the same, in one run on this machine.

    python scripts/benchmark.py evaluate --features mnist
"""

import os
import tempfile
from types import SimpleNamespace

import torch
from torch import Tensor
from torch.utils.data import Dataset
from torch_fidelity import calculate_metrics

from zoo import cli
from zoo.benchmark import Comparison, compare
from zoo.data.spec import DataSpec
from zoo.metrics.evaluation import distances
from zoo.metrics.features import feature_space
from zoo.metrics.real import join, real_side


class Bare(Dataset):
    """Images in memory, as torch-fidelity takes them."""

    def __init__(self, images: Tensor) -> None:
        self.images = images.expand(-1, 3, -1, -1)

    def __getitem__(self, row: int) -> Tensor:
        return self.images[row]

    def __len__(self) -> int:
        return len(self.images)


def evaluate(features: str, samples: int, pairs: int) -> Comparison:
    """The evaluation of images in memory, nothing cached, against torch-fidelity's own of the same images."""
    space = feature_space(features)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    space.extractor.to(device)
    network = space.classifier
    shape = (network.channels, network.image_size, network.image_size) if network else (3, 32, 32)
    fake, real = (torch.randint(0, 256, (samples, *shape), dtype=torch.uint8) for _ in range(2))
    spec = DataSpec(name="noise", image_size=shape[1], channels=shape[0], images=samples)
    source = SimpleNamespace(spec=spec, prepare=lambda: None, load=lambda: (real, torch.zeros(samples)))

    def ours() -> None:
        with tempfile.TemporaryDirectory() as cache:
            os.environ["ZOO_CACHE"] = cache
            truth = real_side(source, space, samples, 256, device)
            generated = join([space.extract(batch.to(device)) for batch in fake.split(256)])
            distances(generated, truth.features, space)

    def reference() -> None:
        extractor = "inception-v3-compat" if features == "inception" else f"zoo-{features}"
        calculate_metrics(input1=Bare(fake), input2=Bare(real), isc=True, fid=True, kid=True, prc=True, batch_size=256,
                          feature_extractor=extractor, cuda=device.type == "cuda", cache=False, verbose=False)

    return compare(ours, reference, pairs)


def main(arguments: list[str]) -> None:
    parser = cli.Parser("Time the zoo against a plain reference that does the same. Leave the machine to it.")
    parser.add_argument("what", choices=["evaluate"], help="what to time")
    parser.add_argument("--features", default="mnist", help="feature space (default: %(default)s)")
    parser.add_argument("--samples", type=cli.count, default=10_000, help="images a side (default: %(default)s)")
    parser.add_argument("--pairs", type=int, default=5, help="measurements of each (default: %(default)s)")
    options = parser.parse_args(arguments)
    found = evaluate(options.features, options.samples, options.pairs)
    print(f"{options.what}, {options.samples:,} images, features {options.features}: the reference takes "
          f"{found.wall:.2f} times as long as the zoo (from {found.lowest:.2f} to {found.highest:.2f} in "
          f"{options.pairs} pairs; {found.cpu:.2f} times the CPU time)")


if __name__ == "__main__":
    cli.run(main)
