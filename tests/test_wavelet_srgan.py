"""Haar packets and Wavelet-SRGAN's losses."""

import pytest
import torch
import torch.nn.functional as F
from test_srgan import gradient

from zoo.data.batches import Labelled, Pair
from zoo.data.derived import SHRINK
from zoo.data.pair_spec import PairSpec
from zoo.losses import nll_real
from zoo.models.wavelet_srgan import WaveletSRGAN, WaveletSRGANConfig
from zoo.networks.wavelets import WaveletNet, analysis, low_and_details, synthesis


def model_of(pairs: str = "quarter", size: int = 32, **config) -> WaveletSRGAN:
    data = PairSpec(name="x", image_size=size, channels=3, source_size=size // SHRINK[pairs], source_channels=3,
                    pairs=pairs)
    return WaveletSRGAN(WaveletSRGANConfig(**{"width": 4, "blocks": 1, "judge_width": 2} | config), data).double()


def batch_of(model: WaveletSRGAN, n: int = 3) -> Pair:
    images = torch.randint(0, 256, (n, *model.data.shape), dtype=torch.uint8)
    return model.prepare(Labelled(images, torch.zeros(n).long()))


# ---- the bands ------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("levels", [1, 2, 3])
def test_bands_are_orthonormal(levels):
    """W W^T = 1, as a matrix; so squares sum to the same, and synthesis makes the picture again."""
    side = 2**levels
    unit = torch.eye(side * side, dtype=torch.float64).view(-1, 1, side, side)
    matrix = analysis(unit, levels).flatten(1)
    torch.testing.assert_close(matrix @ matrix.T, torch.eye(side * side, dtype=torch.float64), atol=1e-15, rtol=0)
    x = torch.randn(2, 3, 4 * side, 2 * side, dtype=torch.float64)
    bands = analysis(x, levels)
    assert bands.shape == (2, 3 * 4**levels, 4, 2)
    torch.testing.assert_close(bands.square().sum(), x.square().sum(), rtol=1e-14, atol=0)
    torch.testing.assert_close(synthesis(bands, levels), x, rtol=0, atol=1e-14)


def test_one_level_by_hand():
    square = torch.tensor([[[[1.0, 2.0], [3.0, 7.0]]]])
    assert analysis(square, 1).flatten().tolist() == [6.5, -2.5, -3.5, 1.5]


@pytest.mark.parametrize("levels", [1, 2, 3])
def test_the_first_band_of_each_channel_is_so_many_times_the_mean(levels):
    x = torch.rand(2, 3, 16, 16, dtype=torch.float64)
    low, details = low_and_details(analysis(x, levels), levels)
    torch.testing.assert_close(low, 2**levels * F.avg_pool2d(x, 2**levels))
    flat = torch.full_like(x, 0.3)
    assert low_and_details(analysis(flat, levels), levels)[1].abs().max() < 1e-15
    assert details.shape == (2, 3, 4**levels - 1, 16 // 2**levels, 16 // 2**levels)


def test_bands_are_added_in_full_under_autocast():
    x = torch.rand(1, 3, 8, 8)
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(analysis(x, 2), analysis(x.double(), 2).float(), rtol=1e-5, atol=1e-6)


def test_channels_do_not_mix():
    x = torch.zeros(1, 3, 8, 8)
    x[:, 1] = torch.rand(8, 8)
    bands = analysis(x, 2).unflatten(1, (3, 16))
    assert bands[:, [0, 2]].abs().max() == 0
    assert (bands[:, 1].abs() > 0).all()


def test_the_network_predicts_bands():
    """The answer's bands are what the last layer says."""
    network = WaveletNet(3, 4, 1, 2, "batch").double().eval()
    x = torch.rand(2, 3, 6, 5, dtype=torch.float64) * 2 - 1
    said = []
    network[-1].register_forward_hook(lambda layer, given, made: said.append(made))
    made = network(x)
    assert made.shape == (2, 3, 24, 20)
    torch.testing.assert_close(analysis(made, 2), said[0], rtol=0, atol=1e-12)


# ---- the losses -----------------------------------------------------------------------------------------------------

def test_by_equal_weights_bands_are_pixels():
    """And texture has no gradient where details have energy enough; so that of stage 1 is the squared error's."""
    model = model_of(detail_weight=1.0, low_weight=1.0, image_weight=0.0, texture=0.0)
    batch = batch_of(model)
    terms = model.first_loss(batch)
    errors = F.mse_loss(model.generator(batch.source), batch.target)
    torch.testing.assert_close(sum(terms.values()), errors)
    torch.testing.assert_close(gradient(model, model.first_loss(batch)), gradient(model, {"": F.mse_loss(
        model.generator(batch.source), batch.target)}))


def test_losses_by_hand():
    model = model_of("half", size=16, detail_weight=0.9, low_weight=0.2, image_weight=0.3, texture_weight=0.5)
    batch = batch_of(model)
    made = torch.rand_like(batch.target) * 2 - 1
    model.generate = lambda source, normal=None: made

    def bands(x):
        a, b, c, d = x[..., ::2, ::2], x[..., ::2, 1::2], x[..., 1::2, ::2], x[..., 1::2, 1::2]
        return (a + b + c + d) / 2, torch.stack([a - b + c - d, a + b - c - d, a - b - c + d]) / 2

    (low, details), (true_low, true_details) = bands(made), bands(batch.target)
    pixels = made.numel()
    terms = model.generator_loss(batch)
    torch.testing.assert_close(terms["details"], 0.9 * ((details - true_details) ** 2).sum() / pixels)
    torch.testing.assert_close(terms["low"], 0.2 * ((low - true_low) ** 2).sum() / pixels)
    torch.testing.assert_close(terms["image"], 0.3 * ((made - batch.target) ** 2).mean())
    texture = (1.2 * true_details**2 - details**2).clamp(min=0).sum() / pixels
    torch.testing.assert_close(terms["texture"], 0.5 * texture)
    torch.testing.assert_close(terms["adversarial"], 1e-3 * nll_real(model.discriminator(made)))


def test_texture_pulls_while_details_are_weaker_than_the_true_ones():
    model = model_of()
    batch = batch_of(model)
    low, details = low_and_details(analysis(batch.target, 2), 2)
    for strength, pulls in ((0.5, True), (1.0, True), (1.2**0.5 + 1e-6, False), (2.0, False)):
        bands = torch.cat([low[:, :, None], strength * details], 2).flatten(1, 2)
        assert (model.content_loss(batch, synthesis(bands, 2))["texture"] > 1e-9) == pulls


def test_without_an_adversary_there_is_one_stage():
    model = model_of(adversarial_weight=0.0)
    assert list(model.optimizer_groups()) == ["generator"]
    assert not model.plays
    assert model.upscale(torch.rand(1, 3, 7, 5)).shape == (1, 3, 28, 20)
