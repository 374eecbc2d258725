"""sagan and biggan, their attention and what tells their blocks the class, against their papers."""

import pytest
import torch
from conftest import created
from torch import nn
from torch.nn.utils.parametrize import is_parametrized

import zoo
from zoo.data.batches import Labelled
from zoo.models.biggan import overlap
from zoo.networks.attention import Attention, ConditionalNorm, attention_side, attentive_trunk
from zoo.networks.blocks import BatchNorm


def attention(channels=16, pool=False, gamma=0.0):
    layer = Attention(channels, pool).double()
    with torch.no_grad():
        layer.gamma.fill_(gamma)
    return layer


@pytest.mark.parametrize("pool", [False, True])
def test_attention_begins_as_the_identity_and_its_weights_are_shares(pool):
    layer, x = attention(pool=pool), torch.randn(2, 16, 4, 4).double()
    assert torch.equal(layer(x), x)
    weights = layer.weights(x)
    assert weights.shape == (2, 16, 4 if pool else 16)
    torch.testing.assert_close(weights.sum(2), torch.ones(2, 16).double())
    layer(x).square().sum().backward()
    assert layer.gamma.grad != 0


def test_attention_by_hand_and_that_no_place_is_special():
    layer, x = attention(gamma=0.7), torch.randn(1, 16, 2, 3).double()
    query, key, value = (part(x)[0].flatten(1) for part in (layer.query, layer.key, layer.value))
    shares = (query.T @ key).softmax(1)
    seen = torch.stack([sum(share * value[:, at] for at, share in enumerate(row)) for row in shares], 1)
    torch.testing.assert_close(layer(x), x + 0.7 * layer.out(seen.view(1, -1, 2, 3)))
    order = torch.randperm(6)
    moved = x.flatten(2)[:, :, order].view_as(x)
    torch.testing.assert_close(layer(moved).flatten(2), layer(x).flatten(2)[:, :, order])


def test_at_first_all_classes_have_plain_batch_norm_and_a_class_moves_alone():
    norm, plain = ConditionalNorm(3, 4), BatchNorm(3)
    x, classes = torch.randn(8, 3, 2, 2), torch.eye(4)[torch.arange(8) % 4]
    torch.testing.assert_close(norm(x, classes), plain(x))
    before = norm(x, classes)
    with torch.no_grad():
        norm.gain.weight[:, 1] = 2
        norm.bias.weight[:, 1] = 0.5
    after = norm(x, classes)
    torch.testing.assert_close(after[1::4], 3 * before[1::4] + 0.5)
    for other in (0, 2, 3):
        assert torch.equal(after[other::4], before[other::4])


@pytest.mark.parametrize(("size", "side"), [(16, 8), (28, 14), (32, 16), (64, 32), (128, 32)])
def test_attention_is_at_32_px_or_at_half_the_image(size, side):
    assert attention_side(size) == side
    with torch.device("meta"):
        generator = zoo.create("sagan", image_size=size, channels=3, classes=3, width=1).generator
        trunk = attentive_trunk(3, size, 1, "none", False)
    seen = []
    for network in (generator, trunk):
        next(layer for layer in network.modules() if isinstance(layer, Attention)).register_forward_pre_hook(
            lambda layer, given: seen.append(given[0].shape[2]))
    generator(torch.zeros(2, 128, device="meta"), torch.zeros(2, dtype=torch.int64, device="meta"))
    trunk(torch.zeros(2, 3, size, size, device="meta"))
    assert seen == [side, side]


@pytest.mark.parametrize("variant", ["sagan", "biggan"])
def test_convolutions_of_both_networks_are_spectrally_normalised(variant):
    model = created(variant, width=4)
    for network in (model.generator, model.discriminator):
        layers = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d)]
        assert len(layers) > 8
        assert all(is_parametrized(layer) for layer in layers)
    assert model.learning_rate_of("discriminator") == 4 * model.learning_rate_of("generator")


def test_a_piece_of_z_moves_its_block_alone():
    """And the class moves all blocks by one embedding."""
    model = created("biggan", width=4, latent_dim=10, embedding=5).double().eval()
    generator = model.generator
    assert generator.pieces == [4, 3, 3]
    for layer in generator.modules():
        if isinstance(layer, ConditionalNorm):
            nn.init.normal_(layer.gain.weight)
    told = []
    for block in generator.blocks:
        block.register_forward_pre_hook(lambda block, given: told.append(given[1].clone()))
    z, labels = torch.randn(2, 10).double(), torch.tensor([1, 2])
    generator(z, labels)
    z[:, 7:] += 1
    generator(z, labels)
    first, second, first_again, second_again = told
    assert torch.equal(first, first_again)
    assert torch.equal(second[:, :5], first[:, :5])  # the embedding
    assert torch.equal(second_again[:, 5:], second[:, 5:] + 1)
    assert sum(isinstance(layer, nn.Linear) and layer.in_features == 10 for layer in generator.modules()) == 1


def test_overlap_is_0_for_orthogonal_rows_alone_and_has_the_papers_gradient():
    rows = 3 * torch.linalg.qr(torch.randn(6, 4, dtype=torch.float64))[0].T
    assert overlap(rows.view(4, 2, 3)).item() == pytest.approx(0, abs=1e-24)
    weight = torch.randn(4, 6, dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(overlap(weight), weight)
    off = 1 - torch.eye(4, dtype=torch.float64)
    torch.testing.assert_close(gradient, 4 * ((weight @ weight.T) * off) @ weight)
    assert overlap(weight).item() == pytest.approx(((weight @ weight.T) * off).square().sum().item())


def test_orthogonal_penalty_is_of_all_of_g_but_the_embedding():
    model = created("biggan", width=4, classes=3)
    batch = Labelled(torch.randn(4, 1, 16, 16), torch.arange(4) % 3)
    model.generator_loss(batch)["orthogonal"].backward()
    for name, p in model.generator.named_parameters():
        known = "gain" in name or "bias" in name or p.dim() < 2 or "embedding" in name  # zeros are orthogonal
        assert known or len(p) == 1 or p.grad.abs().sum() > 0, name
    assert model.generator.embedding.weight.grad is None
    assert "orthogonal" not in created("biggan", width=4, classes=3, orthogonal=0.0).generator_loss(batch)


def test_data_without_classes_are_refused():
    with pytest.raises(zoo.UsageError, match="needs labels"):
        created("sagan", classes=0)
