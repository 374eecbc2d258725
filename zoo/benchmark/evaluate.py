"""The evaluation of images in memory, nothing cached, beside torch-fidelity's own of the same images."""

import os
import tempfile
from argparse import Namespace
from types import SimpleNamespace

import torch
from torch import Tensor
from torch.utils.data import Dataset
from torch_fidelity import calculate_metrics

from zoo.benchmark.by_hand import DEVICE
from zoo.benchmark.measure import Comparison, Meter, compare
from zoo.core.errors import UsageError
from zoo.data.batches import Labelled
from zoo.data.image_spec import ImageSpec
from zoo.metrics.distances import SUBSET, frechet_distance, inception_score, kernel_distance, precision_and_recall
from zoo.metrics.features import FeatureSpace, feature_space, others
from zoo.metrics.real import join, real_side


class Bare(Dataset):
    """Images in memory, as torch-fidelity takes them."""

    def __init__(self, images: Tensor) -> None:
        self.images = images.expand(-1, 3, -1, -1)

    def __getitem__(self, row: int) -> Tensor:
        return self.images[row]

    def __len__(self) -> int:
        return len(self.images)


def noise(options: Namespace, space: FeatureSpace) -> tuple[Tensor, Tensor]:
    """Two sets of images, uint8 (samples, C, H, W), as the features take them."""
    network = space.classifier
    shape = (network.channels, network.image_size, network.image_size) if network else (3, 32, 32)
    fake, real = (torch.randint(0, 256, (options.samples, *shape), dtype=torch.uint8) for _ in range(2))
    return fake, real


def ours(options: Namespace, meter: Meter) -> None:
    space = feature_space(options.features)
    space.extractor.to(DEVICE)
    fake, real = noise(options, space)
    spec = ImageSpec(name="noise", image_size=real.shape[-1], channels=real.shape[1], images=options.samples)
    source = SimpleNamespace(spec=spec, prepare=lambda: None, load=lambda: Labelled(real, torch.zeros(options.samples)))
    with tempfile.TemporaryDirectory() as cache:
        os.environ["ZOO_CACHE"] = cache
        meter.start()
        truth = real_side(source, space, options.samples, 256, DEVICE)
        generated = join([space.extract(batch.to(DEVICE)) for batch in fake.split(256)])
        inception_score(generated.logits)
        for distance in (frechet_distance, kernel_distance, precision_and_recall):
            distance(generated.pooled, truth.features.pooled)
        meter.stop()


def reference(options: Namespace, meter: Meter) -> None:
    space = feature_space(options.features)
    fake, real = noise(options, space)
    extractor = f"zoo-{options.features}" if space.classifier else "inception-v3-compat"
    meter.start()
    calculate_metrics(input1=Bare(fake), input2=Bare(real), isc=True, fid=True, kid=True, prc=True, batch_size=256,
                      kid_subset_size=min(SUBSET, options.samples),
                      feature_extractor=extractor, cuda=DEVICE.type == "cuda", cache=False, verbose=False)
    meter.stop()


def measure(options: Namespace) -> Comparison:
    """Raises UsageError for features whose measures are not the same on both sides."""
    if options.features in others():
        raise UsageError(f"{options.features} tells no classes, so torch-fidelity takes an Inception Score of what are "
                         "none: choose inception or a bundled network")
    return compare(ours, reference, options)
