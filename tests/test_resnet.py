"""The residual backbone against the tables of its paper, and spectral normalisation on every backbone."""

import copy
import math

import pytest
import torch
from closed_forms import of_points
from torch import nn
from torch.nn.utils.parametrize import is_parametrized

import zoo
from zoo.core.errors import UsageError
from zoo.networks import BACKBONES
from zoo.networks.blocks import TrunkWithHead, normalise_spectrally
from zoo.networks.resnet import Residual, ResNetGenerator, ResNetTrunk, SumPool

# size, width -> channels of the generator from the latent outwards, maps of the generator (pixels), then channels and
# maps of the trunk's blocks. 32 px at width 128 and 128 px at width 64 are the paper's.
TABLES = {
    (28, 128): ([256] * 3, [7, 14, 28], [128] * 4, [14, 7, 7, 7]),
    (32, 128): ([256] * 4, [4, 8, 16, 32], [128] * 4, [16, 8, 8, 8]),
    (64, 64): ([1024, 512, 256, 128, 64], [4, 8, 16, 32, 64], [64, 128, 256, 512, 1024], [32, 16, 8, 4, 4]),
    (128, 64): ([1024, 1024, 512, 256, 128, 64], [4, 8, 16, 32, 64, 128], [64, 128, 256, 512, 1024, 1024],
                [64, 32, 16, 8, 4, 4]),
}


def shapes_of(network: nn.Sequential, x: torch.Tensor) -> list[tuple[int, int]]:
    """Channels and pixels after the projection of the latent and after every residual block."""
    shapes = []
    for layer in network:
        x = layer(x)
        if isinstance(layer, nn.Unflatten | Residual):
            shapes.append((x.shape[1], x.shape[2]))
    return shapes


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("size", "width"), TABLES)
def test_layers_of_the_paper(size, width, channels):
    hidden, maps, trunk_hidden, trunk_maps = TABLES[size, width]
    with torch.device("meta"):
        generator, trunk = ResNetGenerator(128, channels, size, width), ResNetTrunk(channels, size, width, "none")
        z, images = torch.zeros(2, 128), torch.zeros(2, channels, size, size)
    assert generator(z).shape == images.shape
    assert shapes_of(generator, z) == list(zip(hidden, maps, strict=True))
    assert trunk(images).shape == (2, trunk.features) == (2, trunk_hidden[-1])
    assert shapes_of(trunk, images) == list(zip(trunk_hidden, trunk_maps, strict=True))


def test_parameters_of_the_cifar_pair():
    """Counted from the paper's table for 32 px: 3x3 convolutions, 1x1 shortcuts where the size changes, biases."""
    with torch.device("meta"):
        generator, trunk = ResNetGenerator(128, 3, 32, 128), ResNetTrunk(3, 32, 128, "none")

    def conv(inputs, outputs, kernel=3):
        return inputs * outputs * kernel**2 + outputs

    up = 2 * conv(256, 256) + conv(256, 256, 1) + 2 * 2 * 256
    assert count(generator) == 128 * 4096 + 4096 + 3 * up + 2 * 256 + conv(256, 3)
    first = conv(3, 128) + conv(128, 128) + conv(3, 128, 1)
    assert count(trunk) == first + (2 * conv(128, 128) + conv(128, 128, 1)) + 2 * 2 * conv(128, 128)


def count(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


@pytest.mark.parametrize("size", [28, 32, 64, 128])
def test_every_size_at_the_least_width(size):
    generator, trunk = ResNetGenerator(3, 1, size, 1), ResNetTrunk(1, size, 1, "batch")
    images = generator(torch.randn(2, 3))
    assert images.abs().max() <= 1
    assert trunk(images).isfinite().all()


def test_features_are_sums():
    """Sum pooling: an image twice as wide in pattern counts twice, which a mean would not."""
    x = torch.randn(2, 3, 4, 4)
    torch.testing.assert_close(SumPool()(x.repeat(1, 1, 1, 2)), 2 * SumPool()(x))
    assert isinstance(ResNetTrunk(1, 32, 2, "none")[-1], SumPool)


def test_blocks_are_residual():
    """With the last convolution of its branch at zero a block of the trunk is its shortcut: the pooled input."""
    block = ResNetTrunk(1, 32, 2, "none")[1]
    nn.init.zeros_(block.branch[-2].weight)
    with torch.no_grad():
        block.shortcut[-1].weight.copy_(torch.eye(2)[:, :, None, None])
    x = torch.randn(3, 2, 8, 8)
    torch.testing.assert_close(block(x), nn.functional.avg_pool2d(x, 2))


def test_initial_weights_are_glorot():
    """Uniform, of variance 2 gain^2 / (fan in + fan out); gain^2 is 2 in the branches, 1 elsewhere."""
    generator = ResNetGenerator(64, 3, 32, 32)
    gains = {"0.weight": 1, "2.branch.3.weight": 2, "2.branch.6.weight": 2, "2.shortcut.0.weight": 1, "7.weight": 1}
    weights = dict(generator.named_parameters())
    for name, square in gains.items():
        weight = weights[name]
        fan_in, fan_out = (weight[0].numel(), weight[:, 0].numel())
        std = math.sqrt(2 * square / (fan_in + fan_out))
        assert weight.std().item() == pytest.approx(std, rel=0.1), name
        assert weight.abs().max() <= std * math.sqrt(3) + 1e-6, name
    assert all(not p.any() for name, p in weights.items() if name.endswith("bias"))


@pytest.mark.parametrize("size", [8, 12, 30, 36])
def test_impossible_sizes(size):
    with pytest.raises(UsageError, match=f"resnet backbone makes images of .* not {size}"):
        zoo.create("sngan", image_size=size)


def test_points_take_another_backbone():
    with pytest.raises(UsageError, match="--backbone mlp, not resnet"):
        of_points("sngan")


# ---- spectral normalisation ---------------------------------------------------------------------------------------

def spectral_critic(backbone: str) -> TrunkWithHead:
    return zoo.create("gan", image_size=16, backbone=backbone, width=2, discriminator_norm="spectral").discriminator


def layers_of(network: nn.Module) -> list[nn.Module]:
    return [m for m in network.modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d | nn.Linear)]


@pytest.mark.parametrize("backbone", BACKBONES)
def test_spectral_norm_is_on_every_layer(backbone):
    critic = spectral_critic(backbone)
    plain = zoo.create("gan", image_size=16, backbone=backbone, width=2, discriminator_norm="none").discriminator
    assert len(layers_of(critic)) == len(layers_of(plain)) >= 3
    assert all(is_parametrized(layer, "weight") for layer in layers_of(critic))
    assert critic.head in layers_of(critic)
    assert not any(is_parametrized(layer) for layer in plain.modules())
    assert count(critic) == count(plain)  # biases too: no layer relies on a batch-norm that is not there


@pytest.mark.parametrize("backbone", BACKBONES)
def test_spectral_norm_is_copied_saved_and_described(backbone):
    critic, images = spectral_critic(backbone), torch.randn(4, 1, 16, 16)
    critic(images)  # one power iteration away from the start
    copied = copy.deepcopy(critic).eval()
    with torch.device("meta"):
        described = spectral_critic(backbone)
    described.load_state_dict(critic.state_dict(), assign=True)
    expected = critic.eval()(images)
    assert torch.equal(copied(images), expected)
    assert torch.equal(described.eval()(images), expected)
    copied.train()(images)  # the copy iterates on its own
    assert torch.equal(critic(images), expected)


def test_power_iteration_runs_in_training_alone():
    layer = normalise_spectrally(nn.Linear(30, 20))
    left, values, right = torch.linalg.svd(torch.randn(20, 30), full_matrices=False)
    sigma = values[0]
    values[1:].clamp_(max=sigma / 2)  # the closer the second is to the largest, the slower the iteration
    with torch.no_grad():
        layer.parametrizations.weight.original.copy_(left * values @ right)  # the buffers belong to other weights

    def estimate():
        with torch.no_grad():
            return (layer.parametrizations.weight.original[0, 0] / layer.weight[0, 0]).item()

    layer.eval()
    assert estimate() == estimate() < 0.8 * sigma
    layer.train()
    errors = [abs(estimate() - sigma.item()) for _ in range(60)]
    assert errors[-1] < errors[0]
    assert errors[-1] < 0.01 * sigma


def test_spectral_encoder_can_be_published(tmp_path):
    """Saved from averaged weights, loaded by way of shapes alone."""
    model = zoo.create("vae", image_size=16, width=2, encoder_norm="spectral").eval()
    zoo.save(model, tmp_path)
    images = torch.rand(2, 1, 16, 16)
    torch.testing.assert_close(zoo.load(tmp_path).encoder(images), model.encoder(images))
