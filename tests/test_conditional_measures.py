"""Distances within classes, the classification accuracy score and perceptual path lengths."""

import math

import pytest
import torch
from conftest import created

import zoo
from zoo.cards.publishing import evaluate_folder
from zoo.data.sources import open_source
from zoo.features.perceptual import PerceptualDistance
from zoo.metrics import conditional, path_lengths
from zoo.metrics.conditional import within_classes
from zoo.metrics.judges import Schooling
from zoo.metrics.real import real_rows

FEW = {"samples": 50, "real": 50, "features": "digits"}
pytestmark = [pytest.mark.filterwarnings("ignore:.*are too few.*"),
              pytest.mark.filterwarnings("ignore:the model was trained on unnamed.*")]


def cloud(n: int, mean: float, spread: float, seed: int) -> torch.Tensor:
    """(n, 2) with just this mean and standard deviation on both axes, and no correlation."""
    x = torch.randn(n, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    x = x - x.mean(0)
    return mean + spread * x @ torch.linalg.inv(torch.linalg.cholesky(x.T.cov()).T)


def test_the_distance_within_classes_by_hand():
    """Of round clouds |m - m'|^2 + 2 (s - s')^2; a class of too few images is left out."""
    real = torch.cat([cloud(60, 0, 1, 0), cloud(60, 9, 2, 1), cloud(20, 5, 1, 2)])
    labels = torch.tensor([0] * 60 + [1] * 60 + [2] * 20)
    fake = torch.cat([cloud(50, 1, 3, 3), cloud(70, 9, 2, 4), cloud(60, 5, 1, 5)])
    asked = torch.tensor([0] * 50 + [1] * 70 + [2] * 60)
    order = torch.randperm(len(fake))
    found = within_classes(fake[order], asked[order], real, labels)
    assert found.distance == pytest.approx(((2 + 2 * 4) + 0) / 2, abs=1e-6)
    assert found.classes == 2
    assert math.isnan(within_classes(fake[:9], asked[:9], real, labels).distance)


def test_chance_is_the_same_in_all_distances_within_classes():
    """Where classes tell nothing, a perfect model, as many real images and a model that does not heed classes are
    alike, whatever sizes the classes have among the generated images."""
    random = torch.Generator().manual_seed(0)
    real, fake = torch.randn(3000, 32, generator=random), torch.randn(1500, 32, generator=random)
    labels = torch.arange(3000) % 10
    asked = torch.cat([torch.arange(1000) % 10, torch.zeros(500, dtype=torch.int64)])
    found = within_classes(fake, asked, real, labels)
    assert found.floor == pytest.approx(found.distance, rel=0.1)
    assert found.blind == pytest.approx(found.distance, rel=0.15)  # a tenth of its images are the class's own


def copies(shift: int, monkeypatch) -> zoo.Sampler:
    """A model of digits that gives training images of the class so many after the one that is asked for."""
    source = open_source("digits", image_size=16, held_out=0.4)
    images, labels = source.load()
    cls = type(created("cgan"))
    model = cls(cls.Config(width=2), source.spec)

    def respond(batch_size=0, *, normal, label):
        rows = [(labels == (c + shift) % 10).nonzero().view(-1)[i % 90] for i, c in enumerate(label.tolist())]
        return images[torch.stack(rows)] / 255

    monkeypatch.setattr(model, "respond", respond)
    return model


def test_a_classifier_learns_from_copies_of_real_images_as_from_these_and_else_nothing(monkeypatch):
    monkeypatch.setattr(conditional, "SCHOOLING", Schooling(pictures=1_920, batch_size=32, learning_rate=1e-2))
    how = {"measures": "classification", "samples": 600, "real": 600, "accelerator": "cpu"}
    found = zoo.evaluate(copies(0, monkeypatch), **how)
    assert found["cas600/real"]["value"] > 0.85
    assert found["cas600"]["value"] == pytest.approx(found["cas600/real"]["value"], abs=0.1)
    assert "features=none" in found["cas600"]["protocol"]
    assert "judge='classifier of width 16" in found["cas600"]["protocol"]
    wrong = zoo.evaluate(copies(1, monkeypatch), **how)
    assert wrong["cas600/real"] == found["cas600/real"]
    assert wrong["cas600"]["value"] < 0.1


@pytest.mark.parametrize(("variant", "spaces"), [("cgan", ["z"]), ("stylegan2", ["z", "w"])])
def test_lengths_are_those_of_the_derivative(variant, spaces):
    """E |d f / dt|^2 of the vectors f that pictures are compared by, though pictures are of single precision."""
    config = {"latent_dim": 5, "layers": 2} if variant == "stylegan2" else {"latent_dim": 5}
    model = created(variant, width=2, **config)
    with torch.no_grad():
        for p in model.generator.parameters():
            p.mul_(3)  # else its pictures hardly differ
    found = zoo.evaluate(model, data="digits", measures="path_length", **FEW, accelerator="cpu")
    assert list(found) == [f"ppl_{space}50[digits]{which}" for space in spaces for which in ("", "/floor")]
    assert "epsilon=0.0001" in found["ppl_z50[digits]"]["protocol"]

    model, distance = model.double().eval(), PerceptualDistance("digits")
    start, end = model.normals(100, seed=0).double().split(50)
    share = (1 - path_lengths.EPSILON) * torch.rand(50, 1, generator=torch.Generator().manual_seed(0))
    known = open_source("digits").load().labels
    labels = known[real_rows(len(known), 50)]  # which stylegan2 does not heed
    for space in spaces:
        def seen(t, space=space):
            return tuple(distance._seen(model.on_the_way(space, start, end, t, labels)))

        _, speeds = torch.autograd.functional.jvp(seen, share.double(), torch.ones_like(share).double())
        expected = torch.stack([v.square().sum(1).mean((1, 2)) for v in speeds]).mean().item()
        length = found[f"ppl_{space}50[digits]"]["value"]
        assert length == pytest.approx(expected, rel=0.02)
        floor = distance(*(model.on_the_way(space, start, end, torch.full_like(start[:, :1], at), labels)
                           for at in (0, 1))).mean().item()
        assert found[f"ppl_{space}50[digits]/floor"]["value"] == pytest.approx(floor, rel=1e-3)
        assert floor < length


def test_the_way_in_w_is_straight(monkeypatch):
    """So of pictures that are linear in w, compared pixel by pixel, it is as long as its floor; in z it is longer."""
    model = created("stylegan2", width=2, latent_dim=5, layers=2)
    linear = torch.randn(5, 256) / 16
    monkeypatch.setattr(model.generator, "synthesise", lambda w, noise: (w[:, 0] @ linear).view(-1, 1, 16, 16))
    model.ema = type(model.ema)({}, 0)
    monkeypatch.setattr(path_lengths, "PerceptualDistance", lambda name: lambda x, y: (x - y).square().sum((1, 2, 3)))
    found = zoo.evaluate(model, data="digits", measures="path_length", **FEW, accelerator="cpu")
    floor = found["ppl_w50[digits]/floor"]["value"]
    assert found["ppl_w50[digits]"]["value"] == pytest.approx(floor, rel=0.01)
    assert found["ppl_z50[digits]"]["value"] > 1.2 * floor


def test_a_card_says_how_they_are_read(finished, tmp_path):
    folder = zoo.save(zoo.load(finished("cgan")), tmp_path / "model")
    evaluate_folder(folder, data="digits", measures="class_frechet", features="digits", samples=600, real=600)
    card = (folder / "README.md").read_text()
    for words in ("class_fd600[digits] |", "class_fd600[digits]/floor |", "class_fd600[digits]/blind |",
                  "class_fd600[digits]/classes | 10 |", "`/blind` is what real images of any class get"):
        assert words in card
    assert "`cas`" not in card
    assert zoo.evaluate(folder)["class_fd600[digits]"]["value"] > 0  # by the name, the same measure again


@pytest.mark.parametrize(("variant", "options", "message"), [
    ("cgan", {"measures": "classification"}, "compared with its training part: train the model with --held-out 0.1"),
    ("cgan", {"measures": "class_frechet"}, "no class of digits has 50 images on both sides"),
    ("cgan", {"measures": "class_frechet", "classes": 3}, "the classes of digits are others than those that cgan"),
    ("gan", {"measures": "class_frechet"}, "gan is asked for no classes"),
    ("infogan", {"measures": "path_length"}, "what infogan makes of a latent jumps"),
    ("madgan", {"measures": "path_length"}, "what madgan makes of a latent jumps"),
])
def test_what_has_no_meaning_is_refused(variant, options, message):
    options = dict(options)
    model = created(variant, width=2, classes=options.pop("classes", 10))
    with pytest.raises(zoo.UsageError, match=message):
        zoo.evaluate(model, data="digits", **FEW, **options, accelerator="cpu")


@pytest.mark.parametrize(("variant", "last", "message"), [
    ("cgan", "classification", "compared with its training part"), ("gan", "class_frechet", "is asked for no classes"),
    ("infogan", "path_length", "jumps as that moves")])
def test_what_has_no_meaning_is_refused_before_the_rest_is_measured(variant, last, message, monkeypatch):
    model = created(variant, width=2)
    monkeypatch.setattr(model, "respond", None)
    with pytest.raises(zoo.UsageError, match=message):
        zoo.evaluate(model, data="digits", measures=["frechet", last], **FEW, accelerator="cpu")
