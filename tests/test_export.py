"""``export_onnx`` and ``zoo export``: a file makes what torch makes, or there is no file."""

import copy
import json
import re
import sys
from pathlib import Path

import pytest
import torch
from closed_forms import of_points
from conftest import PICTURES, SMALL, options_with
from test_variants import assert_same
from torch import nn

import zoo
from zoo.commands import export
from zoo.models import variant_class
from zoo.models.ae import GaussianOfCodes
from zoo.networks.blocks import BatchNorm
from zoo.store.export import export_onnx
from zoo.tasks.task import Task

onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")
POINTS = ("gan", {"backbone": "mlp", "channels": 2, "latent": "uniform"})  # as --data ring


def lively(variant: str, **options) -> Task:
    """A model whose images depend on latents: a DCGAN's initial weights are so small that all of them are grey."""
    torch.manual_seed(0)
    shape = {"image_size": 16, "classes": 10}
    return enlivened(zoo.create(variant, **shape | options_with(variant, **SMALL) | options))


def enlivened(model: Task) -> Task:
    for module in model.eval().modules():
        if isinstance(module, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
            nn.init.xavier_normal_(module.weight, 2.0)
        elif isinstance(module, BatchNorm):
            nn.init.normal_(module.running_mean, 0, 0.1)
            nn.init.uniform_(module.running_var, 0.5, 2)
        elif isinstance(module, GaussianOfCodes):
            size = len(module.mean)
            module.follow(1 + torch.randn(40, size) @ torch.randn(size, size) / size**0.5)  # singular for 64 numbers
    return model


def session_of(path: Path):
    return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])


def images_of(session, **inputs: torch.Tensor) -> torch.Tensor:
    (images,) = session.run(["image"], {name: x.numpy() for name, x in inputs.items()})
    return torch.from_numpy(images)


def assert_near(images: torch.Tensor, expected: torch.Tensor) -> None:
    assert images.dtype == torch.float32
    torch.testing.assert_close(images, expected, atol=1e-4, rtol=0)


def of_different_graphs() -> list[str]:
    """Of the variants that answer alike, by the same code with networks of the same layers of whatever sizes, one: a
    graph takes seconds."""
    found = {}
    for variant in PICTURES:
        cls = variant_class(variant)
        if not cls.no_graph:
            with torch.device("meta"):
                model = zoo.create(variant, image_size=16, classes=10, width=2)
            networks = model.networks_for_sampling()
            code = [getattr(cls, name, None) for name in ("answer", "generate", "prior")]
            layers = re.sub(r"\d+", "", str(networks.get("generator", networks)))
            key = (layers, *code, getattr(model.config, "latent", None))
            found.setdefault(key, variant)
    return list(found.values())


@pytest.mark.parametrize(("variant", "options"), [
    *((variant, {}) for variant in of_different_graphs()),
    ("cgan", {"backbone": "resnet", "channels": 3, "classes": 3}),
    POINTS,
    ("infogan", {"categorical": 2, "categories": 3, "continuous": 0, "latent": "normal"}),
])
def test_onnx_makes_what_respond_makes(variant, options, tmp_path):
    torch.manual_seed(0)
    points = (variant, options) == POINTS
    zoo.save(enlivened(of_points(variant, width=2, **options)) if points else lively(variant, **options),
             tmp_path / "model")
    model = zoo.load(tmp_path / "model")
    path = export_onnx(model, tmp_path / "model.onnx")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["model", "model.onnx"]
    session, classes, samples = session_of(path), model.data.classes, "sample" in model.asks
    labelled, captioned = samples and model.conditional, "captions" in model.needs()
    names = {x.name: (x.type, x.shape) for x in [*session.get_inputs(), *session.get_outputs()]}
    size = model.latent_size if samples else model.noise_size
    asked = ["batch"] if samples else ["batch", 1]  # a translator is asked for a class of each head
    assert names == {"image": ("tensor(float)", ["batch", *model.data.shape])} | (
                         {"normal": ("tensor(float)", ["batch", size])} if size else {}) | (
                         {"label": ("tensor(int64)", asked)} if "labels" in model.needs() else {}) | (
                         {"caption": ("tensor(int64)", ["batch", model.data.length])} if captioned else {}) | (
                         {} if samples else {"source": ("tensor(float)", ["batch", *model.source_shape])})
    meta, facts = session.get_modelmeta().custom_metadata_map, model.facts()
    if samples:
        assert json.loads(meta["class_names"]) == model.data.class_names
        assert facts["latent_size"] == str(model.latent_size)
    assert meta == {"variant": variant, "zoo": zoo.__version__, "data": "unnamed", "task": model.task} | facts

    inputs = model.inputs(64, seed=7)  # others than those that export_onnx compares
    if samples and not captioned:
        labels = {"label": torch.arange(64) % classes} if labelled else {}
        assert_same(inputs, {"normal": model.normals(64, seed=7)} | labels)
        expected = model.render(inputs["normal"], inputs.get("label"))
    else:
        expected = model.respond(**inputs)
    assert expected.std(0).mean() > 0.01, "nothing to compare"
    for n in (1, 2, 7, 64):
        assert_near(images_of(session, **{name: x[:n] for name, x in inputs.items()}), expected[:n])
    if labelled:
        same, every = inputs["normal"][:1].expand(classes, -1), torch.arange(classes)
        images = images_of(session, normal=same, label=every)
        assert_near(images, model.render(same, every))
        assert torch.pdist(images.flatten(1)).min() > 0.01, "the class makes no difference"
    far = {name: 20 * x if name == "normal" else x for name, x in inputs.items()}
    low, high = images_of(session, **far).aminmax()
    assert (low < -0.1 and high > 1.1) if points else (low >= 0 and high <= 1)


def test_averaged_weights_of_a_model_in_training(tmp_path):
    """They are what render takes, also for the prior of ae, and the model stays as it was."""
    model = lively("ae")
    model.configure_model()
    with torch.no_grad():
        for tensor in [*model.generator.parameters(), model.codes.mean]:
            tensor.add_(0.5)
    model.train()
    before = copy.deepcopy(model.state_dict())
    normal = model.normals(16, seed=1)
    images = images_of(session_of(export_onnx(model, tmp_path / "ae.onnx")), normal=normal)
    assert_near(images, model.render(normal))
    assert (images - model.render(normal, ema=False)).abs().max() > 0.1
    assert model.training
    assert all(parameter.requires_grad for parameter in model.generator.parameters())
    assert all(torch.equal(tensor, before[key]) for key, tensor in model.state_dict().items())


def test_half_precision_is_exported_in_float32(tmp_path):
    zoo.save(lively("vae").to(torch.bfloat16), tmp_path / "model")
    model = zoo.load(tmp_path / "model")
    assert model.dtype == torch.bfloat16
    images = images_of(session_of(export_onnx(model, tmp_path / "vae.onnx")), normal=model.normals(16, seed=1))
    assert model.dtype == torch.bfloat16
    assert_near(images, model.float().render(model.normals(16, seed=1)))


@pytest.mark.parametrize("spoil", [
    lambda images: images + 0.01 * torch.randn_like(images),  # noise of its own
    lambda images: images / 0 - images / 0,  # NaN
], ids=["random", "nan"])
def test_what_onnxruntime_makes_differently_is_not_written(spoil, tmp_path):
    model = lively("gan", backbone="mlp", image_size=8)
    model.generate = lambda z, labels: spoil(model.generator(z))
    (tmp_path / "gan.onnx").write_text("what was there")
    with pytest.raises(RuntimeError, match="gan is not written to .*gan.onnx: .* other outputs than torch, by up to"):
        export_onnx(model, tmp_path / "gan.onnx")
    assert [file.read_text() for file in tmp_path.iterdir()] == ["what was there"]


def test_weights_beyond_a_protobuf(tmp_path):
    with torch.device("meta"):
        model = zoo.create("madgan", width=256, image_size=64, generators=64)
    with pytest.raises(zoo.UsageError, match="the weights take 1[0-9].[0-9] GB, but an ONNX file holds 2 GB"):
        export_onnx(model, tmp_path / "madgan.onnx")


@pytest.mark.parametrize("package", ["onnxruntime", "onnxscript"])
def test_missing_packages(package, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(zoo.UsageError, match=rf"{package}.*pip install 'gan-zoo\[onnx\]'"):
        export_onnx(lively("gan", backbone="mlp", image_size=8), tmp_path / "gan.onnx")
    assert not list(tmp_path.iterdir())


# ---- the script -----------------------------------------------------------------------------------------------------

def test_script(finished, tmp_path, capsys):
    folder = finished("cgan")
    export.main([str(folder), "--format", "onnx", "--out", str(tmp_path / "new" / "cgan.onnx")])
    assert ("cgan.onnx, normal (N, 100) float32, label (N,) int64 -> image (N, 1, 16, 16) float32"
            in capsys.readouterr().out)
    model, labels = zoo.load(folder), torch.arange(10)
    images = images_of(session_of(tmp_path / "new" / "cgan.onnx"), normal=model.normals(10, seed=0), label=labels)
    assert_near(images, model.sample(10, labels, seed=0))


@pytest.mark.parametrize(("arguments", "words"), [
    ("", "the following arguments are required: model"),
    ("nowhere", "nowhere"),
    ("empty", "empty is no model folder: it has no config.json"),
    ("model --format onxn", "unknown format 'onxn': did you mean onnx"),
    ("model --format tflite", "unknown format 'tflite': there are: onnx"),
    ("model --output x", "unknown option '--output'"),
    ("model --out taken/gan.onnx", "cannot write taken/gan.onnx"),
    ("model --out empty", "cannot write empty"),
    ("model --out /proc/1/nowhere/gan.onnx", "cannot write /proc/1/nowhere/gan.onnx"),
])
def test_script_refuses(arguments, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    zoo.save(zoo.create("gan", backbone="mlp", image_size=8, width=1), tmp_path / "model")
    (tmp_path / "empty").mkdir()
    (tmp_path / "taken").touch()
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(zoo.UsageError, match=words):
        export.main(arguments.split())
    assert sorted(tmp_path.rglob("*")) == before
