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
        assert write_static(["cgan-mnist"], folder) == []
    except zoo.UsageError as error:
        if "npm" not in str(error):
            raise
        pytest.skip(str(error))
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


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
        found = page.evaluate("[...document.querySelectorAll('#made img')].map(i => i.src)")
        pictures = [np.asarray(Image.open(io.BytesIO(base64.b64decode(src.partition(",")[2]))).convert("L"), dtype=int)
                    for src in found]
        assert np.abs(np.stack(pictures) - expected[:, 0].mul(255).round().numpy()).max() <= 1
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        assert page.evaluate(UNNAMED) == []


def test_what_is_no_package_gets_a_sentence(tmp_path):
    (tmp_path / "x.tgz").write_bytes(b"hello")
    with pytest.raises(zoo.UsageError, match="is not the npm package onnxruntime-web"):
        write_static(["cgan-mnist"], tmp_path / "page", tmp_path / "x.tgz")
    assert not (tmp_path / "page").exists()
