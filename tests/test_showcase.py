"""The pictures of a card: what is drawn, of which models, and that the card shows it."""

import json
from dataclasses import replace

import pytest
import torch
from conftest import PICTURES
from PIL import Image
from torchvision.transforms.functional import to_tensor

import zoo
from zoo.cards.card import CAPTIONS, captions_of, pictures_in, render_card
from zoo.cards.publishing import write_pictures
from zoo.data.image_spec import ImageSpec
from zoo.models import variant_class
from zoo.store.layout import MEMORISATION, PROGRESS
from zoo.tasks import attributes, showcase
from zoo.tasks.drawing import table
from zoo.tasks.showcase import changes


def save(variant: str, folder, data: ImageSpec, **config):
    cls = variant_class(variant)
    torch.manual_seed(0)
    model = cls(cls.Config.from_dict({"width": 2} | config), data)
    zoo.save(model, folder)
    return zoo.load(folder)


def spec(size: int = 16, names: tuple[str, ...] = (), channels: int = 3) -> ImageSpec:
    return ImageSpec(name="unnamed", image_size=size, channels=channels, class_names=list(names))


def tile(path, row: int, column: int, size: int, pad: int = 2) -> torch.Tensor:
    """One image of a grid of torchvision."""
    top, left = pad + row * (size + pad), pad + column * (size + pad)
    return to_tensor(Image.open(path))[:, top:top + size, left:left + size]


@pytest.mark.parametrize("variant", PICTURES)
def test_every_variant_has_pictures_that_its_card_shows(variant, finished):
    folder = finished(variant)
    model = zoo.load(folder)
    write_pictures(folder, model)
    there = {path.name for path in folder.glob("*.png")}
    assert {"samples.png", *(["interpolation.png"] if "sample" in model.asks else [])} <= there
    assert set(pictures_in(folder, model)) == there  # every one has a caption
    card = render_card(folder)
    for name in captions_of(model):
        assert (f"]({name})" in card) == (name in there)


def test_every_picture_has_a_caption_and_every_caption_a_picture(tmp_path, monkeypatch):
    monkeypatch.setattr(attributes, "SAMPLES", 400)
    drawings = save("dcgan", tmp_path / "drawings", replace(spec(64), name="anime"), latent_dim=3)
    faces = save("cgan", tmp_path / "faces", spec(64, ("red hair, blue eyes", "pink hair, blue eyes")), latent_dim=3)
    codes = save("infogan", tmp_path / "codes", spec())
    drawn = {"samples.png", *showcase.pictures(drawings), *showcase.pictures(faces), *showcase.pictures(codes)}
    assert drawn == set(showcase.CAPTIONS)
    assert {PROGRESS, MEMORISATION} == set(CAPTIONS)
    assert captions_of(codes) == showcase.CAPTIONS | CAPTIONS


def test_image_k_of_the_grid_is_the_sample_of_seed_k(tmp_path):
    model = save("dcgan", tmp_path, spec())
    for k in (0, 1, 8, 63):
        torch.testing.assert_close(tile(tmp_path / "samples.png", k // 8, k % 8, 16), model.sample(1, seed=k)[0],
                                   atol=1 / 255, rtol=0)


def test_a_grid_by_class_has_one_seed_a_row(tmp_path):
    model = save("cgan", tmp_path, spec(names=("cat", "dog", "cow")))
    assert Image.open(tmp_path / "samples.png").size == (2 + 3 * 18, 2 + 8 * 18)
    torch.testing.assert_close(tile(tmp_path / "samples.png", 5, 2, 16), model.sample(1, "cow", seed=5)[0],
                               atol=1 / 255, rtol=0)


def test_a_grid_of_many_classes_goes_through_all_of_them(tmp_path):
    names = [f"class {i}" for i in range(128)]
    model = save("cgan", tmp_path, spec(names=tuple(names)))
    torch.testing.assert_close(tile(tmp_path / "samples.png", 7, 7, 16), model.sample(1, "class 126", seed=63)[0],
                               atol=1 / 255, rtol=0)


def test_classes_of_two_parts_are_shown_as_a_table_with_holes(tmp_path):
    model = save("cgan", tmp_path, spec(names=("red hair, blue eyes", "red hair, green eyes", "pink hair, blue eyes")))
    write_pictures(tmp_path, model)
    picture = to_tensor(Image.open(tmp_path / "labels.png"))
    cells = picture[:, -2 * 36:, -2 * 36:]  # 16 px twice as large, and 4 px apart
    for row, hair in enumerate(("pink", "red")):
        image = torch.nn.functional.interpolate(model.sample(1, f"{hair} hair, blue eyes", seed=row), scale_factor=2)[0]
        torch.testing.assert_close(cells[:, 36 * row:36 * row + 32, :32], image, atol=1 / 255, rtol=0)
    assert (cells[:, :32, 36:68] == 1).all()  # there are no pink hair and green eyes
    assert "Classes: 3 combinations of pink hair, red hair with blue eyes, green eyes." in render_card(tmp_path)
    assert not (cells[:, 36:68, 36:68] == 1).all()


def test_codes_are_walked_through_one_at_a_time(tmp_path):
    model = save("infogan", tmp_path, spec(), categories=4, categorical=2, continuous=1, latent_dim=6)
    normal = model.normals(3, seed=0)
    walks = model.code_walks(normal)
    assert list(walks) == ["category 0", "category 1", "code 0"]
    for code in range(2):
        latents = model.prior(walks[f"category {code}"].flatten(0, 1))
        continuous, categorical, noise = model.codes(latents)
        assert torch.equal(categorical[:, code].argmax(1), torch.arange(4).repeat(3))
        assert len(categorical[:4, 1 - code].unique(dim=0)) == len(noise[:4].unique(dim=0)) == 1
        assert len(continuous[:4].unique(dim=0)) == 1
    continuous, categorical, _ = model.codes(model.prior(walks["code 0"][0]))
    assert continuous[0].item() == pytest.approx(-0.99, abs=1e-3) == -continuous[-1].item()
    assert (continuous.diff(dim=0) > 0).all()
    assert len(categorical.unique(dim=0)) == 1
    write_pictures(tmp_path, model)
    assert Image.open(tmp_path / "codes.png").height == 4 + 9 * 36


@pytest.mark.parametrize("name", ["vae", "cgan"])
def test_what_a_dimension_changes_is_found(name, tmp_path):
    model = save(name, tmp_path, spec(64, ("one", "two")), latent_dim=3)
    write_pictures(tmp_path, model)
    assert (tmp_path / "dimensions.png").exists()

    def generate(z, labels):  # dimension 1 moves the middle third and nothing else does anything
        images = torch.zeros(len(z), 3, 64, 64)
        images[:, :, 22:42] = z[:, 1].tanh()[:, None, None, None]
        return images

    model.generate = generate
    change = changes(model)
    assert change.shape == (3, 3)
    assert change[1, 1] == change.max() > 0.5
    assert change[[0, 2]].sum() == 0


def test_progress_is_shown_at_the_milestones_that_a_run_has(tmp_path):
    model = save("wgan-gp", tmp_path, spec(channels=1))
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"training": {"batch_size": 8}}))
    (tmp_path / "samples").mkdir()
    per_update = 8 * config["config"]["critic_steps"]
    for updates, grey in ((100, 50), (500, 100), (1005, 200), (5500, 150)):
        Image.new("L", (8 * 18 + 2, 8 * 18 + 2), grey).save(tmp_path / "samples"
                                                           / f"images-{updates * per_update:012d}.png")
    write_pictures(tmp_path, model)
    picture = to_tensor(Image.open(tmp_path / "progress.png"))
    assert [round(255 * picture[0, y, -10].item()) for y in (10, 30)] == [50, 200]
    assert picture.shape[1] == 2 * (18 + 2)  # first rows of sheets, as they are


def test_table_places_images_under_their_captions():
    rows = [torch.full((3, 1, 8, 8), level) for level in (0.2, 0.6)]
    picture = to_tensor(table(rows, ["first", "second"], ["a", "b", "c"]))
    body = picture[:, -2 * 20:, -3 * 20:]
    assert body[0, :16, :16].unique().item() == pytest.approx(0.2, abs=1 / 255)
    assert body[0, 20:36, 40:56].unique().item() == pytest.approx(0.6, abs=1 / 255)
    left, top = picture[:, -2 * 20:, :-3 * 20], picture[:, :-2 * 20]
    assert left.min() < 0.5
    assert top.min() < 0.5


def test_a_card_has_its_makers_notes_and_the_recipe(tmp_path):
    save("dcgan", tmp_path, spec())
    (tmp_path / "notes.md").write_text("Most of them smile.\n")
    config = json.loads((tmp_path / "config.json").read_text())
    origin = {"training": {"batch_size": 8, "seed": 0}, "images_seen": 800, "command": "zoo train"}
    (tmp_path / "config.json").write_text(json.dumps(config | origin))
    card = render_card(tmp_path, "dcgan-anime")
    assert "Most of them smile." in card
    assert "zoo train --recipe dcgan-anime" in card
    assert "--recipe" not in render_card(tmp_path, "my-own")
