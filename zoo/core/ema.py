"""Averaged weights."""

import copy

import torch
from torch import nn
from torch.optim.swa_utils import get_ema_multi_avg_fn


class AveragedNetworks(nn.ModuleDict):
    """Exponential moving averages of networks, always in evaluation mode and never trained.

    ``torch.optim.swa_utils.AveragedModel`` reads a device counter at every update, which makes a GPU wait, and its
    decay is fixed; the averaging itself is torch's.

    Args:
        networks: the live ones, by name.
        halflife: in images seen.
    """

    RAMP = 0.05  # the half-life is at most this part of what was seen, so that the random start is soon forgotten

    def __init__(self, networks: dict[str, nn.Module], halflife: int) -> None:
        super().__init__({name: copy.deepcopy(network).requires_grad_(False) for name, network in networks.items()})
        self.halflife, self.seen = halflife, 0
        self.eval()

    @torch.no_grad()
    def move(self, networks: dict[str, nn.Module], seen: int) -> None:
        """Brings the averages closer to the live networks, parameters and buffers, as far as the images since do."""
        halflife = min(self.halflife, self.RAMP * seen)
        average = get_ema_multi_avg_fn(0.5 ** ((seen - self.seen) / halflife) if halflife else 0.0)
        self.seen = seen
        for name, network in networks.items():
            ours = [*self[name].parameters(), *self[name].buffers()]
            theirs = [*network.parameters(), *network.buffers()]
            average([x for x in ours if x.is_floating_point()], [x for x in theirs if x.is_floating_point()], None)
            for mine, other in zip(ours, theirs, strict=True):
                if not mine.is_floating_point():  # batch-norm's count of batches
                    mine.copy_(other)

    def train(self, mode: bool = True) -> "AveragedNetworks":
        """Stays in evaluation mode: its batch statistics are averages already."""
        return super().train(False)
