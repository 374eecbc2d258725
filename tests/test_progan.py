"""ProGAN: it grows by the clock, blends to the bit, and goes on in the middle of a blend."""

import math
import shutil

import pytest
import torch
import torch.nn.functional as F
from closed_forms import linear
from conftest import HALF, WHOLE, tiny_config, tiny_run
from PIL import Image
from test_variants import assert_same, checkpoint
from torch import nn

import zoo
from zoo.commands import sample
from zoo.data.batches import Labelled
from zoo.data.pyramid import down
from zoo.networks.progressive import Spread, double, equalised, growth, pixel_norm

FADING = {"width": 2, "phase": 50}  # at HALF the second of three levels is blended in, at WHOLE the third


def model_of(size: int = 16, **config):
    return zoo.create("progan", image_size=size, channels=3, **{"width": 2, "latent_dim": 5, "phase": 10} | config)


def batch_of(size: int, n: int = 4) -> Labelled:
    return Labelled(torch.rand(n, 3, size, size, dtype=torch.float64) * 2 - 1, torch.zeros(n).long())


def test_growth_by_the_clock():
    """Level and alpha over a run of three levels with phases of 10 images."""
    expected = {0: (0, 1.0), 9: (0, 1.0), 10: (1, 0.0), 13: (1, 0.3), 19: (1, 0.9), 20: (1, 1.0), 29: (1, 1.0),
                30: (2, 0.0), 35: (2, 0.5), 40: (2, 1.0), 10**9: (2, 1.0)}
    assert {seen: growth(seen, 10, 3) for seen in expected} == expected
    assert growth(10**9, 10, 1) == (0, 1.0)


@pytest.mark.parametrize(("size", "sides"), [(8, [4, 8]), (28, [7, 14, 28]), (64, [4, 8, 16, 32, 64])])
def test_its_levels(size, sides):
    model, batch = model_of(size), Labelled(torch.zeros(4, 3, size, size), torch.zeros(4, dtype=torch.int64))
    assert model.sides == sides
    for seen, side in [(0, sides[0]), (10, sides[1]), (10**6, sides[-1])]:
        model.grow(seen)
        assert model.fake(batch).shape == (4, 3, side, side)
        assert model.blurred(torch.zeros(4, 3, size, size)).shape == (4, 3, side, side)
        assert model.discriminator(model.fake(batch)).shape == (4, 1)
        assert model.sample(2, seed=0).shape == (2, 3, size, size)


def test_sizes_that_do_not_grow():
    with pytest.raises(zoo.UsageError, match="36 px have no pyramid.*4, 5, 6, 7 px"):
        model_of(36)


def test_blended_to_the_bit_at_both_ends():
    """Alpha 0: twice what the level before made and saw; alpha 1: the level alone; between, a mean of the two."""
    model, z, images = model_of(), torch.randn(4, 5), torch.rand(4, 3, 16, 16)
    before = model.generator(z)
    model.grow(10)
    assert model.generator.alpha == 0
    assert torch.equal(model.generator(z), double(before))
    torch.testing.assert_close(model.blurred(images), double(down(down(images))))
    seen = model.discriminator(double(before))
    model.grow(5)
    torch.testing.assert_close(model.discriminator(before), seen, rtol=0, atol=0)
    model.grow(20)
    whole = model.generator(z)
    assert torch.equal(whole, model.generator.colours[1](model.generator.maps(z)[1]))
    assert torch.equal(model.blurred(images), down(images))
    judged = model.discriminator(whole)
    model.grow(13)
    torch.testing.assert_close(model.generator(z), 0.7 * double(before) + 0.3 * whole)
    torch.testing.assert_close(model.blurred(images), 0.7 * double(down(down(images))) + 0.3 * down(images))
    model.discriminator.alpha = 1 - 1e-7
    torch.testing.assert_close(model.discriminator(whole), judged)


def test_new_layers_learn_and_old_ones_go_on():
    """In the middle of a blend every layer up to the level has a gradient, and none above it."""
    model, batch = model_of().double(), batch_of(16)
    model.grow(15)
    batch = batch._replace(images=model.blurred(batch.images))
    sum(model.discriminator_loss(batch).values()).backward()
    model.generator.zero_grad()  # what D descends of the same fakes, G ascends
    model.generator_loss(batch)["adversarial"].backward()
    for network in (model.generator, model.discriminator):
        grown = [*network.colours[:2], *network.blocks[:2 if network is model.generator else 1]]
        assert all(p.grad is not None and p.grad.any() for layer in grown for p in layer.parameters())
        later = [network.colours[2], network.blocks[-1]]
        assert all(p.grad is None for layer in later for p in layer.parameters())


@pytest.mark.parametrize("layer", [nn.Conv2d(6, 400, 3), nn.Linear(54, 400)])
def test_equalised_learning_rate(layer):
    """Weights are stored as N(0, 1), act with deviation sqrt(2 / fan-in), and Adam moves what acts by rate x scale."""
    layer, scale = equalised(layer), math.sqrt(2 / 54)
    stored = layer.parametrizations.weight.original
    assert stored.std().item() == pytest.approx(1, abs=0.02)
    assert layer.weight.std().item() == pytest.approx(scale, rel=0.02)
    before = layer.weight.detach().clone()
    optimizer = torch.optim.Adam(layer.parameters(), 1e-3, (0.0, 0.99))
    (layer.weight * torch.randn_like(layer.weight)).sum().backward()
    optimizer.step()
    torch.testing.assert_close((layer.weight - before).abs(), torch.full_like(before, 1e-3 * scale), rtol=1e-3, atol=0)


def test_every_weight_is_equalised():
    model = model_of(32)
    for layer in model.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            inputs, last = layer.weight[0].numel(), layer is model.discriminator.last[-1]
            gain = 1 if last or layer in [*model.generator.colours] else math.sqrt(2)
            scale = layer.weight / layer.parametrizations.weight.original
            torch.testing.assert_close(scale, torch.full_like(scale, gain / math.sqrt(inputs)))


def test_pixel_norm_and_the_sphere():
    x = 7 * torch.randn(3, 5, 4, 4) + 2
    torch.testing.assert_close(pixel_norm(x).square().mean(1), torch.ones(3, 4, 4))
    z = model_of(latent_dim=50).latent(6)
    torch.testing.assert_close(z.norm(dim=1), torch.full((6,), math.sqrt(50)))


def test_spread_of_a_group():
    """Of copies 1e-4, with a gradient; else the mean deviation, of rows that lie next to each other."""
    same = torch.randn(1, 2, 3, 3).repeat(4, 1, 1, 1).requires_grad_()
    told = Spread(4)(same)[:, 2:]
    torch.testing.assert_close(told, torch.full((4, 1, 3, 3), 1e-4))
    told.sum().backward()
    assert torch.isfinite(same.grad).all()
    rows = torch.arange(8.0).view(8, 1, 1, 1) * torch.tensor([1.0] * 4 + [10.0] * 4).view(8, 1, 1, 1)
    told = Spread(4)(rows)[:, 1].flatten()
    deviation = math.sqrt(1.25)  # of 0, 1, 2, 3
    torch.testing.assert_close(told, torch.tensor([deviation] * 4 + [10 * deviation] * 4))
    parts = torch.cat([Spread(4)(part) for part in rows.chunk(2)])  # as two processes, or parts, have them
    assert torch.equal(parts[:, 1].flatten(), told)
    with pytest.raises(zoo.UsageError, match="the 6 images that a process sees at once.*multiple of 4"):
        Spread(4)(rows[:6])


def test_losses_by_hand():
    """For the critic <w, x> + 0.7 the penalty is lambda (|w| - 1)^2 wherever it is taken."""
    model, batch, fake = model_of(8).double(), batch_of(8), batch_of(8).images
    critic = linear(torch.randn(3 * 8 * 8).tolist())
    model.discriminator, model.fake = critic, lambda n: fake
    terms, outputs = model.discriminator_loss(batch), critic(batch.images)
    assert terms["real"].item() == pytest.approx(-outputs.mean().item())
    assert terms["fake"].item() == pytest.approx(critic(fake).mean().item())
    assert terms["penalty"].item() == pytest.approx(10 * (critic[1].weight.norm().item() - 1) ** 2)
    assert terms["drift"].item() == pytest.approx(1e-3 * outputs.square().mean().item())
    assert model.generator_loss(batch)["adversarial"].item() == pytest.approx(-critic(fake).mean().item())


def test_resumed_in_the_middle_of_a_blend(tmp_path):
    tiny_run("progan", tmp_path / "whole", config=FADING).train()
    shutil.copytree(tmp_path / "whole", tmp_path / "half")
    (tmp_path / "half" / "checkpoints" / f"images-{WHOLE:012d}.ckpt").unlink()
    run = tiny_run("progan", tmp_path / "half", config=FADING, resume=True)
    run.train()
    ours, theirs = (checkpoint(tmp_path / name, WHOLE) for name in ("half", "whole"))
    for part in ("state_dict", "optimizer_states", "zoo"):
        assert_same(ours[part], theirs[part], part)
    half = checkpoint(tmp_path / "whole", HALF)["state_dict"]
    names = ("generator.seen", "discriminator.seen", "ema.generator.seen")
    assert [half[name].item() for name in names] == [HALF] * 3  # not an average of the clock
    assert (run.model.generator.level, run.model.generator.alpha) == (2, pytest.approx(0.2))


def test_a_saved_model_is_as_far_grown(tmp_path):
    """What is loaded makes what the run made, blend and all."""
    run = tiny_run("progan", tmp_path, config=FADING)
    run.train()
    model = zoo.load(tmp_path)
    assert (model.generator.level, model.generator.alpha) == (2, pytest.approx(0.2))
    assert torch.equal(model.sample(3, seed=1), run.model.sample(3, seed=1))
    raw = F.interpolate(model.generator(model.prior(model.normals(3, seed=1))), 16)
    torch.testing.assert_close(model.data.to_unit(raw), model.sample(3, seed=1))


def test_its_levels_can_be_watched(tmp_path):
    tiny_run("progan", tmp_path, config=FADING).train()
    model = zoo.load(tmp_path)
    stages = model.stages(model.normals(5, seed=1))
    assert {name: tuple(x.shape[1:]) for name, x in stages.items()} == {
        "4 px": (1, 4, 4), "8 px by half": (1, 8, 8), "8 px": (1, 8, 8), "16 px by half": (1, 16, 16),
        "16 px": (1, 16, 16), "image": (1, 16, 16)}
    assert stages.keys() - {"image"} <= model.milestones(64).keys()  # what is shown of a run has the same names
    assert torch.equal(stages["image"], model.sample(5, seed=1))
    within = (stages["8 px"] > 0) & (stages["8 px"] < 1)  # elsewhere a level is cut to what a picture may have
    half = (F.interpolate(stages["4 px"], 8) + stages["8 px"]) / 2
    within &= F.interpolate(((stages["4 px"] > 0) & (stages["4 px"] < 1)).float(), 8).bool()
    assert within.any()
    torch.testing.assert_close(stages["8 px by half"][within], half[within])
    sample.main([str(tmp_path), "--n", "3", "--stages", "--out", str(tmp_path / "stages.png")])
    with Image.open(tmp_path / "stages.png") as picture:
        assert picture.size == (6 * 18 + 2, 3 * 18 + 2)


def test_a_level_that_is_grown_is_shown_once():
    model = model_of()
    normal = model.normals(2, seed=1)
    on_the_way = ["4 px", "8 px by half", "8 px", "16 px by half"]
    for seen, names in ((0, ["4 px", "image"]), (35, [*on_the_way, "16 px", "image"]), (10**6, [*on_the_way, "image"])):
        model.grow(seen)
        stages = model.stages(normal)
        assert list(stages) == names
        assert torch.equal(stages["image"], model.render(normal))


def test_the_log_tells_how_far_it_is(tmp_path):
    run = tiny_run("progan", tmp_path, config=FADING, images=HALF)
    run.train()
    assert (run.model.measured["side"].item(), run.model.measured["alpha"].item()) == (8, pytest.approx(0.6))


def test_milestones_are_where_levels_are_half_blended_in_and_where_they_end():
    model = zoo.create("progan", image_size=32, channels=1, width=2, latent_dim=4, phase=100)
    milestones = model.milestones(64)
    assert [*milestones.values()] == sorted(milestones.values())
    assert len(milestones) == 2 * len(model.sides) - 1
    for caption, images in milestones.items():
        half = caption.endswith(" by half")
        model.grow(images if half else images - 1)  # of the last image that sees no more than this level
        assert caption.removesuffix(" by half") == f"{model.sides[model.generator.level]} px"
        assert model.generator.alpha == (0.5 if half else 1)


@pytest.mark.parametrize("variant", ["progan", "stylegan2"])
def test_groups_that_a_batch_is_no_multiple_of_are_refused_before_the_first_step(variant, tmp_path):
    config = tiny_config(variant) | {"group": 4}
    with pytest.raises(zoo.UsageError, match=r"in 2 parts, in groups of 4 images \(--group\): choose a multiple of 8"):
        tiny_run(variant, tmp_path, config=config, batch_size=12, accumulate=2).train()
    assert not (tmp_path / "checkpoints").exists()
