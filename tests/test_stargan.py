"""StarGAN: its terms, whose gradients go where, what is asked in a step and by a user, and what stays."""

import pytest
import torch
import torch.nn.functional as F
from conftest import tiny_run
from PIL import Image
from safetensors.torch import load_file
from torch import nn

import zoo
from zoo.commands import translate as translate_command
from zoo.core.errors import UsageError
from zoo.data.batches import Labelled
from zoo.data.image_spec import ImageSpec
from zoo.data.labels import STAYS, asked_parts
from zoo.data.pictures import as_tensor
from zoo.features.classifier import Classifier
from zoo.metrics.classes import heads_kept, label_agreement
from zoo.models.stargan import Asked, Discriminator, StarGAN, StarGANConfig
from zoo.networks.conditioning import AskedVectors
from zoo.networks.modulated import AdaptiveNorm
from zoo.tasks.drawing import FONT, MARGIN

FACES = [f"{hair} hair, {eyes} eyes" for hair in ("black", "blonde", "pink") for eyes in ("blue", "red")]


def model_of(names: list[str] = FACES, size: int = 16, channels: int = 3, **config) -> StarGAN:
    """A model whose weights are so large that what it makes differs."""
    data = ImageSpec(name="unnamed", image_size=size, channels=channels, class_names=names)
    model = StarGAN(StarGANConfig(**{"width": 2, "blocks": 1} | config), data).double()
    for parameter in model.parameters():
        if parameter.dim() > 1:
            nn.init.normal_(parameter, 0.0, 0.3)
    return model


def batch_of(model: StarGAN, n: int = 4) -> Asked:
    own = model.parts(torch.arange(n) % model.data.classes)
    return Asked(torch.rand(n, *model.data.shape, dtype=torch.float64) * 2 - 1, own, own.flip(0))


class Linear(nn.Module):
    """Two patches <w, x> and <v, x>, and logits that are the first values of x."""

    def __init__(self, w: torch.Tensor, v: torch.Tensor, outputs: int) -> None:
        super().__init__()
        self.w, self.v, self.outputs = nn.Parameter(w), nn.Parameter(v), outputs

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        flat = x.flatten(1)
        return torch.stack([flat @ self.w, flat @ self.v], 1)[:, None, None], flat[:, :self.outputs]


def with_linear(model: StarGAN) -> StarGAN:
    w, v = torch.randn(2, 3 * 16 * 16, dtype=torch.float64)
    model.discriminator = Linear(w, v, 5)
    return model


# ---- the terms ------------------------------------------------------------------------------------------------------

def test_penalty_of_a_linear_critic():
    """The gradient of the patches' sum is w + v everywhere, so the penalty is 10 (|w + v| - 1)^2."""
    model = with_linear(model_of())
    expected = 10 * ((model.discriminator.w + model.discriminator.v).norm() - 1) ** 2
    torch.testing.assert_close(model.discriminator_loss(batch_of(model))["penalty"], expected)


def by_hand(logits: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
    """-log of the softmax of hair's 3 logits at its class, and of eyes' 2, a mean over the pictures."""
    hair = -logits[:, :3].log_softmax(1)[torch.arange(len(logits)), classes[:, 0]]
    eyes = -logits[:, 3:].log_softmax(1)[torch.arange(len(logits)), classes[:, 1]]
    return (hair + eyes).mean()


def test_terms_by_hand():
    model = with_linear(model_of(classification=3.0, reconstruction=7.0))
    batch = batch_of(model)
    fake = model.generator(batch.images, model.vectors(batch.asked).double())
    (on_real, real_logits), (on_fake, fake_logits) = model.discriminator(batch.images), model.discriminator(fake)
    terms = model.discriminator_loss(batch)
    torch.testing.assert_close(terms["real"], -on_real.mean())
    torch.testing.assert_close(terms["fake"], on_fake.mean())
    torch.testing.assert_close(terms["class"], 3 * by_hand(real_logits, batch.own))
    terms = model.generator_loss(batch)
    back = model.generator(fake, model.vectors(batch.own).double())
    torch.testing.assert_close(terms["adversarial"], -on_fake.mean())
    torch.testing.assert_close(terms["class"], 3 * by_hand(fake_logits, batch.asked))
    torch.testing.assert_close(terms["reconstruction"], 7 * (batch.images - back).abs().mean())
    assert terms["class"].item() != pytest.approx(3 * by_hand(fake_logits, batch.own).item())


def test_a_head_that_is_not_asked_for_is_to_be_as_it_was():
    model = with_linear(model_of())
    batch = batch_of(model)
    batch = batch._replace(asked=batch.asked.index_fill(1, torch.tensor([1]), STAYS))
    _, logits = model.discriminator(model.relabel(batch.images, batch.asked))
    expected = torch.stack([batch.asked[:, 0], batch.own[:, 1]], 1)
    torch.testing.assert_close(model.generator_loss(batch)["class"], by_hand(logits, expected))


def test_the_class_is_learnt_on_real_pictures_and_asked_of_made_ones():
    """D's class term does not see what G makes, nor G's the real pictures but through G."""
    model = model_of()
    batch = batch_of(model)
    of_d, of_g = model.discriminator_loss(batch)["class"], model.generator_loss(batch)["class"]
    made = model.relabel(batch.images, batch.asked)
    model.relabel = lambda images, label: made
    other = batch._replace(images=torch.rand_like(batch.images))
    assert model.generator_loss(other)["class"] == of_g
    assert model.discriminator_loss(other)["class"] != of_d
    made = torch.rand_like(made)
    assert model.discriminator_loss(batch)["class"] == of_d
    assert model.generator_loss(batch)["class"] != of_g


def test_own_class_is_learnt_by_the_reconstruction_alone():
    model = model_of()
    batch, calls = batch_of(model), []
    relabel = model.relabel

    def watched(images, label):
        made = relabel(images, label)
        made.retain_grad()
        calls.append((images, label, made))
        return made

    model.relabel = watched
    terms = model.generator_loss(batch)
    (_, asked, fake), (given, own, back) = calls
    assert (asked is batch.asked, given is fake, own is batch.own) == (True, True, True)
    (terms["adversarial"] + terms["class"]).backward(retain_graph=True)
    assert fake.grad.abs().max() > 0
    assert back.grad is None
    before = fake.grad.clone()
    terms["reconstruction"].backward()
    assert back.grad.abs().max() > 0
    assert not torch.equal(fake.grad, before)  # and through it the first pass


WHOSE = {"real": {"trunk", "source"}, "fake": {"trunk", "source"}, "penalty": {"trunk", "source"},
         "class": {"trunk", "category"}}


def test_critic_and_classifier_share_the_trunk_alone():
    model = model_of()
    found = {}
    for name, term in model.discriminator_loss(batch_of(model)).items():
        parameters = dict(model.discriminator.named_parameters())
        gradients = torch.autograd.grad(term, list(parameters.values()), retain_graph=True, allow_unused=True)
        found[name] = {key.split(".")[0] for key, g in zip(parameters, gradients, strict=True)
                       if g is not None and g.abs().max() > 0}
    assert found == WHOSE


# ---- what is asked in a step ----------------------------------------------------------------------------------------

def begin(model: StarGAN, seen: int, rank: int = 0) -> None:
    model._draws._rank = lambda: rank
    model._draws.begin(3, seen)


def test_classes_of_the_batch_in_another_order():
    model = model_of(stay=0.0)
    own = model.parts(torch.arange(6).repeat(4))
    orders = []
    for step in range(3):
        begin(model, 24 * step)
        orders.append(model.asked(own))
        assert sorted(orders[-1].tolist()) == sorted(own.tolist())  # whole classes, as often as they are there
    assert not torch.equal(orders[0], own)
    assert not torch.equal(orders[0], orders[1])


def test_the_order_of_two_processes_is_that_of_one(monkeypatch):
    model = model_of()
    whole = model.parts(torch.randint(6, (20,)))
    begin(model, 20)
    expected = model.asked(whole)
    begin(model, 20)
    chance = model.draw(torch.rand, 20)
    for rank in (0, 1):
        mine = whole[10 * rank:][:10]
        with monkeypatch.context() as patch:
            patch.setattr("zoo.core.parallel.rank", lambda rank=rank: rank)
            patch.setattr("zoo.core.parallel.gather", lambda x: chance if x.is_floating_point() else whole)
            begin(model, 20, rank)
            assert torch.equal(model.asked(mine), expected[10 * rank:][:10])


@pytest.mark.parametrize(("stay", "alone"), [(0.0, 0.0), (0.5, 0.75), (1.0, 1.0)])
def test_heads_are_left_out_but_never_all(stay, alone):
    """The one of two heads with the larger number is asked for, the other where its number is not below ``stay``: the
    smaller of two numbers is so with 1 - (1 - stay)^2."""
    model = model_of(stay=stay)
    begin(model, 0)
    left_out = model.asked(model.parts(torch.arange(6).repeat(500))) == STAYS
    assert not left_out.all(1).any()
    assert left_out.any(1).double().mean().item() == pytest.approx(alone, abs=0.03)
    assert (left_out.double().mean(0) - alone / 2).abs().max() < 0.03  # each head as often
    plain = model_of(["a", "b"], stay=stay)
    begin(plain, 0)
    assert (plain.asked(plain.parts(torch.arange(8) % 2)) != STAYS).all()


def test_steps_of_both_players(tmp_path):
    """Five of D for one of G."""
    run = tiny_run("stargan", tmp_path, images=80, config={"width": 2})
    run.train()
    assert run.model.updates == {"discriminator": 10, "generator": 2}


# ---- the networks ---------------------------------------------------------------------------------------------------

def test_adaptive_norm_in_closed_form():
    """Equation 8 of AdaIN: each map gets the mean and the standard deviation that the vector says."""
    norm, x, vector = AdaptiveNorm(3, 2).double(), torch.randn(4, 3, 9, 9).double(), torch.randn(4, 2).double()
    gain, bias = norm.affine(vector).chunk(2, 1)
    y = norm(x, vector)
    torch.testing.assert_close(y.mean((2, 3)), bias)
    torch.testing.assert_close(y.std((2, 3), correction=0), (1 + gain).abs(), rtol=1e-4, atol=0)
    z = (x - x.mean((2, 3), keepdim=True)) / (x.var((2, 3), correction=0, keepdim=True) + 1e-5).sqrt()
    torch.testing.assert_close(y, (1 + gain)[:, :, None, None] * z + bias[:, :, None, None])


def test_the_centre_depends_on_the_label():
    """As much as the border: planes beside the image, reflected, would not be seen behind an instance norm at all, and
    with zeros around them at the border alone."""
    model = model_of(size=32)
    pictures = torch.rand(3, 3, 32, 32)
    first, *others = (model.translate(pictures, labels=label) for label in ("pink hair", "black hair", "blue eyes"))
    for other in others:
        change = (first - other).abs()
        assert change[:, :, 12:20, 12:20].mean() > 0.5 * change.mean() > 0.005


def test_nothing_asked_is_zeros():
    vectors = AskedVectors(FACES)
    assert vectors.sizes == [3, 2]
    asked = torch.tensor([[0, 1], [2, STAYS], [STAYS, 0], [STAYS, STAYS]])
    assert vectors(asked).tolist() == [[1, 0, 0, 0, 1], [0, 0, 1, 0, 0], [0, 0, 0, 1, 0], [0, 0, 0, 0, 0]]
    with pytest.raises(RuntimeError):
        vectors(torch.tensor([[3, 0]]))


@pytest.mark.parametrize(("size", "layers", "side"), [(128, 6, 2), (64, 5, 2), (28, 3, 3), (16, 3, 2), (8, 2, 2)])
def test_the_discriminator_is_the_papers(size, layers, side):
    network = Discriminator(3, size, 2, 5)
    assert sum(isinstance(layer, nn.Conv2d) for layer in network.trunk) == layers
    source, category = network(torch.rand(4, 3, size, size))
    assert (source.shape, category.shape) == ((4, 1, side, side), (4, 5))
    assert network.trunk[-2].out_channels == 2 * 2 ** (layers - 1)


@pytest.mark.parametrize("mode", [True, False])
def test_answers_are_the_same_in_training_mode_alone_and_in_a_batch(mode):
    model = model_of().train(mode)
    pictures, labels = torch.rand(4, 3, 16, 16), ["pink hair", "red eyes", FACES[1], 3]
    together = model.translate(pictures, labels=labels)
    for picture, label, made in zip(pictures, labels, together, strict=True):
        torch.testing.assert_close(model.translate(picture, labels=label)[0], made)


# ---- what a user asks -----------------------------------------------------------------------------------------------

@pytest.mark.parametrize(("labels", "n", "expected"), [
    ("pink hair, red eyes", 2, [[2, 1], [2, 1]]), ("red eyes,pink hair", 1, [[2, 1]]), (3, 1, [[1, 1]]),
    ("blonde hair", 1, [[1, STAYS]]), (["blue eyes", "4"], 2, [[STAYS, 0], [2, 0]]),
    (["black hair", "red eyes", 0], 1, [[0, STAYS], [STAYS, 1], [0, 0]]), (torch.tensor([1, 2]), 2, [[0, 1], [1, 0]]),
])
def test_labels_as_heads(labels, n, expected):
    assert asked_parts(labels, FACES, n).tolist() == expected


def test_plain_classes_are_one_head():
    assert asked_parts(["3", 1], ["1", "2", "3"], 2).tolist() == [[2], [1]]  # a name goes before a number


@pytest.mark.parametrize(("labels", "words"), [
    ("blond hair", "unknown class 'blond hair': did you mean blonde hair"),
    ("pink hair, rde eyes", "unknown class 'rde eyes': did you mean red eyes"),
    ("pink hair, black hair", "names hair twice"), (6, "there is no class 6"), ("", "unknown class ''"),
    (["pink hair"] * 3, "3 labels for 2 images"), ([], "0 labels for 2 images"),
    (None, "say with labels what is to be made, out of black hair, blonde hair, pink hair; blue eyes, red eyes"),
])
def test_labels_that_do_not_fit(labels, words):
    with pytest.raises(UsageError, match=words):
        model_of().translate(torch.rand(2, 3, 16, 16), labels=labels)


def test_one_picture_in_several_classes():
    model, picture = model_of(), torch.rand(3, 16, 16)
    made = model.translate(picture, labels=["pink hair", "blue eyes", 5])
    assert made.shape == (3, 3, 16, 16)
    for label, expected in zip(("pink hair", "blue eyes", 5), made, strict=True):
        torch.testing.assert_close(model.translate(picture, labels=label)[0], expected)
    assert torch.pdist(made.flatten(1)).min() > 0.1


@pytest.mark.parametrize(("height", "width"), [(16, 16), (31, 40), (5, 70)])
def test_any_size_comes_back_as_it_was(height, width):
    made = model_of().translate(torch.rand(2, 3, height, width), labels="pink hair")
    assert made.shape == (2, 3, height, width)


def test_models_that_make_one_thing_take_no_labels():
    with pytest.raises(UsageError, match="pix2pix makes no classes of pictures: it takes no labels"):
        zoo.create("pix2pix", image_size=16).translate(torch.rand(1, 16, 16), labels=3)


@pytest.mark.parametrize("names", [[], ["cat"]])
def test_data_without_classes(names):
    with pytest.raises(UsageError, match="the data set 'unnamed' has no two classes"):
        model_of(names)


# ---- the contract of a task -----------------------------------------------------------------------------------------

def test_questions_are_examples_with_classes_of_others():
    """In turn both heads, hair alone and eyes alone; the classes as often as the examples have them."""
    model = model_of()
    examples = Labelled(torch.rand(6, 3, 16, 16) * 2 - 1, torch.tensor([0, 0, 1, 2, 3, 5]))
    inputs = model.inputs(12, 0, examples)
    torch.testing.assert_close(inputs["source"], ((examples.images + 1) / 2).repeat(2, 1, 1, 1))
    left_out = (inputs["label"] == STAYS).tolist()
    assert left_out == [[False, False], [False, True], [True, False]] * 4
    whole = inputs["label"][::3].tolist() + inputs["label"][::3].tolist()
    assert all(row in model.parts(examples.labels).tolist() for row in whole)
    for name, x in model.inputs(5, 0, examples).items():
        assert torch.equal(x, inputs[name][:5])
    assert not torch.equal(model.inputs(12, 1, examples)["label"], inputs["label"])
    assert model.inputs(12, 0)["label"][::3].tolist() == model.parts(torch.tensor([0, 3, 0, 3])).tolist()


def test_the_sheet_has_a_column_a_class():
    model = model_of()
    assert {name: asked.tolist() for name, asked in model.columns().items()} == {
        "black hair": [0, STAYS], "blonde hair": [1, STAYS], "pink hair": [2, STAYS], "blue eyes": [STAYS, 0],
        "red eyes": [STAYS, 1]}
    sheet = as_tensor(model.sheet(), 3)[0]
    assert sheet.shape == (3, 8 * 36 + 22, 6 * 36 + 4)  # of 16 px at twice their size, 4 px apart, names above
    row = sheet[:, :model.sheet_row, MARGIN:]
    assert row.shape[1] == 36 + 22
    top = FONT + 2 * MARGIN
    source = model.inputs(8, 0)["source"]
    shown = sheet[:, top + 36:top + 68:2, MARGIN:MARGIN + 32:2]
    torch.testing.assert_close(shown, source[1], atol=0.6 / 255, rtol=0)
    made = model.translate(source[1], labels="pink hair")[0]
    shown = sheet[:, top + 36:top + 68:2, MARGIN + 3 * 36:MARGIN + 3 * 36 + 32:2]
    torch.testing.assert_close(shown, made, atol=0.6 / 255, rtol=0)


def test_sheets_of_many_classes_show_some():
    model = model_of([str(number) for number in range(100)])
    assert list(model.columns())[:3] == ["0", "4", "8"]
    assert len(model.columns()) == 24
    assert "of many classes some" in model.captions()["samples.png"][1]


def test_words_of_the_card():
    model = model_of()
    assert model.usage("x").startswith('image = zoo.load("x").translate("picture.png", labels="black hair")')
    assert "with every class of hair, then with every class of eyes, the rest as it was" \
        in model.captions()["samples.png"][1]
    assert "6 combinations of black hair, blonde hair, pink hair with blue eyes, red eyes" in model.limits()
    assert model.needs() == ("images", "labels")


@pytest.fixture(scope="module")
def faces(tmp_path_factory):
    """A folder of classes in parts, a colour above and one below, and a run on it."""
    folder = tmp_path_factory.mktemp("faces")
    for name, (above, below) in zip(FACES, [(a, b) for a in (0, 128, 255) for b in (60, 200)], strict=True):
        (folder / "data" / name).mkdir(parents=True)
        for number in range(12):
            image = Image.new("RGB", (16, 16), (above, 10 * number, 0))
            image.paste((0, 10 * number, below), (0, 8, 16, 16))
            image.save(folder / "data" / name / f"{number}.png")
    config = {"width": 4, "blocks": 1, "critic_steps": 1, "learning_rate": 2e-3, "ema_halflife": 200}
    tiny_run("stargan", folder / "run", images=2400, data=str(folder / "data"), log_every=800, samples_every=2400,
             checkpoint_every=2400, config=config).train()
    return folder


def test_it_learns_what_tells_the_classes(faces):
    """That hair is the red above and eyes are the blue below, each asked for alone."""
    model = zoo.load(faces / "run")
    pictures = torch.cat([as_tensor(faces / "data" / name / "3.png", 3) for name in FACES])
    for channel, rows, values in ((0, slice(1, 7), {"black hair": 0, "blonde hair": 128, "pink hair": 255}),
                                  (2, slice(9, 15), {"blue eyes": 60, "red eyes": 200})):
        for label, value in values.items():
            shown = 255 * model.translate(pictures, labels=label)[:, channel, rows].mean((1, 2))
            assert (shown - value).abs().max() < 50, label


def test_a_run_on_classes_in_parts(faces):
    model, golden = zoo.load(faces / "run"), load_file(faces / "run" / "golden.safetensors")
    assert model.heads == {"hair": ["black hair", "blonde hair", "pink hair"], "eyes": ["blue eyes", "red eyes"]}
    assert set(golden) == {"input.source", "input.label", "output"}
    assert golden["input.label"].shape == (4, 2)
    assert (golden["input.label"] == STAYS).any(0).all()
    assert model.discriminator is None
    made = model.translate(faces / "data" / FACES[0] / "0.png", labels=["pink hair", "red eyes"])
    assert made.shape == (2, 3, 16, 16)


def test_translate_command(faces, tmp_path, capsys):
    picture, out = str(faces / "data" / FACES[0] / "3.png"), tmp_path / "out"
    assert translate_command.main([str(faces / "run"), picture, "--labels", "pink hair", "--out", str(out)]) == 0
    expected = zoo.load(faces / "run").translate(picture, labels="pink hair")
    torch.testing.assert_close(as_tensor(out / "3.png", 3), expected, atol=0.6 / 255, rtol=0)
    for words, said in (([], "say with labels"), (["--labels", "pnk hair"], "did you mean pink hair")):
        with pytest.raises(UsageError, match=said):
            translate_command.main([str(faces / "run"), picture, *words, "--out", str(tmp_path / "other")])
    assert not (tmp_path / "other").exists()


# ---- measured -------------------------------------------------------------------------------------------------------

def test_what_is_seen_of_heads_that_were_asked_for_and_of_others():
    network = Classifier(3, 16, {"hair": ["pink hair", "black hair", "blonde hair"], "eyes": ["blue eyes", "red eyes"]},
                         1)

    def logits(*rows: tuple[int, int]) -> torch.Tensor:
        seen = torch.tensor(rows)
        return torch.cat([F.one_hot(seen[:, 0], 3), F.one_hot(seen[:, 1], 2)], 1).float()

    made, before = logits((0, 1), (1, 0), (1, 1), (2, 0)), logits((0, 0), (2, 0), (1, 1), (2, 1))
    asked = torch.tensor([[2, STAYS], [1, STAYS], [STAYS, 1], [1, 0]])  # of ours: black, blonde, pink
    assert label_agreement(network, made, asked, FACES) == {"hair": 2 / 3, "eyes": 1.0}
    assert heads_kept(network, made, before, asked) == {"hair": 1.0, "eyes": 0.5}
    assert label_agreement(network, made, asked[:, :1].expand(-1, 2) * 0 + STAYS, FACES) == {}
    assert label_agreement(network, made, torch.tensor([[0]]).expand(4, 1), ["cat", "dog"]) == {}


def test_copies_agree_by_chance_and_keep_all(finished):
    model = zoo.load(finished("stargan"))
    model.relabel = lambda images, label: images
    values = {name: metric["value"] for name, metric in zoo.evaluate(
        model, data="digits", measures="agreement,stays", features="digits", samples=200, real=200).items()}
    assert values.pop("input_l1") < 1e-6
    assert values["label_agreement[digits]"] == values.pop("label_agreement[digits]/copy") < 0.25
    assert values.keys() == {"label_agreement[digits]"}  # of plain classes no head is left to be kept
    with pytest.raises(UsageError, match="there is nothing to be kept"):
        zoo.evaluate(zoo.create("cgan", image_size=16, classes=10, width=2), data="digits", measures="stays",
                     samples=50, real=50)
