"""SRGAN: its stages and losses, its networks, answers of any size, and luma as tables of super-resolution have it."""

import math

import pytest
import torch
from conftest import tiny_run
from torch import nn

import zoo
from zoo.core.errors import CannotError
from zoo.core.module import GenerativeModule
from zoo.data.batches import Labelled, Pair
from zoo.data.derived import SHRINK, shrink
from zoo.data.pair_spec import PairSpec
from zoo.data.pictures import bicubic
from zoo.losses import relative
from zoo.metrics.luma import fidelity, luma
from zoo.models.srgan import SRGAN, SRGANConfig
from zoo.networks.srgan import SRDiscriminator, SRResNet
from zoo.tasks.paired import Judged


def model_of(pairs: str = "quarter", size: int = 32, channels: int = 3, **config) -> SRGAN:
    data = PairSpec(name="x", image_size=size, channels=channels, source_size=size // SHRINK[pairs],
                    source_channels=channels, pairs=pairs)
    return SRGAN(SRGANConfig(**{"width": 4, "blocks": 2, "judge_width": 2} | config), data).double()


def batch_of(model: SRGAN, n: int = 4) -> Pair:
    images = torch.randint(0, 256, (n, *model.data.shape), dtype=torch.uint8)
    return model.prepare(Labelled(images, torch.zeros(n).long()))


# ---- the losses -----------------------------------------------------------------------------------------------------

def gradient(model: SRGAN, terms: dict) -> torch.Tensor:
    found = torch.autograd.grad(sum(terms.values()), list(model.generator.parameters()), allow_unused=True)
    return torch.cat([g.flatten() for g in found if g is not None])


def test_the_first_stage_has_the_gradient_of_the_squared_error_alone():
    model = model_of()
    batch = batch_of(model)
    errors = (model.generator(batch.source) - batch.target) ** 2
    assert torch.equal(gradient(model, model.first_loss(batch)), gradient(model, {"": errors.mean()}))


def test_losses_by_hand():
    """-log D of logits, which falls where 1 - D would have no gradient left; content by its weights."""
    model = model_of(perceptual_weight=0.7, pixel_weight=0.3, adversarial_weight=0.05, features="digits")
    batch = batch_of(model)
    made = torch.rand_like(batch.target)
    model.generate = lambda source, normal=None: made
    real, fake = (torch.sigmoid(model.discriminator(x)) for x in (batch.target, made))
    judged = model.discriminator_loss(Judged(*batch, made))
    torch.testing.assert_close(judged["real"], -real.log().mean())
    torch.testing.assert_close(judged["fake"], -(1 - fake).log().mean())
    terms = model.generator_loss(batch)
    torch.testing.assert_close(terms["adversarial"], -0.05 * fake.log().mean())
    torch.testing.assert_close(terms["pixels"], 0.3 * (made - batch.target).square().mean())
    torch.testing.assert_close(terms["perceptual"], 0.7 * model.distance(made, batch.target).mean())


@pytest.mark.parametrize(("adversarial", "looks"), [("standard", ["made"]), ("relativistic", ["true", "made"])])
def test_the_discriminator_looks_at_what_the_generators_loss_needs(adversarial, looks):
    """Else its batch statistics would move twice by the true pictures."""
    model = model_of(adversarial=adversarial, pixel_weight=0.3, perceptual_weight=0.0)
    batch, seen = batch_of(model), []
    model.discriminator.register_forward_pre_hook(
        lambda module, given: seen.append("true" if given[0] is batch.target else "made"))
    model.generator_loss(batch)
    assert seen == looks


def test_relativistic_losses_by_hand():
    """Both halves in both losses; nothing changes by a constant in C; 2 log 2 where all are equal; the generator's loss
    is the discriminator's with the roles changed, and has a gradient through the mean that real ones are compared
    with."""
    model = model_of(adversarial="relativistic", adversarial_weight=1.0)
    batch = batch_of(model)
    real, fake = torch.randn(2, 5, 1, dtype=torch.float64)
    made = torch.zeros_like(batch.target)
    model.generate = lambda source, normal=None: made
    model.content_loss = lambda batch, made: {}

    def losses(real, fake):
        model.discriminator.forward = lambda x: fake if x is made else real
        ours, theirs = model.discriminator_loss(Judged(*batch, made)), model.generator_loss(batch)
        return sum(ours.values()), theirs["adversarial"]

    on_d, on_g = losses(real, fake)
    d_real, d_fake = torch.sigmoid(real - fake.mean()), torch.sigmoid(fake - real.mean())
    torch.testing.assert_close(on_d, -d_real.log().mean() - (1 - d_fake).log().mean())
    torch.testing.assert_close(on_g, -(1 - d_real).log().mean() - d_fake.log().mean())
    for moved, same in zip(losses(real + 3, fake + 3), (on_d, on_g), strict=True):
        torch.testing.assert_close(moved, same)
    for loss in losses(torch.ones(5, 1), torch.ones(5, 1)):
        torch.testing.assert_close(loss, torch.tensor(2 * math.log(2)))
    torch.testing.assert_close(losses(fake, real)[0], on_g)
    fake.requires_grad_()
    by_real = torch.autograd.grad(nn.functional.softplus(relative(real, fake)[0]).mean(), fake)[0]
    expected = -torch.sigmoid(real - fake.mean()).mean() / 5
    torch.testing.assert_close(by_real, expected.expand(5, 1))


def test_stages_follow_the_clock(tmp_path, monkeypatch):
    """The batch that begins at ``pretrain_images`` is the first one with a discriminator."""
    seen, optimize = [], GenerativeModule.optimize

    def noted(self, group, loss, batch):
        seen.append((self.images_seen, group, loss.__name__))
        optimize(self, group, loss, batch)

    monkeypatch.setattr(GenerativeModule, "optimize", noted)
    config = {"width": 2, "judge_width": 2, "blocks": 1, "pretrain_images": 16}
    tiny_run("srgan", tmp_path, images=40, config=config).train()
    both = ("generator", "generator_loss"), ("discriminator", "discriminator_loss")
    assert seen == [(8, "generator", "first_loss"), (16, "generator", "first_loss"),
                    *((n, *call) for n in (24, 32, 40) for call in both)]


def test_by_pixels_alone_there_is_no_discriminator(tmp_path):
    run = tiny_run("srgan", tmp_path, images=40, config={"width": 2, "blocks": 1, "content": "pixels",
                                                         "pretrain_images": 8})
    assert run.train() == 0
    assert list(run.model.optimizer_groups()) == ["generator"]
    assert not hasattr(run.model, "discriminator")


def test_what_does_not_fit_is_refused_before_work():
    with pytest.raises(zoo.UsageError, match="--pairs half, quarter, eighth, not files"):
        SRGAN(SRGANConfig(), PairSpec(name="x", image_size=16, channels=3, source_size=16, source_channels=3,
                                      pairs="files"))
    with pytest.raises(zoo.UsageError, match="unknown features 'cifar'"):
        model_of(features="cifar")
    with pytest.raises(zoo.UsageError, match="choose an --image-size that 4 divides"):
        zoo.create("srgan", image_size=30)
    with pytest.raises(zoo.UsageError, match="not on pictures with holes"):
        model_of().inpaint(torch.rand(1, 3, 8, 8))
    with pytest.raises(CannotError, match="pix2pix cannot upscale"):
        zoo.create("pix2pix", image_size=16).upscale(torch.rand(1, 3, 8, 8))


# ---- the networks ---------------------------------------------------------------------------------------------------

def test_the_paper_s_sizes():
    """Figure 4, by hand; D's neurons see 6 x 6 places of its crops of 96 px."""
    g, d = SRResNet(3, 64, 16, 4, "batch"), SRDiscriminator(3, 96, 64, "batch")
    ends, inner, norm, slope = 81 * 3 * 64, 9 * 64 * 64, 2 * 64, 1
    expected = (ends + 64 + slope + 16 * (2 * (inner + norm) + slope) + inner + norm + 2 * (4 * inner + 256 + slope)
                + ends + 3)
    assert sum(p.numel() for p in g.parameters()) == expected
    strides = [layer.stride[0] for layer in d if isinstance(layer, nn.Conv2d)]
    channels = [layer.out_channels for layer in d if isinstance(layer, nn.Conv2d)]
    assert strides == [1, 2, 1, 2, 1, 2, 1, 2]
    assert channels == [64, 64, 128, 128, 256, 256, 512, 512]
    assert [layer.in_features for layer in d if isinstance(layer, nn.Linear)] == [512 * 36, 1024]
    assert sum(isinstance(layer, nn.BatchNorm2d) for layer in d) == 7


@pytest.mark.parametrize("size", [16, 28, 96, 128])
def test_the_discriminator_takes_pictures_of_its_size(size):
    assert SRDiscriminator(1, size, 2, "batch")(torch.rand(3, 1, size, size)).shape == (3, 1)


@pytest.mark.parametrize(("height", "width"), [(8, 8), (7, 5), (1, 13)])
@pytest.mark.parametrize("pairs", list(SHRINK))
def test_any_size_becomes_exactly_so_many_times_as_large(pairs, height, width):
    model = model_of(pairs)
    made = model.upscale(torch.rand(2, 3, height, width))
    assert made.shape == (2, 3, height * SHRINK[pairs], width * SHRINK[pairs])
    assert torch.equal(made, model.translate(torch.zeros(2, 3, height, width)) * 0 + made)


def test_a_place_depends_on_so_many_pixels():
    """``reach``, from the gradients: exactly as far as that, and no farther."""
    for blocks, factor in ((1, 2), (2, 4), (1, 8)):
        network = SRResNet(1, 4, blocks, factor, "batch").double().eval()
        for p in network.parameters():
            nn.init.uniform_(p, 0.01, 0.1)  # so that nothing is cancelled or cut off
        x = torch.rand(1, 1, 1, 64, dtype=torch.float64, requires_grad=True)
        centre = network(x)[0, 0, 0, 32 * factor:33 * factor]
        reached = torch.autograd.grad(centre.sum(), x)[0][0, 0, 0].nonzero().flatten()
        assert network.reach - 1 <= 32 - reached.min() <= network.reach
        assert network.reach - 1 <= reached.max() - 32 <= network.reach


def test_an_answer_does_not_depend_on_the_batch():
    model = model_of()
    pictures = torch.rand(5, 3, 8, 8)
    whole = model.upscale(pictures)
    for row in range(5):
        torch.testing.assert_close(model.upscale(pictures[row]), whole[row:row + 1], atol=1e-6, rtol=0)


def test_the_network_is_given_the_small_picture():
    """At 8 bits, anti-aliased, by the factor smaller."""
    model = model_of("half")
    images = torch.randint(0, 256, (2, 3, 32, 32), dtype=torch.uint8)
    source = model.prepare(Labelled(images, torch.zeros(2).long())).source
    assert source.shape == (2, 3, 16, 16)
    expected = bicubic(images.double() / 255, 16, 16)
    torch.testing.assert_close(source / 2 + 0.5, (expected * 255).round() / 255, atol=1e-6, rtol=0)


# ---- luma -----------------------------------------------------------------------------------------------------------

def test_luma_by_hand():
    """Black and white are 16 and 235 of 255; a grey offset of 0.1 is 21.32 dB, as its range is smaller."""
    ends = luma(torch.tensor([0.0, 1.0]).view(2, 1, 1, 1).expand(-1, 3, -1, -1)) * 255
    torch.testing.assert_close(ends.flatten(), torch.tensor([16.0, 235.0], dtype=torch.float64), atol=1e-9, rtol=0)
    red = luma(torch.tensor([1.0, 0, 0]).view(1, 3, 1, 1)).item() * 255
    assert red == pytest.approx(81.481)
    grey = torch.full((2, 3, 20, 20), 102 / 255)
    found = fidelity(grey + 25.5 / 255, grey, 0)  # which rounds to 26 of 255
    assert found.psnr.tolist() == pytest.approx([-20 * math.log10(26 / 255 * 219 / 255)] * 2, abs=1e-5)
    assert fidelity(grey, grey, 0).psnr.tolist() == [100, 100]
    assert torch.equal(luma(grey[:, :1]), luma(grey))


def test_what_lies_in_the_border_does_not_count_and_what_is_beyond_white_is_white():
    true = torch.rand(1, 3, 24, 24)
    made = true.clone()
    made[..., :4, :] = made[..., -4:] = 0
    assert fidelity(made, true, 4).psnr.item() == 100
    assert fidelity(made, true, 4).ssim.item() == pytest.approx(1)
    assert fidelity(made, true, 3).psnr.item() < 30
    white = torch.ones(1, 3, 24, 24)
    assert fidelity(white + 0.3, white, 4).psnr.item() == 100
    with pytest.raises(zoo.UsageError, match="24x18 px are too small .* a border of 4 px: their sides must be 19"):
        fidelity(true[:, :, :18], true[:, :, :18], 4)


def test_the_mean_is_of_decibels():
    true = torch.zeros(2, 1, 16, 16)
    made = true + torch.tensor([0.2, 0.4]).view(2, 1, 1, 1)
    one, two = (fidelity(made[i:i + 1], true[i:i + 1], 1).psnr.item() for i in (0, 1))
    assert fidelity(made, true, 1).psnr.mean().item() == pytest.approx((one + two) / 2)
    assert one - two == pytest.approx(20 * math.log10(2))


@pytest.mark.filterwarnings("ignore:.*are too few.*")
def test_a_model_that_is_bicubic_gets_what_bicubic_gets():
    """And one that knows the truth is perfect, also where it is made small again."""
    model = model_of(size=32, channels=1).float()
    model.data = PairSpec(name="digits", image_size=32, channels=1, source_size=8, source_channels=1, pairs="quarter")

    def numbers():
        found = zoo.evaluate(model, measures="luma", samples=60, real=60)
        assert "measures=luma features=none data=digits" in found["psnr_y"]["protocol"]
        return {name: metric["value"] for name, metric in found.items()}

    model.respond = lambda batch_size=256, source=None: bicubic(source, 32, 32)
    values = numbers()
    for name in ("psnr_y", "ssim_y", "small_psnr"):
        assert values[name] == values[f"{name}/copy"]
        assert values[f"{name}/mean"] < values[name]
    model.respond = lambda batch_size=256, source=None: source.repeat_interleave(4, 2).repeat_interleave(4, 3)
    assert numbers()["psnr_y"] < values["psnr_y"]


def test_shrinking_then_enlarging_is_the_field_s_bicubic():
    """A ramp stays a ramp, away from the border: the kernel reproduces straight lines."""
    ramp = torch.linspace(-0.8, 0.8, 64, dtype=torch.float64).expand(1, 1, 64, 64)
    small = nn.functional.interpolate(ramp, (16, 16), mode="bicubic", antialias=True)
    assert (shrink(ramp, 4) - small).abs().max() <= 1 / 255 + 1e-9  # of 8 bits
    again = bicubic(small / 2 + 0.5, 64, 64) * 2 - 1
    torch.testing.assert_close(again[..., 16:-16, 16:-16], ramp[..., 16:-16, 16:-16], atol=1e-9, rtol=0)
