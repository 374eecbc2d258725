"""What there is to see of a variant that learns points: where they lie, what judges them, and how far it has come."""

import base64
from typing import Any, NamedTuple

import torch
from torch import Tensor

from zoo.data.mixtures import Mixture
from zoo.metrics.divergences import earth_mover, jensen_shannon
from zoo.metrics.modes import mode_coverage
from zoo.tasks.latents import standard_normals
from zoo.web.player import Player

SHOWN = 400  # points that are drawn
COUNTED = 2_000  # points that histograms and modes are counted of
CARRIED = 256  # points of a plan of transport
PULLED = 96  # points with an arrow
FIELD = {1: 160, 2: 40}  # places along a coordinate at which verdicts are asked for, by the number of coordinates
LINES = {1: 61, 2: 17}  # of the grid of latents, likewise
REACH = 2.5  # standard deviations of normals that the grid goes out to


class Window(NamedTuple):
    """The square, or the piece of a line, that is looked at: its centre and half of its side."""

    centre: list[float]
    half: float

    @classmethod
    def around(cls, real: Tensor) -> "Window":
        """Around points (N, C), with room beside them."""
        low, high = real.amin(0), real.amax(0)
        return cls(((low + high) / 2).tolist(), 0.75 * (high - low).max().item() or 1.0)

    def places(self) -> Tensor:
        """Evenly spaced ones, (N, C): of a square in rows from its top."""
        dimensions = len(self.centre)
        ways = [torch.linspace(-self.half, self.half, FIELD[dimensions]) + middle for middle in self.centre]
        return ways[0][:, None] if dimensions == 1 else torch.cartesian_prod(ways[1].flip(0), ways[0]).flip(1)


def packed(x: Tensor) -> str:
    """Numbers as text: base64 of float32, the lowest byte first."""
    return base64.b64encode(x.detach().float().contiguous().numpy().astype("<f4").tobytes()).decode()


class Sight:
    """What is seen of one player.

    Args:
        real: points of the data (N, C), at least ``COUNTED`` where there are so many.
        mixture: whose modes are counted; None where there are no modes.
    """

    def __init__(self, player: Player, real: Tensor, window: Window, mixture: Mixture | None) -> None:
        self.player, self.real, self.mixture = player, real, mixture
        model = player.model
        self.places = window.places()[:, :, None, None]
        self.normal = standard_normals(COUNTED, model.latent_size, 0)
        self.grid = _grid(model.latent_size, real.shape[1])

    def frame(self) -> dict[str, Any]:
        """Where its points and its grid lie, the verdicts on places, the pull on some points, and its losses."""
        player, model = self.player, self.player.model
        shape = model.data.channels
        points = model.respond(ema=False, normal=torch.cat([self.normal[:SHOWN], self.grid])).view(-1, shape)
        found: dict[str, Any] = {
            "points": packed(points[:SHOWN]), "grid": packed(points[SHOWN:]), "steps": player.steps,
            "updates": dict(model.updates), "terms": {name: value.item() for name, value in model.terms.items()}}
        with torch.no_grad(), model.looking():
            verdicts = model.verdicts(self.places)
        if verdicts is not None:
            found["field"] = packed(verdicts)
        pulled = None if player.batch is None else model.pull(player.batch)
        if pulled is not None:
            at, arrows = (x.flatten(1) for x in pulled)
            found |= {"at": packed(at[:PULLED]), "arrows": packed(arrows[:PULLED]),
                      "pull": arrows.norm(dim=1).mean().item()}
        return found

    def measured(self) -> dict[str, float]:
        """Jensen-Shannon divergence, earth mover's distance, and what modes are covered."""
        points = self.player.model.respond(ema=False, normal=self.normal).flatten(1)
        n = min(CARRIED, len(self.real))
        found = {"js": jensen_shannon(points, self.real), "em": earth_mover(points[:n], self.real[:n])}
        if self.mixture is not None:
            modes = mode_coverage(points[:, :, None, None], self.mixture)
            found |= {"modes": float(modes.covered), "high_quality": modes.high_quality}
        return found


def _grid(latent_size: int, dimensions: int) -> Tensor:
    """Normals on a line, or on a square grid in rows, through the first numbers of a latent; the others are 0.

    A plane takes two numbers: where a latent has but one, it is a line that is longer.
    """
    lines = LINES[dimensions]
    axis = torch.linspace(-REACH, REACH, lines)
    if dimensions == 2 and latent_size > 1:
        plane = torch.cartesian_prod(axis, axis).flip(1)
    else:
        plane = torch.linspace(-REACH, REACH, lines**dimensions)[:, None]
    normal = torch.zeros(len(plane), latent_size)
    normal[:, :plane.shape[1]] = plane
    return normal
