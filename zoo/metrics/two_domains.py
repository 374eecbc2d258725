"""Of which of two domains is a picture? What a small classifier that learnt from real pictures takes it for."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from zoo.features.classifier import Classifier
from zoo.metrics.judges import SEED, Lesson, Schooling, at_most, rows_in_turn, schooled, told

SCHOOLING = Schooling(pictures=16_384, batch_size=32, learning_rate=3e-3)
WIDTH = 16
LARGEST = 64  # pixels a side of the pictures that the judge looks at


def domain_judge(sets: dict[Callable[[Tensor], Tensor], int], shape: tuple[int, int, int], device: torch.device) \
        -> nn.Module:
    """A judge that has learnt to tell the pictures of two sets apart: 0 is the first.

    Args:
        sets: what gives pictures (n, C, S, S) in [0, 1] by their numbers (n,), and how many it has; two of them.
        shape: (C, S, S).
    """
    def lessons() -> Iterator[Lesson]:
        random, half = torch.Generator().manual_seed(SEED), SCHOOLING.batch_size // 2
        orders = [rows_in_turn(count, half, SEED + which) for which, count in enumerate(sets.values())]
        right = torch.arange(2).repeat_interleave(half)
        while True:
            pictures = torch.cat([of(next(order)) for of, order in zip(sets, orders, strict=True)])
            x = 2 * at_most(LARGEST, pictures) - 1
            turned = torch.rand(len(x), generator=random) < 0.5
            yield torch.where(turned[:, None, None, None], x.flip(3), x), right

    def build() -> nn.Module:
        network = Classifier(shape[0], min(shape[1], LARGEST), {"domain": ["first", "second"]}, WIDTH)
        return nn.Sequential(network.body, network.head)

    return schooled(build, lessons(), SCHOOLING, "teaching a judge domains", device)


def share_taken_for(which: int, judge: nn.Module, pictures: Tensor, batch_size: int, device: torch.device) -> float:
    """Of pictures (N, C, S, S) in [0, 1]."""
    return (told(judge, at_most(LARGEST, pictures), batch_size, device) == which).double().mean().item()
