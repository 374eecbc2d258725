"""Batches as a model of the zoo gets them for its steps."""

from collections.abc import Iterator
from types import SimpleNamespace

import torch

import zoo
from zoo.data.module import DataModule
from zoo.data.source import Source


def batches(source: Source, batch_size: int) -> Iterator:
    """Of a run on one CPU process."""
    model = zoo.create("dcgan", image_size=source.spec.image_size, channels=source.spec.channels)
    module = DataModule(source, batch_size)
    module.trainer = SimpleNamespace(world_size=1, lightning_module=model,
                                     strategy=SimpleNamespace(root_device=torch.device("cpu")))
    module.setup("fit")
    return (model.prepare(batch) for batch in module.train_dataloader())
