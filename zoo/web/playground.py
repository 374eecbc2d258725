"""The playground's server: the choices of its page, and the games of everyone who has it open."""

import secrets
import threading
import time
from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool
from starlette.routing import Route

from zoo.core.config import Option, options_of
from zoo.core.errors import UsageError
from zoo.core.registry import variant_of
from zoo.data.mixtures import POINT_SETS
from zoo.models import variant_class
from zoo.training.options import Training
from zoo.web.game import FIXED, Game, Order, Setting, playable, small
from zoo.web.presets import PRESETS
from zoo.web.serving import answer, application, events, page, values

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

MOST_GAMES = 4  # at once
FORGOTTEN = 600  # seconds after which a game that nobody watches may end
BATCHES = (4, 512)  # least and most points of a step
MOST_STEPS, RATES = 1_000, (0.5, 30.0)  # of an order; frames a second


class Playground:
    """Games by name, which nobody can guess; of those that are unwatched the oldest makes room."""

    def __init__(self) -> None:
        self.games: dict[str, Game] = {}
        self._lock = threading.Lock()

    def begin(self, setting: Setting) -> str:
        """Raises UsageError where all places are taken, or for a setting that does not fit."""
        with self._lock:
            self._make_room()
            name = secrets.token_urlsafe(16)
            self.games[name] = Game(setting)
            return name

    def _make_room(self) -> None:
        unwatched = sorted((game.used, name) for name, game in self.games.items() if not game.watched)
        for used, name in unwatched:
            if len(self.games) >= MOST_GAMES or time.monotonic() - used > FORGOTTEN:
                self.end(name)
        if len(self.games) >= MOST_GAMES:
            raise UsageError(f"{MOST_GAMES} games are being played here already: try again when one has ended")

    def find(self, name: str) -> Game:
        """Raises UsageError for a game that there is not, or no more."""
        try:
            return self.games[name]
        except KeyError:
            raise UsageError("this game has ended: begin another") from None

    def end(self, name: str) -> None:
        game = self.games.pop(name, None)
        if game is not None:
            game.close()


def choices() -> dict[str, Any]:
    """What can be chosen, in plain values."""
    found = []
    for name in playable():
        cls: Any = variant_class(name)
        variant, told = variant_of(cls), small(cls, 2)
        found.append({"name": name, "title": variant.title, "year": variant.year, "paper": variant.paper,
                      "options": [_option(option, told) for option in options_of(cls.Config).values()
                                  if option.name not in FIXED]})
    return {"variants": found, "data": [*POINT_SETS, "drawn"], "presets": [preset._asdict() for preset in PRESETS]}


def _option(option: Option, told: dict[str, Any]) -> dict[str, Any]:
    return {"name": option.name, "type": option.type.__name__, "default": told.get(option.name, option.default),
            "choices": option.choices, "help": option.help, "minimum": option.minimum, "maximum": option.maximum}


def setting_of(sent: "Mapping[str, Any]") -> Setting:
    """Out of what a page sent. Raises UsageError for anything of another form."""
    try:
        players = [(str(player["variant"]), dict(player["config"])) for player in sent["variants"]]
        drawn = [[float(x), float(y)] for x, y in sent.get("drawn", [])]
        data, batch_size, seed = str(sent["data"]), sent["batch_size"], sent["seed"]
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError(f"what was sent is no setting of a game: {error!r}") from error
    if type(batch_size) is not int or not BATCHES[0] <= batch_size <= BATCHES[1]:
        raise UsageError(f"a batch has {BATCHES[0]} to {BATCHES[1]} points here, not {batch_size!r}")
    Training(seed=seed)  # looks at it
    return Setting(players, data, drawn, batch_size, seed)


def command(game: Game, sent: "Mapping[str, Any]") -> None:
    """Plays, stops or takes steps. Raises UsageError for anything else."""
    steps, rate, do = sent.get("steps", 1), sent.get("rate", RATES[1]), sent.get("do")
    if type(steps) is not int or not 0 <= steps <= MOST_STEPS:
        raise UsageError(f"a frame has 0 to {MOST_STEPS:,} steps, not {steps!r}")
    if type(rate) not in (int, float) or not RATES[0] <= rate <= RATES[1]:
        raise UsageError(f"there are {RATES[0]} to {RATES[1]} frames a second, not {rate!r}")
    if do == "step":
        alone = sent.get("alone")
        groups = {group for player in game.players for group in player.model.groups.names}
        if alone not in (None, *groups):
            raise UsageError(f"there is no {alone!r} to train alone: there are {', '.join(sorted(groups))}")
        game.step(Order(max(1, steps), alone))
    elif do in ("play", "pause"):
        game.play(do == "play", steps, float(rate))
    else:
        raise UsageError(f"a game can play, pause and step, not {do!r}")


def playground(host: str = "127.0.0.1") -> "Starlette":
    """The server."""
    games = Playground()
    playable()  # looks at all variants, once, before anybody waits for it

    async def choose(request: "Request") -> "Response":
        return answer(await run_in_threadpool(choices))

    async def begin(request: "Request") -> "Response":
        setting = setting_of(await values(request))
        name = await run_in_threadpool(games.begin, setting)
        return answer({"name": name} | games.find(name).description())

    async def look(request: "Request") -> "Response":
        return answer(games.find(request.path_params["name"]).description())

    async def order(request: "Request") -> "Response":
        game = games.find(request.path_params["name"])
        command(game, await values(request))
        return answer({})

    async def end(request: "Request") -> "Response":
        await run_in_threadpool(games.end, request.path_params["name"])
        return answer({})

    async def frames(request: "Request") -> "Response":
        game = games.find(request.path_params["name"])
        return events(request.app, lambda: (game.number, game.frame), lambda: game.closed, game.watch)

    app = application([
        Route("/", page("play.html")),
        Route("/api/choices", choose),
        Route("/api/games", begin, methods=["POST"]),
        Route("/api/games/{name}", look),
        Route("/api/games/{name}", order, methods=["POST"]),
        Route("/api/games/{name}", end, methods=["DELETE"]),
        Route("/api/games/{name}/frames", frames)], host)
    app.state.games = games
    return app
