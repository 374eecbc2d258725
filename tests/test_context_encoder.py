"""The context encoder: what is weighted how, what D sees, and what of a picture an answer depends on."""

import pytest
import torch
from torch import nn

import zoo
from zoo.data.batches import Labelled, Pair
from zoo.data.derived import source_channels
from zoo.data.pair_spec import PairSpec
from zoo.losses import nll_fake, nll_real
from zoo.models.context_encoder import ContextEncoder, ContextEncoderConfig
from zoo.networks.context import ChannelwiseLinear
from zoo.tasks.paired import Judged


def model_of(pairs: str = "hole", size: int = 32, channels: int = 3, **config) -> ContextEncoder:
    data = PairSpec(name="x", image_size=size, channels=channels, source_size=size,
                    source_channels=source_channels(pairs, channels), pairs=pairs)
    return ContextEncoder(ContextEncoderConfig(width=2, **config), data).double()


def batch_of(model: ContextEncoder, n: int = 3) -> Pair:
    images = torch.randint(0, 256, (n, *model.data.shape), dtype=torch.uint8)
    return model.prepare(Labelled(images, torch.zeros(n).long()))


@pytest.mark.parametrize("pairs", ["hole", "blocks"])
def test_the_band_weighs_ten_times(pairs):
    """At equal error the gradient in the band is exactly ten times that in the hole, and none comes from beyond."""
    model = model_of(pairs, band=3, adversarial=0.0)
    batch = batch_of(model)
    fake = (batch.target + 0.25).requires_grad_()
    model.generate = lambda source, normal=None: fake
    loss = model.generator_loss(batch)["reconstruction"]
    (gradient,) = torch.autograd.grad(loss, fake)
    hole = model.missing(batch.source)
    near = torch.zeros_like(hole)
    for one, row, column in hole[:, 0].nonzero().tolist():  # within three pixels in either direction, by hand
        near[one, 0, max(row - 3, 0):row + 4, max(column - 3, 0):column + 4] = True
    size = gradient.abs()
    for one in range(len(fake)):
        inside = size[one][hole[one].expand(3, -1, -1)]
        band = size[one][(near & ~hole)[one].expand(3, -1, -1)]
        assert inside.min() > 0
        torch.testing.assert_close(inside, inside[:1].expand_as(inside), rtol=1e-12, atol=0)
        torch.testing.assert_close(band, 10 * inside[:1].expand_as(band), rtol=1e-12, atol=0)
    assert torch.all(size[~near.expand(-1, 3, -1, -1)] == 0)


def test_losses_by_hand():
    model = model_of(size=16, band=2, reconstruction=0.9, adversarial=0.3)
    batch = batch_of(model, 2)
    fake = torch.rand_like(batch.target)
    model.generate = lambda source, normal=None: fake
    square = 0.0
    for row in range(16):
        for column in range(16):
            in_hole = 4 <= row < 12 and 4 <= column < 12
            in_patch = 2 <= row < 14 and 2 <= column < 14
            weight = 1 if in_hole else 10 if in_patch else 0
            square = square + weight * (fake - batch.target)[:, :, row, column].square().mean(1)
    terms = model.generator_loss(batch)
    torch.testing.assert_close(terms["reconstruction"], 0.9 * (square / 144).mean())
    patch = torch.zeros(16, 16, dtype=torch.float64)
    patch[2:14, 2:14] = 1
    torch.testing.assert_close(terms["adversarial"], 0.3 * nll_real(model.discriminator(fake * patch)))
    judged = model.discriminator_loss(Judged(*batch, fake))
    torch.testing.assert_close(judged["real"], nll_real(model.discriminator(batch.target * patch)))
    torch.testing.assert_close(judged["fake"], nll_fake(model.discriminator(fake * patch)))


def test_the_discriminator_never_sees_the_context():
    model = model_of("blocks")
    batch = batch_of(model)
    real = batch.target.requires_grad_()
    (gradient,) = torch.autograd.grad(model.discriminator(model.patch(batch.source, real)).square().sum(), real)
    patch = (model.weights(batch.source) > 0).expand_as(real)
    assert gradient[patch].abs().max() > 0
    assert torch.all(gradient[~patch] == 0)
    assert patch.double().mean() < 0.8


@pytest.mark.parametrize("pairs", ["hole", "blocks"])
def test_answers_keep_what_is_known_and_do_not_look_into_the_hole(pairs):
    model = model_of(pairs)
    for layer in model.generator.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(layer.weight, 0.0, 0.3)  # so that what comes out is far from rounding
    picture = torch.rand(2, 3, 32, 32)
    holes = torch.zeros(1, 1, 32, 32)
    holes[..., 8:24, 8:24] = 1
    inside = holes[0, 0] > 0
    asked = {"holes": holes} if pairs == "blocks" else {}
    made = model.inpaint(picture, **asked)
    assert torch.equal(made[..., ~inside], picture[..., ~inside])
    other = torch.where(inside, torch.rand(2, 3, 32, 32), picture)
    assert torch.equal(model.inpaint(other, **asked), made)
    around = torch.where(inside, picture, torch.rand(2, 3, 32, 32))
    assert not torch.equal(model.inpaint(around, **asked)[..., inside], made[..., inside])


def test_every_place_knows_of_every_other_but_channels_do_not_mix():
    layer = ChannelwiseLinear(3, 4).double()
    x = torch.randn(1, 3, 4, 4, dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(layer(x)[0, 1, 0, 0], x)
    assert gradient[0, 1].ne(0).all()
    assert torch.all(gradient[0, [0, 2]] == 0)
    expected = sum(layer.weight[1, place, 5] * x[0, 1].flatten()[place] for place in range(16))
    torch.testing.assert_close(layer(x)[0, 1].flatten()[5], expected)


def test_rates_and_data():
    model = model_of(learning_rate=1e-4)
    assert (model.learning_rate_of("generator"), model.learning_rate_of("discriminator")) == (1e-3, 1e-4)
    with pytest.raises(zoo.UsageError, match="--pairs hole or --pairs blocks, not edges"):
        model_of("edges")
    with pytest.raises(zoo.UsageError, match="takes 16, 32, 64"):
        model_of(size=24)
    with pytest.raises(zoo.UsageError, match="takes pictures of 32x32 px alone, not of 40x40"):
        model.translate(torch.rand(1, 3, 40, 40))
    assert zoo.create("context-encoder", image_size=16).data.pairs == "hole"
