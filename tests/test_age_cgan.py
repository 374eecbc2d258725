"""Age-cGAN: the encoder's term, faces whose latent and class are known, and how ageing is measured."""

import dataclasses

import pytest
import torch
from torch import nn

import zoo
from zoo.core.errors import CannotError
from zoo.data.batches import Labelled
from zoo.data.sources import open_source
from zoo.features.perceptual import PerceptualDistance
from zoo.models.age_cgan import AgeCGAN, AgeCGANConfig


def model_of(**config):
    """Of three classes, in float64, with weights that are far from rounding."""
    model = zoo.create("age-cgan", image_size=8, classes=3, width=2, backbone="mlp", latent_dim=4, **config).double()
    for p in model.parameters():
        if p.dim() > 1:
            nn.init.normal_(p, 0.0, p.shape[1]**-0.5)
    return model.eval()


def with_known_answer():
    """G adds the class to a linear map of z, and E is its inverse: so every answer can be told by hand."""
    model = model_of()
    weight = torch.linalg.qr(torch.randn(64, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1)))[0]
    shift = torch.linalg.qr(torch.cat([weight, torch.randn(64, 3, dtype=torch.float64)], 1))[0][:, 4:] / 2

    class Face(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(torch.tensor(8.0, dtype=torch.float64))

        def forward(self, z, labels):
            return ((z @ weight.T + shift.T[labels]) / self.scale).view(-1, 1, 8, 8)

    class Inverse(nn.Module):
        def forward(self, images):
            return 8 * images.flatten(1) @ weight

    model.generator, model.encoder = Face(), Inverse()
    return model


def test_the_encoder_learns_the_latents_of_what_is_made_and_nobody_else_does():
    model = model_of()
    batch = Labelled(torch.rand(6, 1, 8, 8, dtype=torch.float64), torch.arange(6) % 3)
    z = torch.randn(6, 4, dtype=torch.float64)
    model.latent = lambda n: z
    terms = model.encoder_loss(batch)
    made = model.generate(z, batch.labels)
    assert terms["latent"].item() == pytest.approx((model.encoder(made) - z).square().mean().item(), abs=1e-15)
    terms["latent"].backward()
    moved = {name for name, network in model.named_children()
             if any(p.grad is not None for p in network.parameters())}
    assert moved == {"encoder"}


def test_a_face_at_its_own_age_is_itself_and_at_another_only_the_class_changes():
    model = with_known_answer()
    faces = model.sample(5, labels=[0, 1, 2, 0, 1], seed=4)
    same = model.age(faces, [0, 1, 2, 0, 1], [0, 1, 2, 0, 1], steps=0)
    assert (same - faces).abs().max() < 1e-6
    older = model.age(faces, 2, [0, 1, 2, 0, 1], steps=0)
    expected = model.render(model.normals(5, seed=4), 2)
    assert (older - expected).abs().max() < 1e-6


def test_what_was_not_found_is_given_back():
    """All of it: the face, as it was, at its own age, and by as much another as what the model makes of both ages."""
    model = model_of()
    faces, own, steps = 0.4 + 0.2 * torch.rand(4, 1, 8, 8), torch.tensor([0, 1, 2, 0]), {"steps": 0}
    torch.testing.assert_close(model.age(faces, own, own, kept=1, **steps), faces)
    before, after = (model.age(faces, to, own, kept=0, **steps) for to in (own, 2))
    expected = (after + 0.3 * (faces - before)).clamp(0, 1)
    torch.testing.assert_close(model.age(faces, 2, own, kept=0.3, **steps), expected)
    assert (after - before).abs().max() > 1e-3


def test_who_brings_no_faces_to_other_ages_says_what_it_does():
    with pytest.raises(CannotError, match=r"cgan cannot age: a model of this task can be asked with sample\(\)"):
        zoo.create("cgan", classes=3).age(torch.rand(1, 1, 32, 32), to=1)
    assert "age()" in AgeCGAN.asked_with()


def test_the_age_of_a_face_is_found_where_it_is_not_told():
    model = with_known_answer()
    labels = torch.tensor([2, 0, 1, 1, 0, 2])
    faces = model.sample(6, labels=labels, seed=2)
    assert torch.equal(model.likely(faces), labels)
    assert torch.equal(model.age(faces, 0, steps=0), model.age(faces, 0, labels, steps=0))


@pytest.mark.parametrize(("asked", "name"), [
    ("50-59", "age7_051-060"), ("41-50", "age6_041-050"), ("30-34", "age4_026-032"), (" 80-90", "age9_071-116"),
    ("age4_026-032", "age4_026-032"), (3, 3), (["50-59", 0], ["age7_051-060", 0]), ("200-210", "200-210"),
    ("51-60 or so", "51-60 or so")])
def test_ages_can_be_told_by_years(asked, name):
    names = ["age4_026-032", "age6_041-050", "age7_051-060", "age9_071-116"]
    model = zoo.create("age-cgan", image_size=8, classes=4, width=2, backbone="mlp", latent_dim=4)
    model.data = dataclasses.replace(model.data, class_names=names)
    assert model.by_years(asked) == name


@pytest.mark.parametrize("method", ["adam", "lbfgs"])
def test_the_search_never_ends_above_the_encoder(method):
    """Also in features; and there it gets nearer in them than the search by pixels alone."""
    model = model_of()
    faces = torch.rand(2, 1, 8, 8)
    by_pixels, by_both = (zoo.invert(model, faces, 1, 6, method=method, features=features, progress=False)
                          for features in (None, "cifar10"))
    for found in (by_pixels, by_both):
        assert (found.error <= found.start).all()
        assert (found.error < found.start).any()
    distance = PerceptualDistance("cifar10")
    apart = [distance(2 * found.images.double() - 1, 2 * faces.double() - 1).mean() for found in (by_pixels, by_both)]
    assert apart[1] < apart[0]
    squared = (by_both.images - faces).square().flatten(1).mean(1)
    assert by_both.error.float() == pytest.approx(
        squared + distance(2 * by_both.images.float() - 1, 2 * faces - 1), abs=1e-5)


@pytest.mark.parametrize(("call", "words"), [
    (lambda model: model.age(torch.rand(1, 1, 8, 8), "50-59"), "50-59"),
    (lambda model: model.age(torch.rand(1, 1, 9, 9), 1), "images of 8x8 pixels"),
    (lambda model: model.age(torch.rand(1, 1, 8, 8), 1, features="faces"), "unknown features 'faces'"),
    (lambda model: model.age(torch.rand(1, 1, 8, 8), 1, kept=2), "kept is a share from 0 to 1, not 2"),
])
def test_what_has_no_answer(call, words):
    with pytest.raises(zoo.UsageError, match=words):
        call(model_of())


@pytest.mark.filterwarnings("ignore:.*are too few.*", "ignore:the model was trained on.*")
def test_ageing_tells_a_model_from_trivial_answers(monkeypatch):
    """What copies gets what copies get, and so on; a copy is the same face and never of the age that was asked for, a
    real one of that age is another; ages are told by a network that knows real ones."""
    digits = open_source("digits", held_out=0.3)
    model = AgeCGAN(AgeCGANConfig(width=2, backbone="mlp", latent_dim=4), digits.spec).eval()
    held_out = open_source("digits", held_out=0.3, split="test").load()
    known, training = held_out.images.float() / 255, digits.load()
    means = torch.stack([training.images[training.labels == label].float().mean(0) / 255 for label in range(10)])
    asked = []

    def measured(age):
        def told(faces, to, labels, steps, progress):
            of = torch.cdist(faces.flatten(1), known.flatten(1)).argmin(1)
            assert torch.equal(held_out.labels[of], labels)  # held out, and of the class that is said
            asked.append((labels, to))
            return age(faces, to)

        monkeypatch.setattr(model, "age", told)
        found = zoo.evaluate(model, data="digits", measures="ageing", features="digits", samples=150, real=200)
        return {name: metric["value"] for name, metric in found.items()}

    copied, mean = measured(lambda faces, to: faces), measured(lambda faces, to: means[to])
    own, other = asked[0]
    assert (own != other).all()
    assert len((other - own).remainder(10).unique()) == 9  # every other class in turn
    names = ("aged[digits]", "aged_off[digits]", "same_face150[digits]")
    for found, which in ((copied, "/copy"), (mean, "/mean")):
        for name in names:
            assert found[name] == pytest.approx(copied[f"{name}{which}"], abs=1e-9)
    assert copied["aged[digits]/copy"] < 0.1 < 0.9 < copied["aged[digits]/real"]
    assert copied["aged_off[digits]/real"] < 0.5 < 3 < copied["aged_off[digits]/copy"]
    assert copied["same_face150[digits]/copy"] > 0.95 > 0.2 > copied["same_face150[digits]/real"]
    with pytest.raises(zoo.UsageError, match="cgan brings no faces to other ages"):
        zoo.evaluate(zoo.create("cgan", image_size=32, classes=10), data="digits", measures="ageing", features="digits")
