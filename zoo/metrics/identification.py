"""Identification: is the one to whom a picture belongs the nearest of all in features?"""

import torch.nn.functional as F
from torch import Tensor

from zoo.core.errors import UsageError
from zoo.metrics.comparison import Comparison
from zoo.metrics.features import to_uint8


def identified(probes: Tensor, gallery: Tensor, own: Tensor) -> float:
    """The rank-1 rate: the share of probes, of features (N, d), whose nearest by the cosine in a gallery (M, d) is
    their own, of the row numbers (N,). A random answer gets 1/M."""
    nearest = (F.normalize(probes, dim=1) @ F.normalize(gallery, dim=1).T).argmax(1)
    return (nearest == own).double().mean().item()


def identification(c: Comparison) -> dict[str, float]:
    """Rank-1 identification: how often a picture that was made is nearest to the true one, of all different true ones,
    beside the same of trivial answers, of which the copy is that of what was given; and how many true ones there are.
    """
    if not c.model.paired:
        raise UsageError(f"{c.model.variant} is not trained on pairs: nobody is known to whom a picture belongs")
    true, own = to_uint8(c.truths).flatten(1).unique(dim=0, return_inverse=True)
    gallery = c.space.extract(true.view(-1, *c.truths.shape[1:]).to(c.how.device)).pooled
    name = c.named("identified", counted=True)
    values = {name: identified(c.fake.pooled, gallery, own), f"{name}/of": float(len(gallery))}
    return values | {f"{name}/{which}": identified(c.features_of(pictures).pooled, gallery, own)
                     for which, pictures in c.trivial.items()}
