"""lsgan, wgan, dragan, fgan, improved-gan, mmdgan and r3gan against what their papers derive."""

import math
import warnings

import pytest
import torch
import torch.nn.functional as F
from closed_forms import Function, batch, create, linear, of_points, quantiles
from lightning.pytorch import Trainer, seed_everything
from torch import nn
from torch.distributions import Normal
from torch.utils.data import DataLoader

import zoo
from zoo.core.errors import UsageError
from zoo.data.batches import Labelled
from zoo.losses import squared_mmd
from zoo.models import dragan
from zoo.models.fgan import DIVERGENCES
from zoo.models.improved_gan import MinibatchDiscrimination
from zoo.models.mmdgan import BANDWIDTHS, kernel

P, Q = Normal(0.0, 1.0), Normal(0.5, 1.0)  # data and fakes
GRID = torch.linspace(-12, 12, 200_001, dtype=torch.float64)


def ratio(x):
    return (P.log_prob(x) - Q.log_prob(x)).exp()


def train(model, batches) -> None:
    """A real run over ``batches``, without a folder."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        Trainer(accelerator="cpu", max_epochs=1, logger=False, enable_checkpointing=False, enable_progress_bar=False,
                enable_model_summary=False).fit(model, DataLoader(batches, batch_size=None))


# ---- lsgan --------------------------------------------------------------------------------------------------------

CODINGS = [(-1.0, 1.0, 0.0), (0.0, 2.0, 1.0), (0.0, 1.0, 1.0)]


def best_lsgan(a, b):
    """D* = (b p + a q) / (p + q) (Mao 2016, equation 5)."""
    return lambda x: (b * ratio(x) + a) / (ratio(x) + 1)


@pytest.mark.parametrize(("a", "b", "c"), CODINGS)
def test_lsgan_best_discriminator(a, b, c):
    """No direction improves on D*."""
    for direction in (torch.ones_like, torch.sin, lambda x: x):
        step = torch.zeros((), dtype=torch.float64, requires_grad=True)
        model = create("lsgan", lambda x, s=step, d=direction: best_lsgan(a, b)(x) + s * d(x), quantiles(Q),
                       a=a, b=b, c=c)
        loss = sum(model.discriminator_loss(batch(quantiles(P))).values())
        (slope,) = torch.autograd.grad(loss, step)
        assert abs(slope) < 1e-4


@pytest.mark.parametrize(("a", "b", "c"), CODINGS[:2])
def test_lsgan_generator_descends_pearson_divergence(a, b, c):
    """b - c = 1 and b - a = 2: E_p[(D* - c)^2] + E_q[(D* - c)^2] is chi^2(p + q || 2q); the first does not see G."""
    on_fake, on_real = (create("lsgan", best_lsgan(a, b), points, a=a, b=b, c=c)
                        .generator_loss(batch(points))["adversarial"] for points in (quantiles(Q), quantiles(P)))
    p, q = P.log_prob(GRID).exp(), Q.log_prob(GRID).exp()
    chi_squared = torch.trapezoid((2 * q - (p + q)).square() / (p + q), GRID)
    assert chi_squared > 0.1
    torch.testing.assert_close(2 * (on_fake + on_real), chi_squared, rtol=0, atol=1e-5)


# ---- wgan ---------------------------------------------------------------------------------------------------------


def bounds_after_every_step(model, network):
    """Records the largest magnitude of the network's parameters after each update of each group."""
    bounds, optimize = [], model.optimize

    def recorded(group, *arguments):
        optimize(group, *arguments)
        bounds.append((group, max(p.abs().max().item() for p in network.parameters())))

    model.optimize = recorded
    return bounds


def digits(batches, size=16):
    return [Labelled(torch.rand(8, 1, size, size) * 2 - 1, torch.zeros(8, dtype=torch.int64)) for _ in range(batches)]


@pytest.mark.parametrize("variant", ["wgan", "mmdgan"])
def test_weights_lie_within_the_bound_after_every_step(variant):
    """At the default bound and at another, with five critic steps a generator step."""
    for config in ({}, {"clip": 0.003}):
        seed_everything(0, verbose=False)
        model = zoo.create(variant, image_size=16, channels=1, width=2, **config)
        critic = model.discriminator.encoder if variant == "mmdgan" else model.discriminator
        assert max(p.abs().max() for p in critic.parameters()) > 0.04
        bounds = bounds_after_every_step(model, critic)
        train(model, digits(11))
        bound = config.get("clip", 0.01)
        assert [group for group, _ in bounds] == 2 * (5 * ["discriminator"] + ["generator"]) + ["discriminator"]
        assert all(largest <= bound * (1 + 1e-6) for _, largest in bounds)
        assert max(largest for _, largest in bounds) == pytest.approx(bound)  # the bound is felt
        assert all(group["lr"] == 5e-5 for o in model.optimizers() for group in o.param_groups)
        assert all(isinstance(o.optimizer, torch.optim.RMSprop) for o in model.optimizers())
        if variant == "mmdgan":  # the decoder is not clipped
            assert max(p.abs().max() for p in model.discriminator.decoder.parameters()) > 0.04


def test_wgan_critic_gap_between_two_points_grows_with_their_distance():
    """A linear critic ends at c (real - fake): exactly proportional. The zoo's own grows too."""
    gaps = {"linear": [], "mlp": []}
    distances = [0.25, 0.5, 1.0, 2.0]
    for kind, gap in gaps.items():
        for distance in distances:
            seed_everything(0, verbose=False)
            model = of_points("wgan", backbone="mlp", width=1, discriminator_norm="none", clip=0.1, learning_rate=5e-3,
                              critic_steps=1000)
            if kind == "linear":
                model.discriminator = nn.Sequential(nn.Flatten(), nn.Linear(1, 1))
            model.fake = lambda batch, d=distance: torch.full((4, 1, 1, 1), d)
            train(model, 40 * [batch(torch.zeros(4, 1))])
            gap.append(model.measured["discriminator/distance"].item())
    assert gaps["linear"] == pytest.approx([0.1 * d for d in distances], rel=1e-4)
    assert all(further > 1.5 * nearer > 0 for nearer, further in zip(gaps["mlp"], gaps["mlp"][1:], strict=False))


def test_wgan_terms():
    model = create("wgan", linear([2.0], bias=5.0), torch.tensor([[1.0], [-2.0]]).double())
    terms = model.discriminator_loss(batch(torch.tensor([[2.0], [4.0]]).double()))
    assert {name: term.item() for name, term in terms.items()} == pytest.approx({"real": -11, "fake": 4})
    assert model.generator_loss(None)["adversarial"].item() == pytest.approx(-4)


# ---- dragan -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("weights", [[3.0, 4.0], [0.3, -0.4], [0.6, 0.8]])
@pytest.mark.parametrize(("penalty", "slope"), [(10.0, 1.0), (3.0, 0.5)])
def test_dragan_penalty_of_a_linear_discriminator(weights, penalty, slope):
    """lambda (||w|| - k)^2 with gradient 2 lambda (||w|| - k) w / ||w||."""
    discriminator, points = linear(weights), torch.randn(2, 8, 2).double()
    model = create("dragan", discriminator, points[1], channels=2, penalty=penalty, slope=slope)
    value = model.discriminator_loss(batch(points[0]))["penalty"]
    (gradient,) = torch.autograd.grad(value, discriminator[1].weight)
    excess = math.hypot(*weights) - slope
    assert value.item() == pytest.approx(penalty * excess**2, rel=1e-9, abs=1e-14)
    expected = 2 * penalty * excess / math.hypot(*weights) * torch.tensor([weights]).double()
    torch.testing.assert_close(gradient, expected, rtol=1e-6, atol=1e-6)


def penalised_points(real, **config):
    """Where DRAGAN's penalty looks at D."""
    seen = []
    model = create("dragan", lambda x: (seen.append(x.detach()), x.sum(1, keepdim=True))[1], torch.full_like(real, 1e3),
                   channels=real.shape[1], **config)
    model.penalty(batch(real).images)
    assert len(seen) == 1
    return seen[0]


@pytest.mark.parametrize("scale", [1.0, 0.1, 7.0])
def test_dragan_perturbs_real_points_by_up_to_half_a_standard_deviation(scale):
    """Uniform on [0, std / 2] an entry, with one std for all, of a batch whose coordinates differ in theirs."""
    torch.manual_seed(0)
    real = scale * (torch.randn(5000, 3).double() * torch.tensor([1.0, 2.0, 3.0]) + torch.tensor([5.0, 0.0, 1.0]))
    delta = penalised_points(real) - real
    half = 0.5 * real.numpy().std()
    assert delta.min() >= 0
    assert delta.max() <= half
    for column in delta.T:
        histogram = torch.histc(column, bins=4, min=0, max=float(half)) / len(real)
        assert (histogram - 0.25).abs().max() < 0.03
    assert not penalised_points(real, perturbation=0.0).sub(real).any()


def test_dragan_deviation_is_that_of_all_processes(monkeypatch):
    """From two unequal halves, as if gathered, that of the whole; a constant batch has none."""
    whole = torch.cat([torch.randn(6, 1, 2, 2) * 3 + 4, torch.randn(6, 1, 2, 2)]).double()
    moments = []
    for half in whole.split(6):
        monkeypatch.setattr(dragan, "gather", lambda x: (moments.append(x), x)[1])
        dragan.standard_deviation(half)
    monkeypatch.setattr(dragan, "gather", lambda x: torch.cat(moments))
    torch.testing.assert_close(dragan.standard_deviation(whole[:6]), whole.std(unbiased=False))
    monkeypatch.undo()
    assert dragan.standard_deviation(torch.full((8, 1, 4, 4), -1.0)) == 0


# ---- fgan ---------------------------------------------------------------------------------------------------------

# f as in the paper's table 1, independent of the model's own table.
GENERATORS = {
    "gan": lambda u: u * u.log() - (u + 1) * (u + 1).log(),
    "total_variation": lambda u: (u - 1).abs() / 2,
    "kl": lambda u: u * u.log(),
    "reverse_kl": lambda u: -u.log(),
    "pearson": lambda u: (u - 1).square(),
    "neyman": lambda u: (1 - u).square() / u,
    "squared_hellinger": lambda u: (u.sqrt() - 1).square(),
    "jeffrey": lambda u: (u - 1) * u.log(),
    "jensen_shannon": lambda u: u * u.log() - (u + 1) * ((1 + u) / 2).log(),
}
CASES = [(name, 0.5) for name in DIVERGENCES] + [("alpha", alpha) for alpha in (-1.0, 0.5, 2.0, 3.0)]


def generator(name, alpha):
    if name == "alpha":
        return lambda u: (u**alpha - 1 - alpha * (u - 1)) / (alpha * (alpha - 1))
    return GENERATORS[name]


def derivative(f, u):
    u = u.detach().requires_grad_()
    return torch.autograd.grad(f(u).sum(), u)[0]


def inverse(increasing, values):
    """The v where an increasing function has these values, by bisection."""
    low, high = torch.full_like(values, -1e4), torch.full_like(values, 1e4)
    for _ in range(70):
        middle = (low + high) / 2
        below = increasing(middle) < values
        low, high = torch.where(below, middle, low), torch.where(below, high, middle)
    return (low + high) / 2


def divergence(name, alpha):
    return of_points("fgan", backbone="mlp", width=1, divergence=name, alpha=alpha).divergence


def test_fgan_offers_what_is_tested():
    assert set(GENERATORS) == set(DIVERGENCES)


@pytest.mark.parametrize(("name", "alpha"), CASES)
def test_fgan_generator_functions(name, alpha):
    """f is convex and f(1) = 0, but for ``gan``, whose f(1) is -log 4 as the paper notes."""
    f, u = generator(name, alpha), torch.linspace(0.05, 8, 2001, dtype=torch.float64)
    expected = -math.log(4) if name == "gan" else 0
    assert f(torch.ones(1, dtype=torch.float64)).item() == pytest.approx(expected, abs=1e-12)
    middle, ends = f((u[:-1] + u[1:]) / 2), (f(u[:-1]) + f(u[1:])) / 2
    assert (middle <= ends + 1e-12).all()


@pytest.mark.parametrize(("name", "alpha"), CASES)
def test_fgan_conjugate_is_the_supremum(name, alpha):
    """f*(t) = sup_u (u t - f(u)) at t = g_f(v), searched on a grid of u; g_f increases."""
    f, mine = generator(name, alpha), divergence(name, alpha)
    v = torch.linspace(-1.9 if name == "pearson" else -3, 3, 25, dtype=torch.float64)
    t = mine.activation(v)
    assert (t.diff() > 0).all()
    u = torch.cat([torch.logspace(-7, 7, 100_001, dtype=torch.float64), torch.ones(1, dtype=torch.float64)])
    supremum = (u[None] * t[:, None] - f(u)[None]).max(1).values
    torch.testing.assert_close(mine.conjugate(v), supremum, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("name", "alpha"), CASES)
def test_fgan_bound_is_tight_at_the_best_critic(name, alpha):
    """At g_f(V*) = f'(p / q) the value is D_f(P || Q); any other critic stays below."""
    f, mine = generator(name, alpha), divergence(name, alpha)
    p, q = P.log_prob(GRID).exp(), Q.log_prob(GRID).exp()
    exact = torch.trapezoid(q * f((p / q).clamp(min=1e-300)), GRID)

    def value(shift):
        model = create("fgan", lambda x: inverse(mine.activation, derivative(f, ratio(x))) + shift(x), quantiles(Q),
                       divergence=name, alpha=alpha)
        found = -sum(model.discriminator_loss(batch(quantiles(P))).values())
        torch.testing.assert_close(model.measured["discriminator/divergence"], found)
        return found

    torch.testing.assert_close(value(torch.zeros_like), exact, rtol=0, atol=5e-4)
    if name != "total_variation":  # its best critic is at infinity
        assert value(lambda x: 0.4 * torch.sin(2 * x)) < exact - 1e-3
        assert value(lambda x: torch.full_like(x, 0.4)) < exact - 1e-3


@pytest.mark.parametrize(("name", "alpha"), CASES)
def test_fgan_players_are_opponents_and_finite(name, alpha):
    """G descends minus D's fake term, or minus g_f; in float32 both, and their slopes, are finite for |v| <= 40."""
    v = torch.linspace(-40, 40, 81)[:, None]
    for non_saturating in (False, True):
        model = create("fgan", lambda x: x, v, divergence=name, alpha=alpha, non_saturating=non_saturating)
        fake = model.discriminator_loss(batch(v))["fake"]
        mine = -model.divergence.activation(v).mean() if non_saturating else -fake
        assert model.generator_loss(batch(v))["adversarial"] == mine
    for function in model.divergence:
        x = v.clone().requires_grad_()
        y = function(x)
        assert torch.isfinite(y).all()
        assert torch.isfinite(torch.autograd.grad(y.sum(), x)[0]).all()


@pytest.mark.parametrize(("name", "alpha"), CASES)
def test_fgan_slopes(name, alpha):
    """By the envelope theorem d f*(g(v)) / dv = u g'(v) with u = the maximiser: f'(u) = g(v)."""
    if name == "total_variation":  # f has a kink
        return
    f, mine = generator(name, alpha), divergence(name, alpha)
    u = torch.logspace(-1, 1, 41, dtype=torch.float64)
    v = inverse(mine.activation, derivative(f, u))
    torch.testing.assert_close(derivative(mine.conjugate, v), u * derivative(mine.activation, v), rtol=1e-6, atol=1e-9)


def test_fgan_with_the_gan_divergence_is_gan_and_nsgan():
    real, fake = torch.randn(2, 16, 1).double()
    for name, non_saturating in (("gan", False), ("nsgan", True)):
        theirs = create(name, lambda x: 3 * x, fake)
        ours = create("fgan", lambda x: 3 * x, fake, divergence="gan", non_saturating=non_saturating)
        for loss in ("discriminator_loss", "generator_loss"):
            expected, found = (getattr(model, loss)(batch(real)) for model in (theirs, ours))
            assert found.keys() == expected.keys()
            for term, value in expected.items():
                torch.testing.assert_close(found[term], value)


def test_fgan_clips_gradients_before_the_step():
    """Of each player, to the norm asked for; smaller ones stay."""
    model = of_points("fgan", backbone="mlp", width=1, gradient_clip=0.5)
    for group, parameters in model.optimizer_groups().items():
        optimizer = model.build_optimizer(group, parameters)
        for size, expected in ((100.0, 0.5), (1e-4, 1e-4)):
            for p in parameters:
                p.grad = torch.full_like(p, size / math.sqrt(sum(p.numel() for p in parameters)))
            optimizer.step()
            assert torch.cat([p.grad.flatten() for p in parameters]).norm().item() == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("alpha", [0.0, 1.0])
def test_fgan_rejects_the_limits_of_alpha(alpha):
    with pytest.raises(UsageError, match="alpha"):
        divergence("alpha", alpha)


# ---- improved-gan -------------------------------------------------------------------------------------------------


def feature_loss(real, fake, trunk=None):
    model = create("improved-gan", linear([1.0, 0.0]), fake, channels=2, feature_matching=True)
    model.discriminator.trunk = trunk or nn.Flatten()
    terms = model.generator_loss(batch(real))
    assert terms.keys() == {"features"}
    return terms["features"].item()


def test_feature_matching_is_zero_where_the_means_agree_and_only_there():
    """With other spread, other order; by hand where they differ; also behind a hidden layer."""
    torch.manual_seed(0)
    real = torch.randn(32, 2).double()
    mean = real.mean(0)
    assert feature_loss(real, real.flip(0)) < 1e-28
    assert feature_loss(real, 5 * (real - mean) + mean) < 1e-28
    moved = torch.tensor([0.3, -0.4]).double()
    assert feature_loss(real, real + moved) == pytest.approx(0.25, rel=1e-6)

    hidden = nn.Sequential(nn.Flatten(), nn.Linear(2, 6), nn.ReLU()).double()
    by_hand = (hidden(real[:, :, None, None]).mean(0) - hidden(2 * real[:, :, None, None]).mean(0)).norm() ** 2
    assert feature_loss(real, 2 * real, hidden) == pytest.approx(by_hand.item(), rel=1e-9)
    assert by_hand > 1e-3
    assert feature_loss(real, real.flip(0), hidden) < 1e-28


def test_minibatch_features_by_hand():
    layer, f = MinibatchDiscrimination(4, kernels=3, dim=2).double(), torch.randn(5, 4).double()
    found = layer(f)
    assert found.shape == (5, 4 + 3)
    assert torch.equal(found[:, :4], f)
    m = (f @ layer.tensor.weight.T).detach().reshape(5, 3, 2)
    for i in range(5):
        for b in range(3):
            closeness = sum(math.exp(-(m[i, b] - m[j, b]).abs().sum()) for j in range(5)) / 5
            assert found[i, 4 + b].item() == pytest.approx(closeness, rel=1e-12)


@pytest.mark.parametrize("switch", [True, False])
def test_discriminator_notices_a_batch_of_copies(switch):
    """The answer for an image changes beside copies of itself, not from one diverse batch to another."""
    torch.manual_seed(0)
    model = zoo.create("improved-gan", image_size=8, channels=1, backbone="mlp", width=4,
                       minibatch_discrimination=switch)
    if switch:
        nn.init.normal_(model.discriminator.trunk[1].tensor.weight, std=10)  # different images are far apart
    image = torch.randn(1, 1, 8, 8)
    diverse, other = (model.discriminator(torch.cat([image, torch.randn(15, 1, 8, 8)]))[0] for _ in range(2))
    copies = model.discriminator(image.repeat(16, 1, 1, 1))[0]
    torch.testing.assert_close(diverse, other, rtol=0, atol=1e-5)
    changed = (copies - diverse).abs().item()
    assert changed > 0.01 if switch else changed < 1e-5


def test_label_smoothing_is_one_sided():
    """The best answer for real images is 0.9; fakes keep their target, and smoothing 0 is the plain game."""
    for smoothing, target in ((0.1, 0.9), (0.25, 0.75)):
        logit = torch.tensor(math.log(target / (1 - target)), dtype=torch.float64, requires_grad=True)
        model = create("improved-gan", lambda x, logit=logit: logit + 0 * x, torch.zeros(4, 1).double(),
                       label_smoothing=smoothing)
        terms = model.discriminator_loss(batch(torch.zeros(4, 1).double()))
        (slope,) = torch.autograd.grad(terms["real"], logit, retain_graph=True)
        assert abs(slope) < 1e-12
        assert terms["real"].item() == pytest.approx(-target * math.log(target) - (1 - target) * math.log(1 - target))
        assert terms["fake"].item() == pytest.approx(-math.log(1 - target))
    real, fake = torch.randn(2, 8, 1).double()
    plain, off = (create(name, lambda x: x, fake, **config).discriminator_loss(batch(real))
                  for name, config in (("nsgan", {}), ("improved-gan", {"label_smoothing": 0.0})))
    assert plain == off


# ---- mmdgan -------------------------------------------------------------------------------------------------------


def test_squared_mmd_by_hand():
    def k(a, b):
        return sum(math.exp(-(a - b).square().sum().item() / (2 * s * s)) for s in (1, 2, 4, 8, 16))

    torch.manual_seed(0)
    x, y = torch.randn(5, 3).double(), torch.randn(5, 3).double() + 1
    within = sum(k(z[i], z[j]) for z in (x, y) for i in range(5) for j in range(5) if i != j) / 20
    across = sum(k(x[i], y[j]) for i in range(5) for j in range(5)) / 25
    assert squared_mmd(x, y, kernel).item() == pytest.approx(within - 2 * across, abs=1e-12)


def test_squared_mmd_is_unbiased():
    """Over 2,000 pairs of 8 samples it averages 0 for one distribution, where the biased estimate is far from 0, and
    the closed form for two Gaussians in 2 dimensions."""
    torch.manual_seed(0)

    def averages(shift):
        pairs = torch.randn(2000, 2, 8, 2, dtype=torch.float64)
        estimates = torch.stack([squared_mmd(x, y + shift, kernel) for x, y in pairs])
        return estimates.mean().item(), estimates.std().item() / math.sqrt(2000)

    def expectation(shift):
        """E k for the difference of two independent N(0, I_2), moved by ``shift`` in each coordinate."""
        return sum(s * s / (s * s + 2) * math.exp(-2 * shift**2 / (2 * (s * s + 2))) for s in BANDWIDTHS)

    mean, error = averages(0.0)
    assert abs(mean) < 3 * error
    bias = 2 * (len(BANDWIDTHS) - expectation(0)) / 8  # the diagonal, which the biased estimate keeps
    assert bias > 50 * error
    mean, error = averages(0.5)
    assert abs(mean - 2 * (expectation(0) - expectation(0.5))) < 3 * error
    assert mean > 10 * error


def test_mmdgan_terms():
    """G descends what the encoder ascends; the order term counts coordinates where fakes' codes exceed real ones'; the
    reconstruction is in D's loss alone."""
    torch.manual_seed(0)
    real, fake = torch.randn(16, 2).double(), torch.randn(16, 2).double() + torch.tensor([1.0, -1.0])
    model = create("mmdgan", nn.Module(), fake, channels=2, latent_dim=2)
    model.discriminator.encoder = nn.Flatten()
    model.discriminator.decoder = Function(lambda codes: 0.5 * codes[:, :, None, None])
    critic, player = model.discriminator_loss(batch(real)), model.generator_loss(batch(real))
    assert player["mmd"].item() == pytest.approx(squared_mmd(real, fake, kernel).sqrt().item(), rel=1e-12)
    excess = (fake.mean(0) - real.mean(0))[0].item()
    assert excess > 0.5
    assert player["order"].item() == pytest.approx(-16 * excess / 2, rel=1e-9)
    assert {name: -critic[name].item() for name in player} == {name: term.item() for name, term in player.items()}
    for name, points in (("reconstruct_real", real), ("reconstruct_fake", fake)):
        assert critic[name].item() == pytest.approx(8 * (points / 2).square().mean().item(), rel=1e-9)
    same = create("mmdgan", model.discriminator, real, channels=2, latent_dim=2).generator_loss(batch(real))
    assert same["mmd"].item() == pytest.approx(1e-4)  # the estimate is negative
    assert same["order"] == 0


# ---- r3gan --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("weights", "gamma"), [([3.0, 4.0], 1.0), ([0.5, -0.1], 10.0), ([0.0, 0.0], 1.0)])
def test_r1_and_r2_of_a_linear_discriminator(weights, gamma):
    """gamma / 2 ||w||^2 each, with gradient gamma w."""
    discriminator, points = linear(weights), torch.randn(2, 8, 2).double()
    terms = create("r3gan", discriminator, points[1], channels=2, gamma=gamma).discriminator_loss(batch(points[0]))
    for name in ("r1", "r2"):
        (gradient,) = torch.autograd.grad(terms[name], discriminator[1].weight, retain_graph=True)
        assert terms[name].item() == pytest.approx(gamma / 2 * math.hypot(*weights) ** 2, rel=1e-12)
        torch.testing.assert_close(gradient, gamma * torch.tensor([weights], dtype=torch.float64))


def test_r1_looks_at_real_and_r2_at_generated_points():
    """D(x) = x^2 / 2 has gradient x."""
    real, fake = torch.randn(8, 1).double(), 3 + torch.randn(8, 1).double()
    terms = create("r3gan", lambda x: x.square() / 2, fake, gamma=1.0).discriminator_loss(batch(real))
    assert terms["r1"].item() == pytest.approx(real.square().mean().item() / 2, rel=1e-12)
    assert terms["r2"].item() == pytest.approx(fake.square().mean().item() / 2, rel=1e-12)


def test_r3gan_loss_is_relativistic_and_paired():
    """A constant added to D changes nothing; pairs, not averages, are compared; the players are mirror images."""
    real, fake = torch.tensor([[2.0], [-1.0]]).double(), torch.tensor([[0.5], [4.0]]).double()
    losses = []
    for constant in (0.0, 100.0):
        model = create("r3gan", lambda x, c=constant: x + c, fake)
        losses.append([model.discriminator_loss(batch(real)), model.generator_loss(batch(real))])
    for plain, moved in zip(*losses, strict=True):
        for name, term in plain.items():
            torch.testing.assert_close(moved[name], term, rtol=0, atol=1e-12)
    critic, player = losses[0]
    assert critic["adversarial"].item() == pytest.approx((math.log1p(math.exp(-1.5)) + math.log1p(math.exp(5))) / 2)
    assert player["adversarial"].item() == pytest.approx((math.log1p(math.exp(1.5)) + math.log1p(math.exp(-5))) / 2)
    swapped = create("r3gan", lambda x: x, fake.flip(0)).discriminator_loss(batch(real))["adversarial"]
    assert swapped != critic["adversarial"]
    assert critic["adversarial"] != F.softplus(fake.mean() - real.mean())


def test_r3gan_discriminator_loss_trains_the_discriminator_alone():
    """The penalties differentiate with respect to images without keeping the generator's graph."""
    model = zoo.create("r3gan", image_size=16, channels=1, width=2)
    sum(model.discriminator_loss(digits(1)[0]).values()).backward()
    assert all(p.grad is None for p in model.generator.parameters())
    assert all(p.grad is not None for p in model.discriminator.parameters() if p is not model.discriminator.head.bias)
