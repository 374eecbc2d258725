"""The bundled classifiers, what becomes of images on the way into them, and how they are trained."""

import json
from dataclasses import replace

import pytest
import torch
from PIL import Image

import zoo
from zoo.data.labels import class_parts, count_parts, heads_of, nearest_classes, targets_of
from zoo.data.named import DIGITS
from zoo.data.sources import open_source
from zoo.features import bundled as module
from zoo.features.bundled import bundled, classifier_of, classifiers, describe, load_classifier, load_network
from zoo.features.classifier import Classifier
from zoo.metrics.classes import class_coverage, confidence, label_agreement
from zoo.metrics.features import default_features, feature_space, to_uint8
from zoo.training.classifiers import ClassifierCourse, train_classifier

COURSE = ClassifierCourse(image_size=16, width=4, epochs=8, batch_size=32, shift=1)
FACES = ["blue hair, red eyes", "pink hair, red eyes", "blue hair, aqua eyes"]


@pytest.mark.parametrize("name", bundled())
def test_every_bundled_network_is_small_whole_and_says_what_it_is(name):
    facts = describe(name)
    assert (module.PRETRAINED / f"{name}.safetensors").stat().st_size <= 2**20
    heads = facts["network"].get("heads", {})
    assert set(facts["accuracy"]) == (set(heads) or {"found"})
    assert facts["command"].startswith(("python scripts/train_features.py --data ", "zoo features --"))
    network = load_network(name)
    images = torch.randint(0, 256, (2, 3, 40, 40), dtype=torch.uint8)
    features, logits = network(images)
    assert features.shape == (2, 4 * network.width)
    assert logits.shape == (2, sum(map(len, heads.values())))
    space = feature_space(name)
    assert space.extract(images).logits.shape[1] == sum(map(len, space.classifier.heads.values()))


@pytest.mark.parametrize("name", classifiers())
def test_features_of_no_labels_are_the_default_where_there_are_some(name):
    assert default_features(name) == (f"{name}-simclr" if f"{name}-simclr" in bundled() else name)
    assert default_features(f"{name}-jpeg") == default_features(name)
    assert classifier_of(default_features(name)) == name


def test_the_classifier_of_digits_knows_digits():
    """On images that it was measured on before it was saved, drawn as scripts/train_features.py draws them."""
    images, labels = open_source("digits").load()
    held_out = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))[::5]
    space = feature_space("digits")
    _, logits = space.extract(images[held_out])
    right = label_agreement(space.classifier, logits, labels[held_out], DIGITS)
    assert right == pytest.approx(describe("digits")["accuracy"], abs=1e-6)


def test_a_network_is_in_single_precision_whatever_is_trained_meanwhile():
    torch.set_default_dtype(torch.float64)  # as Lightning does while it trains in 64-true
    try:
        network = load_network.__wrapped__("digits")
    finally:
        torch.set_default_dtype(torch.float32)
    assert {x.dtype for x in network.state_dict().values() if x.is_floating_point()} == {torch.float32}


def test_altered_weights_are_refused(tmp_path, monkeypatch):
    for suffix in ("json", "safetensors"):
        (tmp_path / f"digits.{suffix}").write_bytes((module.PRETRAINED / f"digits.{suffix}").read_bytes())
    with open(tmp_path / "digits.safetensors", "r+b") as file:
        file.seek(-1, 2)
        file.write(b"\xff")
    monkeypatch.setattr(module, "PRETRAINED", tmp_path)
    with pytest.raises(zoo.UsageError, match="damaged"):
        load_network.__wrapped__("digits")
    with pytest.raises(zoo.UsageError, match="did you mean digits"):
        load_classifier("digit")


def test_grey_is_colour_and_size_does_not_matter_to_a_classifier():
    network = Classifier(1, 16, {"class": DIGITS}, 2).eval()
    grey = torch.randint(0, 256, (3, 1, 16, 16), dtype=torch.uint8)
    x = network.prepare(grey)
    assert (x.min(), x.max()) >= (-1, -1)
    assert torch.allclose(network.prepare(grey.expand(-1, 3, -1, -1)), x, atol=1e-6)
    even = torch.full((1, 3, 32, 32), 255, dtype=torch.uint8)
    assert torch.allclose(network.prepare(even), torch.ones(1, 1, 16, 16))
    assert Classifier(3, 16, {"class": DIGITS}, 2).prepare(grey).shape == (3, 3, 16, 16)


def test_heads_follow_from_class_names():
    assert heads_of(DIGITS) == {"class": DIGITS}
    assert heads_of(["T-shirt", "ankle boot"]) == {"class": ["T-shirt", "ankle boot"]}
    faces = heads_of(FACES)
    assert faces == {"hair": ["blue hair", "pink hair"], "eyes": ["aqua eyes", "red eyes"]}
    assert targets_of(faces, FACES).tolist() == [[0, 1], [1, 1], [0, 0]]
    assert targets_of(faces, ["green hair, red eyes"]) is None
    assert targets_of(faces, DIGITS) is None
    assert targets_of(faces, []) is None
    assert targets_of({"class": DIGITS}, ["3", "0"]).tolist() == [[3], [0]]
    assert class_parts(FACES) == [[0, 3], [1, 3], [0, 2]]
    assert count_parts(FACES) == 4
    assert class_parts(["b", "a"]) == [[0], [1]]
    assert heads_of(["blue hair, red hair"]) == {"class": ["blue hair, red hair"]}


def test_nearest_classes_share_all_parts_but_one_if_there_are_such():
    everyone_else = (~torch.eye(10, dtype=torch.bool)).tolist()
    assert nearest_classes(DIGITS).tolist() == everyone_else
    faces = [f"{hair} hair, {eyes} eyes" for hair in ("blue", "pink", "red") for eyes in ("aqua", "red")]
    near = {face: [faces[i] for i in row.nonzero().flatten()]
            for face, row in zip(faces, nearest_classes(faces), strict=True)}
    assert near["pink hair, red eyes"] == ["blue hair, red eyes", "pink hair, aqua eyes", "red hair, red eyes"]
    apart = ["pink hair, red eyes", "blue hair, aqua eyes"]
    assert nearest_classes(apart).tolist() == [[False, True], [True, False]]


def test_agreement_and_coverage_by_hand():
    network = Classifier(3, 16, heads_of(FACES), 2)  # heads: blue, pink hair; aqua, red eyes
    blue_red, pink_red, pink_aqua = [9.0, 0, 0, 9], [0.0, 9, 0, 9], [0.0, 9, 9, 0]
    logits = torch.tensor([blue_red, pink_red, pink_red, pink_aqua])
    asked = torch.tensor([0, 0, 1, 2])  # of the last, neither hair nor anything else is wrong but the hair
    assert label_agreement(network, logits, asked, FACES) == {"hair": 0.5, "eyes": 1.0}
    assert label_agreement(network, logits, asked, DIGITS) == {}
    real = torch.tensor([blue_red, pink_red, pink_red, pink_red])
    same = class_coverage(network, real, real)
    assert same == (2, 2, 0.0)
    half = class_coverage(network, torch.tensor([pink_red] * 4), real)
    assert (half.found, half.classes) == (1, 2)
    assert half.kl == pytest.approx(torch.tensor(4 / 3).log().item())
    assert class_coverage(network, logits, real).kl == float("inf")


def test_confidence_by_hand():
    network = Classifier(3, 16, heads_of(FACES), 2)  # heads: blue, pink hair; aqua, red eyes
    even, sure, unsure = (torch.tensor([p, 1 - p]).log().tolist() for p in (0.5, 0.91, 0.89))
    logits = torch.tensor([sure + sure, sure[::-1] + sure, even + sure, sure + unsure])
    assert confidence(network, logits) == 0.5
    assert confidence(Classifier(3, 16, {"class": FACES[:2]}, 2), logits[:, 2:]) == 0.75


def test_images_become_uint8_only_if_they_are_images():
    assert to_uint8(torch.tensor([0.0, 0.5, 1.0]).view(3, 1, 1, 1)).flatten().tolist() == [0, 128, 255]
    for bad, words in ((torch.nan, "not finite"), (torch.inf, "not finite"), (1.01, "between"), (-0.1, "between")):
        with pytest.raises(zoo.UsageError, match=words):
            to_uint8(torch.tensor([0.5, bad]).view(2, 1, 1, 1))


def test_a_classifier_learns_and_is_measured_as_saved(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "PRETRAINED", tmp_path)
    accuracy = train_classifier("digits", None, COURSE, tmp_path / "small", "it")
    assert accuracy["class"] > 0.8
    facts = json.loads((tmp_path / "small.json").read_text())
    assert facts["accuracy"] == accuracy
    assert facts["network"] == {"channels": 1, "image_size": 16, "heads": {"class": DIGITS}, "width": 4}
    images, labels = open_source("digits", image_size=16, split="test", held_out=0.2).load()
    network = load_network.__wrapped__("small")
    share = (network.classes_seen(network(images)[1])[:, 0] == labels).double().mean()
    assert share.item() == pytest.approx(accuracy["class"], abs=1e-6)


def test_networks_learn_of_images_and_a_classifier_needs_classes(tmp_path):
    with pytest.raises(zoo.UsageError, match="a set of points: features are learnt of images"):
        train_classifier("ring", None, replace(COURSE, image_size=0), None, "it")
    for number in range(20):
        Image.new("L", (16, 16), number).save(tmp_path / f"{number}.png")
    with pytest.raises(zoo.UsageError, match="no classes.*--objective contrast"):
        train_classifier(str(tmp_path), None, COURSE, None, "it")
    with pytest.raises(zoo.UsageError, match="precision"):
        train_classifier("digits", None, replace(COURSE, precision="wrong"), tmp_path / "it", "it")
