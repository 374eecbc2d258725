"""Directions in latent space in which pictures change the most, in closed form: SeFa, Shen 2020 (arXiv:2007.06600)."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from zoo.core.errors import UsageError
from zoo.tasks.latent_model import LatentModel
from zoo.tasks.task import Task

WAYS = 5  # directions with a slider, where a model is played with
MOST_DIMENSIONS = 4096  # of a latent in which ways are looked for: those of planes of noise lead nowhere with a name


class Directions(NamedTuple):
    """Unit vectors of latents, the strongest first.

    Attributes:
        vectors: (count, latent_size), at right angles to each other: for ``zoo.traverse``.
        strengths: (count,) how far a step of 1 moves what the first layer makes.
    """

    vectors: Tensor
    strengths: Tensor


@torch.no_grad()
def directions(model: Task, count: int = 8) -> Directions:
    """What of a latent moves the generator's first layer the most (equation 5): with A its weights, so that it makes
    A z + b, the eigenvectors of A^T A of the largest eigenvalues.

    Args:
        count: of directions, at most ``latent_size``.

    Returns:
        on the CPU, in double precision; each vector with its largest number above 0, as its sign means nothing.

    Raises:
        UsageError: a model that makes nothing of latents, or whose first layer is not linear in all of the latent; a
            count that there is not.
    """
    if not isinstance(model, LatentModel):
        raise UsageError(f"{model.variant} makes nothing from latents: zoo.directions takes models that can be asked "
                         "with sample()")
    if model.no_gradient:
        raise UsageError(f"{model.variant} has no directions: {model.no_gradient}")
    if not 1 <= count <= model.latent_size:
        raise UsageError(f"there are 1 to {model.latent_size} directions, not {count}")
    strengths, vectors = torch.linalg.eigh(_squared(_first_weights(model)))
    strongest = vectors.T.flip(0)[:count]
    sign = strongest.gather(1, strongest.abs().argmax(1, keepdim=True)).sign()
    return Directions(sign * strongest, strengths.flip(0)[:count].clamp(min=0).sqrt())


def _squared(weights: Tensor) -> Tensor:
    return weights.T @ weights


def _first_weights(model: LatentModel) -> Tensor:
    """A, (outputs, latent_size): what a step along each number of a latent changes in what the first layer makes."""
    size, made = model.latent_size, []
    latents = torch.cat([torch.zeros(1, size), torch.eye(size), 2 * torch.eye(size)])
    first = torch.zeros(len(latents), dtype=torch.int64)
    labels = next(iter(model.condition.of_classes(first).values())) if model.needs() else None
    with model.answering():
        layers = [layer for network in model.networks_for_sampling().values() for layer in network.modules()
                  if isinstance(layer, nn.Linear | nn.ConvTranspose2d | nn.Conv2d)]
        hooks = [layer.register_forward_hook(lambda layer, given, out: made.append(out)) for layer in layers]
        try:
            model.generate(model.placed(latents), None if labels is None else model.placed(labels))
        finally:
            for hook in hooks:
                hook.remove()
    first = made[0].double().cpu().flatten(1)
    steps, twice = first[1:1 + size] - first[0], first[1 + size:] - first[0]
    if not torch.allclose(twice, 2 * steps, rtol=1e-3, atol=1e-5) or not steps.any(1).all():
        raise UsageError(f"the first layer of this {model.variant} is not linear in all of its latent, so there are no "
                         "directions in closed form: zoo.traverse moves along single dimensions")
    return steps.T
