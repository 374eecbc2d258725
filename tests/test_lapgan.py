"""LAPGAN: the pyramid is exact, and each level learns by itself."""

import pytest
import torch
from conftest import tiny_run
from PIL import Image

import zoo
from zoo.commands import sample
from zoo.data.batches import Labelled
from zoo.data.pyramid import down, sides, up
from zoo.losses import nll_fake, nll_real


def split(images: torch.Tensor, levels: int) -> tuple[torch.Tensor, list[torch.Tensor]]:
    """The coarsest image and, from there on, what each finer level lacks: I_k - up(I_(k+1)) (equation 3)."""
    details: list[torch.Tensor] = []
    for _ in range(levels - 1):
        coarse = down(images)
        details.insert(0, images - up(coarse))
        images = coarse
    return images, details


def joined(coarsest: torch.Tensor, details: list[torch.Tensor]) -> list[torch.Tensor]:
    """The images of all levels, the coarsest first (equation 4)."""
    images = [coarsest]
    for detail in details:
        images.append(up(images[-1]) + detail)
    return images


def model_of(size: int = 32, channels: int = 3, **config):
    return zoo.create("lapgan", image_size=size, channels=channels, width=2, latent_dim=5, **config).double()


def batch_of(size: int = 32, n: int = 4) -> Labelled:
    return Labelled(torch.rand(n, 3, size, size, dtype=torch.float64) * 2 - 1, torch.zeros(n).long())


def at_clock(model, images: int = 4):
    model._draws.begin(0, images)
    return model


@pytest.mark.parametrize(("size", "levels"), [
    (16, [8, 16]), (28, [14, 28]), (64, [8, 16, 32, 64]), (80, [10, 20, 40, 80])])
def test_the_pyramid_gives_every_level_back(size, levels):
    assert sides(size) == levels
    images = torch.rand(2, 3, size, size, dtype=torch.float64)
    coarsest, details = split(images, len(levels))
    back, true = joined(coarsest, details), images
    for level in reversed(range(len(levels))):
        assert back[level].shape[2] == levels[level]
        torch.testing.assert_close(back[level], true, rtol=0, atol=1e-15)
        true = down(true)


def test_halving_and_doubling_by_hand():
    image = torch.arange(16.0).view(1, 1, 4, 4)
    assert down(image).flatten().tolist() == [2.5, 4.5, 10.5, 12.5]
    flat = torch.full((1, 2, 3, 3), 0.3)
    assert torch.equal(up(flat), torch.full((1, 2, 6, 6), 0.3))
    _, (detail,) = split(torch.full((1, 1, 16, 16), 0.7), 2)
    assert detail.abs().max() < 1e-6  # what is flat lacks nothing


@pytest.mark.parametrize("size", [15, 18, 8, 36])
def test_sizes_without_a_pyramid(size):
    with pytest.raises(zoo.UsageError, match=f"{size} px have no pyramid"):
        zoo.create("lapgan", image_size=size)


def test_with_the_true_details_sampling_gives_the_image():
    model, images = model_of(), batch_of().images
    coarsest, details = split(images, 3)
    model.generator.coarsest.forward = lambda z: coarsest
    for network, detail in zip(model.generator.details, details, strict=True):
        network.forward = lambda x, detail=detail: detail
    made = model.generate(torch.randn(4, model.latent_size).double())
    torch.testing.assert_close(made, images, rtol=0, atol=1e-12)


@pytest.mark.parametrize("level", [0, 1, 2])
def test_a_level_s_gradient_reaches_no_other(level):
    model, batch = at_clock(model_of()), batch_of()
    model.discriminator_loss_of(level, batch)["fake"].backward()
    model.generator_loss_of(level, batch)["adversarial"].backward()
    for other, side in enumerate(model.sides):
        for group in (f"generator_{side}", f"discriminator_{side}"):
            touched = [p.grad is not None for p in model.optimizer_groups()[group]]
            assert all(touched) if other == level else not any(touched), group


def test_losses_by_hand():
    """D_k sees the sum of what is known and what is made, or of what was there: a whole image of that level."""
    model, batch = model_of(norm="none"), batch_of()
    for level in range(3):
        real = batch.images
        for _ in range(2 - level):
            real = down(real)
        judge = model.discriminators[level]
        at_clock(model)
        z = model.draw(torch.randn, 4, model.generator.parts[level])
        if level:
            known = up(down(real))
            fake = known + model.generator.details[level - 1](torch.cat([known, z.view(4, 1, *known.shape[2:])], 1))
        else:
            fake = model.generator.coarsest(z)
        terms = at_clock(model).discriminator_loss_of(level, batch)
        torch.testing.assert_close(terms["real"], nll_real(judge(real)))
        torch.testing.assert_close(terms["fake"], nll_fake(judge(fake)))
        adversarial = at_clock(model).generator_loss_of(level, batch)["adversarial"]
        torch.testing.assert_close(adversarial, nll_real(judge(fake)))


def test_what_is_made_follows_from_what_is_known_and_from_noise():
    model = model_of(norm="none")
    for p in model.generator.details.parameters():
        if p.dim() > 1:
            torch.nn.init.normal_(p, 0.0, 0.2)
    known, plane = torch.rand(1, 3, 16, 16).double(), torch.randn(1, 256).double()
    made = model.generator.detail(0, known, plane)
    assert not torch.equal(made, model.generator.detail(0, known, -plane))
    assert not torch.equal(made, model.generator.detail(0, known.flip(3), plane))


def test_its_stages_can_be_watched(tmp_path):
    tiny_run("lapgan", tmp_path, images=16).train()
    model = zoo.load(tmp_path)
    normal = model.normals(5, seed=1)
    stages = model.stages(normal)
    assert {name: tuple(x.shape) for name, x in stages.items()} == {"8 px": (5, 1, 8, 8), "16 px": (5, 1, 16, 16)}
    torch.testing.assert_close(stages["16 px"], model.render(normal))
    sample.main([str(tmp_path), "--n", "3", "--stages", "--out", str(tmp_path / "stages.png")])
    with Image.open(tmp_path / "stages.png") as picture:
        assert picture.size == (2 * 18 + 2, 3 * 18 + 2)  # a row an image, a column a stage
    with pytest.raises(zoo.UsageError, match="exclude each other"):
        sample.main([str(tmp_path), "--stages", "--traverse", "1"])
    with pytest.raises(zoo.UsageError, match="nsgan makes an image in one go"):
        sample.main(["nsgan-mnist", "--stages", "--out", str(tmp_path / "none.png")])
    gan = zoo.create("gan", image_size=16)
    assert torch.equal(gan.stages(gan.normals(2, seed=0))["image"], gan.sample(2, seed=0))
