"""Measures of models that make pictures from pictures, by models whose answers are known: each must rank them right."""

import copy

import pytest
import torch
import torch.nn.functional as F
from conftest import SAMPLERS, SMALL, options_with
from PIL import Image
from torch import nn
from torchvision.transforms.v2.functional import gaussian_blur, to_pil_image

import zoo
from zoo.cards.card import render_card
from zoo.cards.publishing import write_metrics
from zoo.cards.tables import side_by_side
from zoo.commands import evaluate as evaluate_command
from zoo.data.sources import open_source
from zoo.features.bundled import bundled, load_network
from zoo.features.perceptual import PerceptualDistance
from zoo.metrics import label_maps, two_domains
from zoo.metrics.judges import UNKNOWN, Schooling, at_most, rows_in_turn
from zoo.metrics.segmentation import PixelClassifier
from zoo.metrics.trivial import copies, nearest, noise
from zoo.models import variant_class
from zoo.tasks.levels import ByLevels

pytestmark = pytest.mark.filterwarnings("ignore:.*are too few.*")
FEW = {"samples": 60, "real": 60, "features": "digits"}
IN_STEPS = [variant for variant in SAMPLERS if variant_class(variant).in_steps()]
COLOURS = torch.tensor([[200, 30, 30], [30, 200, 30], [30, 30, 200]])


def unit(pictures):
    return pictures.float() / 127.5 - 1


@pytest.fixture(scope="module")
def digits():
    return open_source("digits").load().images


# ---- the perceptual distance ----------------------------------------------------------------------------------------

@pytest.mark.parametrize("name", bundled())
def test_perceptual_distance_is_one(name, digits):
    """0 of equal pictures, the same both ways, more the more is blurred or noisy, of any size, grey or in colour."""
    distance, x = PerceptualDistance(name), unit(digits[:16])
    assert distance(x, x).abs().max() == 0
    other = x.roll(1, 0)
    torch.testing.assert_close(distance(x, other), distance(other, x))
    noise = torch.randn(x.shape)
    for damaged in ([gaussian_blur(x, [15, 15], [sigma, sigma]) for sigma in (0.5, 1.0, 1.5, 2.0, 3.0)],
                    [(x + sigma * noise).clamp(-1, 1) for sigma in (0.05, 0.1, 0.2, 0.4, 0.8)]):
        means = [distance(x, y).mean().item() for y in damaged]
        assert means == sorted(means)
        assert 0 < means[0] < means[-1] / 4
        assert means[-1] <= 2
    for height, width in ((2, 2), (7, 33)):
        a, b = torch.rand(2, 3, 3, height, width) * 2 - 1
        assert distance(a, b).shape == (3,)
        assert (distance(a, b) > 0).all()
    torch.testing.assert_close(distance(x.expand(-1, 3, -1, -1), other), distance(x, other))


@pytest.mark.parametrize("name", bundled())
def test_the_last_map_is_what_images_are_compared_in(name):
    network = load_network(name)
    images = torch.randint(0, 256, (2, network.channels, network.image_size, network.image_size), dtype=torch.uint8)
    maps = network.maps(unit(images))
    assert [found.shape[1] // network.width for found in maps] == [1, 2, 2, 4, 4]
    torch.testing.assert_close(maps[-1].mean((2, 3)), network(images)[0])


def test_perceptual_distance_by_hand():
    """On a network of two layers of one convolution: unit vectors over channels, squares summed over them, means over
    places and layers."""
    distance = PerceptualDistance("digits")
    distance._network = Maps()
    x, y = torch.tensor([[[[3.0, 1.0]]]]), torch.tensor([[[[1.0, 0.0]]]])
    first = ((3 / 5 - 1 / 17**0.5) ** 2 + (4 / 5 - 4 / 17**0.5) ** 2  # (3, 4) and (1, 4)
             + (1 / 17**0.5 - 0) ** 2 + (4 / 17**0.5 - 1) ** 2) / 2  # (1, 4) and (0, 4)
    second = 2 / 2  # (1) at one place, and (1) beside (0)
    torch.testing.assert_close(distance(x, y), torch.tensor([(first + second / 2) / 2]))


class Maps(nn.Module):
    def in_its_colours(self, x):
        return x

    def maps(self, x):
        return [torch.cat([x, torch.full_like(x, 4.0)], 1), x]


def test_gradient_goes_to_the_picture_alone(digits):
    """Also where all features of a place are 0; and the distance leaves neither parameters nor the shared network."""
    distance = PerceptualDistance("mnist")
    module = nn.Module()
    module.distance = distance
    assert not list(module.parameters())
    assert not module.state_dict()
    assert all(not p.requires_grad for p in distance._network.parameters())
    x = unit(digits[:2]).double().requires_grad_()
    y = unit(digits[2:4]).double()
    value = distance(x, y)
    assert value.dtype == torch.float64
    (gradient,) = torch.autograd.grad(value.sum(), x)
    step = 1e-6 * torch.randn_like(x)
    torch.testing.assert_close(distance(x + step, y).sum() - distance(x - step, y).sum(), 2 * (gradient * step).sum(),
                               rtol=1e-3, atol=1e-12)
    black = torch.full((1, 3, 8, 8), -1.0, requires_grad=True)
    distance(black, torch.ones(1, 3, 8, 8)).sum().backward()
    assert torch.isfinite(black.grad).all()
    assert PerceptualDistance("mnist")(x.float(), y.float()).dtype == torch.float32  # whatever the other one was given


# ---- trivial answers ------------------------------------------------------------------------------------------------

def test_nearest_by_hand():
    """The nearest at 16 px, blocks and all; a picture is not its own neighbour."""
    pictures = torch.rand(50, 1, 16, 16)
    given = (pictures[[7, 3, 49]] + 0.01 * torch.rand(3, 1, 16, 16))
    assert nearest(given, lambda rows: pictures[rows], 50).tolist() == [7, 3, 49]
    own = torch.tensor([7, 3, 49])
    others = nearest(given, lambda rows: pictures[rows], 50, own)
    apart = torch.cdist(given.flatten(1), pictures.flatten(1)).scatter(1, own[:, None], torch.inf)
    assert torch.equal(others, apart.argmin(1))
    fine = torch.zeros(2, 1, 64, 64)
    fine[0, :, ::2, ::2] = 1  # a quarter grey at 16 px, as the second
    fine[1] = 0.25
    assert nearest(torch.full((1, 1, 64, 64), 0.26), lambda rows: fine[rows], 2).item() in (0, 1)
    assert nearest(torch.full((1, 1, 64, 64), 0.0), lambda rows: torch.stack([fine[0] * 0 + 0.2, fine[0]])[rows],
                   2).item() == 0


def test_what_is_copied_of_other_channels():
    true = torch.rand(2, 3, 8, 8)
    with_holes = torch.cat([true, torch.ones(2, 1, 8, 8)], 1)
    assert torch.equal(copies(with_holes, true), true)
    assert torch.equal(copies(true, true[:, :1]), true.mean(1, keepdim=True))
    assert torch.equal(copies(true[:, :1], true), true[:, :1].expand(-1, 3, -1, -1))
    assert torch.equal(copies(true[:, :2], true[:, :1]), true[:, :1])


# ---- pairs ----------------------------------------------------------------------------------------------------------

def labelled(folder, count=60, size=16):
    """Pairs of label maps of three colours and photographs: smooth stripes where the labels say so."""
    random = torch.Generator().manual_seed(0)
    for split, many in (("train", count), ("test", 50)):
        for number in range(many):
            classes = torch.randint(0, 3, (1, 1, 2, 2), generator=random).float()
            classes = nn.functional.interpolate(classes, (size, size))[0, 0].long()
            maps = COLOURS[classes].permute(2, 0, 1)
            maps = (maps + torch.randint(0, 5, maps.shape, generator=random)).byte()  # so that no two are the same
            stripes = torch.stack([torch.arange(size) % 2 * 90, torch.full((size,), 140), torch.arange(size) // 2 * 20])
            photo = (stripes[classes, torch.arange(size)[None]]
                     + torch.randint(0, 30, (size, size), generator=random)).byte().expand(3, -1, -1)
            for side, picture in (("A", maps), ("B", photo)):
                (folder / split / side).mkdir(parents=True, exist_ok=True)
                to_pil_image(picture).save(folder / split / side / f"{number:03d}.png")
    return folder


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    return labelled(tmp_path_factory.mktemp("pairs"))


def model_on(data, answers):
    """A pix2pix on pairs that answers with ``answers(source, truth)``, both (N, C, H, W) in [0, 1]."""
    source = open_source(str(data), image_size=16, kind="pairs", split="test")
    source.prepare()
    cls = variant_class("pix2pix")
    model = cls(cls.Config(width=2), source.spec)
    columns = source.load()
    made = answers(columns.source.float() / 255, columns.target.float() / 255)
    model.respond = lambda batch_size=256, **inputs: made[:len(inputs["source"])]
    return model


ANSWERS = {"perfect": lambda source, truth: truth, "copies": lambda source, truth: source,
           "means": lambda source, truth: truth.mean(0, keepdim=True).expand_as(truth).contiguous(),
           "collapsed": lambda source, truth: truth[:1].expand_as(truth).contiguous()}


@pytest.fixture(scope="module")
def measured(pairs):
    """measured[answers][name]: what each of the models gets."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(label_maps, "SCHOOLING", Schooling(240, 8, 1e-2))
        return {name: {key: value["value"] for key, value in zoo.evaluate(
            model_on(pairs, answers), str(pairs), measures="pixels,perceptual,frechet,labels_back",
            **FEW | {"features": "cifar10"}).items()} for name, answers in ANSWERS.items()}


@pytest.mark.parametrize("name", ["l1", "psnr", "ssim", "perceptual[cifar10]", "fd50[cifar10]", "pixel_accuracy",
                                  "class_accuracy", "class_iou"])
def test_the_perfect_one_wins_and_trivial_ones_get_what_they_are(name, measured):
    """A model that copies or answers with the mean gets what stands beside every model as such."""
    best = max if name in ("psnr", "ssim") or "accuracy" in name or "iou" in name else min
    values = {answers: numbers[name] for answers, numbers in measured.items()}
    assert values["perfect"] == best(values.values())
    assert abs(values["perfect"] - values["copies"]) > 0.02
    assert abs(values["perfect"] - values["collapsed"]) > 0.02
    for answers, which in (("copies", "/copy"), ("means", "/mean")):
        assert values[answers] == pytest.approx(measured["perfect"][name + which], rel=1e-4, abs=1e-4)
    others = {answers: numbers[name + "/nearest"] for answers, numbers in measured.items()}
    assert len({*others.values()}) == 1  # it is no model's


def test_the_perfect_one_is_perfect(measured):
    found = measured["perfect"]
    assert found["l1"] == 0
    assert found["perceptual[cifar10]"] == 0
    assert found["fd50[cifar10]"] == pytest.approx(0, abs=1e-3)
    assert found["pixel_accuracy"] == found["pixel_accuracy/real"] > 0.9
    assert measured["collapsed"]["pixel_accuracy"] < 0.6
    assert found["pixel_accuracy/mean"] < 0.6


def test_the_nearest_training_pair_is_answered(pairs):
    values = zoo.evaluate(model_on(pairs, ANSWERS["means"]), str(pairs), measures="pixels", **FEW)
    source = open_source(str(pairs), image_size=16, kind="pairs")
    known, asked = source.load(), open_source(str(pairs), image_size=16, kind="pairs", split="test").load()
    rows = torch.cdist(asked.source.flatten(1).float(), known.source.flatten(1).float()).argmin(1)
    expected = (known.target[rows].double() - asked.target.double()).abs().mean() / 255
    assert values["l1/nearest"]["value"] == pytest.approx(expected.item(), abs=1e-6)


def of_digits(variant, opening):
    cls = variant_class(variant)
    opening = {"kind": cls.data_kind} | opening
    return cls(cls.Config(**options_with(variant, **SMALL)), open_source("digits", image_size=16, **opening).spec)


def test_no_picture_is_its_own_neighbour_where_nothing_is_held_out():
    values = zoo.evaluate(of_digits("pix2pix", {"kind": "pairs", "pairs": "edges"}), measures="pixels", **FEW)
    assert values["l1/nearest"]["value"] > 0.02


@pytest.mark.parametrize("variant", ["gan", *IN_STEPS])
def test_what_makes_pictures_in_steps_is_beside_trivial_answers(variant):
    model = of_digits(variant, {})
    found, whole = (zoo.evaluate(model, measures="frechet", batch_size=size, **FEW) for size in (25, 60))
    trivial = {"/noise", "/nearest"} if variant in IN_STEPS else set()
    trivial |= {"/coarsest"} if isinstance(model, ByLevels) else set()
    assert found.keys() == {f"fd60[digits]{which}" for which in {"", "/std", "/floor"} | trivial}
    assert [found[name]["value"] for name in found] == pytest.approx([whole[name]["value"] for name in found], rel=1e-4)
    assert all(metric["value"] > 0 for metric in found.values())
    assert all(f"`{which}`" in model.reading for which in trivial)  # the card explains them


@pytest.mark.parametrize("variant", IN_STEPS)
def test_of_copies_the_nearest_training_pictures_are_what_they_copy(variant, monkeypatch):
    """So by the distance a model that copies is as good as they are; also where the copies are a little off."""
    model, known = of_digits(variant, {}), open_source("digits", image_size=16).load().images / 255
    copied = known[torch.randperm(len(known))[:60]]
    speckled = (copied + 0.01 * torch.randn(copied.shape)).clamp(0, 1)
    found = []
    for answers in (copied, speckled):
        monkeypatch.setattr(model, "respond", lambda *args, answers=answers, **inputs: answers)
        found.append(zoo.evaluate(model, measures="frechet,memorisation", **FEW))
        assert found[-1]["memorised[digits]"]["value"] > 0.98
    values, off = ({name: metric["value"] for name, metric in one.items()} for one in found)
    assert values["fd60[digits]/nearest"] == pytest.approx(values["fd60[digits]"], rel=1e-4)
    assert off["fd60[digits]/nearest"] == pytest.approx(values["fd60[digits]"], rel=1e-4)
    assert off["fd60[digits]"] != pytest.approx(values["fd60[digits]"], rel=1e-3)


@pytest.mark.parametrize("variant", IN_STEPS)
def test_noise_is_the_same_beside_every_model(variant, monkeypatch):
    """And what a model gets that makes noise."""
    model = of_digits(variant, {})
    monkeypatch.setattr(model, "respond", lambda *args, **inputs: torch.rand(60, 1, 16, 16))
    values = {name: metric["value"] for name, metric in zoo.evaluate(model, measures="frechet", **FEW).items()}
    assert values["fd60[digits]/noise"] == pytest.approx(values["fd60[digits]"], rel=0.05)
    assert values["fd60[digits]/noise"] > values["fd60[digits]/nearest"]


def test_noise_by_hand():
    pictures = torch.cat([*noise(300, (3, 4, 4), seed=1)])
    assert pictures.shape == (300, 3, 4, 4)
    assert torch.equal(torch.cat([*noise(40, (3, 4, 4), seed=1)]), pictures[:40])
    assert not torch.equal(torch.cat([*noise(300, (3, 4, 4), seed=2)]), pictures)
    assert pictures.mean() == pytest.approx(0.5, abs=0.01)
    assert pictures.std() == pytest.approx(12**-0.5, abs=0.01)
    assert pictures.flatten(1).T.corrcoef().fill_diagonal_(0).abs().max() < 0.3


@pytest.mark.parametrize(("variant", "side"), [("lapgan", 8), ("progan", 4), ("stackgan", 8)])
def test_the_coarsest_keeps_the_means_alone(variant, side):
    """Of places as many as the first level has; what is finer leaves no trace."""
    model = of_digits(variant, {})
    means = torch.rand(3, 1, side, side) - 0.5
    chequered = torch.tensor([[1.0, -1], [-1, 1]]).repeat(8, 8) / 2
    images = F.interpolate(means, 16) + chequered
    examples = model.prepare(open_source("digits", image_size=16, kind=model.data_kind).load())
    found = model.trivial(examples._replace(images=images))
    expected = model.data.to_unit(F.interpolate(means, 16, mode="bilinear"))
    torch.testing.assert_close(found, {"coarsest": expected})


def test_protocols_say_the_features_the_data_and_the_judge(pairs, monkeypatch):
    monkeypatch.setattr(label_maps, "SCHOOLING", Schooling(16, 8, 1e-2))
    values = zoo.evaluate(model_on(pairs, ANSWERS["copies"]), str(pairs), measures="perceptual,labels_back", samples=50)
    assert "perceptual[cifar10]" in values  # neither of InceptionV3 nor of a classifier for these data
    line = values["perceptual[cifar10]"]["protocol"]
    assert " features=cifar10@" in line
    assert "split=test" in line
    assert " image_size=16 pairs=files " in line
    assert "judge='U-Net of width 16, 6,400 pictures" in values["class_iou"]["protocol"]
    assert "judge" not in line


# ---- labels predicted back ------------------------------------------------------------------------------------------

def test_colours_of_label_maps_are_found_through_resampling_and_jpeg(tmp_path):
    classes = nn.functional.interpolate(torch.randint(0, 3, (20, 1, 4, 4)).float(), (64, 64))[:, 0].long()
    maps = []
    for number, picture in enumerate(COLOURS[classes].permute(0, 3, 1, 2).byte()):
        to_pil_image(picture).save(tmp_path / f"{number}.jpg", quality=90)
        image = Image.open(tmp_path / f"{number}.jpg").resize((48, 48), Image.Resampling.BICUBIC)
        maps.append(torch.frombuffer(bytearray(image.tobytes()), dtype=torch.uint8).view(48, 48, 3).permute(2, 0, 1))
    found = label_maps.palette(torch.stack(maps), "x")
    order = [(found - colour).abs().amax(1).argmin().item() for colour in COLOURS]
    assert sorted(order) == [0, 1, 2]
    assert (found[order] - COLOURS).abs().max() < 6
    there = label_maps.classes_in(torch.stack(maps), found)
    inner = there[:, 5, 5]  # of the first field
    assert torch.equal(inner, torch.tensor(order)[classes[:, 6, 6]])
    assert (there == UNKNOWN).any()  # between two of them


def test_what_borders_have_is_no_class():
    stripes = torch.tensor([0.0] * 6 + [128.0] + [255.0] * 6 + [128.0]).repeat(4).expand(3, 1, 56, 56)
    assert label_maps.palette(stripes, "x").flatten().tolist() == [0, 255]


def test_photographs_are_no_label_maps(pairs, digits):
    with pytest.raises(zoo.UsageError, match="the sources of x are no label maps"):
        label_maps.palette(torch.randint(0, 256, (9, 3, 32, 32), dtype=torch.uint8), "x")
    ramps = torch.arange(256.0).view(1, 1, 1, 256).expand(9, 1, 32, 256)  # few colours reach all, none of them closely
    smooth = nn.functional.interpolate(torch.rand(20, 3, 4, 4), (64, 64), mode="bicubic").clamp(0, 1) * 255
    for maps in (ramps, smooth, torch.full((3, 1, 16, 16), 255)):
        with pytest.raises(zoo.UsageError, match="no label maps"):
            label_maps.palette(maps, "x")


def test_found_again_by_hand():
    right = torch.tensor([[[0, 0, 0, 1], [1, UNKNOWN, UNKNOWN, 0]]])
    seen = torch.tensor([[[0, 0, 1, 1], [2, 1, 0, 0]]])
    found = label_maps.found_again(seen, right, 4)  # class 2 is seen and not there, 3 neither
    assert found["pixel_accuracy"] == pytest.approx(4 / 6)
    assert found["class_accuracy"] == pytest.approx((3 / 4 + 1 / 2) / 2)
    assert found["class_iou"] == pytest.approx((3 / 4 + 1 / 3) / 2)


def test_the_judge_takes_any_size():
    network = PixelClassifier(3, 5, 2).eval()
    for size in (16, 17, 50):
        assert network(torch.rand(1, 3, size, size)).shape == (1, 5, size, size)
    assert at_most(8, torch.rand(2, 3, 16, 16)).shape == (2, 3, 8, 8)
    small = torch.rand(2, 3, 5, 5)
    assert at_most(8, small) is small


def test_every_row_once_before_any_comes_again():
    order = rows_in_turn(5, 3)
    rows = torch.cat([next(order) for _ in range(5)])
    assert all(sorted(part.tolist()) == [0, 1, 2, 3, 4] for part in rows.split(5))


# ---- two domains ----------------------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def unpaired(tmp_path_factory):
    """Dark pictures and bright ones, with a column each at a place of its own."""
    folder, random = tmp_path_factory.mktemp("unpaired"), torch.Generator().manual_seed(0)
    for split, side, level in (("train", "A", 60), ("train", "B", 160), ("test", "A", 60), ("test", "B", 160)):
        (folder / f"{split}{side}").mkdir()
        for number in range(60):
            picture = torch.full((1, 16, 16), level) + torch.randint(0, 20, (1, 16, 16), generator=random)
            picture[:, :, torch.randint(0, 16, (1,), generator=random)] += 60
            to_pil_image(picture.byte()).save(folder / f"{split}{side}" / f"{number:03d}.png")
    return folder


class Plus(nn.Module):
    def __init__(self, amount: float) -> None:
        super().__init__()
        self.amount = nn.Parameter(torch.tensor(amount))

    def forward(self, x):
        return x + self.amount


def test_domains_tell_a_translator_from_one_that_copies(unpaired, monkeypatch):
    monkeypatch.setattr(two_domains, "SCHOOLING", Schooling(640, 32, 1e-2))
    cls = variant_class("cyclegan")
    model = cls(cls.Config(width=2, blocks=1),
                open_source(str(unpaired), image_size=16, kind="domains", split="train").spec)
    model.configure_model()
    values = {}
    for name, amount in (("translates", 200 / 255), ("copies", 0.0)):
        asked = copy.deepcopy(model)
        asked.ema.clear()
        asked.generator, asked.inverse = Plus(amount), Plus(-amount)
        values[name] = {key: value["value"] for key, value in zoo.evaluate(
            asked, str(unpaired), measures="domains,frechet,cycle", **FEW).items()}
    good, bad = values["translates"], values["copies"]
    assert good["in_domain/accuracy"] == bad["in_domain/accuracy"] > 0.9
    assert good["in_domain/real"] > 0.9
    for name in ("in_domain", "in_domain/back"):
        assert good[name] > 0.9
        assert bad[name] == bad[f"{name}/copy"] < 0.1
    assert bad["fd60[digits]"] == pytest.approx(bad["fd60[digits]/copy"], rel=1e-4)
    assert good["fd60[digits]"] < bad["fd60[digits]"] / 4
    assert good["fd60[digits]/nearest"] < bad["fd60[digits]"] / 4
    assert bad["cycle"] == 0  # which says nothing


def test_what_was_not_asked_for_is_kept(tmp_path, monkeypatch):
    """Of faces with hair and eyes; what the classifier sees is given, since none can be drawn here."""
    from zoo.metrics import translation

    monkeypatch.setattr(translation, "load_classifier", lambda name: Colours())
    for side, hair in (("A", 40), ("B", 200)):
        for split in ("train", "test"):
            (tmp_path / f"{split}{side}").mkdir()
            for number in range(60):
                picture = torch.full((3, 16, 16), hair)
                picture[:, 8:] = 40 if number % 3 else 200
                to_pil_image(picture.byte()).save(tmp_path / f"{split}{side}" / f"{number:03d}.png")
    cls = variant_class("cyclegan")
    spec = open_source(str(tmp_path), image_size=16, kind="domains").spec
    object.__setattr__(spec, "domains", ["black hair", "pink hair"])
    monkeypatch.setattr("zoo.metrics.comparison.open_source", lambda data, **how: open_source(
        data, **how | {"domains": ""}))
    model = cls(cls.Config(width=2, blocks=1), spec)
    asked = {"hair alone": slice(0, 8), "everything": slice(0, 16), "nothing": slice(0, 0)}
    for name, rows in asked.items():
        def respond(batch_size=256, rows=rows, **inputs):
            made = inputs["source"].clone()
            made[:, :, rows] = 200 / 255
            return made

        model.respond = respond
        found = {key: value["value"] for key, value in zoo.evaluate(
            model, str(tmp_path), measures="parts", **FEW | {"features": "anime"}).items()}
        assert found["asked[anime]/hair"] == (name != "nothing")
        assert found["kept[anime]/eyes"] == pytest.approx(1 / 3 if name == "everything" else 1)
        assert found["asked[anime]/hair/copy"] == 0
        assert found["asked[anime]/hair/real"] == 1
        assert found["kept[anime]/eyes/copy"] == 1
        assert "kept[anime]/eyes/real" not in found


class Colours(nn.Module):
    """Sees the hair in the upper and the eyes in the lower half, dark or bright."""

    heads = {"hair": ["black hair", "pink hair"], "eyes": ["black eyes", "pink eyes"]}  # noqa: RUF012

    def forward(self, images):
        halves = images.float().mean(1).flatten(1).view(len(images), 2, -1).mean(2) > 120
        return None, torch.stack([~halves[:, 0], halves[:, 0], ~halves[:, 1], halves[:, 1]], 1).float()

    def classes_seen(self, logits):
        return torch.stack([logits[:, :2].argmax(1), logits[:, 2:].argmax(1)], 1)


def test_domains_that_no_classifier_knows_have_nothing_to_keep(unpaired):
    cls = variant_class("cyclegan")
    model = cls(cls.Config(width=2, blocks=1), open_source(str(unpaired), image_size=16, kind="domains").spec)
    assert zoo.evaluate(model, str(unpaired), measures="parts", **FEW) == {}


@pytest.mark.parametrize(("measure", "variant", "words"), [
    ("perceptual", "gan", "not trained on pairs"), ("labels_back", "cyclegan", "not trained on pairs"),
    ("domains", "pix2pix", "not trained on two domains"), ("parts", "gan", "not trained on two domains"),
])
def test_measures_that_do_not_fit(measure, variant, words):
    of = {"pix2pix": {"kind": "pairs", "pairs": "edges"}, "cyclegan": {"kind": "domains", "domains": "3,8"}}
    with pytest.raises(zoo.UsageError, match=words):
        zoo.evaluate(of_digits(variant, of.get(variant, {})), measures=measure, **FEW)


# ---- shown ----------------------------------------------------------------------------------------------------------

def test_several_models_side_by_side(tmp_path, capsys):
    """What was not measured by the same protocol is not in the table."""
    folders = [str(zoo.save(of_digits("pix2pix", {"kind": "pairs", "pairs": pairs}), tmp_path / name))
               for name, pairs in (("one", "edges"), ("two", "edges"), ("other", "half"))]
    how = ["--measures", "pixels", "--samples", "60", "--real", "60"]
    evaluate_command.main([*folders[:2], *how])
    out = capsys.readouterr().out
    value = zoo.evaluate(folders[0])["l1/copy"]["value"]
    assert f"| l1/copy | {value:.4g} | {value:.4g} |\n" in out
    assert "Of all: measures=pixels features=none data=digits" in out
    evaluate_command.main([folders[0], folders[2], *how])
    assert "Not measured alike: l1, psnr, ssim, l1/copy" in capsys.readouterr().out  # of other pairs
    one = {"l1": {"value": 0.25, "protocol": "a|b"}, "psnr": {"value": 9.0, "protocol": "a|b"}}
    table = side_by_side({"this": one, "that": one | {"l1": {"value": 0.5, "protocol": "c"}}})
    assert table == ("| measure | this | that |\n| --- | --- | --- |\n| psnr | 9 | 9 |\n\nOf all: a&#124;b\n\n"
                     "Not measured alike: l1\n")


def test_cards_say_when_features_know_the_labels(tmp_path):
    words = "were learnt from labels that this model was trained with too"
    of = {"cyclegan": {"kind": "domains", "domains": "3,8"}, "pix2pix": {"kind": "pairs", "pairs": "edges"}}
    for variant, said in (("cgan", True), ("gan", False), ("cyclegan", True), ("pix2pix", False)):
        folder = zoo.save(of_digits(variant, of.get(variant, {})), tmp_path / variant)
        write_metrics(folder, {"fd60[digits]": {"value": 1.0, "protocol": "features=digits"}})
        assert (f"The features digits {words}" in render_card(folder)) == said, variant
