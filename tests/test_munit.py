"""MUNIT: its terms, whose gradients go where, styles from seeds and from pictures, and domains derived of pictures."""

import pytest
import torch
import torch.nn.functional as F
from conftest import set_up, tiny_run
from PIL import Image
from torch import nn

import zoo
from zoo.commands import translate as translate_command
from zoo.core.errors import UsageError
from zoo.data.batches import Domains, Labelled, Originals
from zoo.data.derived import edges, grey
from zoo.data.image_spec import ImageSpec
from zoo.data.module import DataModule
from zoo.data.pair_spec import DomainSpec
from zoo.data.pictures import as_tensor
from zoo.data.sources import open_source
from zoo.data.spec import read_spec
from zoo.metrics.pixels import moments
from zoo.models.munit import MUNIT, MUNITConfig
from zoo.networks.styled import StyledCoder
from zoo.tasks.latents import standard_normals
from zoo.tasks.unpaired import Judged


def model_of(size: int = 16, channels: int = 3, pairs: str = "files", **config) -> MUNIT:
    """A model whose weights are so large that what it makes differs."""
    data = DomainSpec(name="unnamed", image_size=size, channels=channels, domains=["A", "B"], pairs=pairs)
    model = MUNIT(MUNITConfig(**{"width": 2, "blocks": 1, "style_dim": 3} | config), data).double()
    for parameter in model.parameters():
        if parameter.dim() > 1:
            nn.init.normal_(parameter, 0.0, 0.3)
    return model


def batch_of(model: MUNIT, n: int = 4) -> Domains:
    a, b = torch.rand(2, n, *model.data.shape, dtype=torch.float64) * 2 - 1
    return Domains(a, b, torch.zeros(n).long())


class Affine(nn.Module):
    """A coder in closed form: content g x, style the mean of x, and h c + s made of both."""

    def __init__(self, g: float, h: float) -> None:
        super().__init__()
        self.g, self.h = g, h

    def content(self, x: torch.Tensor) -> torch.Tensor:
        return self.g * x

    def style(self, x: torch.Tensor) -> torch.Tensor:
        return x.mean((1, 2, 3))[:, None]

    def decode(self, content: torch.Tensor, style: torch.Tensor) -> torch.Tensor:
        return self.h * content + style[:, :, None, None]


# ---- the terms ------------------------------------------------------------------------------------------------------

def test_reconstructions_by_hand():
    """With content x/2 and 2 c + s for A, x/4 and 3 c + s for B: in B becomes of a 3a/2 + s, of b in A b/2 + s."""
    model = model_of(style_dim=1, reconstruction=7.0, content=2.0, style=3.0, cycle=5.0)
    model.coder_a, model.coder_b = Affine(0.5, 2.0), Affine(0.25, 3.0)
    batch, drawn = batch_of(model), torch.randn(2, 4, 1, dtype=torch.float64)
    draws = iter(drawn)
    model.draw = lambda distribution, *shape: next(draws)
    terms = model.generator_loss(batch)
    (a, b, _), (s, t) = batch, drawn[..., None, None]
    of_a, of_b = a.mean((1, 2, 3), keepdim=True), b.mean((1, 2, 3), keepdim=True)
    by_hand = {
        "picture_a": 7 * of_a.abs().mean(),  # 2 (a/2) + mean, less a
        "picture_b": 7 * (0.75 * b + of_b - b).abs().mean(),
        "content_a": 2 * ((1.5 * a + s) / 4 - a / 2).abs().mean(),
        "content_b": 2 * ((b / 2 + t) / 2 - b / 4).abs().mean(),
        "style_a": 3 * (1.5 * of_a).abs().mean(),
        "style_b": 3 * (of_b / 2).abs().mean(),
        "cycle_a": 5 * ((1.5 * a + s) / 2 + of_a - a).abs().mean(),
        "cycle_b": 5 * (3 * (b / 2 + t) / 2 + of_b - b).abs().mean(),
        "adversarial_a": (model.discriminator_b(1.5 * a + s) - 1).square().mean(),
        "adversarial_b": (model.discriminator_a(b / 2 + t) - 1).square().mean(),
    }
    assert terms.keys() == by_hand.keys()
    for name, value in by_hand.items():
        torch.testing.assert_close(terms[name], value, msg=name)
    terms = model.discriminator_loss(Judged(a, b, b / 2 + t, 1.5 * a + s))
    a_judge, b_judge = model.discriminator_a, model.discriminator_b
    torch.testing.assert_close(terms["real_a"], (a_judge(a) - 1).square().mean())
    torch.testing.assert_close(terms["fake_a"], a_judge(b / 2 + t).square().mean())
    torch.testing.assert_close(terms["real_b"], (b_judge(b) - 1).square().mean())
    torch.testing.assert_close(terms["fake_b"], b_judge(1.5 * a + s).square().mean())


def test_the_cycle_is_there_where_asked_for():
    model = model_of()
    assert not {"cycle_a", "cycle_b"} & model.generator_loss(batch_of(model)).keys()


ALL = {"content_encoder", "style_encoder", "perceptron", "decoder"}
PUT_TOGETHER = {"perceptron", "decoder"}
WHOSE = {  # term of A -> parts of both coders that it trains
    "picture_a": (ALL, set()), "adversarial_a": ({"content_encoder"}, PUT_TOGETHER),
    "content_a": ({"content_encoder"}, PUT_TOGETHER | {"content_encoder"}),
    "style_a": ({"content_encoder"}, PUT_TOGETHER | {"style_encoder"}),
    "cycle_a": (ALL, PUT_TOGETHER | {"content_encoder"}),
}


def trained(term: torch.Tensor, network: nn.Module) -> set[str]:
    """The parts of a network that get gradients of a term."""
    names = [name.split(".")[0] for name, _ in network.named_parameters()]
    gradients = torch.autograd.grad(term, list(network.parameters()), retain_graph=True, allow_unused=True)
    return {name for name, g in zip(names, gradients, strict=True) if g is not None and g.abs().max() > 0}


def test_each_network_learns_by_its_own_terms():
    model = model_of(cycle=1.0)
    coders = {"a": model.coder_a, "b": model.coder_b}
    batch = batch_of(model)
    for name, term in model.generator_loss(batch).items():
        own, other = WHOSE[f"{name[:-1]}a"]
        side = name[-1]
        assert trained(term, coders[side]) == own, name
        assert trained(term, coders["ab".replace(side, "")]) == other, name
    made = (crossed.made.detach() for crossed in reversed(model.fake(batch)))
    for name, term in model.discriminator_loss(Judged(batch.a, batch.b, *made)).items():
        judges = {"a": model.discriminator_a, "b": model.discriminator_b}
        assert trained(term, judges[name[-1]]), name
        assert not trained(term, judges["ab".replace(name[-1], "")]), name


# ---- the network ----------------------------------------------------------------------------------------------------

def test_the_network_is_the_papers():
    """At 256 px: c7s1-64, d128, d256, R256 x 4 for the content; c7s1-64, d128, d256, d256, d256, fc8 for the style."""
    with torch.device("meta"):
        coder = StyledCoder(3, 256, 64, 4, 8)

    def channels(network: nn.Module) -> list[int]:
        return [layer.out_channels for layer in network.modules() if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d)]

    assert channels(coder.content_encoder) == [64, 128, 256, *[256] * 8]
    assert channels(coder.style_encoder) == [64, 128, 256, 256, 256]
    assert coder.style_encoder[-1].out_features == 8
    assert channels(coder.decoder) == [*[256] * 8, 128, 64, 3]
    assert not any(isinstance(layer, nn.InstanceNorm2d) for layer in coder.style_encoder)  # it takes colours away


@pytest.mark.parametrize(("size", "layers"), [(8, 1), (16, 2), (28, 2), (32, 3), (64, 4), (256, 4)])
def test_styles_end_at_a_small_map(size, layers):
    coder = StyledCoder(1, size, 1, 1, 3)
    assert sum(getattr(layer, "stride", 0) == (2, 2) for layer in coder.style_encoder) == layers
    assert coder.style(torch.rand(2, 1, size, size)).shape == (2, 3)


def test_answers_are_the_same_in_training_mode_alone_and_in_a_batch():
    model = model_of()
    pictures, styles = torch.rand(2, 3, 3, 16, 16)
    together = model.translate(pictures, style=styles)
    torch.testing.assert_close(model.train().translate(pictures, style=styles), together)
    for picture, style, made in zip(pictures, styles, together, strict=True):
        torch.testing.assert_close(model.translate(picture, style=style)[0], made)


# ---- styles ---------------------------------------------------------------------------------------------------------

def test_a_seed_is_a_style():
    """The same everywhere, and another for another seed; each picture of several has its own."""
    model, picture = model_of(), torch.rand(3, 16, 16)
    made = [model.translate(picture, seed=seed)[0] for seed in (3, 3, 4)]
    assert torch.equal(made[0], made[1])
    assert (made[0] - made[2]).abs().mean() > 0.01
    normal = standard_normals(1, 3, 3)
    torch.testing.assert_close(model.respond(source=picture[None], normal=normal)[0], made[0])
    twice = model.translate(torch.stack([picture, picture]), seed=3)
    torch.testing.assert_close(twice[0], made[0])
    assert (twice[0] - twice[1]).abs().mean() > 0.01
    assert model.noise_size == 3


def test_style_of_a_picture_is_its_code():
    """What its encoder of the other domain makes of it, brought to the model's size."""
    model, picture, other = model_of(), torch.rand(3, 16, 16), torch.rand(1, 3, 16, 16)
    code = model.coder_b.style(2 * other.double() - 1).detach()
    made = model.translate(picture, style=other)
    torch.testing.assert_close(made, model.respond(source=picture[None], normal=code))
    torch.testing.assert_close(model.translate(picture, style=other, seed=7), made)
    large = F.interpolate(other, (48, 32), mode="nearest")
    assert (model.translate(picture, style=large) - made).abs().mean() < 0.05
    assert (model.translate(picture, style=1 - other) - made).abs().mean() > 0.01
    code = model.coder_a.style(2 * other.double() - 1).detach()
    torch.testing.assert_close(model.back(picture, style=other), model.respond(target=picture[None], normal=code))


def test_averaged_weights_tell_the_style():
    model = model_of()
    model.configure_model()
    picture, other = torch.rand(2, 1, 3, 16, 16)
    expected = model.translate(picture, style=other)
    with torch.no_grad():
        for parameter in model.coder_b.parameters():
            parameter.zero_()
    torch.testing.assert_close(model.translate(picture, style=other), expected)


def test_one_picture_in_several_styles():
    model, picture, styles = model_of(), torch.rand(3, 16, 16), torch.rand(3, 3, 16, 16)
    made = model.translate(picture, style=styles)
    torch.testing.assert_close(made, model.translate(picture.expand(3, -1, -1, -1), style=styles))
    same = model.translate(styles, style=picture)
    torch.testing.assert_close(same, model.translate(styles, style=picture.expand(3, -1, -1, -1)))
    assert model.back(picture, style=styles).shape == (3, 3, 16, 16)
    with pytest.raises(UsageError, match="2 pictures whose style is to be taken, for 3 pictures: give one"):
        model.translate(styles, style=styles[:2])


@pytest.mark.parametrize("ask", ["translate", "back"])
@pytest.mark.parametrize(("height", "width"), [(16, 16), (31, 40), (5, 70)])
def test_any_size_comes_back_as_it_was(ask, height, width):
    assert getattr(model_of(), ask)(torch.rand(2, 3, height, width)).shape == (2, 3, height, width)


def test_there_is_another_way_back():
    """From B, with A's decoder; without normals in the mean style."""
    model, pictures = model_of(), torch.rand(2, 3, 16, 16)
    x = 2 * pictures.double() - 1
    nothing = torch.zeros(2, 3, dtype=torch.float64)
    for name, here, there in (("source", model.coder_a, model.coder_b), ("target", model.coder_b, model.coder_a)):
        expected = (there.decode(here.content(x), nothing) + 1) / 2
        torch.testing.assert_close(model.respond(**{name: pictures}), expected.float())


@pytest.mark.parametrize(("options", "words"), [
    ({"labels": 3}, "munit makes no classes of pictures"), ({"style": "nowhere.png"}, "nowhere.png")])
def test_what_it_cannot_be_told(options, words):
    with pytest.raises(UsageError, match=words):
        model_of().translate(torch.rand(3, 16, 16), **options)


def test_models_without_styles_say_so(finished):
    with pytest.raises(UsageError, match="cyclegan takes no style from a picture, as munit does"):
        zoo.create("cyclegan", image_size=16, width=2).translate(torch.rand(1, 16, 16), style=torch.rand(1, 16, 16))
    with pytest.raises(UsageError, match="cyclegan takes no style from a picture: there is none to measure"):
        zoo.evaluate(finished("cyclegan"), measures="style", samples=50, real=50)


# ---- the contract of a task -----------------------------------------------------------------------------------------

def test_the_sheet_has_styles_above():
    """The first row are the styles; then source, its content in six styles, and in four that seeds give."""
    model = model_of()
    batch = batch_of(model, 8)
    sheet = as_tensor(model.sheet(batch), 3)[0]
    assert sheet.shape == (3, 7 * 18 + 2, 11 * 18 + 2)

    def cell(row: int, column: int) -> torch.Tensor:
        return sheet[:, 18 * row + 2:18 * row + 18, 18 * column + 2:18 * column + 18]

    unit = model.data.to_unit
    source, true = unit(batch.a), unit(batch.b)
    for (row, column), expected in {
        (0, 0): torch.ones(3, 16, 16), (0, 1): true[4], (0, 6): true[1], (0, 7): torch.ones(3, 16, 16),
        (0, 10): torch.ones(3, 16, 16),
        (1, 0): source[0], (6, 0): source[5], (3, 2): model.translate(source[2], style=true[5])[0],
        (2, 7): model.translate(source[1], seed=0)[0], (2, 10): model.translate(source[1], seed=3)[0],
    }.items():
        torch.testing.assert_close(cell(row, column).double(), expected.double(), atol=0.6 / 255, rtol=0)
    assert model.sheet_row + 2 == 2 * 18 + 2
    assert model.sheet().size == (5 * 18 + 2, 7 * 18 + 2)


def test_words_of_the_card():
    model = model_of()
    assert model.asks == ("translate", "back")
    assert 'model.translate("picture.png", style="other.png")  # A -> B' in model.usage("x")
    assert "in the style of the picture that stands above" in model.captions()["samples.png"][1]
    assert model.measures == ("style", "frechet", "domains", "parts")
    assert model_of(pairs="grey").measures == ("style", "pixels", "perceptual", "frechet", "domains", "parts")


def test_translate_command(finished, tmp_path):
    for name, shade in (("one", 40), ("two", 200)):
        Image.new("L", (16, 16), shade).save(tmp_path / f"{name}.png")
    run, one, two = str(finished("munit")), str(tmp_path / "one.png"), str(tmp_path / "two.png")
    model = zoo.load(run)
    for options, told in ((["--style", two], {"style": two}), (["--seed", "5"], {"seed": 5})):
        out = tmp_path / options[0]
        assert translate_command.main([run, one, *options, "--out", str(out)]) == 0
        torch.testing.assert_close(as_tensor(out / "one.png", 1), model.translate(one, **told), atol=0.6 / 255, rtol=0)
    with pytest.raises(UsageError, match=r"no\.png"):
        translate_command.main([run, one, "--style", str(tmp_path / "no.png"), "--out", str(tmp_path / "out")])
    assert not (tmp_path / "out").exists()


# ---- measured -------------------------------------------------------------------------------------------------------

class Palette(nn.Module):
    """A coder whose style is a picture's means and deviations, and its content what is left."""

    def __init__(self) -> None:
        super().__init__()
        self.nothing = nn.Parameter(torch.zeros(()))

    def content(self, x: torch.Tensor) -> torch.Tensor:
        return F.instance_norm(x, eps=1e-12)

    def style(self, x: torch.Tensor) -> torch.Tensor:
        return moments(x)

    def decode(self, content: torch.Tensor, style: torch.Tensor) -> torch.Tensor:
        mean, deviation = style[:, :, None, None].chunk(2, 1)
        return deviation * content + mean


def test_the_measure_sees_styles(tmp_path):
    """Of AdaIN on pixels and pictures that are a pattern times a colour: the palette of the pictures that are shown,
    and the true picture where its own is. Of a model that looks at no style: no spread."""
    colours = torch.rand(60, 3, 1, 1) / 2 + 0.5
    for number, colour in enumerate(colours):
        pattern = (torch.rand(1, 8, 8) / 4 + 0.5) * colour
        Image.fromarray((255 * pattern).round().byte().permute(1, 2, 0).numpy()).save(tmp_path / f"{number}.png")
    model = model_of(8, style_dim=6, pairs="grey").float()
    model.coder_a, model.coder_b = Palette(), Palette()
    how = {"data": str(tmp_path), "measures": "style", "samples": 60, "real": 60}
    values = {name: metric["value"] for name, metric in zoo.evaluate(model, **how).items()}
    assert values["palette_l1"] < 1e-5 < 0.02 < values["palette_l1/copy"]
    assert values["palette_l1/drawn"] > 0.1
    assert values["own_psnr"] > 40  # but for rounding
    assert values["style_spread"] > 0.04
    assert values["style_spread/real"] > 0.04
    model.coder_b.style = lambda x: torch.zeros(len(x), 6)
    assert zoo.evaluate(model, **how)["style_spread"]["value"] < 1e-6


# ---- domains derived of pictures ------------------------------------------------------------------------------------

class Numbered:
    """Twelve pictures whose red is their number, and whose green is 255."""

    split, splits = "train", ("train",)
    spec = ImageSpec(name="numbers", image_size=8, channels=3, images=12, class_names=["a", "b"])

    def prepare(self) -> None:
        """Nothing to fetch."""

    def load(self) -> Labelled:
        images = torch.zeros(12, 3, 8, 8, dtype=torch.uint8)
        images[:, 0], images[:, 1] = torch.arange(12, dtype=torch.uint8)[:, None, None], 255
        return Labelled(images, torch.arange(12) % 2)


def test_the_first_domain_is_made_of_the_second():
    source = open_source(Numbered(), kind="domains", pairs="grey")
    assert source.spec == DomainSpec(name="numbers", image_size=8, channels=3, domains=["grey", "numbers"], images=12,
                                     images_b=12, pairs="grey", provenance="numbers; the first set is grey of it")
    assert read_spec(source.spec.to_dict()) == source.spec
    assert open_source(Numbered(), kind="domains", **source.spec.opening).spec == source.spec
    columns, model = source.load(), model_of(8, pairs="grey")
    assert type(columns) is Originals
    batch = model.prepare(columns)
    assert type(batch) is Domains
    torch.testing.assert_close(batch.b, columns.b / 127.5 - 1.0, check_dtype=False)
    torch.testing.assert_close(batch.a, grey(batch.b).expand(-1, 3, -1, -1))
    assert model.prepare(batch).a is not None
    torch.testing.assert_close(model.prepare(batch).a, batch.a, atol=0, rtol=0)  # not made once more
    assert model.paired
    assert not model_of().paired


def test_what_belongs_together_does_not_meet():
    loader = set_up(DataModule(open_source(Numbered(), kind="domains", pairs="grey"), 4)).train_dataloader()
    batches = [batch for batch, _ in zip(loader, range(6), strict=False)]
    assert all(type(batch) is Originals for batch in batches)
    a, b = ([int(x) for batch in batches for x in side(batch)[:, 0, 0, 0]] for side in
            (lambda batch: batch.a, lambda batch: batch.b))
    assert sorted(a[:12]) == sorted(b[:12]) == list(range(12))
    assert sum(x == y for x, y in zip(a, b, strict=True)) < 12


def test_grey_pictures_for_a_domain_of_grey_ones():
    model, picture = model_of(pairs="grey"), torch.rand(3, 16, 16)
    plain = picture.mean(0, keepdim=True).expand(3, -1, -1)
    torch.testing.assert_close(model.translate(picture), model.translate(plain))
    assert not torch.equal(model_of().read(picture), model_of().read(plain))
    assert not torch.equal(model.back(picture), model.back(plain))  # which takes pictures of the second


def test_edges_of_digits():
    model = model_of(channels=1, pairs="edges")
    columns = open_source("digits", image_size=16, kind="domains", pairs="edges").load()
    columns = type(columns)(*(column[:5] for column in columns))
    batch = model.prepare(columns)
    torch.testing.assert_close(batch.a, edges(batch.b))
    inputs = model.inputs(5, 0, columns)
    torch.testing.assert_close(inputs["source"], ((batch.a + 1) / 2).float(), check_dtype=False)
    torch.testing.assert_close(model.inputs(5, 0, batch)["source"], inputs["source"])
    assert inputs["normal"].shape == (5, 3)


@pytest.mark.parametrize(("options", "words"), [
    ({"pairs": "half"}, "--pairs half makes no second set of pictures like the first: choose grey or edges"),
    ({"pairs": "lab"}, "--pairs lab makes no second set"), ({"pairs": "hole"}, "--pairs hole makes no second set"),
    ({"pairs": "grey", "domains": "0,1"}, "leave one of them away"),
    ({"pairs": "grey", "reverse": True}, "--reverse is for models of pairs"),
    ({"pairs": "grey", "data": "digits"}, "the images are grey already"),
    ({"pairs": "edges", "data": "ring", "image_size": 0}, "ring is a set of points"),
])
def test_domains_that_cannot_be_derived(options, words):
    with pytest.raises(UsageError, match=words):
        open_source(**{"data": Numbered(), "kind": "domains"} | options)


@pytest.mark.parametrize("pairs", ["gray", 3])
def test_specs_that_do_not_fit(pairs):
    with pytest.raises(UsageError, match="unknown way to make pairs"):
        DomainSpec(name="x", image_size=8, channels=3, domains=["a", "b"], pairs=pairs)


def test_it_learns_the_colours_of_pictures(tmp_path):
    """Discs of a colour, and grey ones: shown another disc it takes on the colour; a hundred steps."""
    at = torch.arange(16.0)
    for number, colour in enumerate(torch.rand(80, 3, 1, 1)):
        y, x, radius = torch.rand(3) * torch.tensor([6, 6, 2]) + torch.tensor([5, 5, 3])
        disc = ((at[:, None] - y) ** 2 + (at - x) ** 2 < radius**2) * 0.9 + 0.1
        (tmp_path / "data").mkdir(exist_ok=True)
        Image.fromarray((255 * disc * colour).byte().permute(1, 2, 0).numpy()).save(tmp_path / "data" / f"{number}.png")
    config = {"width": 4, "blocks": 1, "style_dim": 3, "learning_rate": 5e-3, "ema_halflife": 200, "jitter": False}
    tiny_run("munit", tmp_path / "run", images=800, data=str(tmp_path / "data"), domains="", pairs="grey",
             log_every=800, samples_every=800, checkpoint_every=800, config=config).train()
    values = {name: metric["value"] for name, metric in zoo.evaluate(
        tmp_path / "run", measures="style,pixels", samples=80, real=80).items()}
    assert values["palette_l1"] < 0.8 * min(values["palette_l1/copy"], values["palette_l1/drawn"])
    assert values["own_psnr"] > values["psnr"] + 1  # the true colour helps


def test_a_run_on_edges(tmp_path):
    """Trains, loads and is measured beside what is known of the true pictures."""
    tiny_run("munit", tmp_path, images=80, domains="", pairs="edges", config={"width": 2, "blocks": 1}).train()
    model = zoo.load(tmp_path)
    assert (model.data.pairs, model.data.domains) == ("edges", ["edges", "digits"])
    values = zoo.evaluate(tmp_path, measures="style,pixels", samples=60, real=60)
    assert {"own_psnr", "psnr", "psnr/copy", "palette_l1"} <= values.keys()


@pytest.mark.filterwarnings("ignore:the model was trained on unnamed")
def test_a_mean_over_pictures_takes_few_and_a_distance_between_sets_does_not(tmp_path):
    """Of seven on a side; and those that are measured are the ones that can be named."""
    for side in ("trainA", "trainB", "testA", "testB"):
        (tmp_path / "set" / side).mkdir(parents=True)
        for number in range(7 if side == "testA" else 9):
            pixels_of = torch.randint(256, (8, 8, 3), dtype=torch.uint8).numpy()
            Image.fromarray(pixels_of).save(tmp_path / "set" / side / f"{number}.png")
    how = {"data": str(tmp_path / "set"), "features": "cifar10", "accelerator": "cpu"}
    model = zoo.create("munit", image_size=8, channels=3, width=2, blocks=1)
    with pytest.raises(zoo.UsageError, match="7 images, of 7 in the split test.*are too few for frechet: at least 50; "
                                             "of so few --measures style can be taken"):
        zoo.evaluate(model, measures="frechet,style", **how)
    found = zoo.evaluate(model, measures="style", **how)
    assert 0 < found["palette_l1"]["value"] < 1
    assert "split=test samples=7 real=9" in found["palette_l1"]["protocol"]
