"""vqgan against what its paper says of it."""

import itertools
import time

import pytest
import torch
import torch.nn.functional as F
from conftest import created, tiny_config, tiny_run
from test_variants import rows
from torch import nn

import zoo
from zoo.data.batches import Labelled
from zoo.models.vqgan import adaptive_weight, straight_through
from zoo.networks.vqgan import Codebook, GridPrior, halvings_to_a_grid


def small(codes: int = 8, **config):
    return created("vqgan", width=4, latent_dim=3, codes=codes, code_width=8, judge_width=2, **config).double()


def images(n: int = 6) -> torch.Tensor:
    return torch.rand(n, 1, 16, 16).double() * 2 - 1


def test_the_gradient_goes_straight_through_and_the_codebook_gets_none_of_the_decoder():
    model, seen = small(), []
    made, vectors, nearest = model.reconstruction(images())
    model.generator.register_forward_pre_hook(lambda network, given: seen.append(given[0]))
    passed = straight_through(vectors, nearest)
    torch.testing.assert_close(passed, nearest)
    loss = (model.generator(passed) * torch.randn_like(made)).sum()
    to_q, to_e = torch.autograd.grad(loss, [seen[0], vectors], retain_graph=True)
    assert torch.equal(to_q, to_e)
    assert to_e.abs().max() > 0
    assert torch.autograd.grad(loss, model.codebook.weight, allow_unused=True) == (None,)


def test_what_moves_the_codebook_and_what_the_encoder():
    """||sg[e] - q||^2 moves q towards e alone, beta ||e - sg[q]||^2 e towards q alone."""
    model = small(commitment=0.5, perceptual_weight=0.0)
    terms = model.generator_loss(Labelled(images(), torch.zeros(6)))
    assert list(terms) == ["reconstruction", "codebook", "commitment"]  # D does not play yet
    assert terms["commitment"].item() == pytest.approx(0.5 * terms["codebook"].item())
    coder, book = list(model.encoder.parameters()), model.codebook.weight
    assert set(torch.autograd.grad(terms["codebook"], coder, allow_unused=True, retain_graph=True)) == {None}
    assert torch.autograd.grad(terms["commitment"], book, allow_unused=True, retain_graph=True) == (None,)
    _, vectors, nearest = model.reconstruction(images())
    (to_e,) = torch.autograd.grad(0.5 * F.mse_loss(vectors, nearest.detach()), vectors, retain_graph=True)
    torch.testing.assert_close(to_e, 0.5 * 2 * (vectors - nearest) / vectors.numel())
    (to_book,) = torch.autograd.grad(F.mse_loss(nearest, vectors.detach()), book)
    numbers, expected = model.codebook.nearest(vectors).flatten(), torch.zeros_like(book)
    expected.index_add_(0, numbers, (2 * (nearest - vectors) / vectors.numel()).detach().movedim(1, -1).flatten(0, -2))
    torch.testing.assert_close(to_book, expected)


def test_the_nearest_by_brute_force():
    book, vectors = Codebook(20, 3), torch.randn(4, 3, 5, 5)
    numbers = book.nearest(vectors)
    for n, y, x in itertools.product(range(4), range(5), range(5)):
        apart = [(vectors[n, :, y, x] - vector).square().sum().item() for vector in book.weight]
        assert apart[numbers[n, y, x]] == min(apart)
    assert torch.equal(book(numbers)[1, :, 2, 3], book.weight[numbers[1, 2, 3]])


def test_the_adaptive_weight_by_hand():
    """Of a linear last layer y = W x the gradient of sum(a y) is a x^T."""
    last, x = nn.Parameter(torch.randn(2, 3)), torch.randn(3, 1)
    a, b = torch.randn(2, 1), torch.randn(2, 1)
    y = last @ x
    weight = adaptive_weight((a * y).sum(), (b * y).sum(), last)
    assert weight.item() == pytest.approx((a.norm() * x.norm() / (b.norm() * x.norm() + 1e-4)).item(), rel=1e-5)
    assert not weight.requires_grad
    assert adaptive_weight((1e9 * y).sum(), (0 * y).sum(), last).item() == 1e4


def test_what_deceives_weighs_as_much_as_what_is_kept():
    model = small(adversarial_weight=1.0, pretrain_images=0, perceptual_weight=0.0)
    terms = model.generator_loss(Labelled(images(), torch.zeros(6)))
    lengths = [torch.autograd.grad(terms[name], model.generator.last.weight, retain_graph=True)[0].norm().item()
               for name in ("reconstruction", "adversarial")]
    assert lengths[1] == pytest.approx(lengths[0], rel=0.02)


def test_the_prior_sums_to_one_and_writes_what_it_says():
    prior = GridPrior(count=3, side=2, width=5).double()
    grids = 1 + torch.tensor(list(itertools.product(range(3), repeat=4)))
    shares = prior.log_likelihoods(grids).sum(1).exp()
    assert shares.sum().item() == pytest.approx(1, abs=1e-9)
    assert shares.max() > 1.5 * shares.min()
    found = prior.sentences(torch.rand(20_000, 4).double())
    counts = ((found - 1) @ torch.tensor([27, 9, 3, 1])).bincount(minlength=81) / len(found)
    assert (counts - shares).abs().max() < 5 * (shares.max() / len(found)).sqrt()


def test_the_prior_looks_at_what_was_before_and_at_the_number_above():
    prior, grid = GridPrior(count=4, side=3, width=6).double(), torch.randint(1, 5, (1, 9))
    before = prior(grid)
    with torch.no_grad():  # an LSTM that forgets at once is told of what is above by that alone
        prior.lstm.weight_hh_l0.zero_()
        prior.lstm.bias_ih_l0[6:12] = prior.lstm.bias_hh_l0[6:12] = -500
        prior.lstm.weight_ih_l0[6:12] = 0
    forgetful = prior(grid)
    for place in range(9):
        other = grid.clone()
        other[0, place] = 1 + other[0, place] % 4
        moved = [i for i in range(9) if not torch.equal(prior(other)[0, i], forgetful[0, i])]
        assert moved == [i for i in (place + 1, place + 3) if i < 9], place
    assert not torch.equal(before, forgetful)


def test_vectors_that_are_not_used_begin_again():
    model = small(codes=40)
    with torch.no_grad():
        model.codebook.weight[1:] += 100  # far from whatever E says
    model._draws.begin(0, 0)
    vectors = model.encoder(images(16)).detach()
    assert model.codebook.nearest(vectors).unique().tolist() == [0]
    for _ in range(3):  # an image renews one
        model.renew(vectors, model.codebook.nearest(vectors))
    assert model.measured["generator/codes_used"] == 40 - 7
    same = (model.codebook.weight[:, None] == vectors.movedim(1, -1).flatten(0, -2)).all(2).any(1)
    assert same.tolist() == [False] + 39 * [True]  # places of E
    assert len(model.codebook.nearest(vectors).unique()) > 20


def test_a_run_by_the_clock(finished, tmp_path):
    """D plays from 24 images on, and after 48 the prior learns alone; how many vectors are used is logged."""
    run = tiny_run("vqgan", tmp_path, images=80)
    run.train()
    assert run.model.updates == {"discriminator": 4, "generator": 6, "prior": 10}
    table = rows(finished("vqgan"))
    assert 1 <= float(table[0]["generator/codes_used"]) <= 256
    assert float(table[0]["generator/lambda"]) > 0


def test_a_hundred_digits_take_seconds():
    model = zoo.create("vqgan", image_size=28)
    start = time.process_time()
    assert model.sample(100, seed=0).shape == (100, 1, 28, 28)
    assert time.process_time() - start < 10


def test_codes_are_whole_numbers_and_decode_to_reconstructions(finished):
    model = zoo.load(finished("vqgan"))
    pictures = torch.rand(3, 1, 16, 16)
    z = model.encode(pictures)
    assert z.shape == (3, 16)
    assert torch.equal(z, z.round())
    assert 0 <= z.min() <= z.max() < 256
    torch.testing.assert_close(model.decode(z), model.reconstruct(pictures))
    with pytest.raises(zoo.UsageError, match="no gradient by which adam could search for latents of vqgan: .*random"):
        zoo.invert(model, pictures, method="adam", progress=False)
    with pytest.raises(zoo.UsageError, match="no directions: .* which latents choose"):
        zoo.directions(model)
    with pytest.raises(zoo.UsageError, match="are 0 to 255"):
        model.decode(z + 256)
    found = zoo.invert(model, pictures, steps=0, progress=False)
    assert torch.equal(found.latents, z)
    found = zoo.invert(model, pictures, steps=60, progress=False)  # numbers still, and nearer than the encoder's
    assert torch.equal(found.images, model.decode(found.latents))
    assert (found.error < found.start).all()


def test_sizes():
    assert [halvings_to_a_grid(size) for size in (16, 28, 32, 64, 96, 128)] == [
        (2, 4), (2, 7), (2, 8), (3, 8), (4, 6), (4, 8)]
    for size in (8, 30, 36):
        with pytest.raises(zoo.UsageError, match=f"which {size} px do not come to"):
            created("vqgan", image_size=size)
    with pytest.raises(zoo.UsageError, match="unknown features 'no-such'"):
        created("vqgan", features="no-such")


def test_features_are_optional(tmp_path):
    run = tiny_run("vqgan", tmp_path, images=16, config=tiny_config("vqgan") | {"perceptual_weight": 0.0})
    run.train()
    assert "generator/perceptual" not in run.model.terms
    assert "generator/reconstruction" in run.model.terms
