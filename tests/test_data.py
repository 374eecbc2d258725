"""Every source of images and points, folders of all kinds of files, and the order of batches."""

import gzip
import hashlib
import os
import pickle
import shutil
import struct
import urllib.error
from itertools import islice
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from conftest import set_up, tiny_run
from PIL import Image

import zoo
from zoo.data import decoded as decoded_module
from zoo.data.batches import Labelled
from zoo.data.module import ClockedBatches, DataModule, Rows
from zoo.data.named import CIFAR, DIGITS, FASHION
from zoo.data.sources import open_source

RED = (200, 40, 80)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def files_in(path: Path) -> list[Path]:
    return [f for f in path.rglob("*") if f.is_file() and f.suffix not in (".lock", ".json")]


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def write(path: Path, image: Image.Image | np.ndarray, **options) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(path, **options)
    return path


def two_pictures(folder: Path) -> None:
    for number in range(2):
        write(folder / f"{number}.png", noise(8, 8, seed=number))


# ---- named sets ------------------------------------------------------------------------------------------------------

def test_digits():
    from sklearn.datasets import load_digits

    source = open_source("digits")
    source.prepare()
    images, labels = source.load()
    original = load_digits()
    assert (images.shape, images.dtype) == ((1797, 1, 32, 32), torch.uint8)
    assert source.spec.class_names == DIGITS
    assert (source.spec.shape, source.spec.images, source.spec.kind) == ((1, 32, 32), 1797, "images")
    assert labels.dtype == torch.int64
    assert labels.tolist() == original.target.tolist()
    assert images.min() == 0
    assert images.max() == 255
    small = torch.nn.functional.avg_pool2d(images.float(), 4)[:, 0]
    truth = torch.from_numpy(original.images).float() * 255 / 16
    assert torch.corrcoef(torch.stack([small.flatten(), truth.flatten()]))[0, 1] > 0.98
    exact = open_source("digits", image_size=8).load()[0][:, 0]
    assert torch.equal(exact, truth.round().byte())


def write_idx(path: Path, array: np.ndarray, packed: bool) -> bytes:
    content = struct.pack(f">I{array.ndim}I", 0x0800 + array.ndim, *array.shape) + array.tobytes()
    path.parent.mkdir(parents=True, exist_ok=True)
    data = gzip.compress(content, mtime=0) if packed else content
    path.with_name(path.name + (".gz" if packed else "")).write_bytes(data)
    return data


def write_mnist(folder: Path, packed: bool = False) -> tuple[np.ndarray, np.ndarray, list[tuple[str, str]]]:
    """Tiny IDX files under the names of the real ones: images, labels, torchvision's table of names and md5 sums."""
    images, labels = noise(7, 28, 28), noise(7, seed=1) % 10
    resources = []
    for split in ("train", "t10k"):
        for name, array in (("images-idx3", images), ("labels-idx1", labels)):
            data = write_idx(folder / "raw" / f"{split}-{name}-ubyte", array, packed)
            resources.append((f"{split}-{name}-ubyte.gz", hashlib.md5(data).hexdigest()))
    return images, labels, resources


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(("name", "folder", "classes"), [("mnist", "MNIST", DIGITS),
                                                         ("fashion-mnist", "FashionMNIST", FASHION)])
def test_mnist_by_torchvisions_reader(name, folder, classes, packed, tmp_path, monkeypatch):
    import torchvision

    images, labels, resources = write_mnist(tmp_path / folder, packed)
    monkeypatch.setattr(getattr(torchvision.datasets, folder), "resources", resources)
    source = open_source(name, str(tmp_path))
    assert (source.spec.class_names, source.spec.shape) == (classes, (1, 28, 28))
    source.prepare()
    loaded, targets = source.load()
    assert loaded.dtype == torch.uint8
    assert np.array_equal(loaded[:, 0].numpy(), images)
    assert targets.dtype == torch.int64
    assert targets.tolist() == labels.tolist()
    resized, _ = open_source(name, str(tmp_path), image_size=14).load()
    assert (resized.shape, resized.dtype) == ((7, 1, 14, 14), torch.uint8)


def test_cifar10_by_torchvisions_reader(tmp_path, monkeypatch):
    import torchvision

    def pack(name: str, content: dict) -> tuple[str, str]:
        data = pickle.dumps(content)
        path = tmp_path / "cifar-10-batches-py" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
        return name, hashlib.md5(data).hexdigest()

    images = noise(10, 3, 32, 32)
    parts = [pack(f"data_batch_{i + 1}", {"data": images[2 * i:2 * i + 2].reshape(2, -1), "labels": [2 * i, 9]})
             for i in range(5)]
    test = pack("test_batch", {"data": images[:1].reshape(1, -1), "labels": [0]})
    meta = pack("batches.meta", {"label_names": CIFAR})
    cifar = torchvision.datasets.CIFAR10
    monkeypatch.setattr(cifar, "train_list", parts)
    monkeypatch.setattr(cifar, "test_list", [test])
    monkeypatch.setattr(cifar, "meta", {"filename": meta[0], "key": "label_names", "md5": meta[1]})
    source = open_source("cifar10", str(tmp_path))
    source.prepare()
    loaded, labels = source.load()
    assert np.array_equal(loaded.numpy(), images)
    assert labels.tolist() == [0, 9, 2, 9, 4, 9, 6, 9, 8, 9]
    assert (source.spec.name, source.spec.class_names, source.spec.shape) == ("cifar10", CIFAR, (3, 32, 32))
    assert "JPEG" not in source.spec.provenance


@pytest.mark.parametrize("inside", ["", "cifar10_jpeg"])
def test_cifar10_as_a_tree_of_jpegs(inside, tmp_path):
    for number, name in enumerate(CIFAR):
        write(tmp_path / inside / "train" / name / "0001.jpg", np.full((32, 32, 3), 25 * number, np.uint8))
    source = open_source("cifar10", str(tmp_path))
    assert (source.spec.name, source.spec.class_names, source.spec.shape) == ("cifar10-jpeg", CIFAR, (3, 32, 32))
    assert "JPEG copy" in source.spec.provenance
    images, labels = source.load()
    for image, label in zip(images, labels, strict=True):
        assert abs(image.float().mean() - 25 * label) < 3


def test_a_folder_of_train_and_test_has_two_splits(tmp_path):
    for split, level in (("train", 50), ("test", 200)):
        for name in ("cats", "dogs"):
            write(tmp_path / "pets" / split / name / "0.png", np.full((8, 8), level, np.uint8))
    for split, level in (("train", 50), ("test", 200)):
        source = open_source(str(tmp_path / "pets"), image_size=8, split=split)
        assert (source.split, source.splits) == (split, ("train", "test"))
        assert source.spec.class_names == ["cats", "dogs"]
        images, labels = source.load()
        assert (images == level).all()
        assert labels.tolist() == [0, 1]


@pytest.mark.parametrize("data", ["digits", "ring", "{folder}"])
def test_a_split_that_is_not_there_is_refused(data, tmp_path):
    write(tmp_path / "train" / "0.png", noise(8, 8))
    with pytest.raises(zoo.UsageError, match="has no test split: it has train"):
        open_source(data.format(folder=tmp_path), split="test")


@pytest.mark.parametrize("data", ["mnist", "fashion-mnist", "cifar10"])
def test_a_split_of_another_name_is_refused(data, tmp_path):
    with pytest.raises(zoo.UsageError, match="has no val split: it has train and test"):
        open_source(data, str(tmp_path), split="val")


def test_anime_takes_its_classes_from_a_table_of_tags(tmp_path):
    """Named as people would ask for them, without the faces that have no tags."""
    names = [f"getchu/{i:05d}.jpg" for i in range(5)]
    for name in names:
        write(tmp_path / "anime" / name, noise(64, 64, 3))
    tags = ["pink hair blue eyes", "aqua hair red eyes", "", "pink hair blue eyes"]
    table = "\n".join(["file,tags", *(f'{name},"{tag}"' for name, tag in zip(names, tags, strict=False))])
    (tmp_path / "anime_tags.csv").write_text(table)
    source = open_source("anime", str(tmp_path))
    assert source.spec.class_names == ["aqua hair, red eyes", "pink hair, blue eyes"]
    images, labels = source.load()
    assert (len(images), labels.tolist()) == (3, [1, 0, 1])
    for text, message in (("a,b\n1,2", "columns file and tags"), ("file,tags\nother.jpg,red hair", "other.jpg")):
        (tmp_path / "anime_tags.csv").write_text(text)
        with pytest.raises(zoo.UsageError, match=message):
            open_source("anime", str(tmp_path))


def test_anime_is_a_folder_without_classes(tmp_path):
    for number in range(2):
        write(tmp_path / "anime_faces_64" / "getchu" / f"{number}.jpg", noise(64, 64, 3))
    source = open_source("anime", str(tmp_path))
    assert (source.spec.name, source.spec.classes, source.spec.shape) == ("anime", 0, (3, 64, 64))
    assert source.load()[0].shape == (2, 3, 64, 64)
    with pytest.raises(zoo.UsageError, match="no folder anime or anime_faces_64.*hf:org/name"):
        open_source("anime", str(tmp_path / "nowhere"))


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist", "cifar10"])
def test_what_cannot_be_downloaded_is_asked_for(name, tmp_path, monkeypatch):
    def offline(*args, **kwargs):
        raise urllib.error.URLError("no network")

    monkeypatch.setattr("urllib.request.urlopen", offline)
    with pytest.raises(zoo.UsageError, match=r"nor downloaded[\s\S]*--data-dir"):
        open_source(name, str(tmp_path / "data")).prepare()


@pytest.mark.parametrize("damage", [lambda data: data[:-100], lambda data: b"", lambda data: b"\xff" * len(data)])
@pytest.mark.parametrize("file", ["train-images-idx3-ubyte", "train-labels-idx1-ubyte"])
def test_damaged_mnist_is_named(damage, file, tmp_path):
    write_mnist(tmp_path / "MNIST")
    path = tmp_path / "MNIST" / "raw" / file
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(zoo.UsageError, match=f"MNIST can neither be read from {tmp_path} .*Put whole files"):
        open_source("mnist", str(tmp_path)).prepare()


# ---- points ----------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize(("name", "centres", "std"), [
    ("ring", [(2 * np.cos(a), 2 * np.sin(a)) for a in np.arange(8) * np.pi / 4], 0.02),
    ("grid", [(x, y) for x in (-4, -2, 0, 2, 4) for y in (-4, -2, 0, 2, 4)], 0.05),
    ("two-peaks", [(-1,), (1,)], 0.1),
])
def test_points(name, centres, std):
    source = open_source(name)
    source.prepare()
    points, labels = source.load()
    centres = torch.tensor(centres, dtype=torch.float32)
    assert points.dtype == torch.float32
    assert (source.spec.kind, source.spec.bounded) == ("points", False)
    assert points.shape == (source.spec.images, *source.spec.shape) == (100_000, centres.shape[1], 1, 1)
    assert labels.shape == (100_000,)
    assert not labels.any()
    flat = points.flatten(1)
    nearest = torch.cdist(flat, centres).argmin(1)
    for mode, centre in enumerate(centres):
        own = flat[nearest == mode]
        assert len(own) / len(flat) == pytest.approx(1 / len(centres), rel=0.1)
        torch.testing.assert_close(own.mean(0), centre, atol=5 * std / len(own) ** 0.5, rtol=0)
        torch.testing.assert_close(own.std(0), torch.full_like(centre, std), rtol=0.05, atol=0)
    assert torch.equal(points, open_source(name).load()[0])


# ---- the Hub's package -----------------------------------------------------------------------------------------------

@pytest.fixture
def hub(tmp_path, monkeypatch):
    datasets = pytest.importorskip("datasets")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "hf")
    datasets.disable_progress_bars()
    return tmp_path / "pictures"


def test_hub_set_with_labels(hub):
    for label, name in enumerate(("cats", "dogs")):
        for i in range(3):
            write(hub / "train" / name / f"{i}.png", np.full((10 + i, 12, 3), (100 * label, 20 * i, 255), np.uint8))
    source = open_source(f"hf:{hub}", image_size=8)
    assert (source.spec.name, source.spec.class_names) == ("pictures", ["cats", "dogs"])
    assert (source.spec.shape, source.spec.images) == ((3, 8, 8), 6)
    source.prepare()
    images, labels = source.load()
    assert labels.dtype == torch.int64
    assert sorted(labels.tolist()) == [0, 0, 0, 1, 1, 1]
    assert torch.equal(images[:, 0, 0, 0].long(), 100 * labels)
    grey, _ = open_source(f"hf:{hub}", image_size=8, channels=1).load()
    assert grey.shape == (6, 1, 8, 8)
    with pytest.raises(zoo.UsageError, match="no test split"):
        open_source(f"hf:{hub}", split="test")


def test_hub_set_of_grey_images_without_labels(hub):
    for i in range(3):
        write(hub / f"{i}.png", noise(9, 9, seed=i))
    source = open_source(f"hf:{hub}/", image_size=9)
    images, labels = source.load()
    assert (source.spec.classes, source.spec.channels, source.spec.name) == (0, 1, "pictures")
    assert {bytes(image) for image in images.numpy()} == {bytes(noise(9, 9, seed=i)) for i in range(3)}
    assert labels.tolist() == [0, 0, 0]


@pytest.mark.parametrize("channels", [0, 3])
def test_hub_set_with_a_broken_image(hub, cache, channels):
    write(hub / "train" / "0.png", noise(9, 9))
    (hub / "train" / "1.png").write_text("no picture")
    with pytest.raises(zoo.UsageError, match=r"1 of 2 images of pictures cannot be read[\s\S]*\n  row 1: "):
        open_source(f"hf:{hub}", image_size=9, channels=channels).load()
    assert not files_in(cache)


def test_hub_set_that_is_none(hub, monkeypatch):
    with pytest.raises(zoo.UsageError, match="nothing_here cannot be loaded"):
        open_source(f"hf:{hub}/nothing_here")
    hub.mkdir()
    (hub / "train.csv").write_text("a,b\n1,2\n")
    with pytest.raises(zoo.UsageError, match="no column of images: a, b"):
        open_source(f"hf:{hub}")
    monkeypatch.setitem(__import__("sys").modules, "datasets", None)
    with pytest.raises(zoo.UsageError, match=r"pip install 'gan-zoo\[datasets\]'"):
        open_source("hf:someone/something")


# ---- folders: every mode of image ------------------------------------------------------------------------------------

def solid(mode: str, colour, size=(40, 24)) -> Image.Image:
    return Image.new(mode, size, colour)


def palette(transparent: bool) -> tuple[Image.Image, dict]:
    image = solid("P", 1)
    image.putpalette([0, 0, 0, *RED])
    return image, {"transparency": 1} if transparent else {}


def wide(dtype, value) -> Image.Image:
    return Image.fromarray(np.full((24, 40), value, dtype))


@pytest.mark.parametrize(("image", "suffix", "options", "expected"), [
    (solid("1", 1), ".png", {}, 255),
    (solid("1", 0), ".PNG", {}, 0),
    (solid("L", 77), ".png", {}, 77),
    (solid("L", 77), ".jpg", {}, 77),
    (solid("L", 77), ".pgm", {}, 77),
    (solid("L", 77), ".tif", {"compression": "tiff_lzw"}, 77),
    (solid("LA", (80, 255)), ".png", {}, 80),
    (solid("LA", (80, 0)), ".png", {}, 255),  # transparent is white
    (solid("LA", (55, 51)), ".png", {}, 215),
    (palette(False)[0], ".png", palette(False)[1], RED),
    (palette(True)[0], ".png", palette(True)[1], (255, 255, 255)),
    (solid("RGB", RED), ".png", {}, RED),
    (solid("RGB", RED), ".JPEG", {"quality": 95}, RED),
    (solid("RGB", RED), ".bmp", {}, RED),
    (solid("RGB", RED), ".ppm", {}, RED),
    (solid("RGB", RED), ".webp", {"lossless": True}, RED),
    (solid("RGB", RED), ".png", {"transparency": RED}, (255, 255, 255)),
    (solid("RGBA", (*RED, 255)), ".png", {}, RED),
    (solid("RGBA", (*RED, 0)), ".png", {}, (255, 255, 255)),
    (solid("RGBA", (*RED, 51)), ".tiff", {}, (244, 212, 220)),
    (solid("CMYK", (0, 255, 255, 0)), ".tif", {}, (255, 0, 0)),
    (solid("CMYK", (0, 255, 255, 0)), ".jpg", {"quality": 95}, (255, 0, 0)),
    (solid("YCbCr", (81, 90, 240)), ".jpg", {"quality": 95}, (238, 14, 14)),
    (wide(np.uint16, 0), ".png", {}, 0),
    (wide(np.uint16, 255), ".png", {}, 255),  # values of 8 bits
    (wide(np.uint16, 32768), ".png", {}, 128),
    (wide(np.uint16, 65535), ".tif", {}, 255),
    (wide(np.uint16, 32768), ".pgm", {}, 128),
    (wide(np.float32, 0.25), ".tif", {}, 64),  # in [0, 1]
    (wide(np.float32, 64), ".tiff", {}, 64),  # in [0, 255]
    (wide(np.float32, 16384), ".tiff", {}, 64),  # in [0, 65535]
    (solid("P", 0), ".gif", {}, (0, 0, 0)),
    (solid("RGB", RED, (1, 1)), ".png", {}, RED),
    (solid("L", 9, (1, 200)), ".png", {}, 9),
])
def test_every_mode_and_suffix(image, suffix, options, expected, tmp_path):
    for name in "ab":
        write(tmp_path / "x" / f"{name}{suffix}", image, **options)
    source = open_source(str(tmp_path / "x"), image_size=8)
    images, labels = source.load()
    grey = isinstance(expected, int)
    assert (images.shape, images.dtype) == ((2, 1 if grey else 3, 8, 8), torch.uint8)
    assert source.spec.channels == (1 if grey else 3)
    wanted = torch.tensor(expected if not grey else (expected,))[:, None, None].expand(-1, 8, 8)
    tolerance = 3 if suffix.lower() in (".jpg", ".jpeg") else 1
    torch.testing.assert_close(images[0].long(), wanted, atol=tolerance, rtol=0)
    for channels in (1, 3):
        forced, _ = open_source(str(tmp_path / "x"), image_size=8, channels=channels).load()
        assert forced.shape == (2, channels, 8, 8)
    assert labels.tolist() == [0, 0]


def test_grey_and_colour_together_are_colour(tmp_path):
    write(tmp_path / "x" / "a.png", noise(8, 8))
    write(tmp_path / "x" / "b.png", noise(8, 8, 3))
    source = open_source(str(tmp_path / "x"), image_size=8)
    images, _ = source.load()
    assert torch.equal(images[0], torch.from_numpy(noise(8, 8)).expand(3, 8, 8))
    assert torch.equal(images[1], torch.from_numpy(noise(8, 8, 3)).permute(2, 0, 1))


def test_rotated_and_not_square(tmp_path):
    """Upright by the EXIF tag, then the middle of the longer side."""
    picture = np.zeros((60, 100), np.uint8)
    picture[:, 50:] = 255  # right half white
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise: the left side comes up
    write(tmp_path / "x" / "turned.jpg", picture, exif=exif, quality=95)
    write(tmp_path / "x" / "upright.jpg", picture, quality=95)
    (turned, upright), _ = open_source(str(tmp_path / "x"), image_size=20).load()
    assert turned[0, :8].max() < 30
    assert turned[0, 12:].min() > 225
    assert upright[0, :, :8].max() < 30
    assert upright[0, :, 12:].min() > 225
    edges = np.full((10, 100), 255, np.uint8)
    edges[:, 45:55] = 0
    write(tmp_path / "y" / "wide.png", edges)
    write(tmp_path / "y" / "high.png", edges.T.copy())
    assert not open_source(str(tmp_path / "y"), image_size=10).load()[0].any()


# ---- folders: layout -------------------------------------------------------------------------------------------------

@pytest.mark.parametrize(("files", "classes", "labels"), [
    (["b/1.png", "a/1.png", "a/2.png"], ["a", "b"], [0, 0, 1]),
    (["a/deep/er/1.png", "b/1.png"], ["a", "b"], [0, 1]),
    (["a/x/1.png", "a/y/1.png"], [], [0, 0]),  # one class folder
    (["a/1.png", "b/1.png", "0.png"], [], [0, 0, 0]),  # images beside folders
    (["1.png", "2.png"], [], [0, 0]),
    (["10/1.png", "9/1.png"], ["10", "9"], [0, 1]),
])
def test_folders_are_classes(files, classes, labels, tmp_path):
    for number, file in enumerate(sorted(files)):
        write(tmp_path / "x" / file, np.full((4, 4), 10 * number, np.uint8))
    (tmp_path / "x" / "notes.txt").write_text("not an image")
    (tmp_path / "x" / "empty class").mkdir()
    (tmp_path / "x" / "folder.png").mkdir()
    (tmp_path / "x" / "labels.csv").write_text("a,b")
    source = open_source(str(tmp_path / "x"), image_size=4)
    images, given = source.load()
    assert (source.spec.class_names, given.tolist()) == (classes, labels)
    assert given.dtype == torch.int64
    assert sorted(images[:, 0, 0, 0].tolist()) == [10 * i for i in range(len(files))]
    assert (source.spec.name, source.spec.images) == ("x", len(files))


def test_broken_files_are_all_named(tmp_path, cache):
    whole = write(tmp_path / "x" / "whole.jpg", noise(50, 50, 3))
    write(tmp_path / "x" / "whole.png", noise(50, 50, 3))
    (tmp_path / "x" / "short.jpg").write_bytes(whole.read_bytes()[:600])
    (tmp_path / "x" / "text.png").write_text("this is no picture")
    (tmp_path / "x" / "empty.webp").touch()
    bomb = b"P6 60000 60000 255\n"
    (tmp_path / "x" / "bomb.ppm").write_bytes(bomb)
    write(tmp_path / "x" / "nan.tif", wide(np.float32, np.nan))
    with pytest.raises(zoo.UsageError, match="5 of 7 images of x cannot be read") as error:
        open_source(str(tmp_path / "x"), image_size=8).load()
    for name in ("short.jpg", "text.png", "empty.webp", "bomb.ppm", "nan.tif"):
        assert str(tmp_path / "x" / name) in str(error.value)
    assert "whole" not in str(error.value)
    assert not files_in(cache)
    for name in ("short.jpg", "text.png", "empty.webp", "bomb.ppm", "nan.tif"):
        (tmp_path / "x" / name).unlink()
    assert open_source(str(tmp_path / "x"), image_size=8).load()[0].shape == (2, 3, 8, 8)


def test_many_broken_files_are_counted(tmp_path):
    for i in range(30):
        (tmp_path / f"{i:02d}.png").touch()
    with pytest.raises(zoo.UsageError, match="30 of 30 images") as error:
        open_source(str(tmp_path), image_size=8).load()
    first, *named, last = str(error.value).splitlines()
    assert len(named) == 20
    assert last.strip() == "..."


@pytest.mark.parametrize(("data", "options", "words"), [
    ("{here}/empty", {}, "no images in .*empty"),
    ("{here}/missing", {}, "unknown data set or folder '.*missing'"),
    ("{here}/file.zip", {}, "unknown data set or folder '.*file.zip'"),
    ("", {}, "unknown data set or folder ''"),
    ("digit", {}, "'digit': did you mean digits"),
    ("mnits", {}, "did you mean mnist"),
    ("{here}/full", {"channels": 2}, "channels must be 1 .*or 3"),
    ("{here}/full", {"image_size": 1}, "image_size must be at least 2"),
    ("{here}/full", {"image_size": 5000}, "not supported"),
    ("digits", {"channels": 3}, "digits has channels=1, not 3"),
    ("digits", {"image_size": -8}, "image_size"),
    ("ring", {"image_size": 32}, "ring is a set of points"),
])
def test_what_is_no_data_set(data, options, words, tmp_path):
    (tmp_path / "empty" / "sub").mkdir(parents=True)
    (tmp_path / "empty" / "notes.txt").touch()
    (tmp_path / "file.zip").touch()
    two_pictures(tmp_path / "full")
    with pytest.raises(zoo.UsageError, match=words):
        open_source(data.format(here=tmp_path), **options)


# ---- folders: the cache ----------------------------------------------------------------------------------------------

@pytest.fixture
def decoded(monkeypatch) -> list:
    """Grows by one with every image decoded."""
    seen, original = [], decoded_module.to_array

    def counting(image, *args):
        seen.append(image)
        return original(image, *args)

    monkeypatch.setattr(decoded_module, "to_array", counting)
    return seen


def test_decoded_once(tmp_path, cache, decoded):
    for i in range(3):
        write(tmp_path / "x" / f"{i}.png", noise(8, 8, seed=i))
    first, _ = open_source(str(tmp_path / "x"), image_size=8).load()
    second, _ = open_source(str(tmp_path / "x"), image_size=8).load()
    assert len(decoded) == 3
    assert torch.equal(first, second)
    assert len(files_in(cache)) == 1
    open_source(str(tmp_path / "x"), image_size=4).load()
    assert len(decoded) == 6


@pytest.mark.parametrize("change", ["content", "time", "more", "fewer", "name"])
def test_a_changed_folder_is_decoded_again(change, tmp_path, decoded):
    files = [write(tmp_path / "x" / f"{i}.png", noise(8, 8, seed=i)) for i in range(3)]
    open_source(str(tmp_path / "x"), image_size=8).load()
    if change == "content":
        write(files[0], noise(9, 9, seed=7))
    elif change == "time":
        write(files[0], noise(8, 8, seed=7))
        os.utime(files[0], ns=(1, 1))
    elif change == "more":
        write(tmp_path / "x" / "3.png", noise(8, 8, seed=7))
    elif change == "fewer":
        files[0].unlink()
    else:
        files[0].rename(tmp_path / "x" / "9.png")
    count = len(list((tmp_path / "x").iterdir()))
    images, _ = open_source(str(tmp_path / "x"), image_size=8).load()
    assert len(decoded) == 3 + count
    assert len(images) == count
    if change in ("time", "more"):
        assert torch.equal(images[3 if change == "more" else 0, 0], torch.from_numpy(noise(8, 8, seed=7)))


def test_writing_to_the_tensor_leaves_the_file(tmp_path, cache):
    two_pictures(tmp_path / "x")
    images, _ = open_source(str(tmp_path / "x"), image_size=8).load()
    (file,) = files_in(cache)
    before = file.read_bytes()
    images.zero_()
    del images
    assert file.read_bytes() == before
    assert open_source(str(tmp_path / "x"), image_size=8).load()[0].any()


@pytest.mark.parametrize("cache_is", ["file", "/proc/1/nowhere"])
def test_unwritable_cache(cache_is, tmp_path, monkeypatch):
    two_pictures(tmp_path / "x")
    (tmp_path / "file").touch()
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path / "file") if cache_is == "file" else cache_is)
    with pytest.raises(zoo.UsageError, match="cannot write the decoded images to .*ZOO_CACHE"):
        open_source(str(tmp_path / "x"), image_size=8).load()


def test_full_disk_is_found_before_decoding(tmp_path, cache, monkeypatch, decoded):
    two_pictures(tmp_path / "x")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=127))
    with pytest.raises(zoo.UsageError, match=r"No space left on device\. Set ZOO_CACHE to a folder with 1 MiB free"):
        open_source(str(tmp_path / "x"), image_size=8).load()
    assert not files_in(cache)
    assert not decoded
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=128))
    assert len(open_source(str(tmp_path / "x"), image_size=8).load()[0]) == 2


# ---- the order of batches --------------------------------------------------------------------------------------------

def take(batches: ClockedBatches, count: int) -> list[list[int]]:
    stream = iter(batches)
    return [next(stream).tolist() for _ in range(count)]


@pytest.mark.parametrize(("count", "batch"), [(10, 5), (10, 3), (7, 7), (5, 8), (3, 20), (1, 4)])
def test_every_epoch_is_a_permutation(count, batch):
    rows = sum(take(ClockedBatches(count, batch, seed=3, start=0), 4 * count), [])
    epochs = [rows[i:i + count] for i in range(0, len(rows) - count + 1, count)]
    assert len(epochs) >= 4
    assert all(sorted(epoch) == list(range(count)) for epoch in epochs)
    if count > 4:
        assert len({tuple(epoch) for epoch in epochs}) > 1, "every epoch in the same order"
        assert rows != sum(take(ClockedBatches(count, batch, seed=4, start=0), 4 * count), [])
    assert all(len(b) == batch for b in take(ClockedBatches(count, batch, seed=3, start=0), 5))


@pytest.mark.parametrize("start", [1, 3, 10, 37])
def test_started_in_the_middle_the_stream_goes_on(start):
    whole = sum(take(ClockedBatches(10, 1, seed=5, start=0), 60), [])
    rest = sum(take(ClockedBatches(10, 3, seed=5, start=start), 5), [])
    assert rest == whole[start:start + 15]


@pytest.mark.parametrize("world", [2, 4])
def test_shares_of_processes_make_the_whole_batch(world, monkeypatch):
    whole = take(ClockedBatches(10, 8, seed=1, start=6), 7)
    monkeypatch.setattr("zoo.core.parallel.world_size", lambda: world)
    shares = []
    for rank in range(world):
        monkeypatch.setattr("zoo.core.parallel.rank", lambda rank=rank: rank)
        shares.append(take(ClockedBatches(10, 8, seed=1, start=6), 7))
    assert [sum(parts, []) for parts in zip(*shares, strict=True)] == whole


def test_an_epoch_with_mirror_images_has_every_image_twice():
    module = set_up(DataModule(open_source("digits", image_size=8), 599, mirror=True))
    seen, labels = map(torch.cat, zip(*islice(module.train_dataloader(), 6), strict=True))  # 2 * 1,797 = 6 * 599
    expected = torch.cat([module.columns.images, module.columns.images.flip(3)])

    def in_order(images, labels):
        return sorted(torch.cat([images.flatten(1), labels[:, None]], 1).tolist())

    assert in_order(seen, labels) == in_order(expected, module.columns.labels.repeat(2))


def test_a_run_shows_mirror_images_if_told_to(tmp_path):
    weights = []
    for mirror in (False, True):
        run = tiny_run("gan", tmp_path / str(mirror), images=16, mirror=mirror)
        assert run.train() == 0
        weights.append(run.model.discriminator.head.weight)
    assert not torch.equal(*weights)


def test_a_batch_is_indexed_at_once():
    images, labels = torch.arange(40).view(10, 1, 2, 2), torch.arange(10)
    data = Rows(Labelled(images, labels))
    batch, own = data[torch.tensor([7, 0, 7])]
    assert torch.equal(batch, images[[7, 0, 7]])
    assert own.tolist() == [7, 0, 7]
    assert len(data) == 10
