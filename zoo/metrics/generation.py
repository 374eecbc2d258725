"""Features of generated images, by one process or several that share the samples."""

import numpy as np
import torch
from lightning.fabric import Fabric
from torch import Tensor

from zoo.base import GenerativeModule
from zoo.metrics.features import Features, FeatureSpace, to_uint8
from zoo.metrics.real import join, progress


def generated_features(model: GenerativeModule, space: FeatureSpace, labels: Tensor | None, samples: int, seed: int,
                       batch_size: int = 256, devices: int = 1, accelerator: str = "auto") -> Features:
    """Features of ``samples`` images, in the order of their latents whatever the number of processes.

    Args:
        labels: class numbers (samples,) for a conditional model.
        devices: processes, one a device.

    Raises:
        UsageError: images that are not finite.
    """
    fabric = Fabric(accelerator=accelerator, devices=devices, strategy="ddp_spawn" if devices > 1 else "auto")
    arrays = fabric.launch(_generate, model, space, labels, model.normals(samples, seed), batch_size)
    return Features(*map(torch.from_numpy, arrays))


def _generate(fabric: Fabric, model: GenerativeModule, space: FeatureSpace, labels: Tensor | None, normal: Tensor,
              batch_size: int) -> list[np.ndarray]:
    """Pooled features and logits as arrays: a tensor's memory would go with the process that made it."""
    model.to(fabric.device)
    space.extractor.to(fabric.device)
    share = -(-len(normal) // fabric.world_size)
    rows = torch.arange(fabric.global_rank * share, (fabric.global_rank + 1) * share).clamp(max=len(normal) - 1)
    parts = []  # the last process repeats the last image, so that all have as many
    with progress(f"generating with {model.variant}", len(normal)) as bar:
        bar.disable = bar.disable or fabric.global_rank > 0
        for batch in rows.split(batch_size):
            images = to_uint8(model.render(normal[batch], None if labels is None else labels[batch], batch_size))
            parts.append(space.extract(images.to(fabric.device)))
            bar.update(len(batch) * fabric.world_size)
    mine = join(parts)
    if fabric.world_size > 1:
        mine = [fabric.all_gather(x.to(fabric.device)).flatten(0, 1)[:len(normal)].cpu() for x in mine]
    return [x.numpy() for x in mine]
