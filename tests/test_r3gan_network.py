"""The network of r3gan, and its schedules, against what its paper says of them."""

import copy

import pytest
import torch
from conftest import HALF, tiny_run
from torch import nn

import zoo
from zoo.core.schedules import cosine
from zoo.networks.r3gan import GAIN, R3Generator, R3Trunk, Rectifier, block, double, groups_of, halve


def test_every_block_begins_as_the_identity_and_can_leave_it():
    generator, trunk = R3Generator(8, 3, 16, 4), R3Trunk(3, 16, 4, "none")
    for network in (generator, trunk):
        blocks = [layer for layer in network if type(layer).__name__ == "Residual"]
        assert len(blocks) == 3
        for layer in blocks:
            x = torch.randn(2, layer.branch[0].in_channels, 4, 4)
            assert torch.equal(layer(x), x)
            layer(x).square().sum().backward()
            assert layer.branch[-1].weight.grad.abs().sum() > 0
            assert not any(isinstance(part, nn.BatchNorm2d) for part in layer.modules())
    convolutions = [layer for layer in generator.modules() if isinstance(layer, nn.Conv2d)]
    assert [layer.bias is not None for layer in convolutions] == [  # biases before rectifiers alone
        True, True, False, False, True, True, False, False, True, True, False, False]


def test_variances_within_a_block_are_the_formulas():
    """Of unit input: 2 / 1.04 B^(-1/2) before the first rectifier, 2 / 1.04 B^(-1) before the second."""
    torch.manual_seed(3)
    blocks, channels = 9, 128
    branch = block(channels, blocks, "none").branch.double()
    x = torch.randn(16, channels, 12, 12, dtype=torch.float64)
    first = branch[0](x)
    second = branch[2](branch[1](first))[:, :, 1:-1, 1:-1]  # away from the zeros around
    assert first.var().item() == pytest.approx(GAIN**2 * blocks**-0.5, rel=0.03)
    assert second.square().mean().item() == pytest.approx(GAIN**2 / blocks, rel=0.06)


def test_variance_of_a_stage():
    """The basis times the linear map has 1; between white places is half of that, of which there are three quarters."""
    generator = R3Generator(64, 3, 16, 64).double()
    x = generator[1](generator[0](torch.randn(50, 64, dtype=torch.float64)))
    assert x.square().mean().item() == pytest.approx(1, rel=0.15)
    white = torch.randn(64, 16, 32, 32, dtype=torch.float64)
    assert double(white)[:, :, :-2, :-2].var().item() == pytest.approx(9 / 16, rel=0.02)


def test_resampling_keeps_constants_and_is_the_filter():
    for make in (double, halve):
        assert torch.equal(make(torch.full((1, 2, 8, 8), 0.3)), torch.full_like(make(torch.zeros(1, 2, 8, 8)), 0.3))
    x = torch.randn(2, 3, 8, 8, dtype=torch.float64)
    line = torch.tensor([1.0, 2, 1]).double() / 4
    kernel = torch.outer(line, line).expand(3, 1, 3, 3)
    halved = nn.functional.conv2d(nn.functional.pad(x, (1, 0, 1, 0), "replicate"), kernel, stride=2, groups=3)
    torch.testing.assert_close(halve(x), halved)
    doubled = nn.functional.conv_transpose2d(x, 4 * kernel, stride=2, groups=3)[:, :, 1:-1, 1:-1]  # zeros beyond
    torch.testing.assert_close(double(x)[:, :, :-1, :-1], doubled)
    assert double(x).shape == (2, 3, 16, 16)


def test_groups_have_16_channels_where_they_can():
    assert [groups_of(channels) for channels in (1536, 64, 16, 8, 52)] == [96, 4, 1, 1, 2]


@pytest.mark.parametrize("norm", ["batch", "spectral"])
def test_any_loss_can_have_the_network(norm):
    model = zoo.create("sngan", backbone="r3gan", image_size=16, channels=3, width=4, discriminator_norm=norm)
    score = model.discriminator(torch.randn(4, 3, 16, 16))
    assert score.isfinite().all()
    assert any(isinstance(layer, nn.BatchNorm2d) for layer in model.discriminator.modules()) == (norm == "batch")
    assert sum(isinstance(layer, Rectifier) for layer in model.discriminator.modules()) == 6


def test_a_schedule_goes_along_half_a_cosine():
    assert [cosine(seen, 100, 2.0, 1.0) for seen in (0, 50, 100, 300)] == pytest.approx([2, 1.5, 1, 1])
    assert cosine(50, 0, 2.0, 1.0) == 2
    model = zoo.create("r3gan", backbone="mlp", width=1, image_size=8, gamma=2.0, schedule_images=100)
    for seen, gamma in ((0, 2), (50, 1.1), (100, 0.2)):
        model.images_seen = seen
        assert model.gamma == pytest.approx(gamma)
    constant = zoo.create("r3gan", backbone="mlp", width=1, image_size=8, gamma=2.0)
    constant.images_seen = 10**9
    assert constant.gamma == 2


def test_what_is_scheduled_ends_where_the_paper_does(tmp_path):
    config = {"backbone": "r3gan", "width": 2, "schedule_images": HALF // 2, "ema_halflife": 50, "augment": "ada",
              "augment_target": 0.0, "augment_p": 0.3, "r1": 1.0, "r1_every": 4}
    run = tiny_run("r3gan", tmp_path, images=HALF // 2, config=config)
    run.train()
    judge, maker = (copy.deepcopy(optimizer.param_groups[0]) for optimizer in run.model.optimizers())
    assert maker["lr"] == pytest.approx(2e-4 / 4)
    assert maker["betas"] == pytest.approx((0, 0.99))
    assert judge["lr"] == pytest.approx(2e-4 / 4 * 0.8)  # the lazy penalty's share
    assert judge["betas"] == pytest.approx((0, 0.99**0.8))
    assert run.model.ema.halflife == 50
    assert run.model.chance.p.item() == pytest.approx(0.3)
