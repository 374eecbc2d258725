"""What is won and lost on the way from one model to another: errors of pixels against how pictures look.

Of two models that make pictures nothing is near to the true ones in both beyond a bound (Blau and Michaeli 2018,
arXiv:1711.06077); models whose weights lie between those of an end of a first stage and of a second one are on a way
along it (Wang 2018, arXiv:1809.00219, section 3.4).
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from torch import Tensor

from zoo.core.errors import UsageError
from zoo.metrics.comparison import Comparison, How
from zoo.metrics.luma import fidelity
from zoo.metrics.protocol import Protocol, with_versions
from zoo.metrics.translation import look_apart
from zoo.metrics.trivial import copies
from zoo.store.blending import blended
from zoo.tasks.task import Task

TAKEN = ("luma", "perceptual")


class Tradeoff(NamedTuple):
    """Numbers of models between two, by share of the second.

    Attributes:
        psnr: on Y, in dB.
        distance: the perceptual distance in ``features``, lower the better.
        bicubic: both of bicubic interpolation.
        protocol: how they were measured.
    """

    psnr: dict[float, float]
    distance: dict[float, float]
    bicubic: tuple[float, float]
    features: str
    protocol: str


def tradeoff(first: Task, second: Task, shares: Sequence[float], protocol: Protocol, how: How) -> Tradeoff:
    """Measures the models between two that make pictures larger.

    Args:
        first, second, shares: see ``blended``.

    Raises:
        UsageError: models that make no pictures larger, or whose layers differ; what ``Comparison`` raises.
    """
    for model in (first, second):
        if model.factor == 1:
            raise UsageError(f"a {model.variant} makes no pictures larger: there is no PSNR on Y to trade")
    models = {share: blended(first, second, share) for share in shares}
    for model in models.values():  # copies, of their own
        model.precision = protocol.precision or "32-true"
    shared = Comparison(second, replace(protocol, data=protocol.data or second.data.name,
                                        measures=",".join(TAKEN)), how)

    def measured(made: Tensor) -> tuple[float, float]:
        return fidelity(made, shared.truths, second.factor).psnr.mean().item(), look_apart(shared, made)

    found = {share: measured(model.to(how.device).respond(how.batch_size, **shared.inputs))
             for share, model in models.items()}
    bicubic = measured(copies(shared.inputs["source"], shared.truths))
    return Tradeoff({share: psnr for share, (psnr, _) in found.items()},
                    {share: distance for share, (_, distance) in found.items()}, bicubic, shared.eye,
                    with_versions(shared.protocol, shared.used, shared.shape_and_kind))
