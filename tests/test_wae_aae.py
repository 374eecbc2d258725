"""wae and aae against what their papers say of them."""

import math

import pytest
import torch
from closed_forms import Function, of_points

from zoo.data.batches import Labelled
from zoo.losses import squared_mmd
from zoo.models.wae import inverse_multiquadratic


def points(n, scale=1.0, shift=0.0):
    return Labelled(torch.randn(n, 2, 1, 1) * scale + shift, torch.zeros(n, dtype=torch.int64))


def test_discrepancy_by_hand():
    x, y = torch.randn(2, 4, 3, dtype=torch.float64)

    def k(a, b):
        return 6 / (6 + sum((p - q) ** 2 for p, q in zip(a.tolist(), b.tolist(), strict=True)))

    within = sum(k(s[i], s[j]) for s in (x, y) for i in range(4) for j in range(4) if i != j) / 12
    across = sum(k(a, b) for a in x for b in y) / 16
    assert squared_mmd(x, y, inverse_multiquadratic).item() == pytest.approx(within - 2 * across, abs=1e-12)


def test_discrepancy_is_0_on_average_where_codes_fill_the_prior_and_above_elsewhere():
    estimates = {shift: torch.stack([squared_mmd(*torch.randn(2, 16, 4).double().add(torch.tensor(
        [0.0, shift]).view(2, 1, 1)), inverse_multiquadratic) for _ in range(1000)]) for shift in (0.0, 0.5)}
    error = estimates[0.0].std() / 1000**0.5
    assert abs(estimates[0.0].mean()) < 4 * error
    assert estimates[0.5].mean() > 10 * error


def test_wae_has_the_sum_of_squares_and_lambda_times_the_discrepancy():
    model = of_points("wae", channels=2, backbone="mlp", width=1, encoder_norm="none", latent_dim=3)
    data, prior = points(6), torch.randn(6, 3)
    model.latent = lambda n: prior
    terms = model.loss(data)
    codes = model.code(data.images)
    error = (model.generator(codes) - data.images).flatten(1).square().sum(1).mean()
    torch.testing.assert_close(terms["reconstruction"], error)
    torch.testing.assert_close(terms["mmd"], 10 * squared_mmd(codes, prior, inverse_multiquadratic))
    assert model.couples_images


def test_aae_at_an_undecided_discriminator_and_who_is_trained_by_what():
    model = of_points("aae", channels=2, backbone="mlp", width=1, encoder_norm="none", latent_dim=3)
    groups = model.optimizer_groups()
    assert set(groups) == {"autoencoder", "discriminator", "generator"}
    assert {id(p) for p in groups["generator"]} < {id(p) for p in groups["autoencoder"]}
    assert not {id(p) for p in groups["discriminator"]} & {id(p) for p in groups["autoencoder"]}
    assert set(model.loss(points(4))) == {"reconstruction"}
    model.code_discriminator = Function(lambda codes: codes.sum(1, keepdim=True) * 0)
    assert sum(model.discriminator_loss(points(4)).values()).item() == pytest.approx(2 * math.log(2))
    assert model.generator_loss(points(4))["codes"].item() == pytest.approx(math.log(2))


def test_aae_ends_with_codes_like_the_prior_that_no_discriminator_knows():
    torch.manual_seed(1)
    model = of_points("aae", channels=2, backbone="mlp", width=4, encoder_norm="none", latent_dim=2, code_width=32)
    before = model.code(points(2000, 3.0, 2.0).images)
    optimizers = {name: torch.optim.Adam(group, 2e-3, (0.5, 0.999))
                  for name, group in model.optimizer_groups().items()}
    losses = {"autoencoder": model.loss, "discriminator": model.discriminator_loss, "generator": model.generator_loss}
    accuracy = []
    for number in range(250):
        data = points(64, 3.0, 2.0)
        model._draws.begin(0, number)
        for name, optimizer in optimizers.items():
            optimizer.zero_grad()
            sum(losses[name](data).values()).backward()
            optimizer.step()
        accuracy.append(model.measured["discriminator/accuracy"].item())
    after = model.code(points(2000, 3.0, 2.0).images)
    assert sum(accuracy[-100:]) / 100 == pytest.approx(0.5, abs=0.1)
    assert (before.std(0) - 1).abs().max() > 0.5
    assert (after.std(0) - 1).abs().max() < 0.25
    assert after.mean(0).abs().max() < 0.25
