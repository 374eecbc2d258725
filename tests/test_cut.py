"""CUT: the contrast of patches, whom its gradients reach, and what it compares."""

import math

import pytest
import torch
from conftest import tiny_run

import zoo
from zoo.data.batches import Domains
from zoo.data.pair_spec import DomainSpec
from zoo.losses import squared_error
from zoo.models.cut import CUT, CUTConfig, Judged, patch_nce
from zoo.networks.translation import ResNetTranslator


def model_of(size: int = 16, **config) -> CUT:
    data = DomainSpec(name="x", image_size=size, channels=3, domains=["a", "b"])
    return CUT(CUTConfig(**{"width": 2, "blocks": 2} | config), data).double()


def batch_of(n: int = 3, size: int = 16) -> Domains:
    a, b = (torch.rand(n, 3, size, size, dtype=torch.float64) * 2 - 1 for _ in range(2))
    return Domains(a, b, torch.zeros(n).long())


def at_clock(model: CUT, images: int = 3) -> CUT:
    model._draws.begin(0, images)
    return model


# ---- equation 3 ------------------------------------------------------------------------------------------------------

def test_equal_features_tell_nothing_and_orthogonal_ones_all():
    """log 256 where all places look alike; log(1 + 255 exp(-1 / 0.07)) where each is orthogonal to the others."""
    alike = torch.zeros(2, 256, 300, dtype=torch.float64)
    alike[..., 0] = 1
    assert patch_nce(alike, alike, 0.07).item() == pytest.approx(math.log(256), abs=1e-12)
    apart = torch.eye(256, dtype=torch.float64).expand(2, -1, -1)
    assert patch_nce(apart, apart, 0.07).item() == pytest.approx(math.log1p(255 * math.exp(-1 / 0.07)), rel=1e-9)
    assert patch_nce(apart, apart.roll(1, 1), 0.07) > 10  # each query is like the key of another place


def test_by_hand_a_query_is_told_among_the_keys_of_its_picture():
    queries, keys = (torch.nn.functional.normalize(torch.randn(3, 5, 4, dtype=torch.float64), dim=2) for _ in range(2))
    total = 0.0
    for one in range(3):
        for place in range(5):
            products = [float(queries[one, place] @ keys[one, other]) / 0.2 for other in range(5)]
            total += math.log(sum(map(math.exp, products))) - products[place]
    assert patch_nce(queries, keys, 0.2).item() == pytest.approx(total / 15)
    alone = torch.stack([patch_nce(queries[i:i + 1], keys[i:i + 1], 0.2) for i in range(3)]).mean()
    torch.testing.assert_close(patch_nce(queries, keys, 0.2), alone)  # no picture is compared with another


# ---- the losses ------------------------------------------------------------------------------------------------------

def test_query_and_key_are_of_the_same_places():
    """Of a picture and itself every query has its own key: with a low temperature nothing is left to tell."""
    model = at_clock(model_of(temperature=1e-3, patches=10))
    picture = batch_of().a
    assert model.contrast(picture, picture) < 1e-3
    assert model.contrast(picture, picture.flip(3)) > 1


def test_places_are_drawn_for_each_picture_and_never_twice():
    model = at_clock(model_of(patches=20))
    places = model.places(torch.zeros(40, 7, 6, 5))
    assert places.shape == (40, 20)
    assert all(len({*row}) == 20 for row in places.tolist())
    assert {*places.flatten().tolist()} == {*range(30)}
    assert len({tuple(sorted(row)) for row in places.tolist()}) == 40
    assert model.places(torch.zeros(2, 7, 2, 2)).shape == (2, 4)


def test_places_embedded_by_hand():
    model = model_of()
    maps = torch.randn(2, model.generator.encoder_channels[1], 3, 4, dtype=torch.float64)
    places = torch.tensor([[0, 11, 5], [7, 2, 6]])
    found = CUT.embedded(model.heads[1], maps, places)
    for one, row in enumerate(places.tolist()):
        for number, place in enumerate(row):
            vector = model.heads[1](maps[one, :, place // 4, place % 4])
            torch.testing.assert_close(found[one, number], vector / vector.norm())


def test_no_gradient_through_the_keys():
    """G learns by what it made, not by bending what it sees of the picture: the keys are constants."""
    model = at_clock(model_of())
    picture, made = batch_of().a.requires_grad_(), batch_of().b.requires_grad_()
    by_key, by_query = torch.autograd.grad(model.contrast(picture, made), (picture, made), allow_unused=True)
    assert by_key is None or by_key.abs().max() == 0
    assert by_query.abs().max() > 0


def test_losses_by_hand():
    model = model_of(nce_x=3.0, nce_y=0.5)
    batch = batch_of()
    model.contrast = lambda pictures, made: (pictures - 2 * made).square().mean()
    made, kept = model.generator(batch.a), model.generator(batch.b)
    terms = model.generator_loss(batch)
    torch.testing.assert_close(terms["adversarial"], squared_error(model.discriminator(made), 1.0))
    torch.testing.assert_close(terms["nce_x"], 3.0 * (batch.a - 2 * made).square().mean())
    torch.testing.assert_close(terms["nce_y"], 0.5 * (batch.b - 2 * kept).square().mean())
    judged = model.discriminator_loss(Judged(batch.b, made))
    torch.testing.assert_close(judged["real"], 0.5 * (model.discriminator(batch.b) - 1).square().mean())
    torch.testing.assert_close(judged["fake"], 0.5 * model.discriminator(made).square().mean())


def test_fast_cut_makes_nothing_of_the_second_set():
    model = at_clock(model_of(nce_x=10.0, nce_y=0.0))
    assert set(model.generator_loss(batch_of())) == {"adversarial", "nce_x"}


@pytest.mark.parametrize("blocks", [1, 2, 6, 9])
def test_maps_on_the_way(blocks):
    """The picture, then half and quarter size, and none from behind the middle of the blocks."""
    network = ResNetTranslator(3, 3, 2, blocks).double()
    picture = torch.randn(2, 3, 16, 16, dtype=torch.float64)
    maps = network.encoder_maps(picture)
    assert [x.shape[1] for x in maps] == network.encoder_channels
    assert [x.shape[2] for x in maps] == [16, 8, 4, 4, 4]
    assert maps[0] is picture
    x = picture
    for layer in list(network)[:8]:
        x = layer(x)
    torch.testing.assert_close(maps[2], x)  # the second strided convolution, before its norm
    for layer in list(network)[8:11 + blocks // 2]:
        x = layer(x)
    torch.testing.assert_close(maps[4], x)


# ---- as a model ------------------------------------------------------------------------------------------------------

def test_it_goes_one_way(tmp_path):
    run = tiny_run("cut", tmp_path, images=24, config={"width": 2, "blocks": 1})
    run.train()
    model = zoo.load(tmp_path)
    picture = torch.rand(2, 1, 21, 18)
    assert model.translate(picture).shape == (2, 1, 21, 18)
    with pytest.raises(zoo.UsageError, match=r"cut cannot back: .* asked with translate\(\)"):
        model.back(picture)
    assert set(model.networks_for_sampling()) == {"generator"}
    with pytest.raises(zoo.UsageError, match="no cycle to measure"):
        zoo.evaluate(tmp_path, measures="cycle", samples=50, real=50)
