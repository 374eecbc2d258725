"""The playground: its numbers are those of the variants' own training, and its page works."""

import base64
import math
import time

import numpy as np
import pytest
import torch
from browsing import CONTRAST, TEXTS, UNNAMED, browser, opened, served, waiting_for
from closed_forms import batch, linear, of_points
from starlette.testclient import TestClient

import zoo
from zoo.data.mixtures import CURVES
from zoo.data.points import OwnPoints
from zoo.data.sources import open_source
from zoo.metrics.divergences import earth_mover, jensen_shannon
from zoo.training.options import Training
from zoo.training.run import Run
from zoo.web.game import Game, Order, Setting, playable
from zoo.web.player import Player
from zoo.web.playground import MOST_GAMES, playground
from zoo.web.presets import PRESETS
from zoo.web.sight import FIELD, Sight, Window, packed

SHORT = {"ebm": {"sampling_steps": 4}}  # chains
TINY = {"backbone": "mlp", "width": 1, "latent_dim": 2, "discriminator_norm": "none"}


def playing(variant="nsgan", data="ring", size=8, seed=0, **config) -> Player:
    training = Training(batch_size=size, seed=seed, accelerator="cpu")
    return Player(variant, TINY | config, training, open_source(data))


def setting(variant="nsgan", data="ring", drawn=(), **config) -> Setting:
    return Setting([(variant, {"width": 1} | config)], data, list(drawn), 8, 0)


def weights(model) -> dict[str, torch.Tensor]:
    return {name: x.clone() for name, x in model.state_dict().items()}


def differing(these, those) -> set[str]:
    """Networks of which some number differs."""
    return {name.split(".")[0] for name in these if not torch.equal(these[name], those[name])} - {"ema"}


def test_a_player_trains_as_a_run_does(tmp_path):
    """To the last bit, however its steps are taken."""
    training = Training(data="ring", images=80, batch_size=8, accelerator="cpu")
    run = Run("wgan-gp", TINY, training, str(tmp_path / "run"))
    run.train()
    player = playing("wgan-gp")
    for steps in (1, 3, 6):
        player.advance(steps)
    player.close()
    assert player.steps == 10
    assert player.model.updates == run.model.updates == {"discriminator": 10, "generator": 2}
    assert not differing(weights(player.model), weights(run.model))


@pytest.mark.parametrize("variant", ["sngan", "began", "madgan", "improved-gan", "vaegan", "ebm", "ae", "bigan"])
def test_looking_at_a_game_changes_nothing(variant):
    found = []
    for looks in (True, False):
        config = {"backbone": "mlp", "width": 1} | SHORT.get(variant, {})
        player = Player(variant, config, Training(batch_size=8, accelerator="cpu"), open_source("ring"))
        real = open_source("ring").load().images[:300].flatten(1)
        sight = Sight(player, real, Window.around(real), None)
        for _ in range(3):
            player.advance(1)
            if looks:
                frame = sight.frame() | sight.measured()
                assert math.isfinite(frame["em"])
        player.close()
        found.append(weights(player.model))
    assert not differing(*found)


def test_one_group_trains_alone():
    player = playing("wgan-gp", critic_steps=5)
    player.advance(3)
    before = weights(player.model)
    player.advance(1, "generator")
    assert player.model.updates == {"discriminator": 3, "generator": 1}
    assert differing(before, weights(player.model)) == {"generator"}
    before = weights(player.model)
    player.advance(2, "discriminator")
    assert player.model.updates == {"discriminator": 5, "generator": 1}  # the fifth would have been followed by one
    assert differing(before, weights(player.model)) == {"discriminator"}
    with pytest.raises(zoo.UsageError, match="wgan-gp trains discriminator, generator, and no encoder"):
        player.advance(1, "encoder")
    player.close()


def test_pull_and_verdicts_of_a_linear_critic():
    """E[<w, x> + b] rises by w wherever a point lies, whatever the generator."""
    model = of_points("wgan", channels=2, backbone="mlp", width=1).double()
    model.discriminator = linear([3.0, -4.0])
    points, pull = model.pull(batch(torch.zeros(6, 2, dtype=torch.float64)))
    assert points.shape == pull.shape == (6, 2, 1, 1)
    torch.testing.assert_close(pull.flatten(1), torch.tensor([[3.0, -4.0]], dtype=torch.float64).expand(6, 2))
    verdicts = model.verdicts(torch.ones(2, 2, 1, 1, dtype=torch.float64))
    torch.testing.assert_close(verdicts, torch.full((2,), -0.3, dtype=torch.float64))
    assert torch.equal(points, model.pull(batch(torch.zeros(6, 2, dtype=torch.float64)))[0])  # the same every time


@pytest.mark.parametrize("variant", playable())
def test_every_variant_that_learns_points_has_a_picture(variant):
    game = Game(setting(variant, **SHORT.get(variant, {})))
    game.step(Order(1))
    while not game.frame.get("error") and game.frame["row"][0]["steps"] < 1:
        time.sleep(0.01)
    assert "error" not in game.frame
    (seen,) = game.frame["players"]
    assert {"points", "grid", "terms", "em", "js", "modes"} <= seen.keys()
    assert ("arrows" in seen) == issubclass(type(game.players[0].model), zoo.GAN)
    game.close()


# ---- numbers ------------------------------------------------------------------------------------------------------

def test_divergences_by_hand():
    random = torch.Generator().manual_seed(0)
    points = torch.rand(200, 2, generator=random)
    assert earth_mover(points[torch.randperm(200, generator=random)], points) == pytest.approx(0, abs=1e-12)
    assert earth_mover(points + torch.tensor([3.0, 4.0]), points) == pytest.approx(5, rel=1e-6)
    assert earth_mover(torch.tensor([[0.0], [2.0]]), torch.tensor([[3.0], [1.0]])) == pytest.approx(1)  # not crossed
    assert jensen_shannon(points, points) == 0
    assert jensen_shannon(points + 1000, points.clone()) == pytest.approx(math.log(2), rel=1e-6)  # all at one edge
    halves = torch.tensor([[0.0], [1.0]])  # one of two peaks: log(4/3) / 2 + KL(one || both) / 2
    one = jensen_shannon(torch.zeros(2, 1), halves)
    assert one == pytest.approx(0.5 * math.log(4 / 3) + 0.25 * math.log(2 / 3) + 0.25 * math.log(2), rel=1e-6)


def test_places_are_in_rows_from_the_top():
    places = Window([1.0, 2.0], 0.5).places()
    side = FIELD[2]
    assert torch.equal(places[0], torch.tensor([0.5, 2.5]))
    assert torch.equal(places[side - 1], torch.tensor([1.5, 2.5]))
    assert torch.equal(places[-1], torch.tensor([1.5, 1.5]))
    assert np.frombuffer(base64.b64decode(packed(places[-1])), "<f4").tolist() == [1.5, 1.5]


@pytest.mark.parametrize("name", CURVES)
def test_curves_are_sets_of_points(name):
    source = open_source(name)
    points = source.load().images.flatten(1)
    assert points.shape == (source.spec.images, 2)
    assert points.abs().amax() < 4
    reach = torch.cdist(points[:500], source.mixture.centres).amin(1)
    assert (reach < 5 * source.mixture.std).all()
    assert of_points("nsgan", 2, backbone="mlp", width=1).measures == ("transport",)  # there are no modes to count


def test_points_without_modes_are_measured_by_transport():
    """Of two halves of the data the floor; of points far away the way there."""
    model = of_points("nsgan", 2, backbone="mlp", width=1)
    model.respond = lambda *_, **__: open_source("moons").load().images[:100] + 100
    metrics = zoo.evaluate(model, data="moons", measures="transport", samples=100, real=2_000, accelerator="cpu")
    assert metrics["transport"]["value"] == pytest.approx(100 * 2**0.5, rel=0.01)
    assert 0 < metrics["transport/floor"]["value"] < 1


def test_own_points():
    assert torch.equal(OwnPoints(torch.eye(2)).load().images[:, :, 0, 0], torch.eye(2))
    for wrong in (torch.zeros(1, 2), torch.zeros(4), torch.full((4, 2), torch.nan)):
        with pytest.raises(zoo.UsageError, match="at least two rows of finite coordinates"):
            OwnPoints(wrong)


# ---- a game and its server ------------------------------------------------------------------------------------------

def until(what, seconds=20.0):
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_game_stands_still_unless_it_is_watched():
    game = Game(setting())
    game.play(True, 1, 30.0)
    time.sleep(0.1)
    assert game.players[0].steps == 0
    game.watch(1)
    until(lambda: game.players[0].steps > 3)
    game.watch(-1)
    time.sleep(0.1)
    stood = game.players[0].steps
    time.sleep(0.2)
    assert game.players[0].steps == stood
    game.watch(1)
    until(lambda: game.players[0].steps > stood)
    assert [row[0]["steps"] for row in game.log][:3] == [0, 1, 2]
    game.close()
    assert not game._thread.is_alive()


def test_two_players_begin_alike_and_go_on_together():
    game = Game(Setting([("gan", {"width": 1}), ("nsgan", {"width": 1})], "two-peaks", [], 8, 3))
    first, second = (player.model for player in game.players)
    assert not differing(weights(first), weights(second))
    game.step(Order(4))
    until(lambda: game.frame["row"][0]["steps"] == 4)
    assert [player.steps for player in game.players] == [4, 4]
    assert torch.equal(game.players[0].batch.images, game.players[1].batch.images)
    game.close()


def test_the_minimax_loss_jumps_from_peak_to_peak_where_another_is_on_both():
    preset = next(one for one in PRESETS if one.title == "All on one peak")
    game = Game(Setting([*preset.variants], preset.data, [], preset.batch_size, preset.seed))
    on_the_right = []
    for _ in range(10):
        for each in game.players:
            each.advance(50)
        on_the_right.append([(each.model.sample(400, seed=3)[:, 0] > 0).float().mean().item() for each in game.players])
    game.close()
    minimax, r3gan = zip(*on_the_right, strict=True)
    assert max(minimax) > 0.95
    assert min(minimax) < 0.05
    assert all(0.3 < share < 0.7 for share in r3gan[5:])


def test_a_game_that_goes_wrong_says_so():
    game = Game(setting("gan", learning_rate=1e30))
    game.watch(1)
    game.play(True, 20, 30.0)
    until(lambda: "error" in game.frame)
    assert "loss term" in game.frame["error"] or "finite" in game.frame["error"]
    game.close()


@pytest.fixture
def client():
    with TestClient(playground(), base_url="http://127.0.0.1") as found:
        yield found


def asked(**changed) -> dict:
    return {"variants": [{"variant": "nsgan", "config": {"width": 1}}], "data": "ring", "batch_size": 8, "seed": 0} \
        | changed


def player(variant, **config) -> dict:
    return {"variants": [{"variant": variant, "config": config}]}


def test_the_server_plays(client):
    choices = client.get("/api/choices").json()
    assert [v["name"] for v in choices["variants"]] == list(playable())
    assert len(choices["presets"]) == len(PRESETS)
    begun = client.post("/api/games", json=asked()).json()
    where = f"/api/games/{begun['name']}"
    assert client.post(where, json={"do": "step", "steps": 3}).json() == {}
    until(lambda: client.get(where).json()["log"][-1][0]["steps"] == 3)
    assert client.delete(where).status_code == 200
    assert client.get(where).json() == {"error": "this game has ended: begin another"}


@pytest.mark.parametrize(("sent", "said"), [
    (asked(**player("nsgna")), "unknown variant for points 'nsgna': did you mean nsgan"),
    (asked(**player("evil.py:Evil")), "unknown variant for points"),  # no code is run
    (asked(**player("os:system")), "unknown variant for points"),
    (asked(**player("cgan")), "unknown variant for points"),
    (asked(**player("nsgan", width=1024)), "too many to watch: choose a smaller width"),
    (asked(**player("nsgan", widht=2)), "unknown option 'widht': did you mean width"),
    (asked(**player("nsgan", width=1, learning_rate="1")), "learning_rate must be a finite number"),
    (asked(**player("ebm", steps=10**6)), "steps must be at most 100 here"),
    (asked(**player("madgan", width=1, generators=3)), "choose a multiple"),
    (asked(variants=[]), "one or two variants play at once"),
    (asked(data="/etc/passwd"), "unknown set of points"),
    (asked(data="drawn", drawn=[[0, 0]]), "1 points are drawn: draw 20 to 20,000"),
    (asked(batch_size=10**6), "a batch has 4 to 512 points here"),
    (asked(seed=-1), "seed must be at least 0"),
    ({"data": "ring"}, "what was sent is no setting of a game"),
    ([1], "what was sent is no JSON object"),
])
def test_what_does_not_fit_gets_a_sentence(client, sent, said):
    answer = client.post("/api/games", json=sent)
    if answer.status_code == 200:  # what is found out in the first step
        name = answer.json()["name"]
        client.post(f"/api/games/{name}", json={"do": "step"})
        game = client.app.state.games.find(name)
        until(lambda: "error" in game.frame)
        assert said in game.frame["error"]
        return
    assert answer.status_code == 400
    assert said in answer.json()["error"]


def test_the_server_keeps_others_out(client):
    assert "no JSON" in client.post("/api/games", content=b"{").json()["error"]
    assert "larger than 1 MB" in client.post("/api/games", content=b" " * (2**20 + 1)).json()["error"]
    assert client.post("/api/games", json=asked(), headers={"origin": "http://evil.example"}).status_code == 403
    assert client.get("/", headers={"host": "evil.example"}).status_code == 400
    for path in ("/pages/../serving.py", "/pages/%2e%2e/serving.py", "/pages//etc/passwd", "/etc/passwd"):
        assert client.get(path).status_code == 404
    page = client.get("/")
    assert "default-src 'self'" in page.headers["content-security-policy"]
    for name in ("begin", "step"):
        assert client.post("/api/games/nobody", json={"do": name}).status_code == 400


def test_there_are_so_many_games_and_no_more(client):
    games = client.app.state.games
    names = [client.post("/api/games", json=asked()).json()["name"] for _ in range(MOST_GAMES)]
    games.find(names[0]).watch(1)
    names.append(client.post("/api/games", json=asked()).json()["name"])  # the oldest unwatched makes room
    assert set(games.games) == {names[0], *names[2:]}
    for name in names[2:]:
        games.find(name).watch(1)
    assert "try again" in client.post("/api/games", json=asked()).json()["error"]


# ---- the page -----------------------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def chromium():
    with browser() as found:
        yield found


@pytest.fixture
def address():
    with served(playground()) as found:
        yield found


def steps(page) -> int:
    return page.evaluate("zoo.log()?.at(-1)?.[0].steps ?? -1")


def test_the_page_trains_until_the_ring_is_covered(chromium, address):
    with opened(chromium, address, viewport={"width": 1200, "height": 900}) as page:
        waiting_for(page, "zoo.log()?.length > 2")
        assert page.get_by_label("Distribution").input_value() == PRESETS[0].data == "ring"
        before = page.locator("#panel-0").screenshot()
        page.get_by_label("Speed").select_option("as fast as it goes")
        waiting_for(page, "zoo.log().at(-1)[0].steps >= 200")
        waiting_for(page, "zoo.log().some(row => row[0].modes === 8)")
        page.get_by_role("button", name="Pause").click()
        assert " of 8 modes" in page.locator("#panel-0").get_attribute("aria-label")
        assert page.locator("#panel-0").screenshot() != before
        assert page.evaluate(UNNAMED) == []


def test_the_page_takes_keys_and_goes_on_after_a_reload(chromium, address):
    with opened(chromium, address, reduced_motion="reduce") as page:  # nothing moves by itself
        waiting_for(page, "zoo.log()?.length > 0")
        assert steps(page) == 0
        page.keyboard.press("s")
        waiting_for(page, "zoo.log().at(-1)[0].steps === 1")
        page.keyboard.press("d")
        waiting_for(page, "zoo.log().at(-1)[0].steps === 2")
        page.keyboard.press("Space")
        waiting_for(page, "zoo.log().at(-1)[0].steps > 4")
        page.reload()
        waiting_for(page, "zoo.log()?.length > 4")  # with what was before
        seen = steps(page)
        waiting_for(page, f"zoo.log().at(-1)[0].steps > {seen}")
        page.keyboard.press("Space")
        page.get_by_label("Distribution").focus()
        page.keyboard.press("s")  # chooses spiral there, and takes no step
        waiting_for(page, "zoo.log()?.at(-1)[0].steps === 0")
        assert page.get_by_label("Distribution").input_value() == "spiral"


def test_closing_the_page_stops_the_training(chromium):
    app = playground()
    with served(app) as address:
        with opened(chromium, address) as page:
            waiting_for(page, "zoo.log()?.length > 2")
            (game,) = app.state.games.games.values()
            assert game.watched == 1
        until(lambda: not game.watched)
        stood = game.number
        time.sleep(0.3)
        assert game.number <= stood + 1


def test_the_server_ends_while_a_page_is_open(chromium, caplog):
    with served(playground()) as address:
        context = chromium.new_context()
        page = context.new_page()
        page.goto(address)
        waiting_for(page, "zoo.log()?.length > 0")
    context.close()
    assert "ERROR" not in caplog.text


def test_options_points_by_hand_and_two_variants(chromium, address):
    with opened(chromium, address, viewport={"width": 1200, "height": 900}, reduced_motion="reduce") as page:
        waiting_for(page, "zoo.log()?.length > 0")
        page.locator("#variant-1").select_option("wgan")
        waiting_for(page, "document.querySelectorAll('#panels canvas').length === 2")
        page.locator("#player-1").get_by_label("learning rate", exact=True).fill("-1")
        page.keyboard.press("Tab")
        page.get_by_role("alert").get_by_text("learning_rate must be at least 0").wait_for()
        page.locator("#player-1").get_by_label("learning rate", exact=True).fill("0.01")
        page.keyboard.press("Tab")
        page.get_by_label("Distribution").select_option("drawn")
        canvas = page.get_by_label("Canvas to draw points on")
        box = canvas.bounding_box()
        page.mouse.move(box["x"] + 30, box["y"] + 30)
        page.mouse.down()
        page.mouse.move(box["x"] + 90, box["y"] + 90, steps=8)
        page.mouse.up()
        canvas.press("ArrowDown")
        canvas.press("Enter")
        page.get_by_role("button", name="Play with these").click()
        waiting_for(page, "zoo.log()?.at(-1)[1].em !== undefined && !('modes' in zoo.log().at(-1)[0])")
        assert page.locator("#error").text_content() == ""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_it_all_and_text_can_be_read(chromium, address, scheme):
    with opened(chromium, address, viewport={"width": 360, "height": 740}, color_scheme=scheme) as page:
        waiting_for(page, "zoo.log()?.length > 0")
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        assert page.evaluate(CONTRAST, TEXTS) >= 4.5
        dark = page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(22, 23, 26)"
        assert dark == (scheme == "dark")
