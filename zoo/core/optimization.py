"""Groups: which parameters an optimizer trains, and which stand still meanwhile."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import nn


class Groups:
    """The parameters of every optimizer, by the group's name.

    Args:
        own: group name -> the parameters that it trains, but for those that need no gradient: they stay as they are.
        averaged: parameters of which averages are kept.

    Attributes:
        names: in the order of the optimizers.
        own, others: of a group, and of all groups but it.
        moved: groups whose steps change what is averaged.
        turn: the group that steps now.
    """

    def __init__(self, own: dict[str, list[nn.Parameter]], averaged: Iterable[nn.Parameter]) -> None:
        self.own = {name: [p for p in parameters if p.requires_grad] for name, parameters in own.items()}
        self.names = list(self.own)
        everyone = {id(p): p for parameters in self.own.values() for p in parameters}
        keys = {name: {id(p) for p in parameters} for name, parameters in self.own.items()}
        self.others = {name: [p for key, p in everyone.items() if key not in keys[name]] for name in self.own}
        wanted = {id(p) for p in averaged}
        self.moved = {name for name in self.own if wanted & keys[name]}
        self.turn: str | None = None

    @contextmanager
    def alone(self, name: str) -> Iterator[None]:
        """Freezes every group but one, whose turn it is."""
        self.turn = name
        try:
            with _requiring(self.others[name], False):
                yield
        finally:
            self.turn = None

    @contextmanager
    def recorded(self, name: str) -> Iterator[None]:
        """Meanwhile what a group's networks make can be differentiated by their parameters, whoever's turn it is."""
        with _requiring([p for p in self.own[name] if not p.requires_grad], True), torch.enable_grad():
            yield


@contextmanager
def _requiring(parameters: list[nn.Parameter], gradient: bool) -> Iterator[None]:
    """Meanwhile parameters, of which all are as ``gradient`` does not say, are as it says."""
    for parameter in parameters:
        parameter.requires_grad_(gradient)
    try:
        yield
    finally:
        for parameter in parameters:
            parameter.requires_grad_(not gradient)
