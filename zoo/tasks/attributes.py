"""Where in latent space pictures get more of what a person can name: InterFaceGAN, Shen 2020 (arXiv:1907.10786).

A score says how much of it a picture has. Random latents and the scores of their pictures give the direction: section
2.2 takes the normal of the plane that best parts those that have it from those that do not, by a support vector
machine. Departure: the score itself is fitted, by least squares, as all latents say something of it.
"""

from collections.abc import Callable
from typing import NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor

from zoo.core.errors import UsageError, unknown
from zoo.features.bundled import classifiers_for, load_network
from zoo.features.classifier import Classifier
from zoo.tasks.directions import MOST_DIMENSIONS
from zoo.tasks.latent_model import LatentModel
from zoo.tasks.task import PASS, Inputs, Task

Score = Callable[[Tensor], Tensor]  # pictures (n, C, H, W) in [0, 1] -> (n,), or (n, k) of k scores
SAMPLES = 4_000  # latents, and four times as many as a latent has numbers where these are more
BY_CHANCE = 4.0  # standard deviations of a correlation of what has nothing to do with each other


class Attribute(NamedTuple):
    """A direction of latents.

    Attributes:
        vector: (latent_size,) of length 1: for ``zoo.traverse``.
        correlation: of the place along it with the score, over random latents that it was not fitted to.
    """

    vector: Tensor
    correlation: float


def attribute(model: Task, score: str | Score, seed: int = 0) -> Attribute:
    """The direction in which what a score says of the model's pictures rises.

    Of a conditional model all classes are looked at in turn, and what the class itself does to the score is left out.

    Args:
        score: a class that a bundled network tells of the data that the model was trained on, such as "pink hair" of
            anime faces; or a function of pictures (n, C, H, W) in [0, 1] on the CPU that gives (n,), such as how red
            they are where the mouth is.
        seed: of the latents.

    Returns:
        on the CPU, in double precision.

    Raises:
        UsageError: a model that makes no pictures of latents; a name that no bundled network tells; a score that is of
            another shape, not finite or the same for all; or one that does not rise along any direction.
    """
    model = _with_latents(model)
    named = repr(score) if isinstance(score, str) else "this score"
    inputs = model.inputs(_samples(model), seed)
    told = _said(model, _by_name(model, score) if isinstance(score, str) else _column(score), inputs)
    if (told == told[0]).all():
        raise UsageError("a score has to be finite, and not the same for all pictures")
    (found,) = _fitted(inputs, told)
    if found.correlation < _by_chance(model):
        raise UsageError(f"{named} does not rise along any direction of the latents of this {model.variant}: the "
                         f"correlation with the best is {found.correlation:.2f}")
    return found


def attributes(model: Task, seed: int = 0) -> dict[str, Attribute]:
    """Of all that ``attribute`` knows by name and that rises along some direction, the closest first.

    Raises:
        UsageError: a model that makes no pictures of latents, or of whose data no bundled network tells classes.
    """
    model = _with_latents(model)
    network, inputs = _network_of(model), model.inputs(_samples(model), seed)
    found = dict(zip(network.classes, _fitted(inputs, _said(model, network.log_odds, inputs)), strict=True))
    rising = {name: one for name, one in found.items() if one.correlation >= _by_chance(model)}
    return dict(sorted(rising.items(), key=lambda item: -item[1].correlation))


def names_of_attributes(model: Task) -> list[str]:
    """What ``attribute`` knows by name of the model's pictures; empty for a model that it does not take."""
    if not isinstance(model, LatentModel) or _too_large(model) or not classifiers_for(model.data.name):
        return []
    return _network_of(model).classes


def _with_latents(model: Task) -> LatentModel:
    if not isinstance(model, LatentModel):
        raise UsageError(f"{model.variant} makes nothing from latents: zoo.attribute takes models that can be asked "
                         "with sample()")
    if _too_large(model):
        raise UsageError(f"zoo.attribute takes models that make pictures of latents of at most {MOST_DIMENSIONS:,} "
                         f"numbers, and {model.variant} makes {model.data.kind} of {model.latent_size:,}")
    return model


def _too_large(model: LatentModel) -> bool:
    """Or of points."""
    return not model.data.bounded or model.latent_size > MOST_DIMENSIONS


def _network_of(model: Task) -> Classifier:
    names = classifiers_for(model.data.name)
    if not names:
        raise UsageError(f"no bundled network tells classes of {model.data.name}: give zoo.attribute a function of "
                         "pictures in place of a name")
    return cast(Classifier, load_network(names[0]))


def _by_name(model: Task, name: str) -> Score:
    """The log-odds of a class, (n, 1)."""
    network = _network_of(model)
    if name not in network.classes:
        raise unknown("attribute", name, network.classes)
    column = network.classes.index(name)
    return lambda pictures: network.log_odds(pictures)[:, [column]]


def _column(score: Score) -> Score:
    """What a user's function gives, (n, 1)."""

    def column(pictures: Tensor) -> Tensor:
        said = score(pictures)
        if said.shape != (len(pictures),):
            raise UsageError(f"a score gives a number a picture, ({len(pictures)},), not the shape {tuple(said.shape)}")
        return said[:, None]

    return column


def _samples(model: LatentModel) -> int:
    return max(SAMPLES, 4 * model.latent_size)


def _by_chance(model: LatentModel) -> float:
    """A correlation that what has nothing to do with each other does not come to."""
    return BY_CHANCE / (_samples(model) // 2) ** 0.5


@torch.no_grad()
def _said(model: LatentModel, scores: Score, inputs: Inputs) -> Tensor:
    """What scores say of the answers, (n, k) in double precision."""
    parts = []
    for rows in torch.arange(len(inputs["normal"])).split(PASS):
        pictures = model.respond(**{name: x[rows] for name, x in inputs.items()}).float()
        parts.append(scores(pictures).double().cpu())
    told = torch.cat(parts)
    if not torch.isfinite(told).all():
        raise UsageError("a score has to be finite, and not the same for all pictures")
    return told


def _fitted(inputs: Inputs, told: Tensor) -> list[Attribute]:
    """One for each column of what was said of the answers, (n, k), but for what their classes do."""
    for label in (x for name, x in inputs.items() if name != "normal"):
        _, group = label.unique(return_inverse=True, dim=0)
        sums = torch.zeros(int(group.max()) + 1, told.shape[1], dtype=told.dtype).index_add(0, group, told)
        told = told - (sums / group.bincount()[:, None])[group]
    place = inputs["normal"].double()
    half = len(place) // 2
    vectors = F.normalize(torch.linalg.lstsq(_centred(place[:half]), told[:half]).solution, dim=0)
    along, said = _centred(place[half:] @ vectors), _centred(told[half:])
    return [Attribute(vector, correlation) for vector, correlation in
            zip(vectors.T, F.cosine_similarity(along, said, dim=0).tolist(), strict=True)]


def _centred(x: Tensor) -> Tensor:
    return x - x.mean(0)
