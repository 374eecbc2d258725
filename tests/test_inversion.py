"""The latents of images: where the answer is known, and that no image's depends on another's."""

import pytest
import torch
from conftest import SAMPLERS
from torch import nn

import zoo
from zoo.models import variant_class

SAMPLED = ["gan", "cgan", "infogan", "madgan", "vae"]  # normals, labels, codes, several generators, an encoder


def model_of(variant: str, **config):
    """Made of numbers that are far from rounding, in float64."""
    model = zoo.create(variant, image_size=8, classes=3, width=2, backbone="mlp", latent_dim=4, **config).double()
    for p in model.parameters():
        if p.dim() > 1:
            nn.init.normal_(p, 0.0, p.shape[1]**-0.5)
    return model


def linear(latent_dim: int = 3):
    """A GAN whose generator is a linear map to images of 4x4, and the map."""
    model = zoo.create("gan", image_size=4, backbone="mlp", width=1, latent_dim=latent_dim).double()
    weights = nn.Linear(latent_dim, 16).double()
    model.generator = nn.Sequential(weights, nn.Unflatten(1, (1, 4, 4)))
    return model, weights


@pytest.mark.parametrize(("method", "near"), [("lbfgs", 1e-6), ("adam", 1e-2)])
def test_of_a_linear_generator_it_is_least_squares(method, near):
    model, weights = linear()
    images = torch.rand(5, 1, 4, 4, dtype=torch.float64)
    best = torch.linalg.lstsq(weights.weight, ((2 * images - 1).flatten(1) - weights.bias).T).solution.T
    found = zoo.invert(model, images, steps=300, method=method, typical=0.0, progress=False)
    assert (found.latents - best).abs().max() < near
    residual = ((weights(best) - (2 * images - 1).flatten(1)) / 2).square().mean(1)
    torch.testing.assert_close(found.error, residual, rtol=1e-4, atol=1e-9)


@pytest.mark.parametrize("variant", SAMPLED)
def test_an_image_that_it_made_comes_back(variant):
    model = model_of(variant)
    labels = [0, 2] if model.conditional else None
    made = model.sample(2, labels, seed=3)
    found = zoo.invert(model, made, labels, steps=400, progress=False)
    assert torch.all(found.error <= found.start)
    assert found.error.max() < 0.05 * found.random.min()
    torch.testing.assert_close(model.decode(found.latents, labels), found.images, rtol=0, atol=1e-6)
    again = (found.images - made).square().flatten(1).mean(1)
    assert (again <= found.error + 1e-6).all()  # of images that are cut off at 0 and 1, as these were


@pytest.mark.parametrize("variant", [name for name in SAMPLERS if variant_class(name).no_gradient])
def test_without_a_gradient_random_search_comes_nearer(variant):
    data = {"channels": 1, "image_size": 16, "width": 4}
    model = zoo.create(variant, **data, **({"sampling_steps": 3} if variant == "ebm" else {}))
    made = model.sample(2, seed=3)
    found = zoo.invert(model, made, steps=100, encoder=False, progress=False)
    assert (found.error < found.start).all()
    assert (found.error < 0.7 * found.random).all()
    torch.testing.assert_close(model.decode(found.latents), found.images)
    assert (zoo.invert(model, made, steps=0, encoder=False, progress=False).error == found.start).all()


@pytest.mark.parametrize("method", ["adam", "lbfgs", "random"])
def test_an_image_does_not_depend_on_the_others(method):
    model = model_of("gan")
    images = torch.rand(5, 1, 8, 8, dtype=torch.float64)
    how = {"steps": 20, "method": method, "progress": False}
    whole = zoo.invert(model, images, **how)
    for row in range(5):
        alone = zoo.invert(model, images[row:row + 1], **how)
        torch.testing.assert_close(alone.latents, whole.latents[row:row + 1], rtol=0, atol=1e-7)
    parts = zoo.invert(model, images, batch_size=2, **how)
    torch.testing.assert_close(parts.latents, whole.latents, rtol=0, atol=1e-7)


def test_it_begins_with_the_nearest_of_random_latents_or_with_an_encoder():
    model = model_of("gan")
    images = torch.rand(2, 1, 8, 8)
    tried = model.render(model.normals(64, seed=0))
    errors = (tried[:, None] - images).square().flatten(2).mean(2)  # (64, 2)
    found = zoo.invert(model, images, steps=0, progress=False)
    torch.testing.assert_close(found.start.float(), errors.min(0).values, rtol=0, atol=1e-5)
    torch.testing.assert_close(found.random.float(), errors.mean(0), rtol=0, atol=1e-5)
    assert torch.equal(found.error, found.start)
    given = torch.full((2, 4), 0.5, dtype=torch.float64)
    assert torch.equal(zoo.invert(model, images, steps=0, encoder=lambda _: given, progress=False).latents, given)
    vae = model_of("vae")
    own = zoo.invert(vae, images, steps=0, progress=False)
    torch.testing.assert_close(own.latents, vae.encode(images))
    assert not torch.equal(zoo.invert(vae, images, steps=0, encoder=False, progress=False).latents, own.latents)


def test_latents_stay_typical():
    """Against an image that asks for a far latent, the more the heavier the weight."""
    model, _ = linear(latent_dim=8)
    far = model.decode(torch.full((1, 8), 4.0, dtype=torch.float64))
    lengths = [zoo.invert(model, far, steps=300, method="lbfgs", typical=weight, progress=False).latents.norm().item()
               for weight in (0.0, 0.1, 10.0)]
    assert lengths[0] > lengths[1] > lengths[2]
    assert lengths[2] == pytest.approx(8**0.5, rel=0.1)


@pytest.mark.parametrize(("call", "words"), [
    (lambda: zoo.invert(zoo.create("pix2pix", image_size=16), torch.rand(1, 1, 16, 16)), "makes nothing from latents"),
    (lambda: zoo.invert(model_of("gan"), torch.rand(1, 1, 9, 9)), "images of 8x8 pixels"),
    (lambda: zoo.invert(model_of("cgan"), torch.rand(1, 1, 8, 8)), "label"),
    (lambda: zoo.invert(model_of("gan"), torch.rand(1, 1, 8, 8), steps=-1), "steps from 0"),
    (lambda: zoo.invert(model_of("gan"), torch.rand(1, 1, 8, 8), method="lbgfs"), "did you mean lbfgs"),
])
def test_what_cannot_be_inverted(call, words):
    with pytest.raises(zoo.UsageError, match=words):
        call()


def test_the_model_is_left_as_it_was():
    model = model_of("gan").train()
    before = [p.clone() for p in model.parameters()]
    zoo.invert(model, torch.rand(2, 1, 8, 8), steps=3, progress=False)
    assert all(torch.equal(p, q) and p.grad is None for p, q in zip(model.parameters(), before, strict=True))
    assert model.generator.training


@pytest.mark.parametrize("method", ["adam", "random"])
def test_the_share_that_is_done_rises_over_all_passes(method):
    """It began anew with every pass, since a bar that is not shown does not count."""
    model, told = zoo.create("gan", image_size=16, width=2), []
    zoo.invert(model, model.sample(4, seed=0), steps=3, starts=2, method=method, batch_size=2, progress=told.append)
    assert told == pytest.approx([i / 6 for i in range(1, 7)])
