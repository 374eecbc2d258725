"""Ageing: of faces that are brought to another age, or class, is that seen, and are they still the same faces?"""

from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from zoo.core.errors import UsageError
from zoo.data.batches import AnyColumns, take
from zoo.metrics.classes import by_head, label_agreement
from zoo.metrics.comparison import Comparison
from zoo.metrics.identification import identified
from zoo.metrics.protocol import short

FACES = 256  # at most, each of which is asked for at one other age
STEPS = 100  # of the search for a latent, as ``zoo.models.age_cgan`` takes by default
BLOCK = 1_024  # training faces that are added up at once


@runtime_checkable
class Ages(Protocol):
    """A model that brings faces to other ages, or classes."""

    def age(self, faces: Tensor, to: Tensor, labels: Tensor, steps: int, *, progress: bool) -> Tensor:
        """Faces (n, C, H, W) in [0, 1], of the classes ``labels`` (n,), as they are in the classes ``to`` (n,), on the
        CPU; ``steps`` of a search, where it takes one."""


def ageing(c: Comparison) -> dict[str, float]:
    """Held-out faces, whose ages are known, at other ages in turn, beside trivial answers.

    ``aged`` is the share in which a classifier sees the age that was asked for and ``aged_off``, of classes in an
    order, by how many it sees another on average; nothing where none knows these classes. ``same_face`` is the share
    whose nearest of all those faces, in features, is that which was given. The answers are the face as it was (copy),
    the mean face of the age (mean), and any training face of that age (real), which tells how far to trust both.
    """
    model = c.model
    if not isinstance(model, Ages):
        raise UsageError(f"{model.variant} brings no faces to other ages, as age-cgan does: there is no ageing to "
                         "measure")
    if c.source.spec.class_names != model.data.class_names:
        raise UsageError(f"the classes of {c.source.spec.name} are not those that the model makes: no ages of its "
                         "faces are known")
    rows = c.rows[:min(FACES, c.protocol.samples)]
    faces, labels = _faces(c, c.columns, rows), c.columns.labels[rows]
    learnt = c.training_columns.labels.unique()
    others = torch.searchsorted(learnt, labels) + 1 + torch.arange(len(rows)) % (len(learnt) - 1)
    asked = learnt[others % len(learnt)]
    aged = model.to(c.how.device).age(faces, asked, labels, STEPS, progress=False)
    gallery, own = c.features_of(faces).pooled, torch.arange(len(faces))
    values: dict[str, float] = {}
    for which, made in ({"": aged, "/copy": faces} | _of_the_age(c, asked)).items():
        seen = c.features_of(made)
        values |= _ages(c, seen.logits, asked, which)
        values[f"same_face{short(len(faces))}{c.space.suffix}{which}"] = identified(seen.pooled, gallery, own)
    return values


def _ages(c: Comparison, logits: Tensor, asked: Tensor, which: str) -> dict[str, float]:
    """Whether they are seen as asked for, and by how many classes they are not."""
    network, names = c.space.classifier, c.model.data.class_names
    shares = label_agreement(network, logits, asked, names) if network is not None else {}
    found = {f"{name}{which}": share for name, share in by_head(c.told("aged"), shares).items()}
    if network is not None and [*shares] == ["class"]:
        seen = torch.tensor([names.index(name) for name in network.heads["class"]])[logits.argmax(1)]
        found[f"{c.told('aged_off')}{which}"] = (seen - asked).abs().double().mean().item()
    return found


def _of_the_age(c: Comparison, asked: Tensor) -> dict[str, Tensor]:
    """The mean of the training faces of each age that is asked for, and one of them, drawn by the protocol's seed."""
    columns, data = c.training_columns, c.model.data
    sums, counts = torch.zeros(data.classes, *data.shape), columns.labels.bincount(minlength=data.classes)
    for rows in torch.arange(len(columns.labels)).split(BLOCK):
        sums.index_add_(0, columns.labels[rows], _faces(c, columns, rows))
    means = sums / counts.clamp(min=1).view(-1, 1, 1, 1)
    order = torch.randperm(len(columns.labels), generator=torch.Generator().manual_seed(c.protocol.seed))
    drawn = [order[columns.labels[order] == label][number % counts[label]] for number, label in enumerate(asked)]
    return {"/mean": means[asked], "/real": _faces(c, columns, torch.stack(drawn))}


def _faces(c: Comparison, columns: AnyColumns, rows: Tensor) -> Tensor:
    """Some of the data, (n, C, H, W) in [0, 1]."""
    return c.model.truth(c.model.prepare(take(columns, rows))).cpu()
