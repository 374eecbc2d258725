"""The explorer: tasks say how they are asked, answers are those of the methods that users call, and the page works."""

import base64
import io
import re
import shutil
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from browsing import CONTRAST, TEXTS, UNNAMED, browser, opened, served, waiting_for
from conftest import VARIANTS, created, tiny_config
from PIL import Image, ImageOps
from starlette.testclient import TestClient

import zoo
from zoo.store.loading import find
from zoo.tasks import sampling_views
from zoo.tasks.asking import Control, View
from zoo.tasks.task import Task
from zoo.web.explorer import explorer
from zoo.web.pictures import KEPT, SIDE, Pictures
from zoo.web.pictures import opened as picture_in

NOISE = Image.fromarray(np.random.default_rng(0).integers(0, 255, (20, 24, 3), dtype=np.uint8))
MOVED = {"way_0": 1.5, "by": -2.0, "dimension": 1, "code_category 0": 2, "code_code 1": 3, "count": 3, "seed": 5,
         "way": 0.25, "truncation": 0.5, "steps": 2, "sentences": "a cat sees\nthe dog",
         "size": "as it is, up to 512 px"}


def moved(view: View) -> dict:
    """A value of every control that is not its default."""
    values = {c.name: MOVED[c.name] for c in view.controls if c.name in MOVED}
    values |= {c.name: c.choices[-1] for c in view.controls if c.name.startswith("class_")}
    return values | {c.name: NOISE for c in view.controls if c.kind == "picture"}


def pixels(image: torch.Tensor) -> np.ndarray:
    return image.mul(255).round().byte().permute(1, 2, 0).squeeze(2).numpy()


def evaluated(line: str, model: Task):
    """What a line of Python makes, of files of the size that it names."""
    if size := re.search(r"of (\d+)x(\d+) pixels", line):
        size = int(size[1]), int(size[2])
        lanczos = "picture.png of" in line
        ImageOps.fit(NOISE, size, Image.Resampling.LANCZOS if lanczos else Image.Resampling.BICUBIC).save("picture.png")
    names = {"torch": torch, "zoo": zoo, "model": model}
    exec(line, names)
    return next(names[name] for name in ("image", "sentence", "nats") if name in names)


@pytest.mark.parametrize("variant", VARIANTS)
def test_lines_of_python_make_what_is_shown(variant, tmp_path, monkeypatch):
    """In every view of every variant, with its controls moved."""
    monkeypatch.chdir(tmp_path)
    for name in ("style.png", "holes.png"):
        NOISE.save(name)
    channels = 3 if variant == "munit" else 1
    model = created(variant, 16, channels, **tiny_config(variant)).eval()
    views = model.views()
    assert len({view.name for view in views}) == len(views) > 0
    for view in views:
        made = [one for one in view.ask(moved(view)) if one.line]
        assert made
        for one in made:
            found = evaluated(one.line, model)
            if one.picture is not None:
                apart = np.asarray(one.picture, dtype=int) - pixels(found[0])
                assert np.abs(apart).max() <= 1, one.line  # of one alone, which rounds otherwise than of several
            elif isinstance(found, torch.Tensor):
                assert one.caption == f"{found.item():.2f} nats a token"
            else:
                assert found == one.text


def test_sliders_move_and_seeds_stay():
    model = created("dcgan", 16, **tiny_config("dcgan")).eval()
    samples, between, *_ = model.views()
    plain = samples.ask({"count": 3, "seed": 4})
    assert [one.picks["between"]["start"] for one in plain] == [4, 5, 6]
    pushed = samples.ask({"count": 3, "seed": 4, "way_1": 3.0})
    assert all(a.picture.tobytes() != b.picture.tobytes() for a, b in zip(plain, pushed, strict=True))
    assert samples.ask({"count": 1, "seed": 5})[0].picture.tobytes() == plain[1].picture.tobytes()
    ends = between.ask({"start": 4, "end": 6, "way": 1.0})
    assert ends[0].picture.tobytes() == plain[2].picture.tobytes()
    assert ends[1].picture.tobytes() == plain[0].picture.tobytes()


def test_classes_are_asked_for_by_their_parts():
    model = zoo.load("cgan-anime")
    (samples, *_) = model.views()
    made = samples.ask({"count": 4, "class_hair": "pink hair"})
    assert all("labels='pink hair, " in one.line for one in made)
    assert len({one.line for one in made}) == 4  # of all eyes in turn
    (hair, eyes), known = samples.controls[2:4], set(model.data.class_names)
    lacking = next((h, e) for h in hair.choices[1:] for e in eyes.choices[1:] if f"{h}, {e}" not in known)
    with pytest.raises(zoo.UsageError, match="the data have no"):
        samples.ask({"class_hair": lacking[0], "class_eyes": lacking[1]})


@pytest.mark.parametrize(("control", "value", "said"), [
    (Control("n", "pictures", "number", maximum=4), 5, "pictures: a number from 0 to 4 is wanted"),
    (Control("n", "pictures", "number", maximum=4), 1.5, "pictures: a whole number is wanted"),
    (Control("n", "pictures", "slider", maximum=4), float("nan"), "a number from 0 to 4"),
    (Control("n", "pictures", "slider", maximum=4), True, "a number from 0 to 4"),
    (Control("n", "class", "choice", choices=("a", "b")), "c", "class: choose one of a, b"),
    (Control("n", "class", "choice", choices=("a", "b")), ["a"], "class: choose one of a, b"),
    (Control("n", "given", "picture"), "/etc/passwd", "given: a picture is wanted"),
    (Control("n", "words", "text"), 3, "words: a text is wanted")])
def test_values_that_do_not_fit_are_refused(control, value, said):
    with pytest.raises(zoo.UsageError, match=said):
        View("v", "V", (control,), lambda values: []).ask({"n": value})
    with pytest.raises(zoo.UsageError, match="there is nothing to say of 'm' here: there are n"):
        View("v", "V", (control,), lambda values: []).ask({"m": 1})


# ---- pictures that are sent -----------------------------------------------------------------------------------------

def encoded(picture: Image.Image, kind: str = "png", **how) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **how)
    return file.getvalue()


@pytest.mark.parametrize(("sent", "said"), [
    (b"", "this is no picture that can be read"), (b"hello" * 1000, "this is no picture"),
    (encoded(NOISE)[:300], "this is no picture"),
    (b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "a drawing of lines"),
    (b"<?xml version='1.0'?><svg/>", "a drawing of lines"),
    (encoded(NOISE, "pcx"), "send PNG, JPEG"),
    (encoded(Image.new("1", (10_000, 10_000)), "png"), "100 megapixels: make it smaller than 40 first"),
    (encoded(Image.new("1", (20_000, 20_000)), "png"), "megapixels|no picture")])  # Pillow itself refuses it
def test_what_is_no_picture_gets_a_sentence(sent, said):
    with pytest.raises(zoo.UsageError, match=said):
        picture_in(sent)


def test_pictures_become_small_and_upright_and_are_forgotten():
    assert picture_in(encoded(Image.new("RGB", (3000, 1500), "red"), "jpeg")).size == (SIDE, SIDE // 2)
    turned = Image.Exif()
    turned[0x0112] = 6
    assert picture_in(encoded(Image.new("RGB", (30, 10)), "jpeg", exif=turned.tobytes())).size == (10, 30)
    assert picture_in(encoded(Image.new("RGBA", (2, 2)))).getpixel((0, 0)) == (255, 255, 255)
    pictures = Pictures()
    names = [pictures.keep(NOISE) for _ in range(KEPT + 1)]
    assert pictures.find(names[-1]) is NOISE
    for gone in (names[0], "", None, 3, "../../etc/passwd"):
        with pytest.raises(zoo.UsageError, match="no longer here"):
            pictures.find(gone)


# ---- the server -----------------------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def client():
    app = explorer(["dcgan-anime", "seqgan-captions", "inpaint-anime"])
    with TestClient(app, base_url="http://localhost") as found:
        yield found


def asked(client, view, model="dcgan-anime", **values):
    return client.post(f"/api/ask/{view}", json={"model": model, "values": values})


def test_the_server_answers_as_the_model_does(client):
    assert [(m["name"], m["heading"]) for m in client.get("/api/models").json()] == [
        ("dcgan-anime", "Pictures from latents"), ("seqgan-captions", "Sentences"),
        ("inpaint-anime", "Pictures from pictures")]
    found = client.get("/api/models/dcgan-anime").json()
    assert {"views", "metrics", "card", "usage", "limits"} <= found.keys()
    made = asked(client, "samples", count=2, seed=7).json()["made"]
    image = np.asarray(Image.open(io.BytesIO(base64.b64decode(made[1]["src"].partition(",")[2]))))
    assert np.array_equal(image, pixels(zoo.load("dcgan-anime").sample(1, seed=8)[0]))
    assert made[1]["line"].startswith("model = zoo.load('dcgan-anime')\nimage = model.render(model.normals(1, seed=8)")
    written = asked(client, "write", "seqgan-captions", count=2, seed=3).json()["made"]
    assert [one["text"] for one in written] == zoo.load("seqgan-captions").write(2, seed=3)


def test_the_pictures_of_a_card_are_shown(client):
    """Such as how what the same latents give changed while the model learnt."""
    shown = client.get("/api/models/dcgan-anime").json()["pictures"]
    assert "training progress" in {one["word"] for one in shown}
    assert all(one["src"].startswith("data:image/png") and one["caption"] for one in shown)
    assert not client.get("/api/models/seqgan-captions").json()["pictures"]


def test_a_damaged_picture_of_a_card_hides_nothing_else(tmp_path):
    shutil.copytree(find("gan-mnist"), tmp_path / "model")
    (tmp_path / "model" / "samples.png").write_bytes((tmp_path / "model" / "samples.png").read_bytes()[:90])
    with TestClient(explorer([str(tmp_path / "model")]), base_url="http://localhost") as client:
        found = client.get(f"/api/models/{tmp_path / 'model'}").json()
    assert found["views"]
    assert "samples" not in {one["word"] for one in found["pictures"]}


def test_two_people_are_answered_at_once(client):
    """Each as if alone."""
    def ask(seed: int) -> list:
        return [one["src"] for one in asked(client, "samples", count=2, seed=seed).json()["made"]]

    alone = [ask(seed) for seed in range(8)]
    with ThreadPoolExecutor(4) as people:
        assert list(people.map(ask, range(8))) == alone


def test_examples_are_those_that_the_model_was_saved_with(client):
    found = client.get("/api/models/inpaint-anime").json()
    assert len(found["examples"]) == 4
    assert all(re.fullmatch("#[0-9a-f]{6}", colour) for colour in found["palette"])
    made = asked(client, "inpaint", "inpaint-anime", picture=found["examples"][0]["name"]).json()["made"]
    assert [one["caption"] for one in made] == ["given", "made"]


@pytest.mark.parametrize(("view", "model", "values", "said"), [
    ("samples", "dcgan-anime", {"count": 10**6}, "pictures: a number from 1 to 24"),
    ("samples", "dcgan-anime", {"class_hair": "pink"}, "there is nothing to say of 'class_hair'"),
    ("translate", "dcgan-anime", {}, "dcgan-anime is asked samples or between or more or find, not translate"),
    ("samples", "wgan-mnist", {}, "this page does not show wgan-mnist"),
    ("samples", "../../etc", {}, "this page does not show"), ("samples", None, {}, "this page does not show"),
    ("inpaint", "inpaint-anime", {}, "give a picture first"),
    ("inpaint", "inpaint-anime", {"picture": "/etc/passwd"}, "no longer here"),
    ("score", "seqgan-captions", {"sentences": "xyzzy is"}, "the model does not know 'xyzzy'"),
    ("score", "seqgan-captions", {"sentences": "a\n" * 60}, "write 1 to 50 sentences"),
    ("score", "seqgan-captions", {"sentences": "a" * 2**20}, "larger than 1 MB")])
def test_what_cannot_be_answered_gets_a_sentence(client, view, model, values, said):
    found = client.post(f"/api/ask/{view}", json={"model": model, "values": values})
    assert found.status_code == 400
    assert said in found.json()["error"]


def test_no_path_of_the_server_is_read(client):
    for path in ("/api/models/../../pyproject.toml", "/api/models//etc", "/api/models/%2e%2e/zoo",
                 "/pages/../pictures.py", "/api/models/evil.py:Evil"):
        assert client.get(path).status_code in (400, 404)
    sent = client.post("/api/pictures", content=b"x" * (21 * 2**20))
    assert sent.json()["error"] == "what was sent is larger than 20 MB: send less"


# ---- the page -------------------------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def chromium():
    with browser() as found:
        yield found


@pytest.fixture(scope="module")
def address():
    with served(explorer(["wgan-gp-anime", "cgan-mnist", "edges-anime", "seqgan-captions"])) as found:
        yield found


def source(page, number: int = 0) -> np.ndarray:
    """The pixels of a picture that the page shows."""
    src = page.locator("#made img").nth(number).get_attribute("src")
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(src.partition(",")[2]))))


def test_a_slider_moves_what_render_gives(chromium, address):
    model = zoo.load("wgan-gp-anime")
    with opened(chromium, address, viewport={"width": 1200, "height": 900}) as page:
        waiting_for(page, "document.querySelectorAll('#made img').length === 12")
        assert np.array_equal(source(page, 3), pixels(model.sample(1, seed=3)[0]))
        slider = page.get_by_label("direction 2")
        slider.focus()
        for _ in range(5):
            page.keyboard.press("ArrowRight")
        waiting_for(page, "document.querySelector('#line').textContent.includes('+ 0.5 * ')")
        normal = model.normals(1, seed=3) + 0.5 * zoo.directions(model).vectors[1]
        assert np.array_equal(source(page, 3), pixels(model.render(normal)[0]))
        page.locator("figure").nth(2).get_by_role("button", name="Between two: from").click()
        page.locator("figure").nth(5).get_by_role("button", name="Between two: to").click()
        page.get_by_role("button", name="Between two", exact=True).click()
        waiting_for(page, "document.querySelectorAll('#made img').length === 8")
        assert page.get_by_label("to seed").input_value() == "5"
        assert np.array_equal(source(page, 7), pixels(model.sample(1, seed=5)[0]))
        page.locator("#made figure").first.get_by_role("button", name="keep").click()
        with page.expect_download() as download:
            page.locator("#kept").get_by_role("link", name="download").click()
        assert np.array_equal(np.asarray(Image.open(download.value.path())), source(page, 0))
        assert page.evaluate(UNNAMED) == []


def test_drawing_and_sending_pictures(chromium, address, tmp_path):
    model = zoo.load("edges-anime")
    NOISE.save(tmp_path / "given.png")
    (tmp_path / "wrong.png").write_text("hello", encoding="utf-8")
    with opened(chromium, f"{address}#edges-anime", viewport={"width": 1200, "height": 900}) as page:
        waiting_for(page, "document.querySelectorAll('.examples button').length === 4")
        page.get_by_role("button", name="example 1").click()
        waiting_for(page, "document.querySelectorAll('#made img').length === 2")
        assert page.get_by_label("what is given").input_value() == "the picture itself"
        page.locator("input[type=file]").set_input_files(tmp_path / "given.png")  # of which edges are to be made
        waiting_for(page, "document.querySelector('#line').textContent.includes('source_of')")
        given = ImageOps.fit(NOISE, (64, 64), Image.Resampling.LANCZOS)
        assert np.array_equal(source(page, 1), pixels(model.translate(model.source_of(given))[0]))
        page.get_by_role("button", name="Empty").click()
        waiting_for(page, "!document.querySelector('#line').textContent.includes('source_of')")
        waiting_for(page, "document.querySelector('#status').textContent.startsWith('2 in')")
        assert (source(page, 0) == source(page, 0)[0, 0]).all()
        canvas = page.locator(".drawing canvas")
        canvas.focus()
        canvas.press("Enter")
        waiting_for(page, "zoo.asked() === 4")
        assert (source(page, 0) != source(page, 0)[0, 0]).any()
        page.locator("input[type=file]").set_input_files(tmp_path / "wrong.png")
        page.get_by_role("alert").get_by_text("this is no picture that can be read").wait_for()


def test_a_search_tells_how_far_it_is(chromium, address, monkeypatch):
    def slowly(*args, progress, **options):  # a quick machine is through before there is anything to tell
        return zoo.invert(*args, progress=lambda share: time.sleep(0.02) or progress(share), **options)

    monkeypatch.setattr(sampling_views, "invert", slowly)
    with opened(chromium, f"{address}#cgan-mnist") as page:
        waiting_for(page, "document.querySelectorAll('#made img').length === 12")
        page.get_by_role("button", name="Find a picture").click()
        page.get_by_role("button", name="Go").click()
        page.get_by_text("give a picture first").wait_for()
        page.get_by_role("button", name="Empty").click()
        page.get_by_label("class", exact=True).select_option("1")
        page.wait_for_timeout(300)  # the picture is on its way
        page.evaluate("""() => { window.said = []; new MutationObserver(() => said.push(
            document.querySelector("#status").textContent)).observe(document.querySelector("#status"),
            { childList: true }); }""")
        page.get_by_role("button", name="Go").click()
        waiting_for(page, "document.querySelectorAll('#made img').length === 2")
        assert page.evaluate("said.some(words => / at work: \\d+ %/.test(words))")
        white = torch.ones(1, 1, 28, 28)
        found = zoo.invert(zoo.load("cgan-mnist"), white, "1", 60, starts=16, progress=False)
        assert np.abs(source(page, 1).astype(int) - pixels(found.images[0])).max() <= 1


def test_sentences_and_classes(chromium, address):
    with opened(chromium, f"{address}#seqgan-captions") as page:
        waiting_for(page, "document.querySelectorAll('#made figure').length === 8")
        said = page.locator("#made figure span").first.text_content()
        assert said == zoo.load("seqgan-captions").write(1, seed=0)[0]
        page.get_by_role("button", name="Score").click()
        page.get_by_label("sentences, one a line").fill(said)
        page.get_by_role("button", name="Ask", exact=True).click()
        waiting_for(page, "document.querySelector('#made')?.textContent.includes('nats a token')")
        page.get_by_label("Model", exact=True).select_option("cgan-mnist")
        waiting_for(page, "document.querySelectorAll('#made img').length === 12")
        page.get_by_label("class", exact=True).select_option("7")
        waiting_for(page, "document.querySelector('#line').textContent.includes(\"labels='7'\")")
        assert np.array_equal(source(page, 1), pixels(zoo.load("cgan-mnist").sample(1, labels="7", seed=1)[0]))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_it_all_and_text_can_be_read(chromium, address, scheme):
    with opened(chromium, address, viewport={"width": 360, "height": 740}, color_scheme=scheme) as page:
        waiting_for(page, "document.querySelectorAll('#made img').length === 12")
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        assert page.evaluate(CONTRAST, TEXTS) >= 4.5
