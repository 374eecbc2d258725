"""stylegan2 against what its paper says of it."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from conftest import created
from PIL import Image
from torch import nn

import zoo
from zoo.commands.sample import main as sample
from zoo.data.batches import Labelled
from zoo.models.stylegan2 import path_lengths
from zoo.networks.progressive import equalised
from zoo.networks.stylegan2 import Blurred, ModulatedConv, StyleGenerator


def small(**config):
    return created("stylegan2", width=2, latent_dim=6, layers=2, **config).double()


def modulated(inputs=8, outputs=5, **how):
    return ModulatedConv(inputs, outputs, 3, 6, **how).double()


def test_a_convolution_equals_one_with_weights_of_each_pictures_own():
    layer, x, w = modulated(), torch.randn(3, 8, 6, 6).double(), torch.randn(3, 6).double()
    made = layer(x, w)
    for row in range(3):
        weight = layer.convolution.weight * layer.style(w[row])[None, :, None, None]
        weight = weight / weight.square().sum((1, 2, 3), keepdim=True).sqrt()
        torch.testing.assert_close(made[row:row + 1], F.conv2d(x[row:row + 1], weight, padding=1))


def test_demodulated_output_has_variance_1_and_does_not_know_how_strong_the_style_is():
    layer, w = modulated(32, 16), torch.randn(64, 6).double()
    x = torch.randn(64, 32, 12, 12).double()
    inner = layer(x, w)[:, :, 1:-1, 1:-1]
    assert inner.var().item() == pytest.approx(1, rel=0.03)
    with torch.no_grad():
        before = layer(x, w)
        for p in layer.style.parameters():
            p.mul_(3)
    assert (layer(x, w) - before).abs().max() < 1e-10
    bare = modulated(32, 16, demodulate=False)
    torch.testing.assert_close(bare(2 * x, w), 2 * bare(x, w))


def test_blur_is_exact_and_sums_to_1():
    x = torch.randn(2, 3, 8, 8).double()
    line = torch.tensor([1.0, 3, 3, 1]).double() / 8
    kernel = torch.outer(line, line).expand(3, 1, 4, 4)
    assert kernel[0].sum() == 1
    expected = F.conv2d(F.pad(x, (1, 1, 1, 1), "replicate"), kernel, stride=2, groups=3)
    torch.testing.assert_close(Blurred()(x), expected)
    assert torch.equal(Blurred()(torch.full((1, 1, 8, 8), 0.3)), torch.full((1, 1, 4, 4), 0.3))


def test_rates_of_the_mapping_are_a_hundredth():
    plain, slow = (equalised(nn.Linear(50, 40), gain=1.0, rate=rate) for rate in (1.0, 0.01))
    for layer, moved in ((plain, 50**-0.5), (slow, 0.01 * 50**-0.5)):
        assert layer.weight.std().item() == pytest.approx(50**-0.5, rel=0.1)
        before = layer.weight.detach().clone()
        with torch.no_grad():
            layer.parametrizations.weight.original += 1  # a step of Adam
        torch.testing.assert_close(layer.weight - before, torch.full_like(before, moved))
    with torch.no_grad():
        slow.parametrizations.bias.original += 1
    assert torch.equal(slow.bias, torch.full((40,), 0.01))


def test_path_lengths_of_a_linear_generator():
    """E ||J^T y||^2 is the squared Frobenius norm of A, and its gradient reaches A."""
    a = torch.randn(12, 6, dtype=torch.float64, requires_grad=True)
    w = torch.randn(20_000, 1, 6, dtype=torch.float64, requires_grad=True)
    lengths = path_lengths((w @ a.T).view(-1, 3, 2, 2), w, torch.randn(20_000, 3, 2, 2).double())
    assert lengths.square().mean().item() == pytest.approx(a.square().sum().item(), rel=0.03)
    lengths.mean().backward()
    assert a.grad.abs().sum() > 0


def test_gradients_stay_finite_where_nothing_depends_on_w():
    model = small()
    for layer in model.generator.modules():
        if isinstance(layer, ModulatedConv):
            nn.init.zeros_(layer.style.parametrizations.weight.original)
    model.path_loss(Labelled(torch.zeros(2, 1, 16, 16), torch.zeros(2)))["path"].backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in model.generator.parameters())


def test_noise_is_part_of_the_latent_and_a_place_each():
    model = small()
    assert model.latent_size == 6 + 4**2 + 2 * 8**2 + 2 * 16**2
    for layer in model.generator.convolutions:
        nn.init.ones_(layer.strength)
    normal = model.normals(2, 0)
    one = model.render(normal)
    assert torch.equal(model.render(normal), one)
    normal[:, -1] += 3  # the last place of the last map
    differ = (model.render(normal) != one).any(1)
    assert differ.any()
    assert not differ[:, :14].any()  # two 3x3 neighbourhoods away at most
    assert not differ[:, :, :14].any()


def test_truncation_is_in_w():
    model = small()
    with torch.no_grad():
        model.generator.centre += 0.1
    assert torch.equal(model.sample(4, seed=0, truncation=1.0), model.sample(4, seed=0))
    images = model.sample(4, seed=0, truncation=0.0)
    assert (images[1:] - images[:1]).abs().max() < 1e-12  # no noise at first
    centre = model.generator.centre.expand(1, model.generator.layers, -1)
    mean = model.data.to_unit(model.generator.synthesise(centre, torch.zeros(1, model.generator.noise_size).double()))
    torch.testing.assert_close(images[:1], mean)
    half = model.sample(4, seed=0, truncation=0.5)
    whole = model.sample(4, seed=0)
    assert 0 < (half[1:] - half[:1]).abs().max() < (whole[1:] - whole[:1]).abs().max()
    assert model.generator.psi == 1
    with pytest.raises(zoo.UsageError, match="from 0 .* to 1"):
        model.sample(1, truncation=1.5)


def test_truncation_is_in_w_whatever_is_asked(tmp_path):
    """Of walks and of the command too, whose normals stay as they are."""
    model = created("stylegan2", width=2, latent_dim=6, layers=2)
    walk = zoo.interpolate(model, 1, 3, seed=0, truncation=0.5)
    ends = model.sample(2, seed=0, truncation=0.5)
    torch.testing.assert_close(walk[0, [0, 2]], ends)
    rows = zoo.traverse(model, 3, rows=2, steps=2, seed=0, truncation=0.0)
    torch.testing.assert_close(rows[0], rows[1])  # the mean, wherever z and noise are
    zoo.save(model, tmp_path / "model")
    sample([str(tmp_path / "model"), "--n", "3", "--truncation", "0", "--out", str(tmp_path / "mean.png")])
    drawn = torch.from_numpy(np.array(Image.open(tmp_path / "mean.png")))
    assert torch.equal(drawn[:, :18], drawn[:, 18:36])
    with pytest.raises(zoo.UsageError, match="from 0 .* to 1"):
        sample([str(tmp_path / "model"), "--truncation", "1.5", "--out", str(tmp_path / "none.png")])


def test_styles_are_mixed_from_a_layer_on():
    model = small(mixing=0.9)
    w = model.mixed(400)
    first, last = w[:, :1], w[:, -1:]
    since = (w != first).any(2).int().argmax(1)  # 0: never
    assert ((w == first) | (w == last)).all()
    assert (since == 0).float().mean().item() == pytest.approx(0.1, abs=0.05)
    assert torch.equal(since.unique(), torch.arange(model.generator.layers))
    plain = small(mixing=0.0).mixed(4)
    assert torch.equal(plain[:, 0], plain[:, -1])


def test_penalties_have_updates_of_their_own_and_the_rates_make_up_for_them(monkeypatch):
    model = small(r1_every=2, path_every=3)
    assert (model.share_of("discriminator"), model.share_of("generator")) == (2 / 3, 3 / 4)
    order, sizes = [], []
    model.configure_optimizers()
    model.updates = {"discriminator": 0, "generator": 0}

    def optimize(group, loss, batch):
        terms = loss(batch)
        order.append(next(name for name in ("path", "r1", "real", "adversarial") if name in terms)[0])
        sizes.append(len(batch.images))
        model.updates[group] += 1

    monkeypatch.setattr(model, "optimize", optimize)
    for _ in range(6):
        model.training_step(Labelled(torch.randn(8, 1, 16, 16).double(), torch.zeros(8)), 0)
    assert "".join(order) == "ra" + "rra" + "rap" + "rra" + "ra" + "rrap"
    assert [size for step, size in zip(order, sizes, strict=True) if step == "p"] == [4, 4]
    assert model.paths.updates == 2
    assert model.styles.updates == 6
    assert torch.equal(model.generator.centre, model.styles.means)


def test_the_parts_of_a_path_penalty_are_of_one_size(monkeypatch):
    """Parts of 3, 3, 3 and 1 would weigh the last three times as much, and draw its noise for another."""
    model = small(path_every=1, group=1)
    model.accumulate, sizes = 4, []
    model.updates = {"discriminator": 0, "generator": 0}

    def optimize(group, loss, batch):
        if loss == model.path_loss:
            sizes.append(len(batch.images))
        loss(batch)
        model.updates[group] += 1

    monkeypatch.setattr(model, "optimize", optimize)
    model.training_step(Labelled(torch.randn(20, 1, 16, 16).double(), torch.zeros(20)), 0)
    assert sizes == [8]


def test_looking_at_losses_leaves_the_moving_averages_alone():
    """The next step would take what was only looked at for its own."""
    model = small()
    batch = Labelled(torch.randn(4, 1, 16, 16).double(), torch.zeros(4))
    with model.looking():
        model.generator_loss(batch)
    assert not model.styles._seen
    model.generator_loss(batch)
    assert len(model.styles._seen) == 1


def test_a_generator_of_another_size_has_a_level_more():
    with torch.device("meta"):
        maps = [StyleGenerator(6, 1, sides, 2, 2).maps for sides in ([7, 14, 28], [4, 8])]
    assert maps == [[7, 14, 14, 28, 28], [4, 8, 8]]
