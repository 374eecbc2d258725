"""StackGAN: what captions say, the losses of its two stages, and combinations that it never saw."""

import csv
from types import SimpleNamespace

import pytest
import torch
from conftest import tiny_run
from PIL import Image
from torch import nn

import zoo
from zoo.commands import sample
from zoo.data.arrays import ArraySource
from zoo.data.batches import Captioned
from zoo.data.captions import base_emoji, captions_of_classes, held_out_classes
from zoo.data.pyramid import down, up
from zoo.data.saying import said_of
from zoo.data.sources import open_source
from zoo.data.spec import read_spec
from zoo.data.tokens import END, plain
from zoo.losses import kl_to_standard_normal, nll_fake, nll_real
from zoo.metrics import combinations
from zoo.networks.captions import CaptionEncoder

PARTS = [f"{hair} hair, {eyes} eyes" for hair in ("pink", "blue", "black") for eyes in ("red", "blue", "green")]
CAPTIONS = ("a cat on a mat", "a dog", "two birds", "a dog on a mat", "a cat")
TINY = {"width": 2, "latent_dim": 5, "condition_dim": 3, "text_width": 4}


def model_of(size: int = 16, **config):
    model = zoo.create("stackgan", image_size=size, channels=3, captions=CAPTIONS, **TINY | config).double()
    for p in model.generator.parameters():
        nn.init.normal_(p, 0.0, 0.3)  # else all images are grey
    return model


def batch_of(model, captions, size: int = 16) -> Captioned:
    """Of images with two captions each."""
    told = torch.stack([model.data.read_captions(list(pair), 2) for pair in captions])
    return Captioned(torch.rand(len(told), 3, size, size).double() * 2 - 1, told, torch.zeros(len(told)).long())


def at_clock(model, images: int = 4):
    model._draws.begin(0, images)
    return model


# ---- captions -------------------------------------------------------------------------------------------------------

def test_what_is_said_of_a_class_is_true_of_it():
    said = said_of("pink hair, blue eyes", "a girl")
    assert said[0] == "a girl with pink hair and blue eyes"
    assert "a girl with blue eyes and pink hair" in said
    assert "a girl with blue eyes" in said
    assert len({*said}) == len(said)
    for caption in said:
        told = {part for part in ("pink hair", "blue eyes") if part in caption}
        assert told
        assert all(colour not in caption for colour in ("pink eyes", "blue hair"))
    assert said_of("orchid", "a picture") == ["an orchid", "orchid", "a picture of an orchid"]


def test_words_without_marks():
    assert plain(" A girl, with PINK hair... (and ‘blue’ eyes)! ") == "a girl with pink hair and blue eyes"
    assert plain("o’clock twenty-one U.S. #") == "o’clock twenty-one u.s"
    assert plain("?!") == ""


def labelled(names, n: int = 45):
    images = torch.rand(n, 3, 16, 16)
    return ArraySource(images, torch.arange(n) % len(names), names, name="faces")


def test_combinations_are_held_out_so_that_every_word_is_seen():
    hidden = held_out_classes("faces", PARTS, 3)
    assert hidden == {PARTS.index(name) for name in [PARTS[k] for k in hidden]}
    assert held_out_classes("faces", PARTS, 2) <= hidden
    left = [name.split(", ") for number, name in enumerate(PARTS) if number not in hidden]
    assert {part for parts in left for part in parts} == {part for name in PARTS for part in name.split(", ")}
    moved = [PARTS[k] for k in (4, 2, 8, 0, 1, 3, 5, 6, 7)]
    assert {moved[k] for k in held_out_classes("faces", moved, 3)} == {PARTS[k] for k in hidden}
    source = captions_of_classes(labelled(PARTS), 3)
    columns = source.load()
    assert len(columns.images) == len(columns.captions) == len(columns.labels) == 30
    assert not {*columns.labels.tolist()} & hidden
    assert source.spec.unseen == [PARTS[k] for k in sorted(hidden)]
    assert "3 combinations of classes and their pictures held out of training" in source.spec.provenance
    assert read_spec(source.spec.to_dict()) == source.spec
    asked = source.spec.read_captions("A picture with pink hair, red eyes!", 1)
    assert source.spec.text.decode(asked) == ["a picture with pink hair red eyes"]
    for row in (0, 7, 29):
        said = {plain(caption) for caption in said_of(PARTS[columns.labels[row]], "a picture")}
        assert {*source.spec.text.decode(columns.captions[row])} == said
    with pytest.raises(zoo.UsageError, match="only 6 can be held out"):
        held_out_classes("faces", PARTS, 8)
    with pytest.raises(zoo.UsageError, match="no classes in parts"):
        captions_of_classes(labelled(["cat", "dog"]), 1)


@pytest.fixture
def folder(tmp_path, cache):
    """Pictures, and beside them a table in which some have two captions and one has none."""
    place = tmp_path / "pets"
    (place / "all").mkdir(parents=True)
    rows = []
    for number in range(8):
        colour = tuple(torch.randint(255, (3,)).tolist())
        Image.new("RGB", (20, 16), colour).save(place / "all" / f"{number}.png")
        texts = ("A cat.", "a small cat") if number % 2 else ("Two dogs",)
        rows += [(f"pets/all/{number}.png", text) for text in texts]
    rows[-1] = (rows[-1][0], " ")
    rows[0] = (rows[0][0], " ".join(["word"] * 10_000))
    with open(tmp_path / "pets_captions.csv", "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("file", "caption"), *rows])
    return place


def test_captions_out_of_a_table(folder, capsys):
    source = open_source(str(folder), kind="captions", image_size=16)
    spec, columns = source.spec, source.load()
    assert spec.images == len(columns.images) == 7
    assert "left out 1 pictures without a caption of known words" in capsys.readouterr().err
    assert {*spec.known.split()} == {"a", "cat", "small", "two", "dogs"}
    assert spec.captions == ["a cat", "two dogs"] or spec.captions == ["two dogs", "a cat"] or len(spec.captions) == 3
    said = [{*spec.text.decode(captions)} for captions in columns.captions]
    assert said.count({"a cat", "a small cat"}) == 3
    assert said.count({"two dogs"}) == 3
    assert said.count({"a cat"}) == 1
    assert not columns.labels.any()
    with pytest.raises(zoo.UsageError, match="these captions are a table"):
        open_source(str(folder), kind="captions", held_out_captions=2)
    (folder.parent / "pets_captions.csv").write_text("file,text\na,b\n", encoding="utf-8")
    with pytest.raises(zoo.UsageError, match="table with the columns file and caption"):
        open_source(str(folder), kind="captions")
    (folder.parent / "pets_captions.csv").unlink()
    with pytest.raises(zoo.UsageError, match="neither captions nor classes"):
        open_source(str(folder), kind="captions")
    with pytest.raises(zoo.UsageError, match="held-out-captions is for models that make what a caption says"):
        open_source("digits", held_out_captions=2)


def test_variants_of_an_emoji_are_on_one_side(tmp_path, cache):
    """Skins and sexes of one drawing; flags and others are drawings of their own."""
    same = ["1f93d", "1f93d-1f3fb", "1f93d-1f3ff-200d-2640-fe0f"]
    assert {base_emoji(stem) for stem in same} == {"1f93d"}
    assert base_emoji("1f468-200d-1f373") == base_emoji("1f469-1f3fd-200d-1f373") == base_emoji("1f9d1-200d-1f373")
    assert base_emoji("1f1e6-1f1eb") != base_emoji("1f1e6-1f1f2")
    assert base_emoji("1f3fb") == "1f3fb"
    place = tmp_path / "twemoji"
    place.mkdir()
    rows = [("file", "caption")]
    for base in range(12):
        for skin in ("", "-1f3fb", "-1f3ff"):
            noise = (torch.rand(16, 16, 3) * 255).byte().numpy()
            Image.fromarray(noise).save(place / f"1f60{base:x}{skin}.png")
            rows.append((f"1f60{base:x}{skin}.png", f"face {skin and 'skin'} {base % 3}"))
    with open(tmp_path / "twemoji_captions.csv", "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    sides = {}
    for split in ("train", "test"):
        source = open_source("twemoji", str(tmp_path), 16, kind="captions", held_out=0.3, split=split)
        inner = source.images
        sides[split] = {base_emoji(inner.images.files[row].stem) for row in inner.rows.tolist()}
        assert len(inner.rows) == 3 * len(sides[split])
    assert sides["train"]
    assert sides["test"]
    assert not sides["train"] & sides["test"]


@pytest.mark.parametrize(("captions", "words"), [
    (None, "give captions, one text or 2 of them, such as 'a cat on a mat'"), ("", "'' has none"),
    ("...", "has none: say what is to be made"), (["a cat"], "1 captions for 2 images"),
    (7, "captions are texts, not 7"),
    ([b"a cat", "a dog"], "captions are texts, not b'a cat'"), ("zebra", "does not know 'zebra'"),
    ("a dgo on a brid", "does not know 'dgo' and 'brid'.*such as dog.*such as birds"),
    ("a cat " * 5_000, "1 to 5 words here, and 'a cat a cat .*has 10,000"),
])
def test_captions_that_cannot_be_made(captions, words):
    with pytest.raises(zoo.UsageError, match=words):
        model_of().sample(2, captions=captions)


# ---- the networks ---------------------------------------------------------------------------------------------------

def test_what_comes_after_a_caption_does_not_count():
    encoder = CaptionEncoder(9, 4)
    whole = torch.tensor([[1, 2, 3, END, END], [4, END, END, END, END]])
    for row, length in ((0, 3), (1, 1)):
        torch.testing.assert_close(encoder(whole)[row], encoder(whole[row:row + 1, :length])[0])
    assert not torch.equal(encoder(torch.tensor([[1, 2]])), encoder(torch.tensor([[2, 1]])))


def test_eps_is_part_of_the_latent():
    """z, then an eps of each stage; c = mean + deviation eps to the last digit, and eps is normal whatever z is."""
    model = model_of(latent="uniform")
    model.generator.begin_second(True)
    normal, captions = model.normals(2, seed=0).double(), model.data.read_captions("a dog", 2)
    assert normal.shape == (2, 5 + 3 + 3)
    latent = model.prior(normal)
    assert torch.equal(latent[:, 5:], normal[:, 5:])
    torch.testing.assert_close(latent[:, :5], torch.erf(normal[:, :5] / 2**0.5))
    said = model.generator.encoder(captions)
    for augmentation, eps in ((model.generator.first_augmentation, normal[:, 5:8]),
                              (model.generator.second_augmentation, normal[:, 8:])):
        mean, log_variance, c = augmentation(said, eps)
        torch.testing.assert_close(c, mean + log_variance.exp().sqrt() * eps)
    for column in (0, 5, 8):  # of z and of each eps
        other = normal.clone()
        other[:, column] += 1
        assert not torch.equal(model.render(normal, "a dog"), model.render(other, "a dog"))
    last = normal.clone()
    last[:, 8:] += 1  # eps of stage II is nothing to stage I
    assert torch.equal(model.stages(normal, "a dog")["stage I"], model.stages(last, "a dog")["stage I"])
    assert torch.equal(model.sample(2, "a dog", seed=0), model.sample(2, ["A dog!", "a dog"], seed=0))
    assert not torch.equal(model.sample(2, "a dog", seed=0), model.sample(2, "a cat", seed=0))


def test_stages_by_the_clock_and_by_what_was_saved(tmp_path):
    model = model_of().float()
    normal = model.normals(2, seed=0)
    first = model.stages(normal, "a dog")
    assert {name: tuple(x.shape) for name, x in first.items()} == {"stage I": (2, 3, 8, 8)}
    torch.testing.assert_close(model.render(normal, "a dog"), up(first["stage I"]))
    model.generator.begin_second(True)
    assert model.generator.stage.dtype == torch.int64
    loaded = zoo.load(zoo.save(model, tmp_path / "model"))
    stages = loaded.stages(normal, "a dog")
    assert {name: tuple(x.shape) for name, x in stages.items()} == {"stage I": (2, 3, 8, 8), "stage II": (2, 3, 16, 16)}
    torch.testing.assert_close(stages["stage II"], loaded.render(normal, "a dog"))
    assert torch.equal(loaded.render(normal, "a dog"), model.render(normal, "a dog"))
    assert zoo.interpolate(loaded, 2, 3, ["a dog", "a cat"], seed=0).shape == (2, 3, 3, 16, 16)
    found = zoo.invert(loaded, loaded.sample(2, "a dog", seed=1), "a dog", steps=2, progress=False)
    torch.testing.assert_close(loaded.decode(found.latents, "a dog"), found.images)
    with pytest.raises(zoo.UsageError, match="no directions in closed form"):
        zoo.directions(loaded)
    out = tmp_path / "x.png"
    sample.main([str(tmp_path / "model"), "--n", "3", "--stages", "--captions", "a dog", "--out", str(out)])
    with Image.open(out) as picture:
        assert picture.size == (2 * 18 + 2, 3 * 18 + 2)  # a row an image, a column a stage
    sample.main([str(tmp_path / "model"), "--n", "3", "--out", str(out)])
    with pytest.raises(zoo.UsageError, match="stackgan takes no labels: say with --captions"):
        sample.main([str(tmp_path / "model"), "--labels", "3", "--out", str(out)])
    with pytest.raises(zoo.UsageError, match="cgan takes no captions: say with --labels"):
        sample.main(["cgan-mnist", "--captions", "a dog", "--out", str(out)])
    with pytest.raises(zoo.UsageError, match="unconditional: it takes no captions"):
        sample.main(["nsgan-mnist", "--captions", "a dog", "--out", str(out)])


def test_sizes_without_two_stages():
    for size in (8, 15, 36):
        with pytest.raises(zoo.UsageError, match=f"{size} px have no pyramid"):
            model_of(size)


# ---- losses ---------------------------------------------------------------------------------------------------------

def test_a_mismatched_caption_is_never_the_image_s_own():
    """Not even another wording of it; and all that are others come up."""
    model = at_clock(model_of())
    said = [("a cat", "a cat on a mat"), ("a cat on a mat", "a cat"), ("a dog", "a dog"), ("two birds", "two birds"),
            ("a dog", "a dog on a mat")] * 3
    batch, seen = batch_of(model, said), set()
    for clock in range(40):
        told = at_clock(model, clock).told(batch)
        assert told.mismatched.all()
        for own, caption, other in zip(said, model.data.text.decode(told.captions),
                                       model.data.text.decode(told.others), strict=True):
            assert caption in own
            assert other not in own
            seen.add((own, other))
    assert {other for own, other in seen if own == ("a cat", "a cat on a mat")} == {"a dog", "two birds",
                                                                                  "a dog on a mat"}
    alone = at_clock(model).told(batch_of(model, [("a dog", "a dog")] * 3))
    assert not alone.mismatched.any()
    assert at_clock(model).discriminator_loss_of(1, alone)["mismatched"].item() == 0


def test_a_mismatched_caption_comes_from_near_by_however_large_the_batch_is():
    """Else its cost would grow with the number of processes. The last block goes on with the first rows."""
    model = model_of()
    names = ["a cat", "a cat on a mat", "a dog", "two birds"]
    said = [names[row * 4 // 256] for row in range(150)]  # 64 rows of each, of the third 22
    told = at_clock(model).told(batch_of(model, [(name, name) for name in said]))
    others = model.data.text.decode(told.others)
    assert told.mismatched.flatten().tolist() == [0.0] * 128 + [1.0] * 22
    assert {*others[128:]} == {"a cat"}


@pytest.mark.parametrize("number", [0, 1])
def test_losses_by_hand(number):
    model = model_of(norm="none")
    model.generator.begin_second(bool(number))
    batch = batch_of(model, [("a cat", "a cat"), ("a dog", "a dog"), ("two birds", "two birds")])
    told = at_clock(model).told(batch)
    if number == 0:
        told = told._replace(images=down(told.images))
    judge = model.discriminators[number]
    at_clock(model)
    latent = model.latent(3)
    said = model.generator.encoder(told.captions)
    augmentation = model.generator.second_augmentation if number else model.generator.first_augmentation
    mean, log_variance = augmentation.linear(said).chunk(2, 1)
    images = model.generator.stages(latent, told.captions)[-1]
    terms = at_clock(model).discriminator_loss_of(number, told)
    torch.testing.assert_close(terms["real"], nll_real(judge(told.images, told.captions)))
    torch.testing.assert_close(terms["mismatched"], nll_fake(judge(told.images, told.others)) / 2)
    torch.testing.assert_close(terms["fake"], nll_fake(judge(images, told.captions)) / 2)
    assert {*terms} == {"real", "mismatched", "fake"}
    made = at_clock(model).generator_loss_of(number, told)
    torch.testing.assert_close(made["adversarial"], nll_real(judge(images, told.captions)))
    by_hand = 0.5 * (mean**2 + log_variance.exp() - log_variance - 1).sum(1)  # a sum over the dimensions
    torch.testing.assert_close(made["kl"], by_hand.mean())
    torch.testing.assert_close(by_hand, kl_to_standard_normal(mean, log_variance))
    lighter = at_clock(model_of(norm="none", kl_weight=0.0))
    assert lighter.generator_loss_of(number, told)["kl"].item() == 0


def test_the_kl_is_0_for_standard_normals_alone():
    model = model_of()
    linear = model.generator.first_augmentation.linear
    for p in linear.parameters():
        nn.init.zeros_(p)
    said = torch.randn(4, 4).double()
    mean, log_variance, c = model.generator.first_augmentation(said, torch.ones(4, 3).double())
    assert torch.equal(kl_to_standard_normal(mean, log_variance), torch.zeros(4).double())
    assert torch.equal(c, torch.ones(4, 3).double())


def test_what_a_stage_trains():
    model, batch = at_clock(model_of()), None
    groups = model.optimizer_groups()
    assert len({id(p) for own in groups.values() for p in own}) == sum(map(len, groups.values()))
    assert {id(p) for p in model.parameters()} == {id(p) for own in groups.values() for p in own}
    batch = batch_of(model, [("a cat", "a cat"), ("a dog", "a dog"), ("two birds", "two birds"), ("a cat", "a cat")])
    told = model.told(batch)
    sum(model.generator_loss_of(0, told._replace(images=down(told.images))).values()).backward()
    assert all(p.grad is not None for p in groups["generator_1"])
    assert not any(p.grad is not None for p in groups["generator_2"])


def test_stage_one_stands_still_in_stage_two(tmp_path):
    """At its averages: weights, and the moments of its batch-norm. The rate is halved by the clock of each stage."""
    config = TINY | {"stage_one_images": 40, "halve_images": 24}
    run = tiny_run("stackgan", tmp_path / "run", images=40, config=config)
    run.train()
    rate = run.model.optimizers(use_pl_optimizer=False)[0].param_groups[0]["lr"]
    assert rate == pytest.approx(2e-4 / 2)  # 32 of 40 images before its last step
    last = {name: x.clone() for name, x in run.model.generator.state_dict().items()}
    averaged = {name: x.clone() for name, x in run.model.ema["generator"].state_dict().items()}
    assert not torch.equal(last["first.0.weight"], averaged["first.0.weight"])
    before = {name: averaged[name] if name.startswith(("encoder.", "first")) else x for name, x in last.items()}
    longer = tiny_run("stackgan", tmp_path / "run", images=120, config=config, resume=True)
    longer.train()
    after = longer.model.generator.state_dict()
    still = ("encoder.", "first.", "first_augmentation.")
    assert after.keys() == before.keys()
    for name, x in after.items():
        moved = not torch.equal(x, before[name])
        assert not moved if name.startswith(still) else moved or "num_batches" in name, name
    assert after["stage"] == 1
    rates = {group["lr"] for one in longer.model.optimizers(use_pl_optimizer=False) for group in one.param_groups}
    assert rates == {2e-4 / 2**3}  # 72 of its own 80


@pytest.mark.parametrize("stage", [0, 10**6])
def test_parts_of_a_batch_are_the_batch(stage, tmp_path):
    """Captions and mismatched ones are drawn once a step, not once a part: ``--accumulate 2`` is the same run."""
    config = TINY | {"norm": "none", "stage_one_images": stage}
    ends = []
    for parts in (1, 2):
        run = tiny_run("stackgan", tmp_path / str(parts), images=40, config=config, accumulate=parts,
                       precision="64-true")
        run.train()
        ends.append(torch.cat([p.flatten() for p in run.model.parameters()]))
    torch.testing.assert_close(*ends, atol=1e-8, rtol=0)


# ---- measured -------------------------------------------------------------------------------------------------------

def test_agreement_of_seen_and_unseen_combinations(monkeypatch):
    """By a classifier that knows the class of each picture: all right, chance as it is for classes as often asked."""
    spec = captions_of_classes(labelled(PARTS), 2).spec
    cls = type(zoo.create("stackgan"))
    model = cls(cls.Config(**TINY), spec)
    heads = {"hair": ["black hair", "blue hair", "pink hair"], "eyes": ["blue eyes", "green eyes", "red eyes"]}
    network = SimpleNamespace(heads=heads, classes_seen=lambda logits: logits)
    right = combinations.targets_of(heads, PARTS)
    comparison = SimpleNamespace(model=model, space=SimpleNamespace(classifier=network), told=lambda stem: f"{stem}[x]")
    monkeypatch.setattr(combinations, "_logits", lambda c, asked: right[asked])
    found = combinations.combinations(comparison)
    for head in ("hair", "eyes", "all"):
        assert found[f"said_seen[x]/{head}"] == found[f"said_unseen[x]/{head}"] == 1
        assert found[f"said_seen[x]/{head}/chance"] < 0.5
    assert found["said_seen[x]/all/chance"] == 0  # each other class is another
    seen = [name.split(", ")[0] for name in PARTS if name not in spec.unseen]
    alike = sum(one == other for one in seen for other in seen) - len(seen)
    assert found["said_seen[x]/hair/chance"] == pytest.approx(alike / (len(seen) * (len(seen) - 1)))
    monkeypatch.setattr(combinations, "_logits", lambda c, asked: right[asked.roll(1)])
    assert combinations.combinations(comparison)["said_seen[x]/all"] == 0
    comparison.model = zoo.create("gan", image_size=16)
    with pytest.raises(zoo.UsageError, match="gan on unnamed is asked for no classes"):
        combinations.combinations(comparison)


def test_a_measured_run_tells_of_combinations(tmp_path):
    """Of digits, whose classifier knows them: by captions as by labels."""
    tiny_run("stackgan", tmp_path / "run", images=16).train()
    found = zoo.evaluate(tmp_path / "run", measures="combinations", features="digits", samples=50, real=50,
                         accelerator="cpu")
    assert 0 <= found["said_seen[digits]/class"]["value"] <= 1
    assert "each=50" in found["said_seen[digits]/class"]["protocol"]
