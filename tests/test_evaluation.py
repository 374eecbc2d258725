"""zoo.evaluate against torch-fidelity's own command line, cases whose answer is known, and bad input."""

import json
import math
import pickle
import shutil
import sys
from argparse import Namespace
from pathlib import Path
from urllib.error import URLError

import pytest
import torch
import torch.nn.functional as F
import torch_fidelity.feature_extractor_inceptionv3 as inception
import torch_fidelity.fidelity
from PIL import Image
from torch_fidelity import feature_extractor_vgg16
from torch_fidelity.registry import FEATURE_EXTRACTORS_REGISTRY
from torchvision.transforms.v2.functional import gaussian_blur, pil_to_tensor, to_pil_image
from torchvision.utils import save_image

import zoo
from zoo.cards.publishing import evaluate_folder, write_metrics
from zoo.data.batches import take
from zoo.data.sources import open_source
from zoo.features.classifier import Classifier
from zoo.metrics import comparison, real
from zoo.metrics.distances import (
    by_chance,
    frechet_distance,
    frechet_spread,
    inception_score,
    kernel_distance,
    precision_and_recall,
)
from zoo.metrics.evaluation import measured
from zoo.metrics.features import Features, feature_space, to_uint8
from zoo.metrics.measures import score
from zoo.metrics.memorisation import memorisation
from zoo.metrics.protocol import Protocol, short, with_versions
from zoo.metrics.real import real_rows, real_side
from zoo.models import variant_class
from zoo.store.layout import read_metrics

FEW = {"samples": 120, "real": 150, "features": "digits"}
ignore_few = pytest.mark.filterwarnings("ignore:.*are too few.*")


def model_of_digits(variant="gan", **config):
    torch.manual_seed(0)
    source = open_source("digits", image_size=16)
    cls = type(zoo.create(variant, image_size=16, classes=10))
    return cls(cls.Config(width=2, **config), source.spec)


@pytest.fixture(scope="module")
def digits():
    """Features of all digits, shuffled, in the space of their classifier; and the images and labels."""
    images, labels = open_source("digits").load()
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(1))
    space = feature_space("digits")
    return space, images[order], labels[order], space.extract(images[order])


@pytest.fixture
def weights(tmp_path, monkeypatch):
    """A file of random weights of torch-fidelity's InceptionV3, in its own format."""
    with monkeypatch.context() as patch:
        patch.setattr(inception, "load_state_dict_from_url", lambda *args, **kwargs: {})
        patch.setattr(inception.FeatureExtractorInceptionV3, "load_state_dict", lambda *args: None)
        torch.manual_seed(0)
        network = inception.FeatureExtractorInceptionV3("inception-v3-compat", ["2048"])
    torch.save(network.state_dict(), tmp_path / "inception.pth")
    return tmp_path / "inception.pth"


@ignore_few
def test_fid_is_that_of_torch_fidelitys_command_line(weights, tmp_path, monkeypatch, capsys):
    """FID, Inception Score, KID, precision and recall of the same PNG files, to 1e-6."""
    model = zoo.create("gan", image_size=16, channels=3, width=2)
    for folder, images in (("fake", model.sample(50, seed=3)), ("real", model.sample(50, seed=4).flip(1) ** 2)):
        (tmp_path / folder).mkdir()
        for i, image in enumerate(images):
            save_image((image * 255).round() / 255, tmp_path / folder / f"{i:03d}.png")
    monkeypatch.setenv("ZOO_INCEPTION_WEIGHTS", str(weights))
    ours = zoo.evaluate(model, str(tmp_path / "real"), samples=50, seed=3, batch_size=50)
    monkeypatch.setattr(sys, "argv", [
        "fidelity", "-i", "-f", "-k", "-r", "-j", "-c", "--silent", "--no-cache", "--save-cpu-ram", "-b", "50",
        "--kid-subset-size", "25", "--feature-extractor", "inception-v3-compat", "--feature-extractor-weights-path",
        str(weights), "--input1", str(tmp_path / "fake"), "--input2", str(tmp_path / "real")])
    capsys.readouterr()
    torch_fidelity.fidelity.main()
    theirs = json.loads(capsys.readouterr().out)
    names = {"fid50": "frechet_inception_distance", "is50": "inception_score_mean", "is50/std": "inception_score_std",
             "kid50": "kernel_inception_distance_mean", "kid50/std": "kernel_inception_distance_std",
             "precision50": "precision", "recall50": "recall"}
    for mine, name in names.items():
        assert ours[mine]["value"] == pytest.approx(theirs[name], rel=1e-6, abs=1e-6), mine
    assert ours["fid50"]["value"] > 0
    assert ours["fid50"]["protocol"].startswith("features=inception@")


def test_inception_without_a_network_says_what_to_do(tmp_path, monkeypatch):
    def no_network(*args, **kwargs):
        raise URLError("Name or service not known")

    monkeypatch.setattr(inception, "load_state_dict_from_url", no_network)
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    with pytest.raises(zoo.UsageError) as caught:
        zoo.evaluate(model_of_digits(), features="inception")
    for words in (inception.URL_INCEPTION_V3, str(tmp_path / "checkpoints"), "--inception-weights", "mnist"):
        assert words in str(caught.value)


class Means(torch_fidelity.FeatureExtractorBase):
    """Means over each quarter of an image."""

    get_provided_features_list = staticmethod(lambda: ("quarters", "colours"))
    get_default_feature_layer_for_metric = staticmethod(lambda metric: "quarters")

    def __init__(self, name, features_list, **options):
        super().__init__(name, features_list)
        self.register_buffer("by", torch.tensor(255.0))

    def forward(self, images):
        found = {"quarters": F.adaptive_avg_pool2d(images / self.by, 2)[:, 0].flatten(1)}
        return tuple(found[name] for name in self.features_list)


@ignore_few
def test_other_extractors_of_torch_fidelity_are_features_too(tmp_path, monkeypatch):
    """And whatever a program registers with it; they tell no classes."""
    monkeypatch.setitem(FEATURE_EXTRACTORS_REGISTRY, "means", Means)
    model = model_of_digits("cgan")
    zoo.save(model, tmp_path / "model")
    found = evaluate_folder(tmp_path / "model", features="means", data="digits", samples=60, real=70)
    digits = open_source("digits", image_size=16).load()
    digits = take(digits, real_rows(len(digits.images), 70))
    generated = to_uint8(model.respond(**model.inputs(60, 0, digits)))
    fake, given = (F.avg_pool2d(x / 255, 8).flatten(1) for x in (generated, digits.images))
    assert found["fd60[means]"]["value"] == pytest.approx(frechet_distance(fake, given), rel=1e-4)
    assert "features=means@" in found["fd60[means]"]["protocol"]
    assert {"kid60[means]", "precision60[means]", "densest60[means]"} <= found.keys()
    assert not any(name.startswith(("is", "classes", "label")) for name in found)
    assert evaluate_folder(tmp_path / "model")["fd60[means]"] == found["fd60[means]"]  # by its protocol
    with pytest.raises(zoo.UsageError, match="unknown features 'vgg61': did you mean vgg16"):
        feature_space("vgg61")


def test_an_extractor_without_a_network_says_what_to_do(tmp_path, monkeypatch):
    def no_network(*args, **kwargs):
        raise URLError("Name or service not known")

    monkeypatch.setattr(feature_extractor_vgg16, "torchvision_load_pretrained_vgg16", no_network)
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    with pytest.raises(zoo.UsageError, match=f"vgg16 cannot be fetched .*not known.* keeps them in {tmp_path}.*mnist"):
        zoo.evaluate(model_of_digits(), features="vgg16")


def test_weights_that_are_none_are_refused(weights, tmp_path):
    class Evil:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "executed",))

    (tmp_path / "evil.pth").write_bytes(pickle.dumps(Evil()))
    torch.save({"fc.weight": torch.zeros(3)}, tmp_path / "other.pth")
    for name in ("evil.pth", "other.pth", "missing.pth"):
        with pytest.raises(zoo.UsageError, match=name):
            feature_space("inception", str(tmp_path / name))
    assert not (tmp_path / "executed").exists()


@ignore_few
def test_names_protocol_and_repetition(tmp_path):
    """The numbers of a folder come out again, to the last bit, without a word about how they were made."""
    model = model_of_digits("cgan")
    zoo.save(model, tmp_path / "model", {"training": {"data": "digits", "batch_size": 8, "seed": 0}, "images_seen": 0,
                                         "command": "", "commit": None})
    first = zoo.evaluate(tmp_path / "model", **FEW)
    assert set(first) == {
        "fd120[digits]", "fd120[digits]/std", "fd120[digits]/floor", "is120[digits]", "is120[digits]/std",
        "is120[digits]/real", "kid120[digits]", "kid120[digits]/std", "precision120[digits]", "recall120[digits]",
        "classes_found[digits]", "classes_found[digits]/of", "class_kl[digits]", "confident[digits]",
        "confident[digits]/real", "label_agreement[digits]", "density120[digits]", "density120[digits]/real",
        "coverage120[digits]", "coverage120[digits]/real", "densest120[digits]", "densest120[digits]/real"}
    line = first["fd120[digits]"]["protocol"]
    assert Protocol.parse(line) == Protocol(features="digits", data="digits", split="train", samples=120, real=150)
    assert "torch-fidelity=0.4" in line
    write_metrics(tmp_path / "model", first | {"diversity": {"value": 1.0, "protocol": "another measure"}})
    assert zoo.evaluate(tmp_path / "model") == first
    assert zoo.evaluate(tmp_path / "model", seed=1)["fd120[digits]"]["value"] != first["fd120[digits]"]["value"]
    assert "fd120[digits]" in (tmp_path / "model" / "README.md").read_text()


@ignore_few
def test_every_number_is_one_that_json_knows(tmp_path):
    """Generated images of a class that no real image has: an infinite divergence."""
    images, labels = open_source("digits", image_size=16).load()
    for i, image in enumerate(images[labels == 0][:60]):
        to_pil_image(image).save(tmp_path / f"{i}.png")
    metrics = zoo.evaluate(model_of_digits("cgan"), str(tmp_path), features="digits", samples=60, real=60)
    assert "classes_found[digits]" in metrics
    assert "class_kl[digits]" not in metrics
    json.dumps(metrics, allow_nan=False)


@ignore_few
def test_numbers_depend_neither_on_batches_nor_on_devices():
    model = model_of_digits("cgan")
    one, small, two = (zoo.evaluate(model, **FEW, **how) for how in
                       ({}, {"batch_size": 7}, {"devices": 2, "accelerator": "cpu"}))
    for name, metric in one.items():
        assert small[name]["value"] == pytest.approx(metric["value"], rel=1e-4), name
        assert two[name]["value"] == pytest.approx(metric["value"], rel=1e-4), name


def numbers(fake, truth):
    """What ``zoo.evaluate`` tells of features of generated and of real images."""
    precision, recall = precision_and_recall(fake.pooled, truth.pooled)
    return {"fd": frechet_distance(fake.pooled, truth.pooled), "is": inception_score(fake.logits)[0],
            "kid": kernel_distance(fake.pooled, truth.pooled)[0], "precision": precision, "recall": recall}


def test_what_chance_adds_to_a_distance_at_any_sizes():
    """The floor stands for as many real images as the generated ones are, not for the halves it is computed from."""
    random = torch.Generator().manual_seed(0)
    real, others = torch.randn(20, 600, 8, generator=random), torch.randn(20, 200, 8, generator=random)
    expected = sum(by_chance(frechet_distance(x[::2], x[1::2]), 600, 200) for x in real)
    assert sum(map(frechet_distance, others, real)) == pytest.approx(expected, rel=0.1)
    halves = sum(frechet_distance(x[::2], x[1::2]) for x in real)
    assert sum(map(frechet_distance, real, real.roll(1, 0))) == pytest.approx(halves / 2, rel=0.1)


def test_the_spread_of_a_kernel_distance_is_of_subsets_that_differ():
    """Of up to 1,000 images each subset was all of them, and the spread nothing but rounding."""
    fake, real = torch.randn(2, 300, 8, generator=torch.Generator().manual_seed(0))
    mean, spread = kernel_distance(fake, real)
    assert spread > abs(mean) / 100 > 0
    assert kernel_distance(fake.repeat(8, 1), real.repeat(8, 1))[1] > 0


@ignore_few
def test_each_head_has_an_inception_score_of_its_own(monkeypatch):
    """Perfectly sure and uniform, a head of k classes has k; together they had what no logits of either tell."""
    heads = {"hair": [f"{i} hair" for i in range(3)], "eyes": [f"{i} eyes" for i in range(5)]}
    network = Classifier(1, 16, heads, 2)
    numbers = torch.cartesian_prod(torch.arange(3), torch.arange(5)).repeat(200, 1)
    numbers = numbers[torch.randperm(len(numbers), generator=torch.Generator().manual_seed(0))]
    logits = 50.0 * torch.cat([F.one_hot(numbers[:, 0], 3), F.one_hot(numbers[:, 1], 5) + 3], 1)
    c = Namespace(fake=Features(logits, logits), real=Namespace(features=Features(logits, logits / 50)),
                  space=Namespace(classifier=network), told=lambda name, counted: f"{name}[faces]")
    found = score(c)
    assert list(found) == [f"is[faces]/{head}{which}" for head in heads for which in ("", "/std", "/real")]
    assert found["is[faces]/hair"] == pytest.approx(3, rel=0.05)
    assert found["is[faces]/eyes"] == pytest.approx(5, rel=0.05)
    assert 1 < found["is[faces]/hair/real"] < found["is[faces]/hair"]


def test_order_changes_neither_distance_nor_precision_nor_recall(digits):
    found = digits[-1]
    fake, truth = (Features(*(x[rows] for x in found)) for rows in (slice(0, 500), slice(500, 1200)))
    order = torch.randperm(500)
    before, after = (numbers(f, truth) for f in (fake, Features(*(x[order] for x in fake))))
    for name in ("fd", "precision", "recall"):
        assert after[name] == pytest.approx(before[name], rel=1e-5)
    assert after["is"] == pytest.approx(before["is"], rel=0.05)  # of parts by position
    spread = kernel_distance(fake.pooled, truth.pooled)[1]  # of a subset by position
    assert after["kid"] == pytest.approx(before["kid"], abs=spread / 2)


def test_the_spread_of_a_distance_is_that_over_fresh_samples():
    """Of 200 draws; features without a spread, and fewer examples than features, do no harm."""
    random = torch.Generator().manual_seed(0)
    mixed = torch.randn(6, 6, generator=random)
    pairs = [(torch.randn(800, 6, generator=random) @ mixed, torch.randn(600, 6, generator=random) @ mixed * 1.3 + 0.2)
             for _ in range(200)]
    found = torch.tensor([frechet_distance(*pair) for pair in pairs])
    told = torch.tensor([frechet_spread(*pair) for pair in pairs])
    assert told.mean() == pytest.approx(found.std().item(), rel=0.15)
    assert told.std() < 0.2 * told.mean()
    one, other = pairs[0]
    assert frechet_spread(F.pad(one, (0, 2)), F.pad(other, (0, 2))) == pytest.approx(told[0].item(), rel=1e-6)
    assert 0 < frechet_spread(one[:4], other[:4]) < float("inf")


def damaged(kind, amount, images, labels):
    if kind == "blur" and amount:
        return gaussian_blur(images, [15, 15], [amount, amount])
    if kind == "noise":
        noise = torch.randn(images.shape, generator=torch.Generator().manual_seed(0))
        return (images + amount * noise).round().clamp(0, 255).byte()
    return images[labels >= amount] if kind == "missing classes" else images


@pytest.mark.parametrize(("kind", "amounts"), [("blur", (0, 2, 3, 5)), ("noise", (0, 30, 60, 120)),
                                               ("missing classes", (0, 2, 5, 8))])
def test_damage_worsens_the_distance(kind, amounts, digits):
    """The undamaged half is at the floor, within twice of what two other halves are apart."""
    space, images, labels, found = digits
    half = len(images) // 2
    truth = found.pooled[half:]
    values = [frechet_distance(space.extract(damaged(kind, a, images[:half], labels[:half])).pooled, truth)
              for a in amounts]
    assert values == sorted(values)
    assert values[-1] > 5 * values[0]
    assert values[0] < 2 * frechet_distance(found.pooled[::2], found.pooled[1::2])


def test_a_collapsed_set_has_precision_but_no_recall(digits):
    _, _, labels, found = digits
    ones = Features(*(x[labels == 1] for x in found))
    values = numbers(ones, found)
    assert values["precision"] > 0.95
    assert values["recall"] < 0.3


@ignore_few
def test_real_features_are_computed_once(monkeypatch, tmp_path):
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path))
    counted = []
    monkeypatch.setattr(real, "progress", lambda what, n, bar=real.progress: counted.append((what, n)) or bar(what, n))
    space, source = feature_space("digits"), open_source("digits", image_size=16)
    first, second = (real_side(source, space, 150, 64, torch.device("cpu")) for _ in range(2))
    assert counted == [("features of digits", 150)]
    assert torch.equal(first.features.pooled, second.features.pooled)
    assert second.halves == first.halves > 0
    real_side(open_source("digits"), space, 150, 64, torch.device("cpu"))
    real_side(source, feature_space("mnist"), 150, 64, torch.device("cpu"))
    assert len(counted) == 3  # another size, another space
    (cached,) = (path for path in (tmp_path / "features").iterdir() if "16x16" in path.name and "digits@" in path.name)
    cached.write_bytes(cached.read_bytes()[:-10])
    again = real_side(source, space, 150, 64, torch.device("cpu"))
    assert torch.equal(first.features.pooled, again.features.pooled)


def test_memorised_images_are_found():
    random = torch.Generator().manual_seed(0)
    training, others = torch.randn(400, 4, generator=random), torch.randn(200, 4, generator=random)
    apart = torch.arange(400)
    copied = memorisation(training[:50] + 1e-4, training, apart)
    assert copied.share == 1
    assert torch.equal(copied.nearest[:, 0], torch.arange(50))
    assert copied.nearest.shape == (50, 3)
    assert 0.3 < memorisation(others, training, apart).share < 0.7


@pytest.mark.parametrize("beside", [0.0, 1e-3])
def test_images_are_memorised_though_each_stands_twice(beside):
    """As where a set has every picture mirrored too, and features do not tell which side is left."""
    training = torch.randn(200, 4, generator=torch.Generator().manual_seed(0))
    twice, groups = torch.cat([training, training + beside]), torch.arange(200).repeat(2)
    assert memorisation(training[:50] + 1e-2, twice, groups).share > 0.9
    assert memorisation(training[:50] + 1e-2, twice, torch.arange(400)).share < 0.1


@ignore_few
def test_memorisation_check_of_a_model_that_copies(tmp_path, monkeypatch):
    model = model_of_digits()
    images, _ = open_source("digits", image_size=16).load()
    monkeypatch.setattr(model, "respond",
                        lambda *args, normal: images[(normal[:, 0].abs() * 1e4).long() % 1797] / 255)
    values = zoo.evaluate(model, **FEW, measures="memorisation", memorised=tmp_path / "nearest.png")
    assert values["memorised[digits]"]["value"] > 0.98
    with Image.open(tmp_path / "nearest.png") as picture:
        shown = pil_to_tensor(picture)[0, 2:, 2:].unfold(0, 16, 18).unfold(1, 16, 18)  # rows, columns, 16 x 16
    copied = images[(model.normals(8, seed=0)[:, 0].abs() * 1e4).long() % 1797, 0]
    assert torch.equal(shown[:, 0], copied)  # as they are, beside what they copy
    assert torch.equal(shown[:, 1], copied)


@ignore_few
def test_memorisation_is_measured_where_it_was_asked_for_before(tmp_path):
    folder = zoo.save(model_of_digits(), tmp_path / "model")
    first = zoo.evaluate(folder, **FEW, measures="memorisation,precision")
    assert set(first) == {"memorised[digits]", "precision120[digits]", "recall120[digits]"}
    write_metrics(folder, first)
    assert zoo.evaluate(folder) == first
    with pytest.raises(zoo.UsageError, match="did you mean memorisation"):
        zoo.evaluate(folder, measures="memorization")


def test_few_images_are_not_comparable():
    with pytest.warns(UserWarning, match="120 images are too few"):
        zoo.evaluate(model_of_digits(), **FEW)


def test_points_are_measured_by_the_modes_that_they_cover(monkeypatch):
    """Without a feature space, which the line says, and the same of a copy of the data."""
    source = open_source("ring")
    cls = variant_class("gan")
    model, points = cls(cls.Config(width=2), source.spec), source.load().images
    monkeypatch.setattr(model, "respond", lambda *args, normal: points[:len(normal)])
    metrics = zoo.evaluate(model, samples=2_500)
    assert set(metrics) == {"modes", "modes/of", "high_quality", "mode_kl"}
    assert metrics["modes"]["value"] == metrics["modes/of"]["value"] == 8
    assert metrics["high_quality"]["value"] == pytest.approx(1 - math.exp(-4.5), abs=0.01)
    assert 0 <= metrics["mode_kl"]["value"] < 0.01
    assert metrics["modes"]["protocol"].startswith("features=none data=ring split=train samples=2500 ")


@ignore_few
def test_what_is_compared_with_other_data_is_said(tmp_path):
    source = open_source("digits")
    (tmp_path / "others").mkdir()
    for i, image in enumerate(source.load()[0][:100]):
        to_pil_image(image).save(tmp_path / "others" / f"{i}.png")
    with pytest.warns(UserWarning, match="trained on digits and is compared with others, brought to 16 px"):
        zoo.evaluate(model_of_digits(), str(tmp_path / "others"), **FEW)


@ignore_few
def test_a_data_folder_of_another_machine_is_not_looked_in(tmp_path, monkeypatch):
    """A published model's numbers could not be computed again, for its maker's --data-dir is nowhere else."""
    seen = []

    def noting(data, data_dir=None, *more, **options):
        seen.append(data_dir)
        return open_source(data, data_dir, *more, **options)

    monkeypatch.setattr(comparison, "open_source", noting)
    for data_dir, used in (("/of/another/machine", None), (str(tmp_path), str(tmp_path))):
        seen.clear()
        origin = {"training": {"data": "digits", "data_dir": data_dir}}
        zoo.evaluate(zoo.save(model_of_digits(), tmp_path / "model", origin), **FEW)
        assert set(seen) == {used}


def failing(model, monkeypatch, tmp_path, case):
    if case == "nan":
        for parameter in model.generator.parameters():
            parameter.data.fill_(math.nan)
    if case == "cache":
        (tmp_path / "file").touch()
        monkeypatch.setenv("ZOO_CACHE", str(tmp_path / "file" / "cache"))
    if case == "channels":
        return zoo.create("gan", image_size=16, channels=3, width=2)
    return model


@ignore_few
@pytest.mark.parametrize(("case", "options", "message"), [
    ("nan", {}, "not finite"),
    ("cache", {}, "set ZOO_CACHE"),
    ("channels", {"data": "digits"}, "3 channels and digits has 1"),
    ("modes", {"measures": "modes"}, "modes of digits are not known"),
    ("features", {"features": "minst"}, "did you mean mnist"),
    ("split", {"split": "test"}, "no test split"),
    ("few", {"data": "{few}"}, "too few"),
    ("samples", {"samples": 1}, "at least 50"),
])
def test_bad_input(case, options, message, tmp_path, monkeypatch):
    (tmp_path / "few").mkdir()
    for i in range(9):
        to_pil_image(torch.rand(1, 16, 16)).save(tmp_path / "few" / f"{i}.png")
    options = {name: value.format(few=tmp_path / "few") if isinstance(value, str) else value
               for name, value in options.items()}
    model = failing(model_of_digits(), monkeypatch, tmp_path, case)
    with pytest.raises(zoo.UsageError, match=message):
        zoo.evaluate(model, **FEW | options)


def test_counts_in_names():
    assert [short(n) for n in (10_000, 50_000, 2_048, 500)] == ["10k", "50k", "2048", "500"]


def test_protocol_survives_odd_names():
    protocol = Protocol(features="mnist", data="my images/it's", samples=2_048)
    line = with_versions(protocol, ["mnist@0123abcd", "anime@4567cdef"], {"domains": "a; b", "held_out": 0.0})
    assert Protocol.parse(line) == protocol
    assert "features=mnist@0123abcd+anime@4567cdef " in line
    assert " domains='a; b' zoo=" in line
    assert Protocol.parse("3 nearest neighbours in pixels") is None


def test_measures_without_features_leave_the_features_open(finished, tmp_path):
    """``features=none`` was read back as a feature space of that name."""
    folder = shutil.copytree(finished("pix2pix"), tmp_path / "run")
    evaluate_folder(folder, measures="pixels", samples=50, real=50)
    assert "features=none" in read_metrics(folder)["psnr"]["protocol"]
    assert measured(folder, {"features": "digits"})
    found = zoo.evaluate(folder, measures="frechet")  # in those of its data
    assert "fd50[digits]" in found
    assert found.keys() == zoo.evaluate(folder, measures="frechet", features="digits").keys()


def test_points_have_no_features(tmp_path):
    model = zoo.create("gan", image_size=1, channels=2)
    with pytest.raises(zoo.UsageError, match="of which no features are taken: measure transport"):
        zoo.evaluate(model, data="ring", measures="frechet", features="digits", samples=50)
