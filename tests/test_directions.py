"""SeFa: the directions of a first layer whose weights are known, and walks along them."""

import pytest
import torch
from torch import nn

import zoo


@pytest.mark.parametrize(("variant", "how"), [
    ("gan", {"backbone": "mlp"}), ("dcgan", {}), ("sngan", {"backbone": "resnet"}), ("cgan", {"classes": 3})])
def test_directions_of_a_layer_of_known_weights(variant, how):
    """The right singular vectors of its weights, whichever layer it is, with labels beside the latent or not."""
    model = zoo.create(variant, image_size=16, width=4, latent_dim=6, **how)
    layer = next(m for m in model.generator.modules() if isinstance(m, nn.Linear | nn.ConvTranspose2d))
    weights = layer.weight.detach().double()
    a = (weights if isinstance(layer, nn.Linear) else weights.flatten(1).T)[:, :6]
    _, strengths, right = torch.linalg.svd(a, full_matrices=False)
    found = zoo.directions(model, 6)
    torch.testing.assert_close(found.strengths, strengths, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close((found.vectors * right).sum(1).abs(), torch.ones(6).double(), rtol=0, atol=1e-4)
    torch.testing.assert_close(found.vectors @ found.vectors.T, torch.eye(6).double(), rtol=0, atol=1e-9)
    assert torch.equal(zoo.directions(model, 2).vectors, found.vectors[:2])
    assert (found.vectors.gather(1, found.vectors.abs().argmax(1, keepdim=True)) > 0).all()


def test_what_has_no_directions():
    model = zoo.create("dcgan", image_size=16, width=2)
    with pytest.raises(zoo.UsageError, match="1 to 100 directions, not 101"):
        zoo.directions(model, 101)
    with pytest.raises(zoo.UsageError, match="pix2pix makes nothing from latents"):
        zoo.directions(zoo.create("pix2pix", image_size=16, width=2))
    for wrong in (torch.zeros(100), torch.ones(99), torch.full((100,), torch.nan)):
        with pytest.raises(zoo.UsageError, match="a direction is a tensor of 100 numbers"):
            zoo.traverse(model, wrong)


def test_a_squared_latent_has_no_linear_layer():
    model = zoo.create("gan", image_size=16, width=2, latent_dim=4, backbone="mlp")
    generate = model.generate
    model.generate = lambda z, labels: generate(z**2, labels)
    with pytest.raises(zoo.UsageError, match="is not linear in all of its latent"):
        zoo.directions(model, 2)


def test_walks_along_directions():
    """A dimension is the direction of its axis; the way begins and ends at ``low`` and ``high``, the rest stays."""
    model = zoo.create("gan", image_size=16, width=2, latent_dim=5, backbone="mlp")
    asked = []
    respond = model.respond
    model.respond = lambda normal, **told: asked.append(normal) or respond(normal=normal, **told)
    axis = 3.0 * torch.eye(5)[2]
    torch.testing.assert_close(zoo.traverse(model, axis, seed=1, rows=2), zoo.traverse(model, 2, seed=1, rows=2))
    along = zoo.directions(model, 1).vectors[0]
    zoo.traverse(model, along, low=-2, high=2, steps=5, rows=3, seed=1)
    way = asked[-1].double().view(3, 5, 5)
    torch.testing.assert_close(way @ along, torch.linspace(-2, 2, 5).double().expand(3, 5), rtol=0, atol=1e-5)
    rest = way - (way @ along)[..., None] * along
    torch.testing.assert_close(rest, rest[:, :1].expand_as(rest), rtol=0, atol=1e-5)
