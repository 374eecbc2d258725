"""Copies among pictures, the share of a set that is held out with all copies on one side, and ``zoo data``."""

import io
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from conftest import tiny_run
from PIL import Image

import zoo
from zoo.commands import data as command
from zoo.data import copies, heldout
from zoo.data.arrays import ArraySource
from zoo.data.copies import ASKED, Copies, copies_in, find_copies
from zoo.data.looks import Looks, coarse, look_at, reach_of
from zoo.data.sources import open_source
from zoo.metrics.comparison import Comparison, How
from zoo.metrics.protocol import Protocol

pytestmark = pytest.mark.usefixtures("cache")
SIZE, BASE = 24, 40  # pixels; different pictures


def pictures(count: int, seed: int = 0) -> torch.Tensor:
    """Smooth ones, uint8 (count, 3, SIZE, SIZE), of which no two are alike."""
    random = torch.Generator().manual_seed(seed)
    small = torch.rand(count, 3, 4, 4, generator=random) * 255
    return F.interpolate(small, SIZE, mode="bilinear").round().byte()


def compressed(picture: torch.Tensor, quality: int) -> torch.Tensor:
    file = io.BytesIO()
    Image.fromarray(picture.permute(1, 2, 0).numpy()).save(file, "jpeg", quality=quality, subsampling=0)
    return torch.from_numpy(np.array(Image.open(file))).permute(2, 0, 1)


def with_copies() -> tuple[torch.Tensor, list[int]]:
    """Pictures and the group of each: the first five have a copy each, of five sorts."""
    x = pictures(BASE)
    more = [x[0], x[1].flip(2), compressed(x[2], 85), compressed(x[3].flip(2), 85), compressed(x[4], 92)]
    more.append(compressed(more[-1], 85))  # a copy of the copy
    return torch.cat([x, torch.stack(more)]), [*range(BASE), 0, 1, 2, 3, 4, 4]


def same_groups(found: np.ndarray, truth: list[int]) -> bool:
    return len(set(zip(found.tolist(), truth, strict=True))) == len(set(truth)) == found.max() + 1


def named(folder: Path, images: torch.Tensor, classes: int = 2) -> Path:
    for number, image in enumerate(images):
        path = folder / f"class{number % classes}" / f"{number:03}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image.permute(1, 2, 0).numpy()).save(path)
    return folder


# ---- copies ---------------------------------------------------------------------------------------------------------

def test_copies_of_every_sort_are_found_and_no_others():
    images, truth = with_copies()
    found = copies_in("some", images)
    assert same_groups(found.groups, truth)
    kinds = {kind: {truth[list(found.groups).index(group)] for group in groups}
             for kind, groups in found.kinds().items()}
    assert kinds == {"exact": {0}, "mirrored": {1, 3}, "near": {2, 4}}


@pytest.mark.parametrize("count", [1, ASKED + 1])
def test_any_number_of_pictures_is_compared(count):
    """Also where the tree is asked of a single one at the end."""
    images = pictures(count)
    found = copies_in("some", torch.cat([images, images[-1:]]))
    assert same_groups(found.groups, [*range(count), count - 1])


def test_grey_pictures_have_copies_too():
    images, truth = with_copies()
    assert same_groups(copies_in("grey", images[:, :1]).groups, truth)


def test_features_are_no_further_apart_than_thumbnails_either_way_round():
    x = torch.randint(0, 256, (200, 3, 16, 16), dtype=torch.uint8)
    x[100:] = (x[:100].flip(3).float() * 0.9 + 10).byte()  # near the mirror images of the others
    one, other = torch.arange(100), torch.arange(100, 200)
    apart = torch.minimum(copies._difference(x[one], x[other]), copies._difference(x[one], x[other].flip(3)))
    for features in (coarse(x), copies._principal(coarse(x))):
        assert ((features[one] - features[other]).norm(dim=1) <= apart + 1e-3).all()
    assert torch.allclose(coarse(x), coarse(x.flip(3)), atol=1e-4)


def test_the_tree_misses_no_pair():
    """Against a comparison of every picture with every other."""
    random = torch.Generator().manual_seed(3)
    base = F.interpolate(torch.rand(300, 3, 4, 4, generator=random), 16, mode="bilinear")
    step = torch.rand(300, 1, 1, 1, generator=random) * 12
    near = base[:100] * 255 + step[:100] * torch.randn(100, 3, 16, 16, generator=random)
    thumbs = torch.cat([base * 255, near]).clamp(0, 255).round().byte()
    looks = Looks(thumbs, np.stack([np.arange(400), np.arange(400)], 1).astype(np.uint64), np.zeros(400, bool))
    reach = reach_of(thumbs)
    every = []
    for row in range(400):
        this = thumbs[row].expand(400, -1, -1, -1)
        apart = torch.minimum(copies._difference(this, thumbs), copies._difference(this, thumbs.flip(3)))
        near = (apart <= reach.clamp(max=reach[row])).nonzero().view(-1).tolist()
        every += [(row, other) for other in near if other > row]
    assert 20 < len(every) < 90  # some are near, some just not
    assert sorted(map(tuple, find_copies("some", looks).pairs.tolist())) == every


def test_plain_pictures_are_copies_only_to_the_pixel():
    plain = torch.arange(100, 130, dtype=torch.uint8).view(-1, 1, 1, 1).expand(-1, 3, SIZE, SIZE)
    found = copies_in("plain", torch.cat([plain, plain[:1], plain[:1]]))
    assert np.bincount(found.groups).tolist() == [3, *[1] * 29]


def test_a_film_that_stands_still_is_one_group_without_all_its_pairs(monkeypatch):
    monkeypatch.setattr(copies, "PIECE", 500)
    film = (pictures(1).float() + torch.randn(400, 3, SIZE, SIZE)).clamp(0, 255).byte()
    found = find_copies("film", look_at(torch.cat([film, pictures(5, seed=1)])))
    assert np.bincount(found.groups).tolist() == [400, 1, 1, 1, 1, 1]
    assert len(found.pairs) < 10_000  # of 79,800


# ---- which side -----------------------------------------------------------------------------------------------------

def test_sides_follow_from_pixels_and_not_from_order_or_company():
    images, _ = with_copies()
    draws = copies_in("some", images).draws
    order = torch.randperm(len(images))
    assert (copies_in("turned", images[order].flip(3)).draws == draws[order]).all()
    assert (copies_in("more", torch.cat([pictures(100, seed=5), images])).draws[100:] == draws).all()
    assert (copies_in("fewer", images[5:BASE]).draws == draws[5:BASE]).all()
    assert len(set(draws)) == BASE  # copies have one


def test_sides_are_those_of_other_machines_and_versions():
    """What is published was trained on them: another way to decide would put its test pictures into training."""
    x = (torch.arange(12)[:, None, None, None] * 17 + torch.arange(3)[:, None, None] * 5
         + torch.arange(16)[:, None] * torch.arange(16) % 251).byte()
    assert np.round(copies_in("pinned", x).draws, 4).tolist() == [
        0.024, 0.0556, 0.2849, 0.6926, 0.7925, 0.1872, 0.8633, 0.4447, 0.0644, 0.558, 0.1438, 0.652]


def test_large_groups_are_held_out_as_often_as_single_pictures():
    random = np.random.default_rng(0)
    digests = random.integers(0, 2**64, (4_000, 2), dtype=np.uint64)
    pairs = np.arange(4_000).reshape(-1, 4)  # in groups of four
    pairs = np.concatenate([pairs[:, [0, k]] for k in (1, 2, 3)])
    draws = Copies(digests, np.zeros(4_000, bool), pairs, np.zeros(len(pairs), bool)).draws
    assert len(set(draws)) == 1_000
    assert (draws < 0.1).mean() == pytest.approx(0.1, abs=0.03)  # three standard deviations


def test_two_that_ask_at_once_search_once(monkeypatch):
    images, searched = pictures(50), []
    monkeypatch.setattr(copies, "find_copies", lambda *args: searched.append(1) or find_copies(*args))
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: copies_in("some", images).draws, range(4)))
    assert len(searched) == 1
    assert all((draws == found[0]).all() for draws in found)


def test_a_note_that_was_cut_short_is_made_again(cache):
    draws = copies_in("some", pictures(20)).draws
    (note,) = (cache / "copies").glob("*.npz")
    note.write_bytes(note.read_bytes()[:100])
    assert (copies_in("some", pictures(20)).draws == draws).all()


# ---- what is held out -----------------------------------------------------------------------------------------------

def both(data, share: float = 0.3, **options) -> list:
    return [open_source(data, split=split, held_out=share, **options) for split in ("train", "test")]


def names(source) -> list[str]:
    return [source.images.files[row].name for row in source.rows]


def test_a_folder_is_parted_by_group(tmp_path, capsys):
    images, truth = with_copies()
    train, test = both(str(named(tmp_path / "set", images)), image_size=SIZE)
    assert sorted(names(train) + names(test)) == [f"{number:03}.png" for number in range(len(images))]
    sides = [{truth[int(name[:3])] for name in names(part)} for part in (train, test)]
    assert not sides[0] & sides[1]
    assert 5 <= len(sides[1]) <= 20
    said = f"{len(test.rows)} of 46 pictures held out of training, with all copies of them"
    assert f"set: {said}\n" in capsys.readouterr().err
    for part in (train, test):
        assert part.spec.provenance.endswith(f"; {said}")
        assert (part.spec.held_out, part.spec.images) == (0.3, len(part.rows))
        loaded = part.load()
        assert len(loaded.images) == len(loaded.labels) == part.spec.images
        numbers = [int(name[:3]) for name in names(part)]
        assert torch.equal(loaded.images, images[numbers])
        assert loaded.labels.tolist() == [number % 2 for number in numbers]


def test_files_by_other_names_in_another_order_are_on_the_same_sides(tmp_path):
    images, _ = with_copies()
    first, second = named(tmp_path / "a", images), tmp_path / "b"
    for number, file in enumerate(sorted(first.rglob("*.png"))):
        (second / file.parent.name).mkdir(parents=True, exist_ok=True)
        shutil.copy(file, second / file.parent.name / f"{999 - number}.png")
    test = [part.load() for part in (both(str(first), image_size=SIZE)[1], both(str(second), image_size=SIZE)[1])]
    assert sorted(x.numpy().tobytes() for x in test[0].images) == sorted(x.numpy().tobytes() for x in test[1].images)


def test_a_larger_share_holds_out_what_a_smaller_one_does(tmp_path):
    folder = str(named(tmp_path / "set", pictures(BASE)))
    less, more = (set(names(both(folder, share)[1])) for share in (0.2, 0.5))
    assert less < more


def test_pictures_on_disk_stay_there(tmp_path, monkeypatch, cache):
    images, _ = with_copies()
    folder = str(named(tmp_path / "set", images))
    in_memory = both(folder, image_size=SIZE)[1].load()
    monkeypatch.setenv("ZOO_MEMORY", "100")
    for note in cache.rglob("*.copies-*.npz"):
        note.unlink()  # to be made of what is on disk
    on_disk = both(folder, image_size=SIZE)[1].load()
    assert type(on_disk.images).__name__ == "OnDisk"
    assert torch.equal(on_disk.images[torch.arange(len(in_memory.images))], in_memory.images)


def test_where_nothing_is_held_out_nothing_is_looked_for(tmp_path, monkeypatch):
    monkeypatch.setattr(heldout, "copies_in", None)
    monkeypatch.setattr(copies, "find_copies", None)
    folder = named(tmp_path / "set", pictures(4))
    open_source(str(folder)).load()
    assert open_source(str(folder)).spec.opening == {"image_size": 64, "held_out": 0.0}


@pytest.mark.parametrize(("kind", "options"), [
    ("images", {}), ("pairs", {"pairs": "grey"}), ("domains", {"domains": "class0,class1"})])
def test_every_kind_that_is_made_of_images_has_the_parts(kind, options, tmp_path):
    images, truth = with_copies()
    train, test = both(str(named(tmp_path / "set", images)), image_size=SIZE, kind=kind, **options)
    again = open_source(str(tmp_path / "set"), kind=kind, split="test", **test.spec.opening)
    assert again.spec == test.spec
    group = {image.numpy().tobytes(): number for image, number in zip(images, truth, strict=True)}
    of_part = []
    for part in (train, test, again):
        columns = part.load()
        shown = torch.cat([columns.a, columns.b]) if kind == "domains" else columns.images
        of_part.append([group[image.numpy().tobytes()] for image in shown])
    assert of_part[1] == of_part[2]
    assert not set(of_part[0]) & set(of_part[1])
    assert len(of_part[0]) + len(of_part[1]) == len(images)


def test_images_in_memory_have_the_parts():
    images, _ = with_copies()
    source = ArraySource(images, torch.arange(len(images)) % 3)
    train, test = both(source)
    assert train.spec.images + test.spec.images == len(images)
    assert torch.equal(test.load().labels, test.rows % 3)


@pytest.mark.parametrize("count", [3, 5])
def test_of_few_pictures_one_is_held_out_and_one_is_not(count):
    """Whatever chance says; and what a smaller share holds out, a larger one does too."""
    for seed in range(6):
        source = ArraySource(torch.cat([pictures(count, seed)] * 2), torch.zeros(2 * count, dtype=torch.int64))
        held = [set(both(source, share)[1].rows.tolist()) for share in (1e-9, 0.2, 0.5)]
        assert len(held[0]) == 2  # with its copy
        assert held[0] <= held[1] <= held[2]
        assert len(held[2]) <= 2 * (count - 1)


def test_copies_of_one_picture_are_not_held_out():
    with pytest.raises(zoo.UsageError, match="are copies of each other, or go to one side together, so none can be"):
        both(ArraySource(pictures(1).expand(6, -1, -1, -1), torch.zeros(6, dtype=torch.int64)))


def test_a_class_that_a_part_lacks_is_named(tmp_path, capsys):
    both(str(named(tmp_path / "set", pictures(30), classes=30)), image_size=SIZE)
    said = capsys.readouterr().err
    assert "train lacks " in said
    assert "test lacks " in said


def test_a_crowd_of_copies_is_told_of(tmp_path, capsys):
    black = torch.zeros(120, 3, SIZE, SIZE, dtype=torch.uint8)
    both(ArraySource(torch.cat([black, pictures(BASE)])))
    assert "120 of them count as copies of each other" in capsys.readouterr().err


@pytest.mark.parametrize(("layout", "options", "words"), [
    (["train/a.png", "train/b.png", "test/c.png"], {}, "has train and test already, which stay as they are"),
    (["a.png", "b.png"], {"held_out": 0.001}, "has 1 picture to learn from: give at least 2"),
    (["a.png", "b.png"], {"held_out": 0.6}, "a share from 0 to 0.5, not 0.6"),
    (["a.png", "b.png"], {"held_out": float("nan")}, "a share from 0 to 0.5, not nan"),
    (["a.png", "b.png"], {"held_out": -0.1}, "a share from 0 to 0.5, not -0.1"),
    (["a.png", "b.png"], {"kind": "pairs"}, "for single images: put pairs to test with into a folder test"),
    (["trainA/a.png", "trainB/b.png"], {"kind": "domains"}, "for single images: put .* testA and testB"),
    ("ring", {}, "is a set of points, of which none are held out"),
])
def test_what_cannot_be_held_out_is_refused(layout, options, words, tmp_path):
    if not isinstance(layout, str):
        for number, file in enumerate(layout):
            (tmp_path / "set" / file).parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pictures(1, seed=number)[0].permute(1, 2, 0).numpy()).save(tmp_path / "set" / file)
        layout = str(tmp_path / "set")
    with pytest.raises(zoo.UsageError, match=words):
        open_source(layout, **{"held_out": 0.3} | options)


# ---- runs and evaluations -------------------------------------------------------------------------------------------

def test_a_run_trains_on_one_part_and_is_measured_on_the_other(tmp_path):
    run = tiny_run("dcgan", tmp_path / "run", held_out=0.2)
    run.train()
    test = open_source("digits", image_size=16, split="test", held_out=0.2)
    assert len(run.data.columns.images) == run.model.data.images == 1797 - test.spec.images
    model = zoo.load(tmp_path / "run")
    assert model.data == run.source.spec
    assert f"{test.spec.images} of 1,797 pictures held out" in (tmp_path / "run" / "README.md").read_text()
    compared = Comparison(model, Protocol(features="digits", data="digits"), How())
    assert compared.protocol.split == "test"
    assert torch.equal(compared.columns.images, test.load().images)
    assert len(compared.training[0]) == model.data.images
    with pytest.raises(zoo.UsageError, match="held_out 0.2, not 0.3"):
        zoo.training.options.resumed(str(tmp_path / "run"), None, {}, {"held_out": 0.3})


def test_other_data_with_parts_of_their_own_keep_them(tmp_path):
    model = zoo.create("dcgan", image_size=SIZE, channels=3, width=2)
    model.data = open_source(str(named(tmp_path / "mine", pictures(60))), image_size=SIZE, held_out=0.2).spec
    for split in ("train", "test"):
        named(tmp_path / "other" / split, pictures(60, seed=7 if split == "train" else 8))
    compared = Comparison(model, Protocol(features="inception", data=str(tmp_path / "other")), How())
    assert (compared.protocol.split, compared.source.spec.images) == ("test", 60)


def test_models_of_before_have_no_part_held_out():
    model = zoo.load("cgan-mnist")
    assert model.data.opening == {"image_size": 28, "held_out": 0.0}


# ---- zoo data -------------------------------------------------------------------------------------------------------

def told(capsys, *arguments) -> dict[str, str]:
    assert not command.main([str(argument) for argument in arguments])
    return dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())


def test_a_folder_is_told_of_and_left_as_it_is(tmp_path, capsys):
    folder, x = tmp_path / "set", pictures(12)
    named(folder / "train", x[:10])
    named(folder / "test", torch.stack([x[10], x[11], x[2].flip(2), compressed(x[3], 85)]))
    Image.new("L", (30, 20), 7).save(folder / "test/class0/plain.jpg")
    (folder / "test/class1/broken.png").write_bytes(b"none")
    (folder / "notes.txt").write_text("mine")
    before = {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in folder.rglob("*")}
    assert told(capsys, folder) == {
        "set": "15 pictures: single images",
        "splits": "train 10, test 5",
        "sizes": "24x24 (14), 30x20 (1)",
        "colours": "RGB (14), L (1)",
        "files": ".png (14), .jpg (1)",
        "classes": "2, from 7 pictures (class1) to 8 (class0)",
        "unreadable": "1: test/class1/broken.png: cannot identify image file "
                      f"'{folder / 'test/class1/broken.png'}'",
        "copies": "4 pictures in 2 groups of up to 2 (mirrored 1, near 1), so 13 different pictures",
        "plain": "1 of one colour, which are copies only where they are the same to the pixel",
        "leak": "2 of test are copies of what is in train: test/class0/002.png of train/class0/002.png",
        "note": "left out 1 (1 .txt)"}
    assert {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in folder.rglob("*")} == before


def test_labels_that_contradict_each_other_are_told_of(tmp_path, capsys):
    x = pictures(4)
    said = told(capsys, named(tmp_path / "set", torch.cat([x, x[:1].flip(3)]), classes=5))
    assert said["labels"] == "1 group of copies in which the pictures are of several classes, such as class0 and class4"
    assert said["splits"].startswith("train 5; none to test with: zoo train --held-out 0.1")


def test_a_folder_that_no_training_could_begin_with_is_told_of(tmp_path, capsys):
    named(tmp_path / "set" / "cats", pictures(3), classes=1)
    named(tmp_path / "set" / "test", pictures(3, seed=1), classes=1)
    said = told(capsys, tmp_path / "set")
    assert said["splits"] == "all 6"
    assert "a folder of this name is a split, never a class" in said["note"]


@pytest.mark.parametrize(("parts", "wide", "layout", "splits"), [
    (["trainA", "trainB", "testA", "testB"], 1, "two domains that are not paired", "trainA, trainB, testA, testB"),
    (["train/A", "train/B"], 1, "pairs in two folders", "train"),
    (["train", "test"], 2, "pairs side by side", "train, test")])
def test_pairs_and_domains_are_recognised(parts, wide, layout, splits, tmp_path, capsys):
    for seed, part in enumerate(parts):
        named(tmp_path / "set" / part, pictures(2, seed).repeat(1, 1, 1, wide), classes=1)
    said = told(capsys, tmp_path / "set")
    assert said["set"] == f"{2 * len(parts)} pictures: {layout}"
    assert ", ".join(word.split()[0] for word in said["splits"].split(", ")) == splits
    assert said["copies"] == "none"


def test_a_named_set_is_told_of(capsys):
    said = told(capsys, "digits", "--image-size", 8)
    assert said["digits"] == "1,797 pictures: single images"
    assert said["sizes"] == "8x8 (1,797)"
    assert said["classes"] == "10, from 174 pictures (8) to 183 (3)"
    with pytest.raises(zoo.UsageError, match="a set of points"):
        command.main(["ring"])
    with pytest.raises(zoo.UsageError, match="no pictures in"):
        command.main([str(Path(__file__).parent.parent / "scripts")])
