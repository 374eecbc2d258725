"""pix2pix, and what any model owes that makes pictures from pictures."""

import copy

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from conftest import PICTURES, options_with, tiny_config, tiny_run
from PIL import Image, ImageCms
from torch import nn
from torchmetrics.functional.image import structural_similarity_index_measure

import zoo
from zoo.commands import translate as translate_command
from zoo.commands.pictures import SHEET
from zoo.data.batches import Labelled, Pair
from zoo.data.colours import lightness
from zoo.data.derived import source_channels, source_size
from zoo.data.jitter import pieces
from zoo.data.pair_spec import PairSpec
from zoo.data.pictures import as_tensor
from zoo.losses import nll_fake, nll_real
from zoo.metrics.pixels import errors
from zoo.metrics.similarity import structural_similarity
from zoo.metrics.trivial import copies, means
from zoo.models import variant_class
from zoo.models.pix2pix import Pix2Pix, Pix2PixConfig, default_layers
from zoo.store.layout import read_metrics
from zoo.tasks.paired import Judged


def model_of(size: int = 16, source_size: int = 0, source_channels: int = 1, channels: int = 3, **config) -> Pix2Pix:
    data = PairSpec(name="unnamed", image_size=size, channels=channels, source_size=source_size or size,
                    source_channels=source_channels, pairs="files")
    return Pix2Pix(Pix2PixConfig(width=2, **config), data).double()


def batch_of(model: Pix2Pix, n: int = 4) -> Pair:
    data = model.data
    sides = ((data.source_channels, data.source_size), (data.channels, data.image_size))
    return Pair(*(torch.rand(n, c, s, s, dtype=torch.float64) * 2 - 1 for c, s in sides), torch.zeros(n).long())


# ---- the losses -----------------------------------------------------------------------------------------------------

def test_losses_by_hand():
    """Equations 1, 3 and 4, G's term turned; D's halved, as the paper's section 3.3 says."""
    model = model_of(reconstruction=7.0, adversarial=0.5)
    batch = batch_of(model)
    fake = torch.rand_like(batch.target) * 2 - 1
    model.fake = lambda _: fake
    on_real, on_fake = (model.discriminator(torch.cat([batch.source, y], 1)) for y in (batch.target, fake))
    expected = {"real": 0.5 * nll_real(on_real), "fake": 0.5 * nll_fake(on_fake)}
    for name, value in model.discriminator_loss(Judged(*batch, fake)).items():
        torch.testing.assert_close(value, expected[name])
    terms = model.generator_loss(batch)
    torch.testing.assert_close(terms["adversarial"], 0.5 * nll_real(on_fake))
    torch.testing.assert_close(terms["reconstruction"], 7.0 * (fake - batch.target).abs().mean())


def test_the_discriminator_judges_pairs():
    """Its logits depend on the source as well as on the target."""
    model = model_of()
    batch = batch_of(model)
    source, target = batch.source.requires_grad_(), batch.target.requires_grad_()
    by_source, by_target = torch.autograd.grad(model.judge(batch, target).sum(), (source, target))
    assert by_source.abs().max() > 0
    assert by_target.abs().max() > 0


@pytest.mark.parametrize("variant", [name for name in PICTURES if variant_class(name).data_kind == "pairs"])
def test_without_weight_the_discriminator_is_not_there(variant, tmp_path):
    """The arm that papers compare with: G alone, by the same terms but one, and at no cost of another's."""
    alone = options_with(variant, adversarial_weight=0.0) or {"adversarial": 0.0}
    run = tiny_run(variant, tmp_path, images=48, config=tiny_config(variant) | alone)
    run.train()
    assert list(run.model.updates) == ["generator"]
    assert run.model.updates["generator"] == 6
    assert not hasattr(run.model, "discriminator")
    assert {name for name in run.model.terms if not name.startswith("generator/") or "adversarial" in name} == set()
    assert len(run.model.terms) > 0


@pytest.mark.parametrize("variant", [name for name in PICTURES
                                     if variant_class(name).data_kind in ("pairs", "domains")])
def test_pictures_of_a_step_are_made_once(variant, tmp_path):
    """For both players, in parts too; and what D is shown has no way back to G."""
    config = tiny_config(variant) | options_with(variant, pretrain_images=0)
    run = tiny_run(variant, tmp_path, images=16, config=config, accumulate=2)
    model, made, judging, shown = run.model, [], [], []
    for network in model.networks_for_sampling().values():
        for layer in network.modules():
            if isinstance(layer, nn.Conv2d):
                layer.register_forward_hook(lambda *_: pytest.fail("made again, for D alone") if judging else None)
    first = next(layer for layer in next(iter(model.networks_for_sampling().values())).modules()
                 if isinstance(layer, nn.Conv2d))
    first.register_forward_hook(lambda *_: made.append(torch.is_grad_enabled()))
    discriminator_loss = model.discriminator_loss

    def judged(batch):
        judging.append(True)
        terms = discriminator_loss(batch)
        judging.clear()
        shown.append(batch)
        return terms

    model.discriminator_loss = judged
    run.train()
    assert len(shown) == 4
    assert sum(made) == 4 or model.data_kind != "pairs"  # of two domains pictures are made there and back
    assert not any(pictures.requires_grad for batch in shown for pictures in batch)


@pytest.mark.parametrize(("size", "layers"), [(16, 1), (32, 1), (64, 2), (128, 3), (256, 3)])
def test_patches_are_at_most_the_papers(size, layers):
    assert default_layers(size) == layers


def test_jitter_is_that_of_draw_and_the_same_for_both():
    """286/256 as large, cut back and mirrored; where source and target are one picture they stay one."""
    model = model_of(size=64, source_channels=3)
    picture = torch.rand(6, 3, 64, 64, dtype=torch.float64) * 2 - 1
    batch = Pair(picture, picture.clone(), torch.zeros(6).long())
    model._draws.begin(0, 64)
    once = model.jittered(batch)
    model._draws.begin(0, 64)
    again = model.jittered(batch)
    assert torch.equal(once.source, once.target)
    assert torch.equal(once.source, again.source)
    assert once.source.shape == picture.shape
    assert not torch.equal(once.source[0], once.source[1])
    model._draws.begin(0, 128)
    assert not torch.equal(model.jittered(batch).source, once.source)


def test_pieces_by_hand():
    picture = torch.arange(25.0).view(1, 1, 5, 5)
    found = pieces(picture.expand(3, -1, -1, -1), torch.tensor([[0, 0, 0], [0.99, 0.99, 0], [0.5, 0, 0.5]]), 3)
    assert torch.equal(found[0, 0], picture[0, 0, :3, :3])
    assert torch.equal(found[1, 0], picture[0, 0, 2:, 2:])
    assert torch.equal(found[2, 0], picture[0, 0, 1:4, :3].flip(1))


# ---- the answers ----------------------------------------------------------------------------------------------------

def test_answers_are_the_same_in_training_mode_alone_and_in_a_batch():
    """What users of this model miss most elsewhere: black or other pictures after eval()."""
    model = model_of(size=32)
    inputs = model.inputs(5, seed=0)
    whole = model.respond(**inputs)
    model.train()
    with torch.no_grad():
        training = model.answer(**{name: x.double() for name, x in inputs.items()})
    torch.testing.assert_close(training, whole, atol=1e-6, rtol=0)
    for row in range(5):
        alone = model.respond(**{name: x[row:row + 1] for name, x in inputs.items()})
        torch.testing.assert_close(alone, whole[row:row + 1], atol=1e-6, rtol=0)


def test_the_seed_is_all_that_is_random():
    model = model_of(size=32)
    picture = torch.rand(1, 1, 32, 32)
    assert torch.equal(model.translate(picture, seed=3), model.translate(picture, seed=3))
    assert not torch.equal(model.translate(picture, seed=3), model.translate(picture, seed=4))


@pytest.mark.parametrize(("height", "width"), [(32, 32), (31, 40), (5, 70)])
def test_any_size_comes_back_as_it_was(height, width):
    """Continued at the border to what the network takes, and cut off again."""
    model = model_of(size=32)
    picture = torch.rand(2, 1, height, width)
    made = model.translate(picture)
    assert made.shape == (2, 3, height, width)
    if (height, width) == (32, 32):
        torch.testing.assert_close(made, model.respond(**model._asked(picture, 0)))


def test_sources_that_are_smaller_are_enlarged():
    model = model_of(size=32, source_size=8, source_channels=3)
    assert model.respond(**model.inputs(2, 0)).shape == (2, 3, 32, 32)
    assert model.translate(torch.rand(1, 3, 8, 8)).shape == (1, 3, 32, 32)
    assert model.translate(torch.rand(1, 3, 7, 5)).shape == (1, 3, 28, 20)
    made = model.jittered(batch_of(model)._replace(source=model.enlarged(batch_of(model).source)))
    assert made.source.shape == made.target.shape == (4, 3, 32, 32)


@pytest.mark.parametrize("pairs", ["edges", "hole", "blocks", "half"])
def test_a_run_on_derived_pairs(pairs, tmp_path):
    run = tiny_run("pix2pix", tmp_path, pairs=pairs, images=16)
    run.train()
    model = zoo.load(tmp_path)
    assert model.data.pairs == pairs
    golden_source = model.inputs(1, 0)["source"].shape
    assert golden_source[1:] == (model.data.source_channels, model.data.source_size, model.data.source_size)
    metrics = zoo.evaluate(tmp_path, measures="pixels", samples=50, real=50)
    assert {"l1", "psnr", "ssim", "l1/copy", "psnr/mean"} <= metrics.keys()
    assert "measures=pixels features=none data=digits" in metrics["l1"]["protocol"]


def test_prepared_pairs_are_made_of_their_targets():
    model = zoo.create("pix2pix", image_size=16)
    model.data = PairSpec(name="x", image_size=16, channels=3, source_size=16, source_channels=1, pairs="grey")
    images = torch.randint(0, 256, (2, 3, 16, 16), dtype=torch.uint8)
    pair = model.prepare(Labelled(images, torch.zeros(2).long()))
    assert torch.equal(pair.target, images.float() / 127.5 - 1)
    assert pair.source.shape == (2, 1, 16, 16)
    assert model.prepare(pair) is not None
    again = model.prepare(pair)
    assert torch.equal(again.source, pair.source)


def way_model(pairs: str, size: int = 32, **config) -> Pix2Pix:
    """A pix2pix of colour pictures whose pairs are made of them."""
    data = PairSpec(name="x", image_size=size, channels=3, source_size=source_size(pairs, size),
                    source_channels=source_channels(pairs, 3), pairs=pairs)
    return Pix2Pix(Pix2PixConfig(width=2, **config), data).double()


def test_a_generator_without_noise_takes_any_multiple_of_four():
    model = way_model("edges", generator="resnet", blocks=1)
    assert model.noise_size == 0
    assert set(model.inputs(1, 0)) == {"source"}
    assert model.translate(torch.rand(1, 1, 21, 42)).shape == (1, 3, 21, 42)
    whole = model.translate(picture := torch.rand(3, 1, 20, 20))
    torch.testing.assert_close(model.translate(picture[1]), whole[1:2], atol=1e-6, rtol=0)
    with pytest.raises(zoo.UsageError, match="--generator resnet has instance norm"):
        way_model("edges", generator="resnet", norm="batch")


@pytest.mark.parametrize("generator", ["unet", "resnet"])
def test_in_lab_the_lightness_is_that_of_the_picture(generator):
    """D sees lightness and colours; the answer has the lightness given, whatever the network says."""
    model = way_model("lab", generator=generator)
    images = torch.randint(0, 256, (4, 3, 32, 32), dtype=torch.uint8)
    batch = model.prepare(Labelled(images, torch.zeros(4).long()))
    assert (batch.source.shape[1], batch.target.shape[1]) == (1, 2)
    truth = model.truth(batch)
    assert (truth * 255 - images).abs().max() < 0.1
    model._draws.begin(0, 4)
    assert model.judge(batch, model.fake(batch)).shape[1] == 1
    picture = 0.3 + 0.4 * torch.rand(2, 1, 32, 32)
    model.generator.forward = lambda source, normal=None: 0.05 * torch.randn(len(source), 2, 32, 32).double()
    made = model.translate(picture)
    assert made.shape == (2, 3, 32, 32)
    assert (lightness(2 * made - 1) - (2 * picture - 1)).abs().max() < 1e-4
    assert made.std(1).max() > 0.01


@pytest.mark.parametrize("pairs", ["edges", "lab", "hole", "blocks", "quarter"])
def test_jittered_pairs_are_made_of_the_piece(pairs):
    """Edges are as sharp and holes stand where they do without jitter: the source is that of the jittered target."""
    model = way_model(pairs, size=64)
    images = torch.rand(3, 3, 64, 64, dtype=torch.float64) * 2 - 1
    batch = model._derived(images, torch.zeros(3).long())
    model._draws.begin(0, 3)
    piece = model.jittered(batch)
    again = model._derived(model.pictured(piece.source, piece.target), piece.labels)
    torch.testing.assert_close(piece.source, again.source, atol=1e-4, rtol=0)
    assert piece.target.shape == batch.target.shape
    assert not torch.equal(piece.target, batch.target)


def test_what_is_known_is_kept_and_what_is_missing_is_not_looked_at():
    """To the bit; in training as well."""
    model = way_model("hole")
    picture = torch.rand(2, 3, 32, 32)
    middle = (..., slice(8, 24), slice(8, 24))
    other = picture.clone()
    other[middle] = torch.rand(2, 3, 16, 16)
    made = model.translate(picture)
    assert torch.equal(made, model.translate(other))
    assert torch.equal(made, model.inpaint(other))
    outside = torch.ones(32, 32, dtype=torch.bool)
    outside[middle] = False
    assert torch.equal(made[..., outside], picture[..., outside])
    assert not torch.equal(made[middle], picture[middle])
    batch = model._derived(2 * picture.double() - 1, torch.zeros(2).long())
    model._draws.begin(0, 2)
    assert torch.equal(model.fake(batch)[..., outside], batch.source[..., outside])


def test_holes_of_one_s_own():
    model = way_model("blocks", generator="resnet", blocks=1)
    picture, holes = torch.rand(2, 3, 30, 25), torch.zeros(1, 1, 30, 25)
    holes[..., 4:9, 3:20] = 1
    made = model.inpaint(picture, holes)
    inside = holes[0, 0] > 0
    assert torch.equal(made[..., ~inside], picture[..., ~inside])
    other = torch.where(inside, torch.rand(2, 3, 30, 25), picture)
    assert torch.equal(model.inpaint(other, holes), made)
    assert torch.equal(model.inpaint(picture[1], holes), made[1:])
    for call, words in ((lambda: model.inpaint(picture), "say with holes="),
                        (lambda: model.inpaint(picture, holes[..., :20]), "do not fit pictures"),
                        (lambda: model.translate(picture), r"model.inpaint\(images, holes\)"),
                        (lambda: way_model("edges").inpaint(picture, holes), "not on pictures with holes"),
                        (lambda: way_model("hole").inpaint(picture, holes), "fills the centre half alone")):
        with pytest.raises(zoo.UsageError, match=words):
            call()


def test_what_a_translator_cannot_do_it_says():
    model = zoo.create("pix2pix", image_size=16)
    with pytest.raises(zoo.UsageError, match=r"pix2pix cannot sample: .* asked with translate\(\), inpaint\(\)"):
        model.sample(3)
    with pytest.raises(zoo.UsageError, match=r"gan cannot translate: .* sample\(\)"):
        zoo.create("gan", image_size=16).translate(torch.rand(1, 1, 16, 16))
    assert not hasattr(model, "sample")
    assert hasattr(model, "translate")
    assert copy.deepcopy(model).noise_size == model.noise_size


@pytest.mark.parametrize(("variant", "words"), [
    ("pix2pix", "grey or edges"), ("tpgan", "turned or frontal"), ("context-encoder", "hole or blocks"),
    ("srgan", "half or quarter or eighth")])
def test_a_variant_names_the_pairs_that_it_is_for(variant, words, tmp_path):
    with pytest.raises(zoo.UsageError, match=f"say with --pairs what the source is to be, such as {words}, or"):
        tiny_run(variant, tmp_path, pairs="files")


@pytest.mark.parametrize(("options", "words"), [
    ({"pairs": "files"}, "digits is a set of single images: say with --pairs"),
    ({"pairs": "grey"}, "grey already"),
    ({"pairs": "edges", "reverse": True}, "leave it away"),
    ({"pairs": "edges", "data": "ring", "image_size": 0}, "pairs are made of images"),
    ({"pairs": "edges", "image_size": 28}, "powers? of two|takes 16, 32"),
])
def test_data_that_do_not_fit(options, words, tmp_path):
    with pytest.raises(zoo.UsageError, match=words):
        tiny_run("pix2pix", tmp_path, **options)


def test_pairs_are_for_translators_alone(tmp_path):
    with pytest.raises(zoo.UsageError, match="--pairs and --reverse are for models"):
        tiny_run("gan", tmp_path, pairs="edges")


# ---- pictures of any sort -------------------------------------------------------------------------------------------

def test_pictures_of_any_sort_are_the_same(tmp_path):
    bytes_ = np.random.default_rng(0).integers(0, 256, (6, 4, 3), dtype=np.uint8)
    picture = Image.fromarray(bytes_)
    picture.save(tmp_path / "x.png")
    expected = torch.from_numpy(bytes_).permute(2, 0, 1)[None].float() / 255
    for given in (bytes_, picture, tmp_path / "x.png", str(tmp_path / "x.png"), expected, expected[0],
                  (expected * 255).round().byte(), [picture], bytes_.astype(np.float32) / 255):
        torch.testing.assert_close(as_tensor(given, 3), expected)
    assert as_tensor([picture, bytes_], 3).shape == (2, 3, 6, 4)
    assert as_tensor(bytes_, 1).shape == (1, 1, 6, 4)
    assert torch.equal(as_tensor(torch.full((1, 2, 2), 0.5), 3), torch.full((1, 3, 2, 2), 0.5))
    see_through = Image.new("RGBA", (2, 2), (0, 0, 0, 0))
    assert as_tensor(see_through, 3).min() == 1  # on white


@pytest.mark.parametrize("mode", ["LAB", "CMYK", "YCbCr", "HSV", "RGBA"])
def test_grey_of_every_sort_of_colour(mode):
    """Of a plain picture, nearly: that of its colours."""
    plain = Image.new("RGB", (4, 4), (200, 80, 40))
    grey = as_tensor(plain, 1)
    if mode == "LAB":
        given = ImageCms.profileToProfile(plain, ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"),
                                          outputMode="LAB")
    else:
        given = plain.convert(mode)
    assert (as_tensor(given, 1) - grey).abs().max() < 0.02


@pytest.mark.parametrize(("given", "words"), [
    (torch.full((3, 4, 4), 7.0), "floats in"), (torch.full((3, 4, 4), float("nan")), "floats in"), (3, "a picture is"),
    ([], "no pictures"), ("missing.png", "cannot be read"), (torch.rand(2, 4, 4), "1 or 3 channels"),
    ([torch.rand(3, 4, 4), torch.rand(3, 5, 4)], "several sizes"),
])
def test_what_are_no_pictures(given, words):
    with pytest.raises(zoo.UsageError, match=words):
        as_tensor(given, 3)


# ---- errors ---------------------------------------------------------------------------------------------------------

def test_errors_by_hand():
    """A constant error of one of 255 levels is 48.13 dB, one of 51 (a fifth) 13.98 dB."""
    true = torch.full((2, 3, 16, 16), 0.2)
    near = errors(true + 1 / 255, true)
    assert near["psnr"] == pytest.approx(48.1308, abs=1e-3)
    assert near["l1"] == pytest.approx(1 / 255, abs=1e-6)
    assert errors(true + 0.2, true)["psnr"] == pytest.approx(13.9794, abs=1e-3)
    assert errors(true, true)["ssim"] == pytest.approx(1)
    mixed = torch.cat([true[:1] + 0.2, true[1:] + 1 / 255])
    assert errors(mixed, true)["psnr"] == pytest.approx((48.1308 + 13.9794) / 2, abs=1e-3)  # of dB, not of errors


@pytest.mark.parametrize("shape", [(3, 3, 16, 16), (2, 1, 6, 70), (1, 3, 64, 65), (1, 2, 200, 11)])
@pytest.mark.parametrize("apart", [0.0, 0.003, 0.1, 2.0])
def test_structural_similarity_is_that_of_torchmetrics(shape, apart):
    """In float64, of pictures of any size, smooth ones too."""
    true = F.interpolate(torch.rand(*shape[:2], 4, 4, dtype=torch.float64), shape[2:], mode="bilinear")
    made = (true + apart * torch.randn_like(true)).clamp(0, 1)
    expected = structural_similarity_index_measure(made, true, data_range=1.0, reduction="none")
    torch.testing.assert_close(structural_similarity(made, true), expected, rtol=1e-11, atol=1e-13)


def test_trivial_answers():
    true = torch.rand(5, 3, 16, 16)
    assert errors(copies(true, true), true)["psnr"] == 100
    assert torch.equal(means(true)[3], true.mean(0))
    assert copies(torch.rand(5, 1, 4, 4), true).shape == true.shape


# ---- zoo translate --------------------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    zoo.save(model_of(size=16, source_channels=3).float(), folder)
    return folder


def test_a_folder_of_pictures_is_translated(saved, tmp_path, capsys):
    for number, size in enumerate([(16, 16), (20, 33), (5, 7)]):
        Image.new("RGB", size, (9 * number, 0, 200)).save(tmp_path / f"{number}.jpg")
    (tmp_path / "broken.png").write_bytes(b"no picture")
    (tmp_path / "link.png").symlink_to(tmp_path / "nowhere.png")
    (tmp_path / "notes.txt").write_text("no picture either", encoding="utf-8")
    out = tmp_path / "out"
    assert translate_command.main([str(saved), str(tmp_path), "--out", str(out)]) == 1
    said = capsys.readouterr()
    assert "broken.png cannot be read" in said.err
    assert "left out 1, which are no picture files: notes.txt" in said.err
    assert "link.png cannot be read" in said.err
    assert f"3 pictures in {out}, 2 could not be made" in said.out
    assert translate_command.main([str(saved), str(tmp_path / "link.png"), "--out", str(tmp_path / "other")]) == 1
    assert sorted(path.name for path in out.iterdir()) == ["0.png", "1.png", "2.png", SHEET]
    made = Image.open(out / "1.png")
    assert (made.size, made.mode) == ((20, 33), "RGB")
    expected = zoo.load(saved).translate(tmp_path / "1.jpg")
    torch.testing.assert_close(as_tensor(made, 3), expected, atol=0.5 / 255 + 1e-6, rtol=0)


def test_holes_are_told_by_pictures(tmp_path, capsys):
    """One for all, or one each under the same name."""
    folder, pictures, holes = (tmp_path / name for name in ("model", "pictures", "holes"))
    model = way_model("blocks", generator="resnet", blocks=1).float()
    zoo.save(model, folder)
    noise = torch.randint(0, 256, (3, 24, 20, 3), dtype=torch.uint8)
    for place in (pictures, holes):
        place.mkdir()
    for name, picture in zip("abc", noise, strict=True):
        Image.fromarray(picture.numpy()).save(pictures / f"{name}.png")
    hole = torch.zeros(1, 1, 24, 20)
    hole[..., 5:15, 3:9] = 1
    mask = Image.fromarray((hole[0, 0] * 255).byte().numpy())
    mask.save(holes / "a.jpg", quality=100)
    mask.resize((9, 9)).save(holes / "b.png")
    out = tmp_path / "out"
    assert translate_command.main([str(folder), str(pictures), "--holes", str(holes), "--out", str(out)]) == 1
    said = capsys.readouterr()
    assert f"1 picture in {out}, 2 could not be made" in said.out
    assert "b.png is of another size than" in said.err
    assert f"there is no picture of the holes of {pictures / 'c.png'}" in said.err
    made, given = as_tensor(Image.open(out / "a.png"), 3), as_tensor(pictures / "a.png", 3)
    assert torch.equal(made[..., hole[0, 0] == 0], given[..., hole[0, 0] == 0])
    torch.testing.assert_close(made, zoo.load(folder).inpaint(given, hole), atol=0.5 / 255 + 1e-6, rtol=0)
    everywhere = ["--holes", str(holes / "a.jpg"), "--out", str(out), "--overwrite"]
    assert translate_command.main([str(folder), str(pictures), *everywhere]) == 0
    assert translate_command.main([str(folder), str(pictures), "--out", str(out), "--overwrite"]) == 1
    said = capsys.readouterr().err
    assert "zoo translate --holes" in said
    assert all(f"{pictures / name}.png: this pix2pix fills holes" in said for name in "abc")  # each is named
    with pytest.raises(zoo.UsageError, match="no picture or folder .* of holes"):
        translate_command.main([str(folder), str(pictures), "--holes", "nowhere", *everywhere[2:]])


@pytest.mark.parametrize("pairs", ["grey", "lab", "edges", "hole", "blocks", "turned"])
def test_sources_are_made_of_whole_pictures(pairs, tmp_path):
    """What is given on the sheet is what the model was given, not the picture."""
    model = way_model(pairs).float()
    zoo.save(model, tmp_path / "model")
    side = model.data.image_size
    Image.fromarray(torch.randint(0, 256, (side, side, 3), dtype=torch.uint8).numpy()).save(tmp_path / "x.png")
    out = tmp_path / "out"
    words = [str(tmp_path / "model"), str(tmp_path / "x.png"), "--derive", "--out", str(out)]
    assert translate_command.main(words) == 0
    source = model.source_of(tmp_path / "x.png")
    expected = model.translate(source)
    torch.testing.assert_close(as_tensor(out / "x.png", 3), expected, atol=0.5 / 255 + 1e-6, rtol=0)
    seen = as_tensor(Image.open(out / SHEET), 3)[0, :, :, :128].flatten(1)
    drawn = seen[:, (seen - seen.mean(0)).abs().amax(0) > 0.1]  # in colour
    assert (drawn.shape[1] > 100) == (source.shape[1] >= 3)
    with pytest.raises(zoo.UsageError, match="give one of them"):
        translate_command.main([*words, "--holes", str(tmp_path / "x.png")])


def test_nothing_is_overwritten_unasked(saved, tmp_path):
    Image.new("RGB", (16, 16)).save(tmp_path / "x.png")
    call = [str(saved), str(tmp_path / "x.p*"), "--out", str(tmp_path / "out")]
    assert translate_command.main(call) == 0
    before = (tmp_path / "out" / "x.png").stat().st_mtime_ns
    with pytest.raises(zoo.UsageError, match="is there already"):
        translate_command.main(call)
    assert (tmp_path / "out" / "x.png").stat().st_mtime_ns == before
    assert translate_command.main([*call, "--overwrite", "--seed", "3"]) == 0


@pytest.mark.parametrize("where", [["--out", "taken"], ["--out", "/proc/1/nowhere"],
                                   ["--out", "out", "--sheet", "taken/sheet.png"]])
def test_a_place_that_cannot_be_written_to_is_named(where, saved, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (16, 16)).save("x.png")
    (tmp_path / "taken").touch()
    with pytest.raises(zoo.UsageError, match=f"cannot write {where[-1]}"):
        translate_command.main([str(saved), "x.png", *where])


def test_translate_refuses_before_work_begins(saved, tmp_path):
    out = ["--out", str(tmp_path / "out")]
    Image.new("RGB", (16, 16)).save(tmp_path / "x.png")
    (tmp_path / "sub").mkdir()
    Image.new("RGB", (16, 16)).save(tmp_path / "sub" / "x.jpg")
    for pictures, words in ((["nothing.png"], "no picture, folder or match of nothing.png"),
                            ([str(tmp_path / "x.png"), str(tmp_path / "sub")], "would both be written")):
        with pytest.raises(zoo.UsageError, match=words):
            translate_command.main([str(saved), *pictures, *out])
    with pytest.raises(zoo.UsageError, match="makes no pictures of pictures"):
        translate_command.main(["gan-mnist", str(tmp_path / "x.png"), *out])
    with pytest.raises(zoo.UsageError, match="takes pictures as they are: leave --derive away"):
        translate_command.main([str(saved), str(tmp_path / "x.png"), "--derive", *out])
    assert not (tmp_path / "out").exists()


def test_data_of_another_kind_are_refused():
    """config.json of a pix2pix whose data are points, or of images that are no pairs."""
    for data in (zoo.create("gan", image_size=1).data, zoo.create("gan", image_size=16).data):
        with pytest.raises(zoo.UsageError, match="pix2pix takes data of the kind pairs"):
            Pix2Pix(Pix2PixConfig(), data)
    with pytest.raises(zoo.UsageError, match="unknown way to make pairs 'nonsense'"):
        PairSpec(name="x", image_size=16, channels=3, source_size=16, source_channels=3, pairs="nonsense")


def test_batches_of_one_pair_are_the_papers(tmp_path):
    assert tiny_run("pix2pix", tmp_path / "one", batch_size=1, images=4).train() == 0
    assert "diversity" not in read_metrics(tmp_path / "one")  # of one picture there is none, and JSON has no NaN
    tiny_run("pix2pix", tmp_path / "three", batch_size=3, images=6).train()
    assert "of 3 generated images over that of 3 real" in read_metrics(tmp_path / "three")["diversity"]["protocol"]
    with pytest.raises(zoo.UsageError, match="batch_size must be at least 2 for gan"):
        tiny_run("gan", tmp_path / "gan", batch_size=1)
