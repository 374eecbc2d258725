"""Folders as people have them: links, hidden files, splits in any spelling, deep images; what is said, what refused."""

import json
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from lightning.pytorch.utilities import rank_zero_only
from PIL import Image

import zoo
from zoo.data.arrays import ArraySource, as_source
from zoo.data.decoded import hash_of
from zoo.data.folder import FolderSource
from zoo.data.listing import split_named, walk
from zoo.data.pairs import PairFolder
from zoo.data.pictures import as_tensor
from zoo.data.sources import open_source

pytestmark = pytest.mark.usefixtures("cache")


def write(path: Path, level=100, dtype=np.uint8, width: int = 4, **options) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((4, width), level, dtype)).save(path, **options)
    return path


def fill(folder: Path, *names: str) -> None:
    for number, name in enumerate(names):
        write(folder / name, number)


def opened(folder: Path, split: str = "train", **options) -> FolderSource:
    return FolderSource(folder, 4, split=split, **options)


def line(source, capsys) -> str:
    """What is said when a source is prepared."""
    source.prepare()
    (said,) = [text for text in capsys.readouterr().err.splitlines() if text.startswith(f"{source.spec.name}: ")]
    return said


def found(source: FolderSource) -> dict[str, str]:
    """Class by file."""
    names = source.spec.class_names
    return {file.relative_to(source.folder).as_posix(): names[label] if names else ""
            for file, label in zip(source.files, source.labels.tolist(), strict=True)}


# ---- links -----------------------------------------------------------------------------------------------------------

def test_linked_folders_and_files_are_read(tmp_path, capsys):
    fill(tmp_path / "store", "1.png", "deep/2.png")
    fill(tmp_path / "pets", "dogs/1.png")
    write(tmp_path / "blob", format="png")  # as a cache names files by their digest
    (tmp_path / "pets" / "cats").symlink_to(tmp_path / "store")
    (tmp_path / "pets" / "dogs" / "2.png").symlink_to(tmp_path / "blob")
    source = opened(tmp_path / "pets")
    assert found(source) == {"cats/1.png": "cats", "cats/deep/2.png": "cats", "dogs/1.png": "dogs",
                             "dogs/2.png": "dogs"}
    assert line(source, capsys) == "pets: 4 pictures in 2 classes"


def test_what_is_reached_twice_counts_once_by_its_own_place(tmp_path, capsys):
    pets = tmp_path / "pets"
    fill(pets, "cats/1.png", "dogs/1.png", "dogs/2.png")
    (pets / "again").symlink_to(pets / "dogs")
    (pets / "cats" / "2.png").symlink_to(pets / "dogs" / "2.png")
    fill(tmp_path, "out/3.png")
    (pets / "cats" / "3.png").symlink_to(tmp_path / "out" / "3.png")
    (pets / "dogs" / "out").symlink_to(tmp_path / "out")  # of which 3.png is a cat by now
    source = opened(pets)
    assert found(source) == {"cats/1.png": "cats", "cats/3.png": "cats", "dogs/1.png": "dogs", "dogs/2.png": "dogs"}
    assert line(source, capsys) == "pets: 4 pictures in 2 classes; left out 3 (3 reached twice)"


@pytest.mark.parametrize("target", [".", "..", "cats", "/"])
def test_circles_of_links_end(target, tmp_path):
    fill(tmp_path / "pets", "cats/1.png", "dogs/1.png")
    fill(tmp_path / "other", "1.png")
    (tmp_path / "pets" / "cats" / "round").symlink_to(Path(os.path.normpath(tmp_path / "pets" / target)))
    assert set(found(opened(tmp_path / "pets"))) == {"cats/1.png", "dogs/1.png"}


def test_broken_links_are_named(tmp_path, capsys):
    fill(tmp_path / "pets", "cats/1.png", "dogs/1.png")
    (tmp_path / "pets" / "birds").symlink_to(tmp_path / "gone")
    (tmp_path / "pets" / "cats" / "2.png").symlink_to("2.png")  # to itself
    assert line(opened(tmp_path / "pets"), capsys).endswith("left out 2 (2 broken links: birds, cats/2.png)")


def test_a_folder_that_cannot_be_listed_is_no_lost_class(tmp_path, monkeypatch):
    fill(tmp_path / "pets", "cats/1.png", "dogs/1.png", "birds/1.png")
    scandir = os.scandir

    def denied(folder):
        if str(folder).endswith("birds"):  # this may run as root, whom nothing is denied
            raise PermissionError(13, "Permission denied")
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", denied)
    with pytest.raises(zoo.UsageError, match="birds cannot be listed: Permission denied"):
        opened(tmp_path / "pets")


# ---- what is left out ------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("litter", [
    ".ipynb_checkpoints/1-checkpoint.png", ".cache/1.png", "__MACOSX/cats/1.png", "@eaDir/1.png", "$RECYCLE.BIN/1.png"])
def test_hidden_folders_are_no_classes(litter, tmp_path, capsys):
    fill(tmp_path / "flat", "1.png", "2.png", litter)
    fill(tmp_path / "pets", "cats/1.png", "dogs/1.png", litter)
    flat, pets = opened(tmp_path / "flat"), opened(tmp_path / "pets")
    assert set(found(flat)) == {"1.png", "2.png"}
    assert pets.spec.class_names == ["cats", "dogs"]
    assert line(pets, capsys) == "pets: 2 pictures in 2 classes; left out 1 (1 hidden)"


def test_companions_of_file_managers_do_no_harm(tmp_path, capsys):
    fill(tmp_path / "pets", "cats/1.jpg", "dogs/1.jpg")
    for name in ("._cats", "cats/._1.jpg", "cats/.DS_Store", "dogs/Thumbs.db", "Desktop.ini", ".hidden.png"):
        (tmp_path / "pets" / name).write_bytes(b"\0\5\x16\7 no picture")
    source = opened(tmp_path / "pets")
    assert set(found(source)) == {"cats/1.jpg", "dogs/1.jpg"}
    assert source.spec.class_names == ["cats", "dogs"]  # nor is a file at the top a reason for none
    assert line(source, capsys) == "pets: 2 pictures in 2 classes; left out 6 (6 hidden)"


def test_pairs_leave_them_out_too(tmp_path, capsys):
    for number in range(2):
        for side in "AB":
            write(tmp_path / "p" / "Train" / side / f"{number}.png")
    (tmp_path / "p" / "Train" / "A" / "._0.png").write_bytes(b"\0\5\x16\7")
    fill(tmp_path / "p", "Train/B/.ipynb_checkpoints/0.png")
    assert line(PairFolder(tmp_path / "p"), capsys) == "p: 4 pictures; left out 2 (2 hidden)"


def test_other_files_are_counted_by_suffix(tmp_path, capsys):
    fill(tmp_path / "x", "1.png", "2.png")
    for name in ("a.psd", "b.PSD", "c.heic", "README", "e.csv"):
        (tmp_path / "x" / name).touch()
    os.mkfifo(tmp_path / "x" / "pipe.png")
    assert line(opened(tmp_path / "x"), capsys) == (
        "x: 2 pictures; left out 6 (2 .psd, 1 without suffix, 1 .heic, 1 .csv, 1 not a file)")


def test_nothing_but_others_is_said_in_the_error(tmp_path):
    (tmp_path / "1.heic").touch()
    with pytest.raises(zoo.UsageError, match=r"no images in .*looked for .jpg, .*left out 1 \(1 .heic\)"):
        opened(tmp_path)


def test_of_a_moving_gif_the_first_frame_is_read(tmp_path, capsys):
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "blue")]
    (tmp_path / "x").mkdir()
    frames[0].save(tmp_path / "x" / "1.gif", save_all=True, append_images=frames[1:])
    frames[1].save(tmp_path / "x" / "2.GIF")
    source = opened(tmp_path / "x")
    assert source.load().images[:, :, 0, 0].tolist() == [[255, 0, 0], [0, 0, 255]]
    assert capsys.readouterr().err.startswith("x: 2 pictures; of 2 .gif the first frame\n")


def test_said_once_by_one_process(tmp_path, capsys, monkeypatch):
    fill(tmp_path / "x", "train/1.png", "train/2.png", "val/1.png")
    monkeypatch.setattr(rank_zero_only, "rank", 1, raising=False)
    opened(tmp_path / "x").prepare()
    assert "pictures" not in capsys.readouterr().err
    monkeypatch.setattr(rank_zero_only, "rank", 0)
    for split in ("train", "val", "train"):
        opened(tmp_path / "x", split).load()
    assert capsys.readouterr().err.count("x: 3 pictures (train 2, val 1)") == 1


# ---- splits ----------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize(("folders", "splits"), [
    (["train", "val"], ["train", "val"]),
    (["train", "test"], ["train", "test"]),
    (["train", "val", "test"], ["train", "val", "test"]),
    (["train"], ["train"]),
    (["Train", "VALID", "Testing"], ["train", "val", "test"]),
    (["training", "validation"], ["train", "val"]),
    (["train2017", "val2017"], ["train", "val"]),
    (["TRAIN", "eval"], ["train", "val"]),
    (["train", "dev", "test"], ["train", "val", "test"]),
    (["train_images", "test_images"], ["train", "test"]),
    (["trainset", "testset"], ["train", "test"]),
])
@pytest.mark.parametrize("classes", [["cats", "dogs"], [""]])
def test_splits_are_never_classes(folders, splits, classes, tmp_path):
    for number, folder in enumerate(folders):
        for name in classes:
            for again in "ab":
                write(tmp_path / "x" / folder / name / f"{again}.png", 10 * number)
    for number, split in enumerate(splits):
        source = opened(tmp_path / "x", split)
        assert source.splits == tuple(splits)
        assert source.spec.class_names == [name for name in classes if name]
        assert source.spec.images == 2 * len(classes)
        assert (source.load().images == 10 * number).all()  # of no other split


def test_other_names_are_classes():
    for name in ("cats", "test tube", "train_station", "validate me", "latest", "2017", "trainA", "testify",
                 "trains", "set", "test a"):
        assert split_named(name) is None


def test_a_missing_split_is_refused(tmp_path):
    fill(tmp_path / "x", "val/1.png", "val/2.png", "test/1.png")
    with pytest.raises(zoo.UsageError, match="x has no train split: it has val and test"):
        opened(tmp_path / "x")


def test_an_empty_split_is_none(tmp_path):
    fill(tmp_path / "x", "train/1.png", "train/2.png", "val/.gitkeep.png")
    assert opened(tmp_path / "x").splits == ("train",)


@pytest.mark.parametrize(("files", "words"), [
    (["train/1.png", "bus/1.png", "car/1.png"], "has train beside bus, car: a folder of this name is a split, never a"),
    (["cats/1.png", "dogs/1.png", "Test/1.png"], "has Test beside cats, dogs"),
    (["train/1.png", "val/1.png", "valid/1.png"], "has val, valid, which are all val"),
    (["cats/train/1.png", "cats/val/1.png", "dogs/train/1.png"], "x has pictures in cats/val: folders of these names"),
    (["trainA/1.png", "trainB/1.png", "testA/1.png", "testB/1.png"], "two sorts of pictures .* testA, testB would be"),
    (["images/train/1.png", "images/test/1.png"], "pictures in images/test: .* splits are at the top"),
    (["train/1.png", "train/2.png", "train/old/Validation/1.png"], "train has pictures in old/Validation"),
])
def test_what_may_be_a_split_is_refused(files, words, tmp_path):
    fill(tmp_path / "x", *files)
    for kind in (opened, PairFolder):
        with pytest.raises(zoo.UsageError, match=words):
            kind(tmp_path / "x")


def test_what_lies_beside_splits_is_left_out_and_said(tmp_path, capsys):
    fill(tmp_path / "x", "train/1.png", "train/2.png", "test/1.png", "extra/1.png", "preview.png")
    assert line(opened(tmp_path / "x"), capsys) == (
        "x: 3 pictures (train 2, test 1); left out 2 (2 beside test, train)")


def test_pictures_to_test_with_are_not_trained_on_through_a_link(tmp_path):
    fill(tmp_path / "x", "test/1.png", "train/2.png", "train/3.png")
    (tmp_path / "x" / "train" / "1.png").symlink_to(tmp_path / "x" / "test" / "1.png")
    assert set(found(opened(tmp_path / "x"))) == {"2.png", "3.png"}


@pytest.mark.parametrize("split", ["train", "val"])
def test_pairs_have_the_same_spellings(split, tmp_path):
    for folder, level in (("Training", 10), ("validation", 20)):
        for number in range(2):
            for side in "AB":
                write(tmp_path / "p" / folder / side / f"{number}.png", level)
    pairs = PairFolder(tmp_path / "p", split=split)
    assert pairs.splits == ("train", "val")
    assert (pairs.load().source == (10 if split == "train" else 20)).all()


# ---- classes over splits ---------------------------------------------------------------------------------------------

def test_class_numbers_agree_where_a_split_lacks_a_class(tmp_path, capsys):
    fill(tmp_path / "pets", "train/birds/1.png", "train/dogs/1.png", "test/cats/1.png", "test/dogs/1.png")
    train, test = (opened(tmp_path / "pets", split) for split in ("train", "test"))
    assert train.spec.class_names == test.spec.class_names == ["birds", "cats", "dogs"]
    assert (train.labels.tolist(), test.labels.tolist()) == ([0, 2], [1, 2])
    assert line(train, capsys) == ("pets: 4 pictures (train 2, test 2) in 3 classes; train lacks 1 class: cats; "
                                   "test lacks 1 class: birds")


def test_a_split_of_one_class_has_its_number(tmp_path):
    fill(tmp_path / "pets", "train/birds/1.png", "train/dogs/1.png", "test/dogs/1.png")
    assert found(opened(tmp_path / "pets", "test")) == {"dogs/1.png": "dogs"}


@pytest.mark.parametrize(("files", "train", "test"), [
    (["train/a/1.png", "train/b/1.png", "test/1.png"], ["a", "b"], []),  # as where labels are kept secret
    (["train/images/1.png", "train/images/2.png", "test/pictures/1.png"], [], []),
])
def test_a_split_may_have_no_classes(files, train, test, tmp_path):
    fill(tmp_path / "x", *files)
    for split, names in (("train", train), ("test", test)):
        source = opened(tmp_path / "x", split)
        assert source.spec.class_names == names
        assert len(source.labels) == source.spec.images


def test_a_table_of_classes_holds_for_all_splits(tmp_path, capsys):
    fill(tmp_path / "x", "train/1.png", "train/2.png", "train/3.png", "test/1.png")
    table = {"1.png": "b", "2.png": "a"}
    train, test = (opened(tmp_path / "x", split, class_of=table) for split in ("train", "test"))
    assert (found(train), found(test)) == ({"1.png": "b", "2.png": "a"}, {"1.png": "b"})
    assert line(train, capsys) == ("x: 3 pictures (train 2, test 1) in 2 classes; test lacks 1 class: a; "
                                   "left out 1 (1 without a class in the table)")


# ---- more than 8 bits ------------------------------------------------------------------------------------------------

def levels(folder: Path) -> list[int]:
    images = FolderSource(folder, 4).load().images
    assert (images == images[:, :, :1, :1]).all()
    return images[:, 0, 0, 0].tolist()


@pytest.mark.parametrize(("values", "dtype", "suffix", "expected"), [
    ([0, 2048, 4095], np.uint16, ".png", [0, 128, 255]),  # 12 bits of a camera
    ([500, 4000], np.uint16, ".tif", [31, 249]),
    ([512, 1023], np.uint16, ".png", [128, 255]),
    ([100, 16383], np.uint16, ".tiff", [2, 255]),
    ([128, 255], np.uint16, ".tif", [128, 255]),
    ([4095, 65535], np.uint16, ".png", [16, 255]),
    ([4095, 60000], np.uint16, ".pgm", [16, 233]),
    ([128, 255], np.int32, ".tif", [128, 255]),
    ([2048, 4095], np.int32, ".tif", [128, 255]),
    ([32768, 65535], np.int32, ".tif", [128, 255]),
    ([0.25, 1], np.float32, ".tif", [64, 255]),
    ([0.25, 200], np.float32, ".tif", [0, 200]),  # a dark picture of a set in [0, 255] stays dark
    ([2048, 4095], np.float32, ".tif", [128, 255]),
    ([0, 0], np.uint16, ".png", [0, 0]),
])
def test_white_is_decided_once_for_a_set(values, dtype, suffix, expected, tmp_path):
    for number, value in enumerate(values):
        write(tmp_path / "x" / f"{number}{suffix}", value, dtype)
    assert levels(tmp_path / "x") == expected


def test_white_is_that_of_all_splits_and_said(tmp_path, capsys):
    for number, (split, value) in enumerate([("train", 4095), ("train", 512), ("test", 512)]):
        write(tmp_path / "x" / split / f"{number}.png", value, np.uint16)
    assert opened(tmp_path / "x", "test").load().images.unique().tolist() == [32]
    assert "; white of integer pictures is 4,095" in capsys.readouterr().err


def signed_16_bits(path: Path, value: int) -> None:
    """As microscopes write it: Pillow reads, but does not write it by itself."""
    write(path, np.int16(value).view(np.uint16), np.uint16, tiffinfo={339: 2})  # the sample format: with a sign
    with Image.open(path) as image:
        assert (image.mode, image.getextrema()) == ("I", (value, value))


@pytest.mark.parametrize(("values", "dtype", "words"), [
    ([-1, 1], np.float32, r"float pictures of x have values from -1 \(in .*0.tif\) to 1 \(in .*1.tif\).*in \[0, 1\]"),
    ([0, 1.5], np.float32, "to 1.5 .* does not say"),
    ([0, 100_000], np.float32, "to 100,000"),
    ([-5, 300], np.int32, "integer pictures of x have values from -5 .* Convert them to 8 bits"),
    ([0, 2**31 - 1], np.int32, "integer .* to 2,147,483,647"),
    ([0, 7], np.uint16, "to 7 .* does not say"),  # numbers of classes
])
def test_what_does_not_say_its_range_is_refused(values, dtype, words, tmp_path, cache):
    for number, value in enumerate(values):
        write(tmp_path / "x" / f"{number}.tif", value, dtype)
    with pytest.raises(zoo.UsageError, match=words):
        opened(tmp_path / "x").load()
    assert not list(cache.rglob("*.npy"))


def test_16_bits_with_a_sign_are_refused(tmp_path):
    for number, value in enumerate((-300, 300)):
        signed_16_bits(tmp_path / "x" / f"{number}.tif", value)
    with pytest.raises(zoo.UsageError, match="integer pictures of x have values from -300"):
        opened(tmp_path / "x").load()


def colour_16_bits(path: Path, value: int) -> None:
    """A PNG such as Pillow reads, but does not write."""
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    path.parent.mkdir(parents=True, exist_ok=True)
    rows = (b"\0" + np.full(12, value, ">u2").tobytes()) * 4
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 4, 4, 16, 2, 0, 0, 0))
                     + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def test_colour_of_12_bits_in_16_is_refused(tmp_path):
    for number, value in enumerate((100, 4095)):
        colour_16_bits(tmp_path / "x" / f"{number}.png", value)
    with pytest.raises(zoo.UsageError, match="colour pictures of x have values .* Convert them to 8 bits$"):
        opened(tmp_path / "x").load()
    colour_16_bits(tmp_path / "x" / "2.png", 65535)
    assert levels(tmp_path / "x") == [0, 15, 255]


def test_pairs_have_white_of_each_side(tmp_path):
    for split, depths in (("train", (1000, 4095)), ("val", (512,))):
        for number, value in enumerate(depths):
            write(tmp_path / "p" / split / "A" / f"{number}.png", 100)
            write(tmp_path / "p" / split / "B" / f"{number}.png", value, np.uint16)
    source, target, _ = PairFolder(tmp_path / "p", split="val").load()
    assert (source.unique().tolist(), target.unique().tolist()) == ([100], [32])


def test_side_by_side_pairs_of_12_bits(tmp_path):
    for number, value in enumerate((2048, 4095)):
        write(tmp_path / "p" / f"{number}.png", value, np.uint16, width=8)
    assert PairFolder(tmp_path / "p").load().target[:, 0, 0, 0].tolist() == [128, 255]


def test_white_is_looked_for_once(tmp_path, monkeypatch):
    fill(tmp_path / "x", "1.png", "2.png")
    opened(tmp_path / "x").prepare()
    monkeypatch.setattr("zoo.data.depth.tops_of", None)
    opened(tmp_path / "x").prepare()
    write(tmp_path / "x" / "2.png", 4000, np.uint16)
    with pytest.raises(TypeError):
        opened(tmp_path / "x").prepare()


def test_hub_set_of_12_bits(tmp_path, monkeypatch):
    datasets = pytest.importorskip("datasets")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "hf")
    for number, value in enumerate((2048, 4095)):
        write(tmp_path / "h" / "train" / f"{number}.png", value, np.uint16)
    images = open_source(f"hf:{tmp_path / 'h'}", image_size=4).load().images
    assert sorted(images[:, 0, 0, 0].tolist()) == [128, 255]
    write(tmp_path / "h" / "train" / "2.tif", -1, np.float32)
    with pytest.raises(zoo.UsageError, match=r"float pictures of h have values from -1 \(in row 2\)"):
        open_source(f"hf:{tmp_path / 'h'}", image_size=4).load()


def test_a_few_pictures_of_fewer_bits_are_refused(tmp_path):
    """What a loaded model is given: there is no set that says whether they are dark."""
    dark, bright = (Image.fromarray(np.full((4, 4), value, np.uint16)) for value in (4095, 65535))
    assert as_tensor([dark, bright], 1)[:, 0, 0, 0].mul(255).round().tolist() == [16, 255]
    assert as_tensor(write(tmp_path / "x.tif", 0.25, np.float32), 1).mean() == pytest.approx(64 / 255)
    for given in (dark, str(write(tmp_path / "y.tif", -0.5, np.float32))):
        with pytest.raises(zoo.UsageError, match="of those given have values .* does not say what is black"):
            as_tensor(given, 1)
    with pytest.raises(zoo.UsageError, match="n.tif cannot be read: it has pixels that are not finite"):
        as_tensor(write(tmp_path / "n.tif", np.nan, np.float32), 1)


# ---- the cache -------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("kind", ["folder", "pairs", "hub"])
def test_what_was_decoded_with_another_white_is_not_taken(kind, tmp_path, monkeypatch):
    """Such as by an earlier version, nearly black, or before another split got brighter pictures."""
    monkeypatch.setattr(pytest.importorskip("datasets").config, "HF_DATASETS_CACHE", tmp_path / "hf")
    for number, value in enumerate((2048, 4095)):
        write(tmp_path / "x" / f"{number}.png", value, np.uint16, width=8)

    def levels() -> list[int]:
        source = PairFolder(tmp_path / "x") if kind == "pairs" else open_source(
            f"hf:{tmp_path / 'x'}" if kind == "hub" else str(tmp_path / "x"), image_size=4)
        return sorted(source.load().truth[:, 0, 0, 0].tolist())

    with monkeypatch.context() as earlier:
        earlier.setattr("zoo.data.depth.tops_of_files", lambda name, files: {})
        earlier.setattr("zoo.data.hub.tops_of", lambda *args: {})
        assert levels() == [8, 16]
    assert levels() == [128, 255]


def test_keys_of_good_folders_are_what_they_were(tmp_path):
    """Made by the same formula as before there were links, depths and spellings of splits."""
    fill(tmp_path / "x", "train/a/1.png", "train/b/2.png", "test/a/1.png")
    for number, value in enumerate((5, 65535)):
        write(tmp_path / "x" / "train" / "b" / f"deep{number}.png", value, np.uint16)
    names = ["a/1.png", "b/2.png", "b/deep0.png", "b/deep1.png"]
    folder = (tmp_path / "x" / "train").resolve()
    stats = [(name, (folder / name).stat().st_size, (folder / name).stat().st_mtime_ns) for name in names]
    assert opened(tmp_path / "x").prepare().stem == f"x-1x4-{hash_of([str(folder), stats])}"


# ---- too few ---------------------------------------------------------------------------------------------------------

def test_one_picture_is_no_data(tmp_path):
    write(tmp_path / "x" / "1.png")
    write(tmp_path / "p" / "1.png", width=8)
    calls = [lambda: opened(tmp_path / "x"), lambda: PairFolder(tmp_path / "p"),
             lambda: ArraySource(torch.zeros(1, 3, 8, 8)), lambda: as_source([(torch.zeros(3, 8, 8), 0)])]
    for call in calls:
        with pytest.raises(zoo.UsageError, match="has 1 picture to learn from: give at least 2"):
            call()
    with pytest.raises(zoo.UsageError, match="tensors has 0 pictures"):
        ArraySource(torch.zeros(0, 3, 8, 8))


def test_one_picture_of_the_hub_is_no_data(tmp_path, monkeypatch):
    monkeypatch.setattr(pytest.importorskip("datasets").config, "HF_DATASETS_CACHE", tmp_path / "hf")
    fill(tmp_path / "x", "train/1.png", "test/1.png")
    with pytest.raises(zoo.UsageError, match="has 1 picture to learn from"):
        open_source(f"hf:{tmp_path / 'x'}", image_size=4)
    assert open_source(f"hf:{tmp_path / 'x'}", image_size=4, split="test").spec.images == 1


def test_one_picture_may_be_tested_with(tmp_path):
    fill(tmp_path / "x", "train/1.png", "train/2.png", "test/1.png")
    assert len(opened(tmp_path / "x", "test").load().images) == 1


def test_float_tensors_up_to_255_are_refused():
    with pytest.raises(zoo.UsageError, match=r"floats in \[0, 1\], not torch.float32 from 0.0 to 255.0"):
        as_source(torch.linspace(0, 255, 2 * 3 * 16).view(2, 3, 4, 4))


def test_what_was_found_does_not_spoil_output_that_programs_read(tmp_path, capsys):
    fill(tmp_path / "x", "1.png", "2.png")
    print(json.dumps({"images": len(opened(tmp_path / "x").load().images)}))
    assert json.loads(capsys.readouterr().out) == {"images": 2}


def test_walk_of_names_that_are_no_text(tmp_path):
    os.makedirs(os.fsencode(tmp_path) + b"/x/\xff")
    fill(tmp_path / "x", os.fsdecode(b"\xff/1.png"), "1.png")
    assert len(walk(tmp_path / "x").files) == 2
    opened(tmp_path / "x").prepare()
