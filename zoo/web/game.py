"""Game: one or two players at the same points, who go on in a thread of their own while somebody watches."""

import threading
import time
from collections import deque
from functools import cache
from typing import Any, NamedTuple

import torch

from zoo.core.config import options_of
from zoo.core.errors import UsageError, unknown
from zoo.data.image_spec import PointSpec
from zoo.data.mixtures import MIXTURES, POINT_SETS
from zoo.data.points import OwnPoints
from zoo.data.source import Source
from zoo.data.sources import open_source
from zoo.models import variant_class, variants
from zoo.tasks.latent_model import LatentModel
from zoo.training.options import Training
from zoo.web.player import Player, at_work
from zoo.web.sight import COUNTED, SHOWN, Sight, Window, packed

SMALL = {"backbone": "mlp", "width": 8, "discriminator_norm": "none", "encoder_norm": "none", "learning_rate": 1e-3,
         "sampling_steps": 60}
FIXED = ("backbone", "ema_halflife")  # options of no use here: points take one backbone, and live weights are seen
MOST = {"steps": 100, "kernels": 200}  # of options that only cost time
LARGEST = 3_000_000  # parameters, or numbers of a latent times the points that are drawn
DRAWN = (20, 20_000)  # least and most points that are drawn by hand
MEASURE_EVERY = 0.5  # seconds
BUSY = 0.6  # share of the time between frames in which steps are taken, where as many as possible are asked for
REMEMBERED = 600  # rows of the log; of a longer one every second is dropped, again and again


class Setting(NamedTuple):
    """What is played.

    Attributes:
        variants: one or two, each with fields of its Config.
        data: a name out of ``POINT_SETS``, or ``drawn``.
        drawn: points (x, y), where they are drawn by hand.
    """

    variants: list[tuple[str, dict[str, Any]]]
    data: str
    drawn: list[list[float]]
    batch_size: int
    seed: int


class Order(NamedTuple):
    """What is to be done next: so many steps (0: as there is time for), by all groups or one alone."""

    steps: int
    alone: str | None = None


@cache
def playable() -> tuple[str, ...]:
    """The variants that learn points without labels."""
    found = []
    for variant in variants():
        cls = variant_class(variant.name)
        if issubclass(cls, LatentModel):
            try:
                sized(cls, small(cls, 2), 2)
            except UsageError:
                continue  # it says itself that it does not
            found.append(variant.name)
    return tuple(found)


def small(cls: type[LatentModel], dimensions: int) -> dict[str, Any]:
    """What a variant is told here where it is told nothing: latents of as many numbers as points have, so that all of
    the generator's map can be seen."""
    known = options_of(cls.Config)
    return {name: value for name, value in (SMALL | {"latent_dim": dimensions}).items() if name in known}


def sized(cls: type[LatentModel], config: dict[str, Any], dimensions: int) -> LatentModel:
    """The model with shapes in place of weights. Raises UsageError for options that do not fit, or are too large."""
    for name, most in MOST.items():
        if config.get(name, 0) > most:
            raise UsageError(f"{name} must be at most {most} here, not {config[name]}")
    with torch.device("meta"):
        model = cls(cls.Config.from_dict(config), PointSpec(name="points", channels=dimensions))
    numbers = sum(x.numel() for x in (*model.parameters(), *model.buffers()))
    if max(numbers, SHOWN * model.latent_size) > LARGEST:
        raise UsageError(f"these networks have {numbers:,} numbers and latents of {model.latent_size:,}, too many to "
                         "watch: choose a smaller width or latent_dim")
    return model


class Game:
    """Players at the same points, from the same seed.

    Args:
        setting: see there.

    Attributes:
        log: rows of what was measured, of each player, for curves.
        frame, number: the newest frame, and which it is.
        running: whether it goes on by itself while it is watched.
        steps, rate: of a frame, and frames a second at most.

    Raises:
        UsageError: what does not fit, with what to do about it.
    """

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        source = _source(setting)
        dimensions = source.spec.channels
        if not 1 <= len(setting.variants) <= 2:
            raise UsageError("one or two variants play at once")
        training = Training(batch_size=setting.batch_size, seed=setting.seed, accelerator="cpu", data=setting.data)
        configs = []
        for variant, config in setting.variants:
            if variant not in playable():
                raise unknown("variant for points", variant, playable())
            cls: Any = variant_class(variant)
            configs.append(small(cls, dimensions) | config)
            sized(cls, configs[-1], dimensions)
        real = source.load().truth.flatten(1)
        real = real[torch.randperm(len(real), generator=torch.Generator().manual_seed(0))[:COUNTED]]
        self.window = Window.around(real)
        mixture = MIXTURES[setting.data]() if setting.data in MIXTURES else None
        self.modes = len(mixture.centres) if mixture else 0
        self.real, self.players = real, []
        self.log: list[list[dict[str, Any]]] = []
        self.frame: dict[str, Any] = {}
        self.number, self.running, self.watched, self.closed = 0, False, 0, False
        self.steps, self.rate, self.used = 1, 20.0, time.monotonic()
        self._orders: deque[Order] = deque()
        self._changed = threading.Condition()
        self._measured: list[dict[str, float]] = []
        self._measured_at, self._stride, self._unlogged = 0.0, 1, 0
        with at_work():
            try:
                for (variant, _), config in zip(setting.variants, configs, strict=True):
                    self.players.append(Player(variant, config, training, source))
            except BaseException:
                for player in self.players:
                    player.close()
                raise
            self.sights = [Sight(player, real, self.window, mixture) for player in self.players]
            self._look()
        self._thread = threading.Thread(target=self._drive, daemon=True)
        self._thread.start()

    def description(self) -> dict[str, Any]:
        """What stays as it is while it is played, and how it is played now."""
        return {"setting": self.setting._asdict(), "window": self.window._asdict(), "real": packed(self.real[:SHOWN]),
                "dimensions": self.real.shape[1], "modes": self.modes, "running": self.running, "steps": self.steps,
                "rate": self.rate, "log": self.log,
                "players": [{"variant": player.model.variant, "config": player.model.config.to_dict(),
                             "groups": player.model.groups.names} for player in self.players]}

    def watch(self, by: int) -> None:
        """One more who watches, or one less: unwatched it stands still."""
        with self._changed:
            self.watched, self.used = self.watched + by, time.monotonic()
            self._changed.notify_all()

    def play(self, running: bool, steps: int, rate: float) -> None:
        """Goes on, or stands still."""
        with self._changed:
            self.running, self.steps, self.rate = running, steps, rate
            self._changed.notify_all()

    def step(self, order: Order) -> None:
        """Takes some steps besides, one group alone if asked for; the game stands still afterwards."""
        with self._changed:
            self.running = False
            self._orders.append(order)
            self._changed.notify_all()

    def close(self) -> None:
        """Ends it."""
        with self._changed:
            self.closed = True
            self._changed.notify_all()
        self._thread.join()

    # ---- in its own thread ------------------------------------------------------------------------------------

    def _drive(self) -> None:
        try:
            while (order := self._next()) is not None:
                began = time.monotonic()
                try:
                    with at_work():
                        self._advance(order, began + BUSY / self.rate)
                        self._look()
                except (ValueError, RuntimeError) as error:  # also of losses and points that are not finite
                    self.running = False
                    self._show(self.frame | {"error": str(error).splitlines()[0]})
                    return
                with self._changed:  # until the next frame is due, or a command comes
                    self._changed.wait_for(lambda: self.closed or bool(self._orders) or not self.running,
                                           max(0.001, 1 / self.rate - (time.monotonic() - began)))
        finally:
            for player in self.players:
                player.close()

    def _next(self) -> Order | None:
        """What is to be done, as soon as there is something; None at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self.closed or bool(self._orders) or (self.running and self.watched > 0))
            if self.closed:
                return None
            return self._orders.popleft() if self._orders else Order(self.steps)

    def _advance(self, order: Order, until: float) -> None:
        while True:
            for player in self.players:
                if order.alone in (None, *player.model.groups.names):
                    player.advance(order.steps or 1, order.alone)
            if order.steps or time.monotonic() >= until:
                return

    def _look(self) -> None:
        """Makes the next frame, and now and then a row of the log."""
        now = time.monotonic()
        if now - self._measured_at > MEASURE_EVERY or not self.running:
            self._measured = [sight.measured() for sight in self.sights]
            self._measured_at = now
        seen = [sight.frame() | measured for sight, measured in zip(self.sights, self._measured, strict=True)]
        self._unlogged += 1
        if self._unlogged >= self._stride:
            self._unlogged = 0
            self.log.append([_row(one) for one in seen])
            if len(self.log) > REMEMBERED:
                self.log, self._stride = self.log[::2], 2 * self._stride
        self._show({"players": seen})

    def _show(self, frame: dict[str, Any]) -> None:
        with self._changed:
            self.number += 1
            self.frame = frame | {"running": self.running, "row": [_row(one) for one in frame["players"]]}


def _row(seen: dict[str, Any]) -> dict[str, Any]:
    """The numbers of a frame, of which there are curves."""
    totals: dict[str, float] = {}
    for name, value in seen["terms"].items():
        group = name.split("/")[0]
        totals[group] = totals.get(group, 0.0) + value
    kept = {name: seen[name] for name in ("js", "em", "modes", "high_quality", "pull") if name in seen}
    return {"steps": seen["steps"], "loss": totals} | kept


def _source(setting: Setting) -> Source:
    if setting.data != "drawn":
        if setting.data not in POINT_SETS:
            raise unknown("set of points", setting.data, [*POINT_SETS, "drawn"])
        return open_source(setting.data)
    if not DRAWN[0] <= len(setting.drawn) <= DRAWN[1]:
        raise UsageError(f"{len(setting.drawn)} points are drawn: draw {DRAWN[0]:,} to {DRAWN[1]:,}")
    return OwnPoints(torch.tensor(setting.drawn, dtype=torch.float32), "drawn")
