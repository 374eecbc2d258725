"""Variants and data of one's own: from the command line, from Python and from another package."""

import json
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
import torch
from conftest import tiny_run
from torch.utils.data import TensorDataset

import zoo
from zoo.commands import describe as describe_command
from zoo.commands import sample as sample_command
from zoo.commands import train as train_command
from zoo.core.registry import CLASSES, VARIANTS
from zoo.data.arrays import ArraySource, as_source

HINGE = '''"""Hinge GAN, Lim 2017 (https://arxiv.org/abs/1705.02894)."""

import torch.nn.functional as F

import zoo


class HingeGAN(zoo.GAN):
    def discriminator_loss(self, batch):
        return {"real": F.relu(1 - self.discriminator(batch.images)).mean(),
                "fake": F.relu(1 + self.discriminator(self.fake(batch))).mean()}

    def generator_loss(self, batch):
        return {"adversarial": -self.discriminator(self.fake(batch)).mean()}
'''
QUICK = ["--width", "2", "--image-size", "16", "--images", "80", "--batch-size", "8", "--accelerator", "cpu"]


@pytest.fixture
def hinge(tmp_path, monkeypatch):
    """A file with a variant, in the working directory; its module is forgotten afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    Path("my_hinge.py").write_text(HINGE, encoding="utf-8")
    yield tmp_path
    sys.modules.pop("my_hinge", None)


def test_a_file_trains_resumes_loads_and_is_described(hinge, capsys):
    assert train_command.main(["--variant", "my_hinge.py:HingeGAN", *QUICK, "--checkpoint-every", "40"]) == 0
    folder = hinge / "runs" / "HingeGAN-digits"
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    assert config["variant"] == "my_hinge:HingeGAN"
    assert str(hinge) not in json.dumps(config)
    assert train_command.main(["--resume", str(folder), "--images", "160"]) == 0
    assert zoo.load(folder).sample(2, seed=0).shape == (2, 1, 16, 16)
    sample_command.main([str(folder), "--n", "4", "--out", "grid.png"])
    assert zoo.evaluate(folder, features="digits", samples=50)["fd50[digits]"]["value"] > 0
    assert zoo.publish(folder, "someone/hinge", dry_run=True).files["config.json"] > 0
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert "# HingeGAN on digits" in card
    assert "Hinge GAN, Lim 2017" in card
    describe_command.main([str(folder)])
    assert "HingeGAN on digits" in capsys.readouterr().out


def test_a_model_never_brings_code_along(hinge):
    """What its folder holds is not imported, not even from inside it; absent modules are named."""
    tiny_run("my_hinge.py:HingeGAN", hinge / "model").train()
    (hinge / "model" / "my_hinge.py").write_text("raise SystemExit('run')", encoding="utf-8")
    Path("my_hinge.py").rename("elsewhere.py")
    code = "import zoo\ntry: zoo.load('.')\nexcept zoo.UsageError as error: print(error)"
    said = subprocess.run([sys.executable, "-c", code], cwd=hinge / "model", capture_output=True, text=True, check=True)
    assert "the module my_hinge lies in the model's own folder" in said.stdout
    said = subprocess.run([sys.executable, "-c", code.replace("'.'", "'model'")], cwd=hinge, capture_output=True,
                          text=True, check=True)
    assert "there is no module my_hinge here: install the package my_hinge" in said.stdout


@pytest.mark.parametrize(("address", "words"), [
    ("nothing.py:GAN", "there is no file nothing.py"),
    ("my_hinge.py:Hinge", "has no variant Hinge"),
    ("my_hinge.py:F", "has no variant F"),
    ("no_such_package.models:GAN", "install the package no_such_package"),
    ("json:JSONDecoder", "has no variant JSONDecoder"),
])
def test_addresses_that_lead_nowhere(hinge, address, words):
    with pytest.raises(zoo.UsageError, match=words):
        train_command.main(["--variant", address, "--dry-run"])


def test_a_package_names_variants_of_its_own(hinge, monkeypatch):
    monkeypatch.syspath_prepend(str(hinge))
    points = [EntryPoint("my-hinge", "my_hinge:HingeGAN", "zoo.variants"),
              EntryPoint("broken", "no_such_package:GAN", "zoo.variants")]
    monkeypatch.setattr("zoo.models._entry_points", lambda: points)
    try:
        with pytest.warns(UserWarning, match="the variant broken of no_such_package:GAN cannot be imported"):
            listed = {variant.name: variant for variant in zoo.variants()}
        assert listed["my-hinge"].paper == "https://arxiv.org/abs/1705.02894"
        assert type(zoo.create("my-hinge", image_size=16, width=2)).__name__ == "HingeGAN"
        run = tiny_run("my-hinge", hinge / "run")
        assert run.model.variant == "my_hinge:HingeGAN"  # found wherever the package is, without its entry point
    finally:
        for table in (CLASSES, VARIANTS):
            table.pop("my-hinge", None)


def test_a_registered_variant_of_ones_own_keeps_its_title(tmp_path):
    try:
        @zoo.register("my-gan", title="My GAN", paper="https://example.org", year=2026)
        class MyGAN(zoo.GAN):
            pass

        assert VARIANTS["my-gan"].title == "My GAN"
        assert zoo.create("my-gan", image_size=16).variant.endswith("MyGAN")
    finally:
        for table in (CLASSES, VARIANTS):
            table.pop("my-gan", None)


# ---- zoo.train ------------------------------------------------------------------------------------------------------

TINY = {"width": 2, "batch_size": 8, "accelerator": "cpu"}


def test_train_takes_tensors_and_returns_the_averaged_model(tmp_path, capsys):
    images, labels = torch.rand(40, 1, 16, 16), torch.arange(40) % 4
    model = zoo.train("cgan", data=(images, labels), images=80, out=tmp_path / "run", **TINY)
    assert model.data.class_names == ["0", "1", "2", "3"]
    assert torch.equal(model.sample(2, 3, seed=0), zoo.load(tmp_path / "run").sample(2, 3, seed=0))
    assert "load it with" in capsys.readouterr().out


def test_train_leaves_nothing_unless_asked(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert zoo.train("gan", images=80, image_size=16, **TINY).sample(1).shape == (1, 1, 16, 16)
    assert not any(tmp_path.iterdir())
    assert "load it with" not in capsys.readouterr().out


def test_train_takes_a_class_and_a_torch_data_set(hinge):
    sys.path.insert(0, str(hinge))
    from my_hinge import HingeGAN

    data = TensorDataset(torch.rand(20, 3, 16, 16), torch.arange(20) % 2)
    model = zoo.train(HingeGAN, data=data, images=40, **TINY)
    assert type(model) is HingeGAN
    assert model.data.channels == 3


def test_train_refuses_before_work_begins():
    with pytest.raises(zoo.UsageError, match="unknown option 'widht': did you mean width"):
        zoo.train("gan", widht=3)
    with pytest.raises(zoo.UsageError, match="data are a name"):
        zoo.train("gan", data=3)


@pytest.mark.parametrize(("data", "words"), [
    (torch.rand(4, 1, 8, 9), "images are square"),
    (torch.rand(4, 1, 8, 8) * 255, "floats in \\[0, 1\\]"),
    (torch.rand(4, 2, 8, 8), "1 or 3 channels"),
    ((torch.rand(4, 1, 8, 8), torch.zeros(3, dtype=torch.int64)), "4 class numbers"),
    ((torch.rand(4, 1, 8, 8), torch.rand(4)), "4 class numbers"),
    ((torch.rand(4, 1, 8, 8), torch.tensor([0, -1, 0, 0])), "numbered from 0"),
    (torch.rand(8, 8), "images are \\(N, C, H, W\\)"),
])
def test_images_that_do_not_fit(data, words):
    with pytest.raises(zoo.UsageError, match=words):
        as_source(data)


def test_images_in_memory_are_kept_as_bytes():
    bytes_ = torch.arange(2 * 64, dtype=torch.uint8).view(2, 1, 8, 8)
    assert torch.equal(ArraySource(bytes_).load().images, bytes_)
    assert torch.equal(ArraySource(bytes_.float() / 255).load().images, bytes_)
    assert torch.equal(ArraySource(bytes_.movedim(1, -1).numpy()).load().images, bytes_)
