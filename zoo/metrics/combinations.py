"""Whether pictures show what is asked for, told by a classifier that had no part in training.

A model is asked for every class as often, by its number or by the first of its captions: apart for classes that it was
trained with and for those that were held out, such as combinations of colours, each part of which it knows. Beside each
share stands chance: what the same pictures get for what was asked of others.
"""

import torch
from torch import Tensor

from zoo.data.labels import targets_of
from zoo.features.classifier import Classifier
from zoo.metrics.classes import label_agreement
from zoo.metrics.comparison import Comparison
from zoo.metrics.features import to_uint8
from zoo.metrics.real import join, progress

Values = dict[str, float]
EACH = 50  # pictures of a class


def combinations(c: Comparison) -> Values:
    """Agreement by head and of all heads at once, of classes seen in training and, where there are such, unseen ones.

    Nothing where the features tell no classes, or others.

    Raises:
        UsageError: of a model that is asked for no classes.
    """
    model, network = c.model, c.space.classifier
    model.of_classes(torch.arange(model.data.classes))  # raises before any work
    if network is None:
        return {}
    unseen = getattr(model.data, "unseen", ())
    hidden = torch.tensor([name in unseen for name in model.data.class_names])
    values: Values = {}
    for which, classes in (("seen", (~hidden).nonzero().view(-1)), ("unseen", hidden.nonzero().view(-1))):
        if len(classes):
            values |= _of(c, network, which, classes)
    return values


def _of(c: Comparison, network: Classifier, which: str, classes: Tensor) -> Values:
    names, asked = c.model.data.class_names, classes.repeat(EACH)
    logits = _logits(c, asked)
    shares = _shares(network, logits, asked, names)
    chances = [_shares(network, logits, asked.roll(shift), names) for shift in range(1, len(classes))]
    found = c.told(f"said_{which}")
    values = {f"{found}/{head}": share for head, share in shares.items()}
    return values | {f"{found}/{head}/chance": sum(chance[head] for chance in chances) / len(chances)
                     for head in shares if chances}


def _logits(c: Comparison, asked: Tensor) -> Tensor:
    """Of pictures of classes (N,)."""
    model, batch_size = c.model.to(c.how.device), c.how.batch_size
    inputs = model.of_classes(asked, c.protocol.seed)
    parts = []
    with progress("asking for classes", len(asked)) as bar:
        for rows in torch.arange(len(asked)).split(batch_size):
            images = to_uint8(model.respond(batch_size, **{name: x[rows] for name, x in inputs.items()}))
            parts.append(c.space.extract(images.to(c.how.device)))
            bar.update(len(rows))
    return join(parts).logits


def _shares(network: Classifier, logits: Tensor, asked: Tensor, names: list[str]) -> Values:
    """By head, and ``all`` of several heads at once; empty where the classifier does not know the classes."""
    shares = label_agreement(network, logits, asked, names)
    if len(shares) < 2:
        return shares
    table = targets_of(network.heads, names)
    assert table is not None  # else there were no shares
    return shares | {"all": (network.classes_seen(logits) == table[asked]).all(1).double().mean().item()}
