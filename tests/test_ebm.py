"""EBM: chains have the law of theory, the energy learns from their ends alone, and runs that explode stop."""

import pytest
import torch
from closed_forms import of_points
from conftest import tiny_run
from PIL import Image
from torch import nn
from torchvision.transforms.functional import pil_to_tensor

import zoo
from zoo.commands import sample
from zoo.core.errors import NonFiniteLossError
from zoo.core.history import Replay
from zoo.data.mixtures import MIXTURES
from zoo.data.sources import open_source
from zoo.models.ebm import EBM, Contrasted
from zoo.store.export import export_onnx


class Energy(nn.Module):
    """E in closed form, (N, C, 1, 1) -> (N, 1), times a parameter."""

    def __init__(self, function) -> None:
        super().__init__()
        self.function, self.scale = function, nn.Parameter(torch.ones((), dtype=torch.float64))

    def forward(self, x):
        return self.scale * self.function(x.flatten(1))


def half_square(x):
    return x.square().sum(1, keepdim=True) / 2


def model_of(energy=half_square, channels=1, **config):
    model = of_points("ebm", channels, backbone="mlp", width=2, replay=32, **config).double()
    model.generator = Energy(energy)
    model.configure_model()
    model._draws.begin(0, 8)
    return model


@pytest.mark.parametrize(("step", "noise", "deviation", "variance"), [
    (0.1, "matched", 0.0, 1.0256), (1.0, "matched", 0.0, 4 / 3), (1.0, "fixed", 0.005, 3.333e-5)])
def test_variance_of_a_chain(step, noise, deviation, variance):
    """For E = |x|^2 / 2 it is sigma^2 / (1 - (1 - lambda/2)^2); sigma^2 / lambda where steps are small."""
    model = model_of(step=step, noise=noise, deviation=deviation, steps=150, restart=1.0)
    ends, sigma = model.ends(40_000), model.deviation
    assert sigma**2 / (1 - (1 - step / 2) ** 2) == pytest.approx(variance, rel=1e-3)
    assert ends.var().item() == pytest.approx(variance, rel=0.03)  # 4 standard errors
    assert abs(ends.mean().item()) < 4 * (variance / 40_000) ** 0.5


def test_a_sample_is_a_draw_where_noise_matters():
    """With matched noise, which is part of the latent, samples have the variance of the chains; else a latent has a
    number a pixel, however long the chain is."""
    model = model_of(step=1.0, noise="matched", sampling_steps=150)
    assert model.latent_size == 151
    assert model.sample(40_000, seed=0).var().item() == pytest.approx(4 / 3, rel=0.03)
    assert zoo.create("ebm", image_size=28, width=2, sampling_steps=400).latent_size == 784


def test_a_step_by_hand():
    """On images too, which stay within [-1, 1]."""
    model = zoo.create("ebm", image_size=16, width=2).double()
    x, noise = torch.rand(2, 1, 16, 16).double() * 2 - 1, torch.randn(2, 1, 16, 16).double()
    inner = x.clone().requires_grad_()
    model.eval()
    model.generator(inner).sum().backward()
    expected = (x - 10 * inner.grad + 0.005 * noise).clamp(-1, 1)
    with torch.inference_mode():
        torch.testing.assert_close(model.moved(x, noise), expected)


def test_losses_by_hand():
    model = model_of(size=0.5)
    terms = model.energy_loss(Contrasted(torch.tensor([2.0, 4.0]).view(2, 1, 1, 1).double(),
                                         torch.tensor([0.0, 6.0]).view(2, 1, 1, 1).double()))
    assert terms["real"].item() == pytest.approx((2 + 8) / 2)
    assert terms["fake"].item() == pytest.approx(-(0 + 18) / 2)
    assert terms["size"].item() == pytest.approx(0.5 * ((4 + 64) / 2 + 324 / 2))
    assert model.measured["energy/largest"].item() == 18


def test_no_gradient_through_the_chain():
    """The ends are constants, so d/ds of s E(x+) - s E(x-) is E(x+) - E(x-), though they follow from s."""
    model = model_of(size=0.0, step=0.5)
    ends = model.ends(8)
    assert not ends.requires_grad
    assert model.generator.scale.grad is None
    images = torch.randn(8, 1, 1, 1).double()
    sum(model.energy_loss(Contrasted(images, ends)).values()).backward()
    expected = half_square(images.flatten(1)).mean() - half_square(ends.flatten(1)).mean()
    assert model.generator.scale.grad.item() == pytest.approx(expected.item())


def test_replay_by_hand():
    """What is newest takes the place of what is oldest; a past one is taken where chance is below the share."""
    replay, new = Replay(5, 1), torch.tensor([[-1.0], [-2.0], [-3.0]])
    chance = torch.tensor([[0.0, 0.0], [0.89, 0.99], [0.9, 0.5]])
    assert torch.equal(replay.recall(new, chance, 0.9), new)  # there is none yet
    replay.keep(torch.tensor([[0.0], [1.0], [2.0]]))
    assert replay.recall(new, chance, 0.9).flatten().tolist() == [0, 2, -3]
    replay.keep(torch.tensor([[3.0], [4.0], [5.0], [6.0]]))
    assert replay.kept.flatten().tolist() == [5, 6, 2, 3, 4]
    replay.keep(torch.arange(10.0, 18.0)[:, None])  # more than there is room for
    assert sorted(replay.kept.flatten().tolist()) == [13, 14, 15, 16, 17]
    assert torch.isin(replay.recall(new, torch.tensor([[0.5, 1.0]] * 3), 0.9), replay.kept).all()


def test_chains_go_on_where_they_ended():
    model = model_of(step=0.0, deviation=0.0, restart=0.0)
    first = model.ends(8)
    assert torch.equal(model.replay.kept[:8], first)
    assert torch.isin(model.ends(8), first).all()
    forgetful = model_of(step=0.0, sampler="argmax")
    forgetful.ends(8)
    assert forgetful.replay.count == 0


def test_a_sample_has_as_many_steps_as_a_remembered_chain():
    """The energy has learnt from ends of chains that are so long on average; before that they still are noise."""
    config = EBM.Config()
    assert config.sampling_steps >= config.steps / config.restart


def test_argmax_finds_the_best():
    """Of a concave score, from any noise."""
    best = torch.tensor([0.3, -1.2], dtype=torch.float64)
    model = model_of(lambda x: ((x - best) ** 2).sum(1, keepdim=True), 2, sampler="argmax", step=0.4, steps=60)
    assert (model.ends(16).flatten(1) - best).abs().max() < 1e-8
    assert model.latent_size == 2
    assert (model.sample(5, seed=0).flatten(1) - best).abs().max() < 1e-6


LINE = torch.linspace(-4, 4, 801, dtype=torch.float64)[:, None]


def trained(looked_at, measure, seed: int = 0, **config) -> list[float]:
    """What is measured of an energy of two peaks after some numbers of rounds."""
    torch.manual_seed(seed)
    model = of_points("ebm", backbone="mlp", norm="none", width=8, replay=1000, size=0.1, steps=10, **config)
    optimizer = torch.optim.Adam(model.generator.parameters(), model.config.learning_rate, (0.0, 0.999))
    data, _ = open_source("two-peaks").load()
    found = []
    for number, images in enumerate(data[:64 * (max(looked_at) + 1)].split(64)):
        if number in looked_at:
            found.append(measure(model))
        model._draws.begin(seed, 64 * (number + 1))
        optimizer.zero_grad()
        sum(model.energy_loss(Contrasted(images, model.ends(64))).values()).backward()
        optimizer.step()
    return found


def best_off_the_data(model) -> float:
    """By how much the highest score, -E, away from both peaks is above the mean score on them."""
    with torch.no_grad():
        scores = -model.generator(LINE.float().view(-1, 1, 1, 1)).flatten()
    on = MIXTURES["two-peaks"]().density(LINE) > 0.05
    return (scores[~on].max() - scores[on].mean()).item()


def test_a_discriminator_learns_where_it_is_wrong():
    """What it likes best away from the data it likes less after rounds of asking it for that."""
    found = trained([50, 100, 200], best_off_the_data, sampler="argmax", learning_rate=1e-3, step=0.2)
    assert found[0] > found[1] > found[2], found
    assert found[2] < 0.2 * found[0], found


def test_its_density_is_that_of_the_data():
    """By matched noise: half the total variation between the energy's density and the true one, of at most 1."""
    true = MIXTURES["two-peaks"]().density(LINE)

    def apart(model) -> float:
        density = model.density(LINE, ema=False)
        assert density.sum().item() == pytest.approx(1)
        return (density - true / true.sum()).abs().sum().item() / 2

    before, after = trained([0, 400], apart, noise="matched", learning_rate=2e-3, step=0.02)
    assert before > 0.8, before
    assert after < 0.25, after


def test_density_in_closed_form():
    """exp(-E / T) with T = sigma^2 / lambda; a chain without noise has none."""
    for config, temperature in [({"noise": "matched", "step": 0.1}, 1.0), ({"step": 0.5, "deviation": 1.0}, 2.0)]:
        density = model_of(**config).density(LINE)
        normal = torch.distributions.Normal(0.0, temperature**0.5).log_prob(LINE.flatten()).exp()
        torch.testing.assert_close(density, normal / normal.sum())
    with pytest.raises(zoo.UsageError, match="without noise"):
        model_of(sampler="argmax").density(LINE)


def test_mixtures_have_their_density():
    """It adds up to 1 over the line, or the plane."""
    for name, of in MIXTURES.items():
        mixture = of()
        line = torch.linspace(-5, 5, 1001, dtype=torch.float64)
        places = torch.cartesian_prod(*[line] * mixture.centres.shape[1]).view(1001**mixture.centres.shape[1], -1)
        assert (mixture.density(places).sum() * 0.01 ** places.shape[1]).item() == pytest.approx(1), name


def test_its_density_is_drawn_beside_the_true_one(tmp_path):
    run = tiny_run("ebm", tmp_path, images=64, data="ring", image_size=0,
                   config={"backbone": "mlp", "width": 2, "noise": "matched", "step": 0.01, "sampling_steps": 4})
    run.train()
    picture = zoo.load(tmp_path).pictures()["density.png"]
    assert picture.size == (2 * 258 + 2, 260)
    right = pil_to_tensor(picture.convert("L").crop((260, 2, 516, 258)))[0]
    rows, columns = (right > 200).nonzero().unbind(1)
    assert abs(rows.float().mean() - 127.5) < 2  # eight peaks around the middle
    assert (((rows - 127.5) ** 2 + (columns - 127.5) ** 2).float().sqrt() / 102 - 1).abs().max() < 0.05


def test_a_run_that_explodes_stops(tmp_path):
    run = tiny_run("ebm", tmp_path, config={"width": 2, "norm": "none", "size": 0.0, "learning_rate": 10.0})
    with pytest.raises(NonFiniteLossError, match="an energy of .* beyond 1,000 .*checkpoint.*--norm spectral"):
        run.train()


def test_its_chain_can_be_watched(tmp_path):
    tiny_run("ebm", tmp_path, images=16, config={"width": 2, "steps": 2, "sampling_steps": 60}).train()
    model = zoo.load(tmp_path)
    stages = model.stages(model.normals(3, seed=1))
    assert list(stages) == [f"step {step}" for step in (0, 1, 5, 11, 20, 31, 44, 60)]
    assert torch.equal(stages["step 60"], model.sample(3, seed=1))
    sample.main([str(tmp_path), "--n", "2", "--stages", "--out", str(tmp_path / "stages.png")])
    with Image.open(tmp_path / "stages.png") as picture:
        assert picture.size == (8 * 18 + 2, 2 * 18 + 2)
    with pytest.raises(zoo.UsageError, match="no ONNX file of ebm: it samples by gradients"):
        export_onnx(model, tmp_path / "model.onnx")
