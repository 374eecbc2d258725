"""Attributes: the direction of latents along which a score of known slope rises is found, and what has none is told."""

import pytest
import torch
from conftest import options_with
from PIL import Image

import zoo
from zoo.commands import sample
from zoo.data.image_spec import ImageSpec
from zoo.data.sources import open_source
from zoo.models import variant_class
from zoo.tasks import attributes, showcase
from zoo.tasks.asking import shown

SIZE = 6  # of a latent


@pytest.fixture(autouse=True)
def _fewer(monkeypatch):
    monkeypatch.setattr(attributes, "SAMPLES", 1_000)


@pytest.fixture(scope="module")
def digits():
    return open_source("digits").load()


def model_of(make, variant="gan", **config):
    """A model of digits whose images (N, 1, 32, 32) in [-1, 1] are a function of latents and labels."""
    cls = variant_class(variant)
    model = cls(cls.Config(width=2, latent_dim=SIZE, latent="normal", **config), open_source("digits").spec)
    generate = model.generate
    model.generate = lambda z, labels=None: make(z, labels) + 0 * generate(z, labels)
    return model


def level(value):
    """Images of one grey, (N,) in [-1, 1]."""
    return value.view(-1, 1, 1, 1).expand(-1, 1, 32, 32).contiguous()


def from_zero_to_one(digits):
    """The more of the third number of a latent, the less of a 0 and the more of a 1."""
    one, zero = (digits.images[digits.labels == digit][:1].float() / 127.5 - 1 for digit in (1, 0))

    def mixed(z, _):
        share = torch.sigmoid(2 * z[:, 2]).view(-1, 1, 1, 1)
        return share * one + (1 - share) * zero

    return model_of(mixed)


def brightness(pictures):
    return pictures.mean((1, 2, 3))


def test_the_direction_of_a_known_slope():
    slope = torch.tensor([2.0, 0, -1, 0, 0, 2]) / 3
    found = zoo.attribute(model_of(lambda z, _: level(0.2 * z @ slope)), brightness)
    torch.testing.assert_close(found.vector, slope.double(), rtol=0, atol=1e-4)
    assert found.correlation == pytest.approx(1, abs=1e-4)


def test_half_of_what_is_seen_is_noise():
    """Of a score to which a place along a direction and chance add alike, the correlation is 1 / sqrt(2)."""
    found = zoo.attribute(model_of(lambda z, _: level(0.1 * (z[:, 3] + z[:, 4] * z[:, 5]))), brightness)
    torch.testing.assert_close(found.vector, torch.eye(SIZE).double()[3], rtol=0, atol=0.31)  # 4 standard errors
    assert found.correlation == pytest.approx(0.5**0.5, abs=0.12)


def test_what_a_class_does_is_left_out():
    """Though it does much more than the latent."""
    model = model_of(lambda z, labels: level(labels / 10 + 0.01 * z[:, 1] - 0.5), "cgan")
    found = zoo.attribute(model, brightness)
    torch.testing.assert_close(found.vector, torch.eye(SIZE).double()[1], rtol=0, atol=0.02)
    assert found.correlation > 0.99


def test_a_class_by_name(digits):
    """Between a picture of a 1 and one of a 0 the way leads to both; what leads nowhere is left out."""
    model = from_zero_to_one(digits)
    axis = torch.eye(SIZE).double()[2]
    torch.testing.assert_close(zoo.attribute(model, "1").vector, axis, rtol=0, atol=0.1)
    all_of_them = zoo.attributes(model)
    torch.testing.assert_close(all_of_them["0"].vector, -axis, rtol=0, atol=0.1)
    torch.testing.assert_close(all_of_them["1"], zoo.attribute(model, "1"))
    correlations = [found.correlation for found in all_of_them.values()]
    assert correlations == sorted(correlations, reverse=True)
    along = zoo.traverse(model, zoo.attribute(model, "1").vector, rows=1, seed=0)
    torch.testing.assert_close(zoo.traverse(model, "1", rows=1, seed=0), along)


def test_what_has_no_direction():
    model = model_of(lambda z, _: level(0.2 * z[:, 0]))
    for score, message in [("11", "unknown attribute '11'"),
                           (lambda x: x, r"a number a picture, \(256,\), not the shape \(256, 1, 32, 32\)"),
                           (lambda x: x.mean((1, 2, 3)) * 0, "not the same for all"),
                           (lambda x: x.mean((1, 2, 3)) / 0, "finite"),
                           (lambda x: (x.mean((1, 2, 3)) - 0.5).square(), "does not rise along any direction")]:
        with pytest.raises(zoo.UsageError, match=message):
            zoo.attribute(model, score)
    with pytest.raises(zoo.UsageError, match="pix2pix makes nothing from latents"):
        zoo.attribute(zoo.create("pix2pix", image_size=16, width=2), brightness)
    with pytest.raises(zoo.UsageError, match="no bundled network tells classes of unnamed"):
        zoo.attribute(zoo.create("gan", image_size=16, width=2), "1")
    with pytest.raises(zoo.UsageError, match="latents of at most 4,096 numbers"):
        zoo.attribute(zoo.create("ebm", image_size=128, width=2), brightness)


def test_rows_by_name_from_the_command_line(tmp_path):
    sample.main(["dcgan-fashion-mnist", "--n", "2", "--traverse", "bag", "--out", str(tmp_path / "bag.png")])
    with Image.open(tmp_path / "bag.png") as picture:
        assert picture.size == (8 * 30 + 2, 2 * 30 + 2)
    with pytest.raises(zoo.UsageError, match="unknown attribute 'bags'"):
        sample.main(["dcgan-fashion-mnist", "--traverse", "bags", "--out", str(tmp_path / "bags.png")])


def test_it_can_be_asked_for_in_the_page(digits):
    model = from_zero_to_one(digits)
    (view,) = [view for view in model.views() if view.name == "more"]
    made = view.ask({"attribute": "1", "seed": 3})
    assert [one.caption for one in made] == ["-4.0", "-2.7", "-1.3", "+0.0", "+1.3", "+2.7", "+4.0"]
    names = {"zoo": zoo, "model": model}
    exec(made[-1].line, names)
    assert made[-1].picture.tobytes() == shown(names["image"][0]).tobytes()
    assert made[0].picture.tobytes() != made[-1].picture.tobytes()
    assert "more" not in [view.name for view in model_of(lambda z, _: level(z[:, 0]), "cgan").views()]
    flat = next(view for view in model_of(lambda z, _: level(0 * z[:, 0])).views() if view.name == "more")
    with pytest.raises(zoo.UsageError, match="not the same for all"):
        flat.ask({"attribute": "1"})


@pytest.mark.parametrize("variant", ["ebm", "lapgan", "dcgan"])
def test_models_without_attributes_have_pictures_all_the_same(variant):
    """Of latents that are too long, and of a collapsed one, though a network tells classes of what they make."""
    cls = variant_class(variant)
    data = ImageSpec(name="anime", image_size=64, channels=3, class_names=[])
    model = cls(cls.Config(width=2, **options_with(variant, sampling_steps=2)), data)
    if variant == "dcgan":
        model.generate = lambda z, labels=None: torch.zeros(len(z), *data.shape)
        assert attributes.attributes(model) == {}
    else:
        assert attributes.names_of_attributes(model) == []
        assert "more" not in [view.name for view in model.views()]
    assert showcase._attributes(model) is None
