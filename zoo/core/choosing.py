"""Choices that follow from uniform numbers, so that whoever has the numbers has the choices."""

import torch
from torch import Tensor

MOST = 1 - 2**-52  # so that a share of the last sum is below it


def choose(logits: Tensor, uniform: Tensor) -> Tensor:
    """The first k whose cumulative probability is above u: logits (N, V), u (N,) in [0, 1] -> (N,) int64.

    Sums are in float64, and u is a share of the last of them whatever that is: in float32 the sums of 5,000
    probabilities end below 1 as often as not, and the distribution function of a normal of 5.5 is 1, so that the choice
    could lie outside. What has no probability is never chosen.
    """
    whole = logits.to(torch.promote_types(logits.dtype, torch.float32))  # of half precision
    sums = whole.softmax(1).cumsum(1, dtype=torch.float64)
    above = sums > uniform.double().clamp(max=MOST)[:, None] * sums[:, -1:]
    return above.byte().argmax(1)  # the first: torch.searchsorted is not to be had in ONNX
