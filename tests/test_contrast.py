"""Features that are learnt without labels, and how distances in them answer to images that are made worse."""

import math

import numpy as np
import pytest
import torch
from PIL import Image

import zoo
from zoo.cards.card import render_features_card
from zoo.cards.publishing import write_metrics
from zoo.commands import features as command
from zoo.data.batches import Labelled
from zoo.data.sources import open_source
from zoo.features import bundled as module
from zoo.features.bundled import describe, load_network
from zoo.metrics import responses as worse
from zoo.metrics.features import default_features, feature_space
from zoo.store.layout import headline, read_metrics
from zoo.training.contrast import Contrast, ContrastCourse, contrast, train_encoder, turned, views

RANDOM = torch.Generator().manual_seed(0)
COURSE = ContrastCourse(image_size=16, width=4, epochs=10, batch_size=32)


@pytest.fixture(scope="module")
def digits_features(tmp_path_factory):
    """A folder with the classifier of digits and an encoder that learnt of digits without labels."""
    folder = tmp_path_factory.mktemp("networks")
    for suffix in ("json", "safetensors"):
        (folder / f"digits.{suffix}").write_bytes((module.PRETRAINED / f"digits.{suffix}").read_bytes())
    found = train_encoder("digits", None, COURSE, folder / "digits-simclr", "zoo features --data digits")
    return folder, found["found"]


@pytest.fixture
def networks(digits_features, monkeypatch):
    monkeypatch.setattr(module, "PRETRAINED", digits_features[0])
    monkeypatch.setattr("zoo.cards.card.PRETRAINED", digits_features[0])
    monkeypatch.setattr("zoo.features.bundled.load_network", load_network.__wrapped__)
    monkeypatch.setattr("zoo.metrics.features.load_network", load_network.__wrapped__)
    return digits_features


def test_the_loss_is_that_of_the_paper():
    """Against equation 1 written out, and where all but the views of an image are orthogonal."""
    first, second = torch.randn(2, 5, 7, dtype=torch.float64, generator=RANDOM)
    rows = torch.nn.functional.normalize(torch.cat([first, second]), dim=1)
    total = 0.0
    for i in range(10):
        like = math.exp(rows[i] @ rows[(i + 5) % 10] / 0.3)
        total -= math.log(like / sum(math.exp(rows[i] @ rows[k] / 0.3) for k in range(10) if k != i))
    assert contrast(first, second, 0.3).item() == pytest.approx(total / 10, rel=1e-6)
    apart = torch.eye(4, dtype=torch.float64)
    assert contrast(apart, 3 * apart, 0.5).item() == pytest.approx(math.log(1 + 6 * math.exp(-2)), rel=1e-6)
    assert contrast(torch.ones(4, 2), torch.ones(4, 2), 0.5).item() == pytest.approx(math.log(7), rel=1e-6)


def test_views_are_pieces_in_other_colours():
    images = torch.rand(6, 3, 8, 8, generator=RANDOM) * 2 - 1
    whole = ContrastCourse(smallest=1, colours=0)
    assert torch.allclose(views(images, whole), images, atol=1e-5)
    mirrored = views(images, ContrastCourse(smallest=1, colours=0, flip=True))
    either = [torch.allclose(a, b, atol=1e-5) or torch.allclose(a, b.flip(-1), atol=1e-5)
              for a, b in zip(mirrored, images, strict=True)]
    assert all(either)
    seen = views(images, ContrastCourse())
    assert seen.shape == images.shape
    assert seen.abs().max() <= 1
    assert not torch.allclose(seen, views(images, ContrastCourse()))
    ramp = torch.linspace(-1, 1, 8).expand(64, 1, 8, 8)
    slopes = (views(ramp, ContrastCourse(smallest=0.25, colours=0))[:, 0, 4].diff(dim=1)[:, 3] / (2 / 7))
    assert 0.5 - 1e-4 <= slopes.min() < 0.6  # a piece of a quarter of the area, enlarged, is half as steep
    assert 0.9 < slopes.max() <= 1 + 1e-4


def test_hues_turn_and_greys_stay():
    """By a third of the circle red becomes green, green blue, and blue red."""
    images, third = torch.rand(2, 3, 4, 4, dtype=torch.float64), 2 * math.pi / 3
    there = turned(images, torch.tensor([third, 0], dtype=torch.float64))
    assert (there[0] - images[0].roll(1, 0)).abs().max() < 1e-15
    assert (there[1] - images[1]).abs().max() < 1e-15
    assert (turned(images, torch.tensor([0.3, 1.2])).mean(1) - images.mean(1)).abs().max() < 1e-7
    course, batch = ContrastCourse(smallest=1.0, colours=0.0, hue=0.5), torch.rand(4, 3, 8, 8) / 2
    torch.manual_seed(0)
    assert (views(batch, course) - batch).abs().amax((1, 2, 3)).min() > 0.01
    grey = batch.mean(1, keepdim=True).expand_as(batch)
    assert (views(grey, course) - grey).abs().max() < 1e-6


def test_an_encoder_learns_without_labels(digits_features, monkeypatch):
    """What it learns does not depend on the labels, and views are found again far above chance, one in 32."""
    assert digits_features[1] > 0.3
    network = Contrast(zoo.features.encoder.Encoder(1, 16, 4), COURSE, 10)
    images = torch.randint(0, 256, (4, 1, 16, 16), dtype=torch.uint8)
    losses = []
    for labels in (torch.zeros(4), torch.arange(4)):
        torch.manual_seed(0)
        losses.append(network.training_step([images, labels], 0))
    assert losses[0] == losses[1]


def test_distances_are_in_its_features_and_classes_are_told_by_the_classifier(networks):
    assert default_features("digits") == "digits-simclr"
    space, classifier = feature_space("digits-simclr"), feature_space("digits")
    assert (space.suffix, space.telling) == ("[digits-simclr]", "[digits]")
    assert space.used == [f"digits-simclr@{space.digest}", f"digits@{classifier.digest}"]
    images = torch.randint(0, 256, (3, 1, 8, 8), dtype=torch.uint8)
    seen, theirs = space.extract(images), classifier.extract(images)
    assert torch.equal(seen.logits, theirs.logits)
    assert seen.pooled.shape == (3, 16)
    with pytest.raises(zoo.UsageError, match="digits-simclr tells no classes; those that do: digits"):
        module.load_classifier("digits-simclr")


def test_numbers_in_features_of_no_labels_lead(tmp_path, networks):
    folder = tmp_path / "model"
    zoo.train("cgan", data="digits", images=64, batch_size=32, backbone="mlp", out=folder)
    found = zoo.evaluate(folder, features="digits-simclr", samples=60, real=60)
    names = list(found)
    assert names[0] == "fd60[digits-simclr]"
    assert "label_agreement[digits]" in names
    number = found["fd60[digits-simclr]"]
    assert number["protocol"].startswith("features=digits-simclr@")
    write_metrics(folder, {"fd60[digits]": number, "l1": number})
    write_metrics(folder, {"fd60[digits-simclr]": number})
    assert list(read_metrics(folder))[-1] == "fd60[digits]"
    assert headline(read_metrics(folder)).startswith("fd60[digits-simclr]")


@pytest.mark.parametrize("name", sorted({*worse.WORSE} - {worse.AS_IT_IS}))
def test_every_step_makes_images_worse(name):
    """Further from what they were, by the mean squared error; the steps are what they say."""
    images = torch.rand(40, 3, 32, 32, generator=RANDOM) * 255
    images = torch.nn.functional.interpolate(images[..., :8, :8], (32, 32), mode="bicubic").clamp(0, 255)
    errors = [(worse.WORSE[name](images, step, torch.Generator().manual_seed(0)) - images).square().mean().item()
              for step in range(1, worse.STEPS + 1)]
    assert errors == sorted(set(errors))
    if name == "noise":
        assert [error**0.5 for error in errors] == pytest.approx([8, 16, 32, 64], rel=0.02)


def test_pieces_change_places_and_none_is_lost():
    images = torch.rand(3, 1, 16, 16, generator=RANDOM)
    made = worse.swapped(images, 4, RANDOM)
    assert torch.equal(made.flatten().sort()[0], images.flatten().sort()[0])
    changed = (made != images).view(3, 4, 4, 4, 4).any(4).any(2).sum((1, 2))
    assert changed.tolist() == [8, 8, 8]  # four pairs


def test_what_is_left_of_images_and_classes():
    assert [worse.copied(512, step).unique().numel() for step in range(1, 5)] == [128, 32, 8, 2]
    labels = torch.arange(10).repeat(3)
    left = [labels[worse.without_classes(labels, step)].unique().tolist() for step in range(1, 5)]
    assert left == [list(range(2, 10)), list(range(4, 10)), list(range(6, 10)), [8, 9]]


def test_responses_are_measured_shown_and_kept(networks, tmp_path, capsys):
    command.main(["--data", "digits", "--try", "digits-simclr"])
    printed = capsys.readouterr().out
    kept = describe("digits-simclr")["responses"]
    assert {*worse.WORSE, "few images copied", "classes left out", "of"} == {*kept, worse.AS_IT_IS}
    assert kept["classes left out"] == sorted(kept["classes left out"])
    assert f"| classes left out | {kept['classes left out'][0]:.3g} | " in printed
    card = render_features_card("digits-simclr")
    assert printed.splitlines()[-2] in card
    assert "without labels" in card
    (tmp_path / "others").mkdir()
    for i, image in enumerate(np.random.default_rng(0).integers(0, 256, (60, 16, 16, 3), dtype=np.uint8)):
        Image.fromarray(image).save(tmp_path / "others" / f"{i}.png")
    command.main(["--data", str(tmp_path / "others"), "--try", "digits-simclr"])
    assert "| others made worse |" in capsys.readouterr().out
    assert describe("digits-simclr")["responses"] == kept  # its card is of the data that it is for
    space = feature_space("digits")
    flat = worse.responses(space, Labelled(open_source("digits").load().images[:400], torch.zeros(400)), "cpu")
    assert "classes left out" not in flat


def test_an_option_of_another_objective_is_refused():
    with pytest.raises(zoo.UsageError, match="--temperature is of another --objective than classes"):
        command.main(["--data", "digits", "--temperature", "0.1"])
