"""Augmentation and regularisers that any adversarial variant takes, against their papers' formulas."""

import math
import shutil

import pytest
import torch
import torch.nn.functional as F
from closed_forms import Function, batch, create, linear, of_points
from conftest import HALF, options_with, tiny_config, tiny_run
from test_variants import assert_same, checkpoint
from torch import nn

import zoo
from zoo.core.module import LAYOUT, GenerativeModule
from zoo.data.batches import Labelled
from zoo.models import variant_class
from zoo.networks import augmentation
from zoo.networks.blocks import AutoEncoder
from zoo.tasks.adaptation import Anchors, Chance
from zoo.tasks.gan import GAN

ADVERSARIAL = [v.name for v in zoo.variants() if issubclass(variant_class(v.name), GAN)]
MIDDLE = 0.5  # of a uniform number: no brightness, saturation, contrast or shift
HAPPENS = ["mirror", "turn", "shift", "brightness", "contrast", "luma", "hue", "saturation"]


def pictures(n=3, channels=3, size=16):
    return torch.rand(n, channels, size, size, dtype=torch.float64) * 2 - 1


def numbers_of_diff(n=3, **given):
    names = ["brightness", "saturation", "contrast", "down", "right", "top", "left"]
    return torch.tensor([[given.get(name, MIDDLE) for name in names]] * n, dtype=torch.float64)


def ada(images, what, p=1.0, normal=0.0, **how):
    """With one augmentation that happens for p > 1/2; ``how`` it does."""
    names = [*HAPPENS, "mirrored", "quarters", "down", "right", "flipped", "angle"]
    values = dict.fromkeys(HAPPENS, 0.999) | {what: MIDDLE} | how
    uniform = torch.tensor([[values.get(name, MIDDLE) for name in names]] * len(images), dtype=torch.float64)
    normals = torch.full((len(images), augmentation.ADA_NORMAL), normal, dtype=torch.float64)
    return augmentation.ada(images, uniform, normals, torch.tensor(0.9 * p))


def test_diff_is_its_three_parts_by_hand():
    x = pictures()
    numbers = numbers_of_diff(brightness=0.9, saturation=0.25, contrast=0.75, down=0.99, right=0.0, top=0.0, left=0.0)
    brighter = x + 0.4
    paler = brighter.mean(1, keepdim=True) + 0.5 * (brighter - brighter.mean(1, keepdim=True))
    middle = paler.mean((1, 2, 3), keepdim=True)
    expected = F.pad(middle + 1.25 * (paler - middle), (0, 2, 2, 0))[:, :, :16, 2:]  # 2 px down, 2 px to the left
    expected[:, :, :4, :4] = 0  # of a square of 8 px about the corner a quarter is inside
    torch.testing.assert_close(augmentation.diff(x, numbers), expected, atol=1e-12, rtol=0)


def test_shifts_of_diff_are_all_as_likely_and_cutouts_stay_in_the_picture():
    grid = (torch.arange(500) + 0.5) / 500
    shifts = augmentation._shift(grid, 16)
    assert torch.equal(shifts.unique(return_counts=True)[1], torch.full((5,), 100))
    ones = torch.ones(500, 1, 16, 16)
    numbers = torch.full((500, 7), MIDDLE)
    numbers[:, 5] = grid
    lost = 256 - augmentation.diff(ones, numbers).flatten(1).sum(1)
    assert lost.max() == 64
    assert lost.min() == 32  # about a border


@pytest.mark.parametrize("channels", [1, 3])
def test_at_probability_0_nothing_happens_to_the_bit(channels):
    x = pictures(8, channels).float()
    seen = augmentation.ada(x, torch.rand(8, 14), torch.randn(8, 3), torch.tensor(0.0))
    assert torch.equal(seen, x)
    assert not torch.equal(augmentation.ada(x, torch.rand(8, 14), torch.randn(8, 3), torch.tensor(1.0)), x)


def test_moves_of_ada_are_those_of_torch():
    x = pictures()
    assert torch.equal(ada(x, "mirror", mirrored=0.2), x.flip(3))
    assert torch.equal(ada(x, "mirror", mirrored=0.8), x)
    for quarters in range(4):
        turned = ada(x, "turn", quarters=quarters / 4 + 0.1)
        assert torch.equal(turned, torch.rot90(x, -quarters, (2, 3)))
    shifted = ada(x, "shift", down=0.0, right=0.99)
    assert torch.equal(shifted, F.pad(x, (2, 2, 2, 2), "reflect")[:, :, 4:20, 0:16])
    assert torch.equal(augmentation.small(x, torch.tensor([[0.2, 0.0, 0.99]] * 3)),
                       F.pad(x, (2, 2, 2, 2), "reflect").flip(3)[:, :, 4:20, 0:16])


def test_colours_of_ada():
    x = pictures()
    grey = x.mean(1, keepdim=True)
    torch.testing.assert_close(ada(x, "brightness", normal=0.7), x + 0.2 * 0.7)
    torch.testing.assert_close(ada(x, "contrast", normal=-2.0), x / 2)
    torch.testing.assert_close(ada(x, "luma", flipped=0.2), x - 2 * grey)
    torch.testing.assert_close(ada(x, "saturation", normal=1.0), grey + 2 * (x - grey))
    torch.testing.assert_close(ada(x, "hue", angle=0.5 + 1 / 3), x[:, [2, 0, 1]])  # a third of a turn
    torch.testing.assert_close(ada(x, "hue", angle=0.1).norm(dim=1), x.norm(dim=1))
    assert torch.equal(ada(x[:, :1], "hue", angle=0.1), x[:, :1])  # no colours to turn


@pytest.mark.parametrize("p", [0.25, 0.75])
def test_turns_with_a_probability_below_1_hide_nothing(p):
    """Their mean over all chances, as a matrix on pictures, has the smallest singular value 1 - p."""
    size, places = 4, 16
    basis = torch.eye(places, dtype=torch.float64).view(places, 1, size, size)
    mean = sum(weight * ada(basis, "turn", p=float(happens), quarters=quarter / 4 + 0.1) / 4
               for happens, weight in ((True, p), (False, 1 - p)) for quarter in range(4)).flatten(1)
    assert torch.linalg.svdvals(mean).min().item() == pytest.approx(1 - p, abs=1e-12)


def test_views_are_differentiable_twice():
    x = pictures(1, 3, 4).requires_grad_()
    uniform, normal = torch.rand(1, 14).double(), torch.randn(1, 3).double()
    views = (lambda x: augmentation.diff(x, uniform[:, :7]), lambda x: augmentation.small(x, uniform[:, :3]),
             lambda x: augmentation.ada(x, uniform, normal, torch.tensor(0.6)))
    for view in views:
        assert torch.autograd.gradcheck(view, x)
        assert torch.autograd.gradgradcheck(lambda x, view=view: view(x).square(), x)


def step(model, images):
    """One step of every player on these images, without updates."""
    model.configure_optimizers()
    model.updates = dict.fromkeys(model.optimizer_groups(), model.config.critic_steps - 1)

    def optimize(group, loss, given):
        model.terms |= {f"{group}/{name}": value for name, value in loss(given).items()}
        model.updates[group] += 1

    model.optimize = optimize
    model.training_step(Labelled(images, torch.zeros(len(images), dtype=torch.int64)), 0)


@pytest.mark.parametrize("variant", ADVERSARIAL)
def test_no_discriminator_sees_a_bare_image(variant, monkeypatch):
    """Neither a real nor a generated one, in a step of either player; and what it saw tells G where to go."""
    seen = []
    monkeypatch.setattr(augmentation, "diff", lambda images, numbers: 0 * images + 0.125)
    model = zoo.create(variant, image_size=16, channels=1, classes=10, augment="diff",
                       **tiny_config(variant) | options_with(variant, pretrain_images=0))
    judge = model.discriminator
    for network in (judge.encoder if isinstance(judge, AutoEncoder) else judge).modules():
        if isinstance(network, nn.Conv2d | nn.Flatten):
            network.register_forward_pre_hook(lambda network, given: seen.append(given[0]))
    step(model, torch.rand(8, 1, 16, 16))
    of_images = [x[:, :1] for x in seen if x.shape[2:] == (16, 16) and x.shape[1] in (1, 11)]
    assert len(of_images) >= 3
    assert all(torch.equal(x, torch.full_like(x, 0.125)) for x in of_images)


def test_gradient_reaches_the_generator_through_the_view():
    model = zoo.create("dcgan", image_size=16, channels=3, width=2, augment="diff")
    data = Labelled(torch.rand(8, 3, 16, 16), torch.zeros(8, dtype=torch.int64))
    model.generator_loss(data)["adversarial"].backward()
    assert model.generator[1].weight.grad.abs().sum() > 0


def test_probability_follows_the_signs():
    """p += sign(E[sign D] - 0.6) x images / 500k, every four updates, within [0, 1]."""
    chance = Chance(0.0, 0.6, 500_000)
    sure, unsure = torch.ones(100, 1), torch.cat([torch.ones(79, 1), -torch.ones(21, 1)])  # r = 1, and 0.58
    assert [chance.is_due(updates) for updates in (1, 4, 6, 8)] == [False, True, False, True]
    chance.lead(unsure)
    assert chance.p == 0
    chance.lead(sure)
    chance.lead(sure)
    assert chance.p.item() == pytest.approx(2 * 400 / 500_000)
    chance.lead(unsure)
    assert chance.p.item() == pytest.approx(400 / 500_000)
    assert not Chance(0.3, 0.0, 1).is_due(4)


@pytest.mark.parametrize("weights", [[3.0, 4.0], [0.0, 0.5]])
def test_r1_of_a_linear_discriminator(weights):
    """gamma / 2 |w|^2, in each update, or k times that in every k-th."""
    x = torch.randn(8, 2, dtype=torch.float64)
    model = create("nsgan", linear(weights), x, channels=2, r1=3.0, r1_every=1)
    terms = model.regularised_loss(batch(x))
    assert terms["r1"].item() == pytest.approx(1.5 * math.hypot(*weights) ** 2, rel=1e-12)
    assert set(terms) == {"real", "fake", "r1"}
    assert "r1" not in create("nsgan", linear(weights), x, channels=2, r1=3.0).regularised_loss(batch(x))


def test_lazy_penalty_has_the_mean_of_the_eager_one_and_updates_of_its_own(monkeypatch):
    x = torch.randn(8, 2, dtype=torch.float64)
    model = create("nsgan", linear([3.0, 4.0]), x, channels=2, r1=3.0, r1_every=4, critic_steps=2)
    model.updates, order = {"discriminator": 0, "generator": 0}, []

    def optimize(group, loss, given):
        order.append((group[0], loss(given)))
        model.updates[group] += 1

    monkeypatch.setattr(model, "optimize", optimize)
    for _ in range(8):
        model.alternate(batch(x))
    who = ["r" if "r1" in terms else group for group, terms in order]
    assert "".join(who) == "ddgddrg" * 2  # the penalty's updates do not count for the generator
    penalties = [terms["r1"].item() for _, terms in order if "r1" in terms]
    assert sum(penalties) / 8 == pytest.approx(1.5 * 25, rel=1e-12)

    plain = of_points("nsgan", backbone="mlp").build_optimizer("discriminator", [nn.Parameter(torch.zeros(1))])
    lazy = model.build_optimizer("discriminator", [nn.Parameter(torch.zeros(1))])
    before, after = plain.param_groups[0], lazy.param_groups[0]
    assert after["lr"] == pytest.approx(before["lr"] * 0.8)
    assert after["betas"] == pytest.approx([beta ** 0.8 for beta in before["betas"]])
    assert model.build_optimizer("generator", [nn.Parameter(torch.zeros(1))]).param_groups[0]["lr"] == before["lr"]


def test_lecam_by_hand():
    anchors = Anchors(after=1).double()
    real, fake = torch.tensor([[1.0], [3.0]]).double(), torch.tensor([[-1.0], [0.0]]).double()
    assert anchors(real, fake) == 0  # not yet
    anchors.move()
    assert anchors.means.tolist() == [2.0, -0.5]
    value = anchors(real, fake)
    assert value.item() == pytest.approx((1.5**2 + 3.5**2) / 2 + (3**2 + 2**2) / 2)
    anchors(real + 1, fake)  # another part of the same step
    anchors.move()
    assert anchors.means.tolist() == pytest.approx([0.99 * 2 + 0.01 * 2.5, -0.5])
    assert anchors.updates == 2


def test_consistency_is_0_for_what_no_view_changes_and_has_no_gradient_in_the_generator():
    x = pictures(8, 1, 8)
    model = zoo.create("nsgan", image_size=8, channels=1, width=1, backbone="mlp", bcr=10.0).double()
    data = Labelled(x, torch.zeros(8, dtype=torch.int64))
    model.discriminator = Function(lambda x: x.amax(1, keepdim=True) * 0 + 2)
    assert model.regularised_loss(data)["consistency_real"] == 0
    model.discriminator = linear(torch.randn(64).tolist())
    terms = model.regularised_loss(data)
    assert terms["consistency_real"] > 1e-3
    (terms["consistency_real"] + terms["consistency_fake"]).backward()
    assert model.discriminator[1].weight.grad.abs().sum() > 0
    assert all(p.grad is None for p in model.generator.parameters())


@pytest.mark.parametrize("kind", ["pairs", "average"])
def test_relativistic_discriminators_know_differences_alone(kind):
    real, fake = torch.randn(2, 8, 1, dtype=torch.float64)
    both = [create("nsgan", lambda x, c=c: x + c, fake, relativistic=kind) for c in (0, 5)]
    for loss in ("discriminator_loss", "generator_loss"):
        values = [sum(getattr(model, loss)(batch(real)).values()).item() for model in both]
        assert values[0] == pytest.approx(values[1], rel=1e-12)
        exchanged = create("nsgan", lambda x: x, real, relativistic=kind)
        other = "generator_loss" if loss.startswith("d") else "discriminator_loss"
        assert sum(getattr(exchanged, other)(batch(fake)).values()).item() == pytest.approx(values[0], rel=1e-12)
    equal = create("nsgan", lambda x: 0 * x, fake, relativistic=kind)
    terms = equal.discriminator_loss(batch(real))
    assert sum(terms.values()).item() == pytest.approx(len(terms) * math.log(2))
    assert both[0].couples_images == (kind == "average")


def test_pairs_are_the_loss_of_r3gan():
    real, fake = torch.randn(2, 8, 1, dtype=torch.float64)
    ours, theirs = (create(name, lambda x: x.sin(), fake, **more) for name, more in
                    (("dcgan", {"relativistic": "pairs"}), ("r3gan", {"gamma": 0.0})))
    for loss in ("discriminator_loss", "generator_loss"):
        a, b = (sum(getattr(model, loss)(batch(real)).values()) for model in (ours, theirs))
        torch.testing.assert_close(a, b, rtol=1e-12, atol=0)


@pytest.mark.parametrize("variant", ["madgan", "lsgan", "acgan"])
def test_scores_are_above_0_for_what_is_taken_for_real(variant):
    """Of outputs that say so: 1 in the middle of 0 and 1, a class of many, a logit beside others."""
    model = zoo.create(variant, image_size=8, channels=1, classes=3, backbone="mlp", width=1)
    says = {"madgan": ([0.0, 0, 0, 0, 2], [2.0, 0, 0, 0, 2]), "lsgan": ([0.7], [0.2]),
            "acgan": ([0.1, 3, 3, 3], [-0.1, 3, 3, 3])}[variant]
    for outputs, real in zip(says, (True, False), strict=True):
        model.discriminator = Function(lambda x, outputs=outputs: torch.tensor([outputs] * len(x)))
        assert ((model.verdict(torch.zeros(2, 1, 8, 8), torch.zeros(2, dtype=torch.int64)) > 0) == real).all()


def test_a_checkpoint_of_before_an_option_has_its_default():
    model = zoo.create("dcgan", image_size=16, width=2)
    state = {"zoo": model.description() | {"layout": LAYOUT, "seed": 1, "images_seen": 8, "ema_seen": 8, "updates": {}}}
    for name in ("augment", "r1", "lecam_after"):
        del state["zoo"]["config"][name]
    model.on_load_checkpoint(state)
    assert model.images_seen == 8
    with pytest.raises(zoo.UsageError, match="augment='none' there, 'diff' here"):
        zoo.create("dcgan", image_size=16, width=2, augment="diff").on_load_checkpoint(state)


@pytest.mark.parametrize(("variant", "options", "words"), [
    ("wgan-gp", {"augment": "ada"}, "--augment-p 0.3 --augment-target 0"),
    ("dcgan", {"augment": "ada", "relativistic": "pairs"}, "does not say"),
    ("dcgan", {"augment": "ada", "augment_p": 1.5}, "augment_p must be at most 1"),
    ("began", {"lecam": 0.3}, "nothing in began"),
    ("bigan", {"r1": 1.0}, "nothing in bigan"),
    ("wgan", {"r1": 1.0}, "--r1-every 1 with rmsprop"),
])
def test_options_without_a_meaning_are_refused(variant, options, words):
    with pytest.raises(zoo.UsageError, match=words):
        zoo.create(variant, image_size=16, **options)


def test_points_are_not_augmented():
    with pytest.raises(zoo.UsageError, match="--augment is for images"):
        zoo.create("nsgan", image_size=1, channels=2, backbone="mlp", augment="diff")


def test_a_resumed_run_goes_on_with_its_probability_and_anchors(tmp_path):
    config = tiny_config("dcgan") | {"augment": "ada", "augment_p": 0.3, "lecam": 0.3, "lecam_after": 2, "r1": 1.0,
                                     "r1_every": 2, "bcr": 1.0, "critic_steps": 2}
    how = {"images": HALF, "checkpoint_every": HALF // 2, "config": config}
    tiny_run("dcgan", tmp_path / "whole", **how).train()
    shutil.copytree(tmp_path / "whole", tmp_path / "half")
    (tmp_path / "half" / "checkpoints" / f"images-{HALF:012d}.ckpt").unlink()
    run = tiny_run("dcgan", tmp_path / "half", resume=True, **how)
    run.train()
    ours, theirs = (checkpoint(tmp_path / name, HALF) for name in ("whole", "half"))
    for part in ("state_dict", "optimizer_states", "zoo"):
        assert_same(ours[part], theirs[part], part)
    assert ours["state_dict"]["chance.p"] != 0.3
    assert ours["zoo"]["updates"] == {"discriminator": 15, "generator": 5}
    assert {"discriminator/r1", "discriminator/lecam", "discriminator/consistency_fake",
            "discriminator/augment_p"} <= set(run.model.log_values())
    assert isinstance(zoo.load(tmp_path / "half"), GenerativeModule)  # without the buffers of the training
