"""Instance norm by statistics of many pictures together, so that the tiles of a picture do not each have tones of
their own.

Instance norm (Ulyanov 2016, arXiv:1607.08022) brings each map of a picture to mean 0 and variance 1. Of a tile it does
the same with what is in the tile: plain sky gets the contrasts of a whole landscape. Where the mean and variance are
given, a network of convolutions knows of a pixel's neighbourhood alone, and tiles that overlap by it have no seams.
"""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode


class Statistics(TorchFunctionMode):
    """While it is entered, instance norms collect the statistics of what they get, or take those that are known.

    The norms of a network are told apart by the order in which they are called, so all calls of the network begin with
    ``begin()`` and are alike. Inside, instance norm is called as ``torch.nn.functional.instance_norm``, as its module
    does.

    Attributes:
        known: mean and variance (N, C) each, by norm; None while they are collected.
    """

    def __init__(self) -> None:
        super().__init__()
        self.known: list[tuple[Tensor, Tensor]] | None = None
        self._sums: list[Tensor] = []  # of means and of means of squares, (2, N, C)
        self._pictures = self._call = 0

    def begin(self) -> None:
        """Before every call of the network."""
        self._call = 0
        self._pictures += self.known is None

    @property
    def norms(self) -> int:
        """How many have been called."""
        return len(self._sums)

    def settle(self) -> None:
        """From here on what was collected is taken."""
        means = [total / self._pictures for total in self._sums]
        self.known = [(mean, (squares - mean.square()).clamp(min=0)) for mean, squares in means]

    def __torch_function__(self, func: Callable, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        if func is not F.instance_norm:
            return func(*args, **kwargs or {})
        return self._normalised(*args, **kwargs or {})

    def _normalised(self, x: Tensor, running_mean: Tensor | None = None, running_var: Tensor | None = None,
                    weight: Tensor | None = None, bias: Tensor | None = None, use_input_stats: bool = True,
                    momentum: float = 0.1, eps: float = 1e-5) -> Tensor:
        call, self._call = self._call, self._call + 1
        if self.known is None:
            found = torch.stack([x.double().mean((2, 3)), x.double().square().mean((2, 3))])
            self._sums[call:call + 1] = [self._sums[call] + found if call < len(self._sums) else found]
            return F.instance_norm(x, running_mean, running_var, weight, bias, use_input_stats, momentum, eps)
        mean, variance = (values.to(x)[:, :, None, None] for values in self.known[call])
        normal = (x - mean) * (variance + eps).rsqrt()
        if weight is not None:
            normal = normal * weight[:, None, None]
        return normal if bias is None else normal + bias[:, None, None]
