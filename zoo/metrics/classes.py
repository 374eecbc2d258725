"""What a feature space's classifier sees in generated images: label agreement, class coverage, confidence."""

from typing import NamedTuple, TypeVar

import torch
from torch import Tensor

from zoo.data.labels import heads_of, targets_of
from zoo.features.classifier import Classifier

T = TypeVar("T")
CONFIDENT = 0.9  # the least probability of the likeliest class


def label_agreement(network: Classifier, logits: Tensor, asked: Tensor, class_names: list[str]) -> dict[str, float]:
    """Share of images in which the classifier sees the class that was asked for, by head.

    Args:
        logits: (N, K).
        asked: class numbers (N,) of a data set with these ``class_names``, or of each of their heads (N, heads), below
            0 where none was asked for.

    Returns:
        Empty where the classifier does not know these classes; without heads that were never asked for.
    """
    table = targets_of(network.heads, class_names)
    if table is None:
        return {}
    if asked.dim() == 1:
        right = (network.classes_seen(logits) == table[asked]).double().mean(0)
        return dict(zip(network.heads, right.tolist(), strict=True))
    columns = zip(network.heads.items(), heads_of(class_names).values(), network.classes_seen(logits).T, asked.T,
                  strict=True)
    shares = {}
    for (head, known), ours, seen, wanted in columns:
        numbers = torch.tensor([known.index(name) for name in ours])
        if (told := wanted >= 0).any():
            shares[head] = (seen[told] == numbers[wanted[told]]).double().mean().item()
    return shares


def heads_kept(network: Classifier, logits: Tensor, before: Tensor, asked: Tensor) -> dict[str, float]:
    """Share of pictures in which the classifier sees the same class before and after, by head that was not asked for.

    Args:
        logits, before: (N, K) of pictures that were made, and of those they were made of.
        asked: classes of the heads (N, heads), below 0 where none was asked for.
    """
    same = network.classes_seen(logits) == network.classes_seen(before)
    if asked.shape != same.shape:
        return {}
    return {head: kept[wanted < 0].double().mean().item()
            for head, kept, wanted in zip(network.heads, same.T, asked.T, strict=True) if (wanted < 0).any()}


class Coverage(NamedTuple):
    """Classes seen among generated images, those there are, and KL(generated || real class frequencies) in nats."""

    found: int
    classes: int
    kl: float


def class_coverage(network: Classifier, generated: Tensor, real: Tensor) -> Coverage:
    """From the logits (N, K) of both sides, so that the classifier's errors are on both; of several heads, jointly.

    A class counts as found with at least a tenth of its real share. The KL is infinite when generated images are seen
    as a class that no real image is.
    """
    frequencies = []
    sizes = [len(classes) for classes in network.heads.values()]
    for logits in (generated, real):
        joint = torch.zeros(len(logits), dtype=torch.int64)
        for column, size in zip(network.classes_seen(logits).T, sizes, strict=True):
            joint = joint * size + column
        frequencies.append(torch.bincount(joint, minlength=int(torch.tensor(sizes).prod())).double() / len(logits))
    fake, true = frequencies
    kl = (torch.special.xlogy(fake, fake) - torch.special.xlogy(fake, true)).sum().item()
    there = true > 0
    return Coverage(int((fake[there] >= true[there] / 10).sum()), int(there.sum()), kl)


def confidence(network: Classifier, logits: Tensor) -> float:
    """Share of images of whose class the classifier is confident, of several heads, of every one: from logits (N, K).

    What it is not confident of is mostly a mixture of classes or none; with real images it says how far this holds.
    """
    likeliest = torch.stack([part.softmax(1).amax(1) for part in network.split_heads(logits)], 1)
    return (likeliest >= CONFIDENT).all(1).double().mean().item()


def by_head(name: str, values: dict[str, T]) -> dict[str, T]:
    """Under a metric's name; that of the only head is left out."""
    return {name + ("" if head == "class" else f"/{head}"): value for head, value in values.items()}
