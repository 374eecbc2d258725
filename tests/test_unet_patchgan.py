"""The networks of pix2pix: what a logit sees, which maps the U-Net passes on, and what its noise does."""

import pytest
import torch
from torch import nn
from torch.nn.utils.parametrize import is_parametrized

from zoo.core.errors import UsageError
from zoo.networks.blocks import BatchNorm
from zoo.networks.patchgan import PatchGAN, receptive_field
from zoo.networks.unet import UNetGenerator, keep_masks

FIELDS = [1, 16, 34, 70, 142, 286]  # px, of 0 to 5 strided layers (section 6.1.2; 34 and 142 by the same rule)


def unet(size: int = 32, width: int = 2, norm: str = "instance", channels: int = 3) -> UNetGenerator:
    return UNetGenerator(source_channels=1, channels=channels, size=size, width=width, norm=norm).double()


def lively(network: nn.Module) -> nn.Module:
    """Weights large enough that what a layer does is far from rounding, also without normalisation."""
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(layer.weight, 0.0, 0.3)
    return network


def inputs(model: UNetGenerator, n: int = 2, height: int = 32, width: int = 32) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.rand(n, 1, height, width).double() * 2 - 1, torch.randn(n, model.noise_size).double()


# ---- PatchGAN --------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize(("layers", "field"), list(enumerate(FIELDS)))
def test_one_logit_sees_a_square_of(layers, field):
    """The pixels with a gradient are a whole square of the receptive field, for a logit away from the border."""
    step = 2**layers
    size = -(-3 * field // step) * step
    network = lively(PatchGAN(1, width=1, layers=layers, norm="none")).double()
    image = torch.randn(1, 1, size, size).double().requires_grad_()
    logits = network(image)
    middle = logits.shape[2] // 2
    (gradient,) = torch.autograd.grad(logits[0, 0, middle, middle], image)
    rows, columns = gradient[0, 0].ne(0).nonzero().unbind(1)
    assert receptive_field(layers) == field
    assert (rows.max() - rows.min() + 1, columns.max() - columns.min() + 1) == (field, field)
    assert min(rows.min(), columns.min()) > 0  # else the border, not the network, would end the square
    assert max(rows.max(), columns.max()) < size - 1


@pytest.mark.parametrize("layers", range(1, 6))
def test_smallest_image_gives_a_logit(layers):
    network = PatchGAN(2, width=1, layers=layers, norm="instance")
    smallest = 3 * 2**layers
    assert network(torch.randn(1, 2, smallest, smallest)).shape == (1, 1, 1, 1)
    with pytest.raises(UsageError, match=f"images of {smallest} px or more"):
        network(torch.randn(1, 2, smallest, smallest - 1))


@pytest.mark.parametrize("layers", [-1, 6])
def test_number_of_layers_is_checked(layers):
    with pytest.raises(UsageError, match="0 to 5 strided layers"):
        PatchGAN(3, width=1, layers=layers, norm="batch")


def test_patchgan_is_the_paper_s():
    """Section 6.1.2: C64-C128-C256-C512 for 70 px, C64-C128 for 16 px and, of 1x1 convolutions, for 1 px."""
    with torch.device("meta"):
        networks = {layers: PatchGAN(6, width=64, layers=layers, norm="batch") for layers in range(6)}
    of_70 = [layer for layer in networks[3] if isinstance(layer, nn.Conv2d)]
    assert [layer.out_channels for layer in of_70] == [64, 128, 256, 512, 1]
    assert [layer.stride[0] for layer in of_70] == [2, 2, 2, 1, 1]
    assert [layer.bias is None for layer in of_70] == [False, True, True, True, False]
    assert [type(layer).__name__ for layer in networks[1]] == [
        "Conv2d", "LeakyReLU", "Conv2d", "BatchNorm", "LeakyReLU", "Conv2d"]
    for layers, kernel in ((0, 1), (1, 4)):
        convolutions = [layer for layer in networks[layers] if isinstance(layer, nn.Conv2d)]
        assert [(layer.out_channels, layer.kernel_size[0]) for layer in convolutions] == [
            (64, kernel), (128, kernel), (1, kernel)]
    assert [layer.out_channels for layer in networks[5] if isinstance(layer, nn.Conv2d)] == [
        64, 128, 256, 512, 512, 512, 1]


@pytest.mark.parametrize(("norm", "kind"), [("batch", BatchNorm), ("instance", nn.InstanceNorm2d)])
def test_patchgan_norms(norm, kind):
    assert sum(isinstance(layer, kind) for layer in PatchGAN(3, 2, 3, norm)) == 3


def test_spectral_norm_reaches_every_convolution():
    convolutions = [layer for layer in PatchGAN(3, 2, 3, "spectral") if isinstance(layer, nn.Conv2d)]
    assert all(is_parametrized(layer) and layer.bias is not None for layer in convolutions)
    assert not any(is_parametrized(layer) for layer in PatchGAN(3, 2, 3, "none"))


# ---- U-Net -----------------------------------------------------------------------------------------------------------

def test_unet_is_the_paper_s():
    """Section 6.1.1 at 256 px: C64-C128-C256-C512 x5, back with twice the channels where there is a skip."""
    with torch.device("meta"):
        model = UNetGenerator(3, 3, size=256, width=64, norm="batch")
        output = model(torch.zeros(1, 3, 256, 256), torch.zeros(1, model.noise_size))
    encoder = [m for m in model.encoder.modules() if isinstance(m, nn.Conv2d)]
    decoder = [m for m in model.decoder.modules() if isinstance(m, nn.ConvTranspose2d)]
    assert [m.out_channels for m in encoder] == [64, 128, 256, 512, 512, 512, 512, 512]
    assert [m.in_channels for m in decoder] == [512, 1024, 1024, 1024, 1024, 512, 256, 128]
    assert [m.out_channels for m in decoder] == [512, 512, 512, 512, 256, 128, 64, 3]
    assert model.noise_size == 3 * 512
    assert output.shape == (1, 3, 256, 256)
    normed = [any(isinstance(m, BatchNorm) for m in layer.modules()) for layer in [*model.encoder, *model.decoder]]
    assert normed == [False, *[True] * 6, False, *[True] * 7, False]
    assert [m.bias is None for m in [*encoder, *decoder]] == normed
    assert {m.negative_slope for m in model.modules() if isinstance(m, nn.LeakyReLU)} == {0.2}


@pytest.mark.parametrize(("size", "noise"), [(16, 4 + 2 + 1), (32, 8 + 4 + 2), (64, 8 + 8 + 4), (128, 8 + 8 + 8)])
def test_noise_is_of_the_three_innermost_layers(size, noise):
    assert unet(size, width=1).noise_size == noise


@pytest.mark.parametrize("size", [0, 1, 8, 24, 28, 96, 100])
def test_other_sizes_are_refused(size):
    with pytest.raises(UsageError, match="16, 32, 64, 128"):
        unet(size)


def test_larger_images_of_whole_multiples():
    model = unet(16)
    assert model.multiple == 16
    assert model(*inputs(model, 1, 48, 32)).shape == (1, 3, 48, 32)
    for height, width in ((16, 24), (17, 16)):
        with pytest.raises(UsageError, match="multiples of 16 px"):
            model(*inputs(model, 1, height, width))


def test_skips_carry_the_source_past_the_bottleneck():
    """With the innermost map zeroed the output still depends on the source; with the skips zeroed too it does not."""
    model = lively(unet())
    normal = torch.randn(1, model.noise_size).double()
    sources = torch.randn(2, 1, 32, 32).double().tanh()

    def difference() -> float:
        return (model(sources[:1], normal) - model(sources[1:], normal)).abs().max().item()

    silence = [layer.register_forward_hook(lambda layer, given, made: made * 0) for layer in model.encoder]
    assert difference() == 0
    for handle in silence[:-1]:
        handle.remove()
    assert difference() > 0.1


@pytest.mark.parametrize("layer", range(5))
def test_every_map_of_the_encoder_is_used(layer):
    model = lively(unet())
    source, normal = inputs(model)
    whole = model(source, normal)
    model.encoder[layer].register_forward_hook(lambda layer, given, made: made * 0)
    assert (model(source, normal) - whole).abs().max() > 1e-2


def test_instance_norm_is_the_same_in_training_and_alone():
    model = lively(unet())
    source, normal = inputs(model, n=3)
    batch = model.train()(source, normal)
    alone = torch.cat([model.eval()(source[i:i + 1], normal[i:i + 1]) for i in range(3)])
    assert not any(True for _ in model.buffers())
    assert (batch - alone).abs().max() < 1e-9
    assert (batch[0] - batch[1]).abs().max() > 0.1  # the innermost map is not normalised to nothing


def test_masks_are_of_the_normals():
    model = lively(unet(width=2))
    source, normal = inputs(model)
    normal = normal.abs() * torch.tensor([1.0, -1, -1, 1]).repeat(normal.shape[1] // 4)
    seen, made = [], []
    for layer in model.decoder:
        layer.register_forward_pre_hook(lambda layer, given: seen.append(given[0]))
        layer.register_forward_hook(lambda layer, given, output: made.append(output))
    model(source, normal)
    first = 0
    for layer, channels in enumerate((16, 8, 4)):
        kept = normal[:, first:first + channels] > 0
        passed_on = seen[layer + 1][:, :channels]
        expected = torch.where(kept[:, :, None, None], 2 * made[layer], 0.0)
        assert torch.equal(passed_on, expected)
        first += channels
    assert first == model.noise_size
    assert torch.equal(seen[4][:, :2], made[3])  # the fourth layer drops nothing
    assert torch.equal(keep_masks(torch.tensor([-1.0, 0.0, 2.0])), torch.tensor([0, 0, 2]))


def test_noise_changes_the_output_by_its_signs_alone():
    model = lively(unet())
    source, normal = inputs(model)
    output = model(source, normal)
    assert torch.equal(model(source, 3 * normal), output)
    assert (model(source, -normal) - output).abs().amax((1, 2, 3)).min() > 0.1


def test_output_and_initial_weights():
    model = UNetGenerator(1, 3, size=32, width=8, norm="batch")
    output = model(torch.rand(2, 1, 32, 32), torch.randn(2, model.noise_size))
    assert output.abs().max() < 1
    for layer in model.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | BatchNorm):
            n = layer.weight.numel()
            mean = 1.0 if isinstance(layer, BatchNorm) else 0.0
            assert abs(layer.weight.mean() - mean) < 5 * 0.02 / n**0.5
            assert layer.bias is None or not layer.bias.any()


def test_every_parameter_learns():
    """A bias that normalisation takes away would not."""
    for norm in ("batch", "instance"):
        model = lively(unet(norm=norm))
        (model(*inputs(model)) * torch.randn(2, 3, 32, 32)).sum().backward()
        assert all(parameter.grad.abs().max() > 1e-6 for parameter in model.parameters())
