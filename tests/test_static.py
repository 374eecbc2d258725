"""The page without a server: what onnxruntime-web makes in a browser is what torch makes."""

import base64
import io
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import numpy as np
import pytest
import torch
from browsing import UNNAMED, browser, opened, waiting_for
from PIL import Image

import zoo
from zoo.web.static import write_static


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_) -> None:
        pass


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """Of a server that knows nothing but files; the runtime comes from npm."""
    folder = tmp_path_factory.mktemp("static")
    try:
        assert write_static(["cgan-mnist", "edges-anime"], folder) == []
    except zoo.UsageError as error:
        if "npm" not in str(error):
            raise
        pytest.skip(str(error))
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def pictures(page, mode):
    """What the page shows: (N, H, W) or (N, H, W, 3) of whole numbers."""
    found = page.evaluate("[...document.querySelectorAll('#made img')].map(i => i.src)")
    images = [Image.open(io.BytesIO(base64.b64decode(src.partition(",")[2]))) for src in found]
    return np.stack([np.asarray(image.convert(mode), dtype=int) for image in images])


def test_the_static_page_makes_what_torch_makes(address):
    model = zoo.load("cgan-mnist")
    with browser() as chromium, opened(chromium, address, viewport={"width": 360, "height": 740}) as page:
        waiting_for(page, "zoo.asked() === 1")
        drawn = page.evaluate(f"import('./static.js').then(m => Array.from(m.normals(7, {model.latent_size})))")
        torch.testing.assert_close(torch.tensor(drawn), model.normals(1, seed=7)[0], rtol=0, atol=1e-5)
        page.get_by_label("first seed").fill("5")
        waiting_for(page, "zoo.asked() === 2")
        normal = torch.cat([model.normals(1, seed=5 + k) for k in range(12)])
        expected = model.render(normal, [k % 10 for k in range(12)])
        assert np.abs(pictures(page, "L") - expected[:, 0].mul(255).round().numpy()).max() <= 1
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        assert page.evaluate(UNNAMED) == []


def test_the_static_page_truncates_and_goes_between_seeds_as_torch_does(address):
    model = zoo.load("cgan-mnist")
    start, end = ([model.normals(1, seed=first + k, truncation=0.5) for k in range(12)] for first in (5, 40))
    with browser() as chromium, opened(chromium, address) as page:
        waiting_for(page, "zoo.asked() === 1")
        drawn = page.evaluate(f"import('./static.js').then(m => Array.from(m.truncated(5, {model.latent_size}, 0.5)))")
        torch.testing.assert_close(torch.tensor(drawn), start[0][0], rtol=0, atol=1e-5)
        for label, value in (("first seed", 5), ("truncation (3: none)", 0.5), ("to seed", 40), ("how far", 0.25)):
            before = page.evaluate("zoo.asked()")
            page.get_by_label(label).fill(str(value))
            waiting_for(page, f"zoo.asked() === {before + 1}")
        way = torch.cat([zoo.between(one, other, 0.25) for one, other in zip(start, end, strict=True)])
        expected = model.render(way, [k % 10 for k in range(12)])
        assert np.abs(pictures(page, "L") - expected[:, 0].mul(255).round().numpy()).max() <= 1


def test_the_static_page_makes_pictures_from_pictures_as_torch_does(address, tmp_path):
    model = zoo.load("edges-anime")
    drawing = np.full((64, 64, 3), 255, dtype=np.uint8)
    drawing[20:44, 20] = drawing[20, 20:44] = drawing[44, 20:44] = 0
    Image.fromarray(drawing).save(tmp_path / "drawing.png")
    with browser() as chromium, opened(chromium, address) as page:
        waiting_for(page, "zoo.asked() === 1")
        page.get_by_label("Model").select_option("edges-anime")
        waiting_for(page, "zoo.asked() === 2")
        page.get_by_label("picture", exact=True).set_input_files(tmp_path / "drawing.png")
        waiting_for(page, "zoo.asked() === 3")
        expected = model.translate(tmp_path / "drawing.png")[0].permute(1, 2, 0)
        assert np.abs(pictures(page, "RGB")[0] - expected.mul(255).round().numpy()).max() <= 1
        assert page.evaluate(UNNAMED) == []


def test_what_is_no_package_gets_a_sentence(tmp_path):
    (tmp_path / "x.tgz").write_bytes(b"hello")
    with pytest.raises(zoo.UsageError, match="is not the npm package onnxruntime-web"):
        write_static(["cgan-mnist"], tmp_path / "page", tmp_path / "x.tgz")
    assert not (tmp_path / "page").exists()
