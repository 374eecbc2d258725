"""TP-GAN: its losses and pathways, faces that are turned or found to be frontal, and who is recognised."""

import math

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import zoo
from zoo.data.batches import Labelled, Pair
from zoo.data.derived import DERIVED
from zoo.data.frontal import asymmetries
from zoo.data.pair_spec import PairSpec
from zoo.data.sources import open_source
from zoo.data.turns import DISTANCE, turned_by
from zoo.features.bundled import load_network
from zoo.features.perceptual import IdentityDistance
from zoo.metrics.identification import identified
from zoo.models.tpgan import TPGAN, TPGANConfig, asymmetry, variation
from zoo.networks.pathways import Box, Faces, fused, read_boxes
from zoo.tasks.paired import Judged

PARTS = "2,0,3,4;2,4,3,4;4,2,3,4"  # the last lies over both others


def model_of(pairs: str = "turned", size: int = 32, channels: int = 3, source_size: int = 0, **config) -> TPGAN:
    data = PairSpec(name="x", image_size=size, channels=channels, source_size=source_size or size,
                    source_channels=channels, pairs=pairs)
    return TPGAN(TPGANConfig(**{"width": 2, "parts": PARTS, "features": "digits"} | config), data).double()


def batch_of(model: TPGAN, n: int = 3) -> Pair:
    images = torch.randint(0, 256, (n, *model.data.shape), dtype=torch.uint8)
    return model.prepare(Labelled(images, torch.zeros(n).long()))


def lively(model: TPGAN) -> TPGAN:
    """With weights that are far from rounding."""
    for layer in model.generator.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(layer.weight, 0.0, 0.1)
    return model


# ---- the losses -----------------------------------------------------------------------------------------------------

def test_losses_by_hand():
    model = model_of(symmetry=0.2, adversarial=0.3, identity=0.4, variation=0.5)
    batch = batch_of(model)
    n, target = len(batch.target), batch.target
    made = Faces(torch.rand_like(target), [torch.rand(n, 3, size, size).double() for size in (16, 8)],
                 [torch.rand(n, 3, 12, 16).double() for _ in range(3)])
    model.generator.faces = lambda source: made
    model.generator.forward = lambda source: made.image
    terms = model.generator_loss(batch)
    small = [target.view(n, 3, size, 32 // size, size, 32 // size).mean((3, 5)) for size in (16, 8)]
    pixels = (made.image - target).abs().mean() + (made.small[0] - small[0]).abs().mean() \
        + 1.5 * (made.small[1] - small[1]).abs().mean()
    torch.testing.assert_close(terms["pixels"], pixels)
    cut = [target[..., 8:20, :16], target[..., 8:20, 16:], target[..., 16:28, 8:24]]
    torch.testing.assert_close(terms["parts"], 3 * sum((a - b).abs().mean() for a, b in zip(
        made.parts, cut, strict=True)))
    image = made.image
    halves = (image[..., :16] - image[..., 16:].flip(3)).abs().mean()  # the paper's: of the left half
    torch.testing.assert_close(terms["symmetry"], 0.2 * halves)
    real, fake = (torch.sigmoid(model.discriminator(x)) for x in (target, image))
    torch.testing.assert_close(terms["adversarial"], -0.3 * fake.log().mean())
    torch.testing.assert_close(terms["identity"], 0.4 * IdentityDistance("digits")(image, target).mean())
    steps = sum((image[..., 1:, :] - image[..., :-1, :]).abs().sum((1, 2, 3))
                + (image[..., 1:] - image[..., :-1]).abs().sum((1, 2, 3)))
    torch.testing.assert_close(terms["variation"], 0.5 * steps / (n * 3 * 32 * 32))
    judged = model.discriminator_loss(Judged(*batch, image))
    torch.testing.assert_close(judged["real"], -real.log().mean())
    torch.testing.assert_close(judged["fake"], -(1 - fake).log().mean())


def test_a_mirror_symmetric_face_alone_costs_no_symmetry():
    face = torch.rand(2, 3, 8, 8).double()
    assert asymmetry(face + face.flip(3)) == 0
    dented = (face + face.flip(3)).clone()
    dented[1, 2, 5, 1] += 1e-3
    assert asymmetry(dented).item() == pytest.approx(2 * 1e-3 / dented.numel())


def test_total_variation_of_an_edge_is_its_step_over_the_width():
    edge = torch.where(torch.arange(8) < 3, -0.25, 0.5).double().expand(2, 3, 8, 8)
    assert variation(edge).item() == pytest.approx(0.75 / 8)
    assert variation(edge.mT).item() == pytest.approx(0.75 / 8)
    assert variation(torch.full((1, 3, 8, 8), 0.3)) == 0


def moved_by(model: TPGAN, loss: torch.Tensor) -> set[str]:
    """The parts of G that a loss has a gradient for."""
    model.zero_grad()
    loss.backward(retain_graph=True)
    return {name for name, part in model.generator.named_children()
            if any(p.grad is not None and p.grad.abs().max() > 0 for p in part.parameters())}


def test_the_parts_are_trained_by_their_own_term_alone_and_all_of_g_by_the_face():
    model = lively(model_of())
    batch = batch_of(model)
    faces = model.generator.faces(batch.source)
    assert moved_by(model, model.parts(faces, batch.target)) == {"parts", "own"}
    assert moved_by(model, model.pixels(faces, batch.target)) == {"whole", "parts", "own", "small", "together"}
    first = torch.autograd.grad(faces.parts[0].sum(), model.generator.parts[0].first[0].weight, retain_graph=True)
    assert first[0].abs().max() > 0
    assert torch.autograd.grad(faces.parts[0].sum(), list(model.generator.parts[1].parameters()),
                               allow_unused=True)[0] is None


def test_identity_is_told_by_the_last_two_layers():
    """0 of equal faces; more the more one is hidden; no gradient for the network."""
    distance, network = IdentityDistance("digits"), load_network("digits")
    faces, others = torch.rand(2, 4, 3, 64, 64) * 2 - 1
    assert distance(faces, faces).abs().max() == 0
    small = [nn.functional.interpolate(x.mean(1, keepdim=True), (32, 32), mode="bilinear", antialias=True)
             for x in (faces, others)]
    a, b = (network.maps(x)[-1] for x in small)
    expected = (a - b).abs().mean((1, 2, 3)) + (network.encode(small[0]) - network.encode(small[1])).abs().mean(1)
    torch.testing.assert_close(distance(faces, others), expected)
    hidden = [torch.where(torch.arange(64) < edge, 0, faces) for edge in (0, 16, 32, 48)]
    means = [distance(faces, x).mean().item() for x in hidden]
    assert means == sorted(means)
    faces.requires_grad_()
    distance(faces, others).sum().backward()
    assert faces.grad.abs().max() > 0
    assert all(p.grad is None for p in distance._network.parameters())


# ---- the pathways ---------------------------------------------------------------------------------------------------

def test_parts_are_fused_by_their_maximum_in_their_places_alone():
    """Negative values outlive it, as they do not where places without a part hold zeros."""
    boxes = read_boxes(PARTS)
    parts = [torch.randn(2, 5, 12, 16).double() - 2 for _ in boxes]
    most = fused(parts, boxes, 32)
    assert torch.all(most[..., :8, :] == 0)
    assert torch.all(most[..., 28:, :] == 0)
    assert torch.all(most[..., 20:28, :8] == 0)
    assert torch.equal(most[..., 8:16, :16], parts[0][..., :8, :])
    assert torch.equal(most[..., 8:20, 24:], parts[1][..., 8:])
    assert torch.equal(most[..., 20:28, 8:24], parts[2][..., 4:, :])
    assert torch.equal(most[..., 16:20, 8:16], torch.maximum(parts[0][..., 8:, 8:], parts[2][..., :4, :8]))
    assert most.min() < -2


def test_a_part_changes_nothing_outside_its_box():
    model = lively(model_of())
    seen = []
    model.generator.together.register_forward_pre_hook(lambda module, given: seen.append(given[0]))
    source = torch.rand(1, 3, 32, 32).double()
    model.generate(source)
    with torch.no_grad():
        for p in model.generator.parts[0].parameters():
            p.add_(0.5)
    model.generate(source)
    changed = (seen[0] != seen[1]).any(1)[0]
    inside = torch.zeros(32, 32, dtype=torch.bool)
    inside[8:20, :16] = True
    assert changed.any()
    assert not changed[~inside].any()


def test_a_hidden_part_is_made_of_its_mirror_image():
    model = lively(model_of())
    source = torch.rand(1, 3, 32, 32).double().requires_grad_()
    (gradient,) = torch.autograd.grad(model.generator.faces(source).parts[0].sum(), source)
    seen = gradient.abs().sum((0, 1)) > 0
    assert seen[8:20].all()  # its box, and the same on the other side
    assert not seen[:8].any()
    assert not seen[20:].any()


def test_a_face_gets_the_same_in_training_alone_and_in_any_batch():
    model = lively(model_of())
    source = batch_of(model).source
    together = model.train().generate(source)
    alone = torch.cat([model.eval().generate(one[None]) for one in source])
    assert together.std() > 1e-3
    torch.testing.assert_close(together, alone, rtol=0, atol=1e-12)
    single = model.generator.whole.down[-1](torch.randn(3, 16, 2, 2).double())  # one pixel, over which a norm gives 0
    assert single.shape == (3, 16, 1, 1)
    assert single.std() > 1e-3


@pytest.mark.parametrize(("call", "words"), [
    (lambda: model_of("edges"), "--pairs turned, frontal or files of pictures of one size, not edges"),
    (lambda: model_of(size=24), "take faces of 16, 32, 64"),
    (lambda: model_of(features="faces"), "unknown features 'faces'"),
    (lambda: model_of(parts="2,0,3"), "top,left,height,width in eighths"),
    (lambda: model_of(parts="a,0,3,4"), "and not 'a,0,3,4'"),
    (lambda: model_of(parts="2,0,3,4;6,0,3,4"), "the part 6,0,3,4 does not lie in the picture"),
    (lambda: model_of(parts="2,0,0,4"), "does not lie in the picture"),
    (lambda: model_of().translate(torch.zeros(1, 3, 40, 40)), "takes pictures of 32x32 px alone, not of 40x40"),
    (lambda: model_of("files", size=32, source_size=16), "of one size"),
])
def test_what_does_not_fit_is_refused(call, words):
    with pytest.raises(zoo.UsageError, match=words):
        call()


def test_read_boxes():
    assert read_boxes("2,1,3,4") == [Box(2, 1, 3, 4)]
    assert Box(2, 1, 3, 4).cut(torch.arange(64).view(8, 8)).tolist() == [[17, 18, 19, 20], [25, 26, 27, 28],
                                                                        [33, 34, 35, 36]]


# ---- faces that are turned ------------------------------------------------------------------------------------------

def test_a_face_that_is_not_turned_stays():
    faces = torch.randint(0, 256, (3, 3, 16, 16)).double() / 127.5 - 1
    torch.testing.assert_close(turned_by(faces, torch.zeros(3)), faces, rtol=0, atol=1e-12)


@pytest.mark.parametrize("degrees", [-60, -35, 35, 60])
def test_a_turn_by_hand(degrees):
    """A ramp tells of each pixel where in the plane it is from; the far half is grey, and so is what is beyond."""
    angle, size = math.radians(degrees), 64
    ramp = ((2 * torch.arange(size).double() + 1) / size - 1).expand(1, 1, size, size)
    across, down = (turned_by(x, torch.tensor([angle]))[0, 0] for x in (ramp, ramp.mT))
    for x, y in ((0.3, 0.2), (0.55, -0.5), (0.7, 0.6)):
        x = -math.copysign(x, angle)  # on the near side
        behind = x * math.sin(angle)
        assert behind < 0
        scale = 1 + behind / DISTANCE
        column, row = ((v + 1) / 2 * size - 0.5 for v in (x * math.cos(angle) / scale, y / scale))
        assert across[round(row), round(column)].item() == pytest.approx(x, abs=2.2 / size / math.cos(angle))
        assert down[round(row), round(column)].item() == pytest.approx(y, abs=2.2 / size)
    grey = across.abs() < 1 / 255 + 1e-9
    far = slice(size // 2, None) if angle > 0 else slice(0, size // 2)
    assert grey[:, far].all()
    near = grey[size // 2, : size // 2] if angle > 0 else grey[size // 2, size // 2:].flip(0)
    edge = math.cos(angle) / (1 - abs(math.sin(angle)) / DISTANCE)  # where the plane ends
    assert near.double().mean().item() == pytest.approx(max(0, 1 - edge), abs=0.04)
    torch.testing.assert_close(turned_by(ramp.flip(3), torch.tensor([-angle])).flip(3)[0, 0], across)


def test_side_and_angle_follow_from_the_face():
    faces = torch.randint(0, 256, (64, 1, 32, 32)).double().clamp(140, 250) / 127.5 - 1
    turned = DERIVED["turned"].source(faces)
    assert torch.equal(turned, DERIVED["turned"].source(faces))
    seen = turned[:, 0].abs() > 2 / 255
    left, right = seen[..., :16].flatten(1).any(1), seen[..., 16:].flatten(1).any(1)
    assert torch.all(left != right)
    assert 16 < left.sum() < 48
    widths = seen.any(1).sum(1)
    assert widths.min() < 11  # 60 degrees: at the rim 1.28 times half of a half
    assert widths.max() > 14  # 30 degrees: nearly all of it


# ---- and faces that are found to be frontal ------------------------------------------------------------------------

@pytest.fixture
def people(tmp_path, cache):
    """Four persons, each of five pictures, of which the third is symmetric."""
    random = np.random.default_rng(0)
    for person in range(4):
        folder = tmp_path / "people" / f"person{person}"
        folder.mkdir(parents=True)
        face = random.integers(0, 256, (32, 32))
        face = (face + face[:, ::-1]) // 2 // (1 + person)  # some darker, of less contrast
        for number in range(5):
            turned = np.roll(face, 3 * (number - 2), 1)
            Image.fromarray(turned.astype(np.uint8)).save(folder / f"{number}.png")
    return tmp_path / "people"


def test_every_picture_of_a_person_is_paired_with_the_frontal_one(people):
    source = open_source(str(people), image_size=32, kind="pairs", pairs="frontal")
    assert source.spec.images == 16
    pairs = source.load()
    images = open_source(str(people), image_size=32).load()
    assert pairs.labels.tolist() == [0] * 4 + [1] * 4 + [2] * 4 + [3] * 4
    for person in range(4):
        own = images.images[5 * person:5 * person + 5]
        assert torch.equal(pairs.source[pairs.labels == person], own[[0, 1, 3, 4]])
        assert torch.equal(pairs.target[pairs.labels == person], own[[2] * 4])


def test_asymmetry_does_not_depend_on_the_light():
    face = torch.randint(0, 256, (1, 1, 32, 32)).byte()
    darker = (face.float() / 2).byte()
    torch.testing.assert_close(asymmetries(face), asymmetries(darker), rtol=0.02, atol=0)
    assert asymmetries(torch.full((1, 3, 32, 32), 7).byte()) == 0


def test_persons_are_held_out_as_a_whole(people):
    parts = [open_source(str(people), image_size=32, kind="pairs", pairs="frontal", held_out=0.5, split=split).load()
             for split in ("train", "test")]
    seen = [set(part.labels.tolist()) for part in parts]
    assert seen[0] | seen[1] == {0, 1, 2, 3}
    assert not seen[0] & seen[1]
    assert seen[1]
    assert sum(len(part.source) for part in parts) == 16


def test_one_person_is_held_out_whatever_the_share(people):
    test = open_source(str(people), image_size=32, kind="pairs", pairs="frontal", held_out=1e-9, split="test")
    assert len(test.load().labels.unique()) == 1


@pytest.mark.parametrize(("options", "words"), [
    ({"kind": "pairs", "pairs": "frontal"}, "has no classes: for --pairs frontal give a folder of folders"),
    ({"kind": "pairs", "pairs": "frontal", "held_out": 0.2}, "has no classes"),
    ({"kind": "domains", "pairs": "frontal"}, "for models of pairs, such as tpgan"),
])
def test_pictures_without_persons(people, options, words):
    with pytest.raises(zoo.UsageError, match=words):
        open_source(str(people / "person0"), image_size=32, **options)


# ---- who is recognised ----------------------------------------------------------------------------------------------

def test_rank_one_by_hand():
    gallery = torch.tensor([[1.0, 0], [0, 2], [-1, -1]])
    probes = torch.tensor([[9.0, 1], [1, 3], [3, 1], [-5, -4]])
    assert identified(probes, gallery, torch.tensor([0, 1, 2, 2])) == 0.75


@pytest.mark.filterwarnings("ignore:.*are too few.*")
def test_who_is_recognised_before_and_after(monkeypatch):
    """The truth is always; the mean face is one of them; twins in the gallery count as one."""
    model = zoo.create("tpgan", image_size=32, width=2)
    perfect = {}
    monkeypatch.setattr(model, "generate", lambda source, normal=None: perfect["of"](source))
    images = open_source("digits").load().images[:200]
    images[100:] = images[:100]
    source = open_source("digits", kind="pairs", pairs="turned")
    monkeypatch.setattr(type(source), "load", lambda self: Labelled(images, torch.zeros(200).long()))
    prepared = model.prepare(Labelled(images[:100], torch.zeros(100).long()))

    def truth(given):
        apart = torch.cdist(given.flatten(1), prepared.source.flatten(1))
        return prepared.target[apart.argmin(1)]

    perfect["of"] = truth
    asked = {"data": "digits", "measures": "identification", "features": "digits", "samples": 150, "real": 200}
    found = {name: metric["value"] for name, metric in zoo.evaluate(model, **asked).items()}
    assert found["identified150[digits]"] == 1
    people = found["identified150[digits]/of"]
    assert 60 < people <= 100
    assert 0 < found["identified150[digits]/mean"] <= 4 / 150
    assert found["identified150[digits]/mean"] < found["identified150[digits]/copy"] < 0.9
    perfect["of"] = lambda given: given
    copied = zoo.evaluate(model, **asked)
    assert copied["identified150[digits]"]["value"] == copied["identified150[digits]/copy"]["value"]


def test_it_is_for_pairs_alone():
    with pytest.raises(zoo.UsageError, match="dcgan is not trained on pairs"):
        zoo.evaluate(zoo.create("dcgan", image_size=32), data="digits", measures="identification", features="digits")
