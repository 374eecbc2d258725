"""Features of a model's answers, by one process or several that share the questions."""

from collections.abc import Sequence
from typing import cast

import numpy as np
import torch
import torch.distributed as dist
from lightning.fabric import Fabric
from torch import Tensor

from zoo.metrics.features import Features, FeatureSpace, to_uint8
from zoo.metrics.real import join, progress
from zoo.tasks.task import Inputs, Task


def features_of_answers(model: Task, space: FeatureSpace, inputs: Inputs, batch_size: int = 256, devices: int = 1,
                        accelerator: str = "auto") -> Features:
    """Features of the answers to ``inputs``, in their order whatever the number of processes.

    Args:
        inputs: as ``model.inputs`` gives them.
        devices: processes, one a device.

    Raises:
        UsageError: images that are not finite.
    """
    fabric = Fabric(accelerator=accelerator, devices=devices, strategy="ddp_spawn" if devices > 1 else "auto")
    arrays = fabric.launch(_answer, model, space, inputs, batch_size)  # type: ignore[arg-type]  # it takes arguments
    return Features(*map(torch.from_numpy, arrays))


def _answer(fabric: Fabric, model: Task, space: FeatureSpace, inputs: Inputs, batch_size: int) -> list[np.ndarray]:
    """Pooled features and logits as arrays: a tensor's memory would go with the process that made it."""
    model.to(fabric.device)
    space.extractor.to(fabric.device)
    count = len(next(iter(inputs.values())))
    share = -(-count // fabric.world_size)
    rows = torch.arange(fabric.global_rank * share, (fabric.global_rank + 1) * share).clamp(max=count - 1)
    parts = []  # the last process repeats the last answer, so that all have as many
    with progress(f"asking {model.variant}", count) as bar:
        bar.disable = bar.disable or fabric.global_rank > 0
        for batch in rows.split(batch_size):
            images = to_uint8(model.respond(batch_size, **{name: x[batch] for name, x in inputs.items()}))
            parts.append(space.extract(images.to(fabric.device)))
            bar.update(len(batch) * fabric.world_size)
    mine: Sequence[Tensor] = join(parts)
    if fabric.world_size > 1:
        mine = [cast(Tensor, fabric.all_gather(x.to(fabric.device))).flatten(0, 1)[:count].cpu() for x in mine]
        dist.destroy_process_group()  # a process that ends while its threads run may abort, and all with it
    return [x.numpy() for x in mine]
