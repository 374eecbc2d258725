"""Several processes, one model.

Lightning's own strategy wraps the module in DistributedDataParallel, whose reducer expects one backward pass a step
through all parameters; an adversarial step has two or more, each through some. Here the module stays unwrapped and
``GenerativeModule.optimize`` averages the gradients of the group it steps: one flat all-reduce a step and group.
"""

from collections.abc import Iterable
from typing import Any

import torch
import torch.distributed as dist
from lightning.pytorch.strategies import DDPStrategy
from torch import Tensor


def world_size() -> int:
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    return dist.get_rank() if dist.is_available() and dist.is_initialized() else 0


class _SumOverProcesses(torch.autograd.Function):
    """All-reduce as a differentiable function; torch.distributed.nn.functional's is deprecated for a private one."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        total = x.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return _SumOverProcesses.apply(gradient.contiguous())


def gather(x: Tensor, start: int = 0, stop: int | None = None) -> Tensor:
    """The rows of all processes, differentiably to any order: (n, ...) -> (world_size * n, ...).

    For terms that couple the samples of a batch. Built on all-reduce, whose derivative is an all-reduce again, so it
    also works inside gradient penalties and on gloo.

    Args:
        start, stop: as of a slice, the rows that are wanted; of images all those of many processes fill a memory.
    """
    if world_size() == 1:
        return x[start:stop]
    start, stop, _ = slice(start, stop).indices(world_size() * len(x))
    first, last = (min(max(row, start), stop) for row in (rank() * len(x), (rank() + 1) * len(x)))
    before, after = (x.new_zeros(rows, *x.shape[1:]) for rows in (first - start, stop - last))
    return _SumOverProcesses.apply(torch.cat([before, x[first - rank() * len(x):][:last - first], after]))


def total(x: Tensor) -> Tensor:
    """The sum over the processes, without a gradient."""
    if world_size() == 1:
        return x
    added = x.clone()
    dist.all_reduce(added)
    return added


def mean(x: Tensor) -> Tensor:
    """Over the processes."""
    return total(x) / world_size()


def average_gradients(parameters: Iterable[torch.nn.Parameter]) -> None:
    """Replaces every gradient by its mean over the processes."""
    if world_size() == 1:
        return
    gradients = [p.grad for p in parameters if p.grad is not None]
    if not gradients:
        return
    flat = torch.cat([gradient.reshape(-1) for gradient in gradients])  # of convolutions they are channels-last
    dist.all_reduce(flat)
    flat /= world_size()
    for gradient, mean in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
        gradient.copy_(mean.view_as(gradient))


class ZooStrategy(DDPStrategy):
    """DDP without the wrapper: ``Trainer(strategy=ZooStrategy(), devices=...)`` for any model of the zoo."""

    def configure_ddp(self) -> None:
        model: Any = self.lightning_module  # a GenerativeModule, whose file imports this one
        for tensor in model.state_dict().values():
            dist.broadcast(tensor, src=0)
        model.seed = self.broadcast(model.seed)
