"""gan, nsgan and wgan-gp against what their papers derive."""

import math

import pytest
import torch
from closed_forms import batch, create, linear, quantiles

REAL, FAKE = torch.distributions.Normal(0.0, 1.0), torch.distributions.Normal(1.5, 1.0)


def best_logits(points):
    """Of D* = p / (p + q)."""
    return REAL.log_prob(points) - FAKE.log_prob(points)


def jensen_shannon():
    x = torch.linspace(-12, 14, 200_001, dtype=torch.float64)
    p, q = REAL.log_prob(x).exp(), FAKE.log_prob(x).exp()
    m = (p + q) / 2
    return torch.trapezoid(0.5 * p * (p / m).log() + 0.5 * q * (q / m).log(), x)


@pytest.mark.parametrize("name", ["gan", "nsgan"])
def test_value_at_the_best_discriminator_is_the_jensen_shannon_divergence(name):
    """Goodfellow 2014, theorem 1: V(D*, G) = -log 4 + 2 JSD."""
    model = create(name, best_logits, quantiles(FAKE))
    value = -sum(model.discriminator_loss(batch(quantiles(REAL))).values())
    expected = 2 * jensen_shannon() - math.log(4)
    assert jensen_shannon() > 0.2
    torch.testing.assert_close(value, expected, rtol=0, atol=1e-5)

    equal = create(name, lambda x: 0 * x, quantiles(REAL))
    value = -sum(equal.discriminator_loss(batch(quantiles(REAL))).values())
    assert value.item() == pytest.approx(-math.log(4), abs=1e-12)


@pytest.mark.parametrize("name", ["gan", "nsgan"])
def test_no_other_discriminator_does_better(name):
    losses = [sum(create(name, lambda x, e=e: best_logits(x) + e * torch.sin(x + 1), quantiles(FAKE))
                  .discriminator_loss(batch(quantiles(REAL))).values()) for e in (-0.1, 0.0, 0.1)]
    assert losses[1] < min(losses[0], losses[2]) - 1e-4


def slope(name, discriminator, fake):
    """The generator loss's derivative in a shift of the fakes."""
    shift = torch.zeros((), dtype=torch.float64, requires_grad=True)
    model = create(name, discriminator, fake + shift)
    (gradient,) = torch.autograd.grad(sum(model.generator_loss(batch(fake)).values()), shift)
    return gradient.item()


@pytest.mark.parametrize("logit", [-30.0, -10.0, 0.0])
def test_minimax_gradient_vanishes_where_the_discriminator_is_sure_and_the_other_does_not(logit):
    """With logits D(x) = x the slopes are -sigmoid(x) for gan, -sigmoid(-x) for nsgan."""
    fake = torch.full((4, 1), logit, dtype=torch.float64)
    assert slope("gan", lambda x: x, fake) == pytest.approx(-1 / (1 + math.exp(-logit)), rel=1e-9)
    assert slope("nsgan", lambda x: x, fake) == pytest.approx(-1 / (1 + math.exp(logit)), rel=1e-9)
    if logit == -30:
        assert abs(slope("gan", lambda x: x, fake)) < 1e-12
        assert slope("nsgan", lambda x: x, fake) < -0.999


def test_both_games_have_the_same_fixed_point():
    """At p = q D* is constant and neither generator moves; elsewhere both move the fakes towards the data."""
    for name in ("gan", "nsgan"):
        assert slope(name, lambda x: 0 * x, quantiles(REAL)) == 0
        assert slope(name, best_logits, quantiles(FAKE)) > 0.1  # fakes are right of the data: descent goes left


def gradient_penalty(weights, name="wgan-gp", seed=0, **config):
    """The penalty term of a linear critic and its gradient in the weights."""
    torch.manual_seed(seed)
    real, fake = torch.randn(2, 16, len(weights), dtype=torch.float64)
    critic = linear(weights)
    model = create(name, critic, fake, channels=len(weights), **config)
    penalty = model.discriminator_loss(batch(real))["penalty"]
    weight, bias = critic[1].weight, critic[1].bias
    gradient, on_bias = torch.autograd.grad(penalty, (weight, bias), allow_unused=True)
    assert on_bias is None or not on_bias.any()
    return penalty.item(), gradient[0]


@pytest.mark.parametrize("weights", [[3.0, 4.0, 0.0], [0.3, -0.4, 0.0], [0.0, 2.0, 0.0]])
@pytest.mark.parametrize("penalty", [10.0, 2.5])
def test_gradient_penalty_of_a_linear_critic(weights, penalty):
    """lambda (||w|| - 1)^2, whose gradient is 2 lambda (||w|| - 1) w / ||w||."""
    value, gradient = gradient_penalty(weights, penalty=penalty)
    norm = math.hypot(*weights)
    assert value == pytest.approx(penalty * (norm - 1) ** 2, rel=1e-12)
    expected = 2 * penalty * (norm - 1) / norm * torch.tensor(weights, dtype=torch.float64)
    torch.testing.assert_close(gradient, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("one_sided", [False, True])
def test_gradient_penalty_is_zero_where_the_norm_is_one(one_sided):
    value, gradient = gradient_penalty([0.6, 0.8, 0.0], one_sided=one_sided)
    assert value < 1e-28
    assert gradient.abs().max() < 1e-13
    for norm in (0.99, 1.01):
        value, _ = gradient_penalty([0.6 * norm, 0.8 * norm, 0.0])
        assert value == pytest.approx(10 * 0.01**2, rel=1e-9)


def test_one_sided_penalty_ignores_norms_below_one():
    value, gradient = gradient_penalty([0.3, 0.4, 0.0], one_sided=True)
    assert value == 0
    assert not gradient.any()
    assert gradient_penalty([3.0, 4.0, 0.0], one_sided=True)[0] == pytest.approx(10 * 16, rel=1e-12)


def test_gradient_penalty_of_a_critic_without_gradient_is_finite():
    value, gradient = gradient_penalty([0.0, 0.0, 0.0])
    assert value == 10
    assert torch.isfinite(gradient).all()


def test_penalised_points_lie_between_real_and_fake():
    """One epsilon an image, spread over [0, 1]."""
    seen = []
    real, fake = torch.zeros(4000, 3, dtype=torch.float64), torch.tensor([[1.0, 2.0, 4.0]]).double().repeat(4000, 1)

    def critic(x):
        seen.append(x.detach())
        return x.sum(1, keepdim=True)

    create("wgan-gp", critic, fake, channels=3).discriminator_loss(batch(real))
    along = seen[-1] / fake
    assert torch.allclose(along, along[:, :1].expand(-1, 3), atol=1e-12)
    assert along.min() >= 0
    assert along.max() <= 1
    histogram = torch.histc(along[:, 0], bins=4, min=0, max=1) / 4000
    assert (histogram - 0.25).abs().max() < 0.03


def test_wasserstein_terms_are_the_difference_of_the_means():
    real, fake = torch.tensor([[2.0], [4.0]]).double(), torch.tensor([[1.0], [-2.0]]).double()
    model = create("wgan-gp", linear([2.0], bias=5.0), fake)
    terms = model.discriminator_loss(batch(real))
    assert (terms["real"] + terms["fake"]).item() == pytest.approx(-2 * (3 - -0.5))
    assert model.measured["discriminator/distance"].item() == pytest.approx(7)
    assert model.generator_loss(batch(real))["adversarial"].item() == pytest.approx(-(2 * -0.5 + 5))
