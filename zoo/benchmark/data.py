"""Batches of the zoo's data module beside a DataLoader of PIL images with two workers, as in tutorials."""

from argparse import Namespace
from collections.abc import Iterator
from types import SimpleNamespace

import torch

import zoo
from zoo.benchmark import by_hand, stream
from zoo.benchmark.measure import Comparison, Meter, compare, take
from zoo.data.module import DataModule
from zoo.data.sources import Source, open_source


def batches(source: Source, batch_size: int) -> Iterator:
    """As a model of the zoo gets them for its steps."""
    model = zoo.create("dcgan", image_size=source.spec.image_size, channels=source.spec.channels)
    module = DataModule(source, batch_size)
    module.trainer = SimpleNamespace(world_size=1, lightning_module=model,
                                     strategy=SimpleNamespace(root_device=torch.device("cpu")))
    module.setup("fit")
    return (model.on_after_batch_transfer(batch, 0) for batch in module.train_dataloader())


def ours(options: Namespace, meter: Meter) -> None:
    source = open_source("digits", image_size=options.image_size)
    take(batches(source, options.batch_size), options.batches, meter)


def measure(options: Namespace) -> Comparison:
    return stream.measure(options) if options.folder else compare(ours, by_hand.data, options)
