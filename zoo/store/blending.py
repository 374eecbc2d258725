"""Models between two others."""

import copy

import torch

from zoo.core.errors import UsageError
from zoo.tasks.task import Task


def blended(first: Task, second: Task, share: float) -> Task:
    """A model whose weights lie on the line between those of two, Wang 2018 (arXiv:1809.00219, equation 12).

    It makes something between what the two make only where one went on from the other, as the end of a run from the end
    of its first stage: networks that learnt apart have other units in other places. Statistics of batch norm are on
    the line too; counts are the second one's.

    Args:
        first, second: loaded models, whose networks that answer have the same layers.
        share: of the second, 0 to 1.

    Raises:
        UsageError: models of other layers.
    """
    model = copy.deepcopy(second)
    networks = first.networks_for_sampling()
    for name, network in model.networks_for_sampling().items():
        from_there, to_here = networks[name].state_dict() if name in networks else {}, network.state_dict()
        if {key: x.shape for key, x in from_there.items()} != {key: x.shape for key, x in to_here.items()}:
            raise UsageError(f"between a {first.variant} and a {second.variant} whose layers differ there is no model: "
                             "take two checkpoints of a run, or a checkpoint and the run")
        network.load_state_dict({key: torch.lerp(from_there[key].to(x), x, share) if x.is_floating_point() else x
                                 for key, x in to_here.items()})
    return model
