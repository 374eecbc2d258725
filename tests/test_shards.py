"""Shards: the same batches as out of memory, here and over a network that fails."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import set_up, tiny_run
from PIL import Image
from s3_server import BUCKET, Storage
from test_variants import assert_same, checkpoint

import zoo
from zoo.commands import data as data_command
from zoo.commands import shard as shard_command
from zoo.core import parallel
from zoo.data import shards
from zoo.data.module import DataModule
from zoo.data.shards import INDEX, UnreadableError
from zoo.data.sources import open_source
from zoo.data.stored import Streamed

SIZE, COUNT = 16, 60


@pytest.fixture
def folder(tmp_path, cache) -> Path:
    """60 pictures to learn from in two classes, 10 to test with."""
    for i in range(COUNT + 10):
        path = tmp_path / "pictures" / ("train" if i < COUNT else "test") / f"class{i % 2}" / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.random.default_rng(i).integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)).save(path)
    return tmp_path / "pictures"


def sharded(folder: Path, out: str) -> str:
    """Shards of 7 pictures."""
    shard_command.main([str(folder), out, "--image-size", str(SIZE), "--shard-size", str(7 * 3 * SIZE**2 + 1)])
    return out


@pytest.fixture
def storage(monkeypatch):
    """Of the S3 protocol, on loopback, where AWS's own variables say."""
    s3fs = pytest.importorskip("s3fs", reason="needs pip install 'gan-zoo[shards]'")
    s3fs.S3FileSystem.clear_instance_cache()  # one is kept for all that ask alike, and remembers the port
    made = Storage()
    with made.served() as port:
        for name, value in {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}", "AWS_ACCESS_KEY_ID": "a",
                            "AWS_SECRET_ACCESS_KEY": "b", "AWS_DEFAULT_REGION": "us-east-1"}.items():
            monkeypatch.setenv(name, value)
        yield made


def batches(data: str, count: int, start: int = 0) -> list[list[torch.Tensor]]:
    module = set_up(DataModule(open_source(data, image_size=SIZE), 8, seed=3), start)
    stream = iter(module.train_dataloader())
    return [next(stream) for _ in range(count)]


def assert_equal(mine, theirs) -> None:
    for batch, other in zip(mine, theirs, strict=True):
        assert all(torch.equal(x, y) for x, y in zip(batch, other, strict=True))


# ---- in a folder -----------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("start", [0, 56])
def test_batches_are_those_out_of_memory(start, folder, tmp_path, capsys):
    """Over more than an epoch, and from where a run may be resumed, which is within one."""
    out = sharded(folder, str(tmp_path / "shards"))
    assert f"70 pictures of {SIZE} px: zoo train --data {out}" in capsys.readouterr().out
    source, whole = open_source(out), open_source(str(folder), image_size=SIZE)
    assert isinstance(source.load().images, Streamed)
    assert source.splits == whole.splits
    assert source.spec == whole.spec
    assert_equal(batches(out, 16, start), batches(str(folder), 16, start))
    assert torch.equal(open_source(out, split="test").load().images[torch.arange(10)],
                       open_source(str(folder), image_size=SIZE, split="test").load().images)


def test_a_process_has_its_share_of_the_same_order(folder, tmp_path, monkeypatch):
    out = sharded(folder, str(tmp_path / "shards"))
    monkeypatch.setattr("zoo.data.module.WORKERS", 0)
    whole = batches(out, 9)
    monkeypatch.setattr(parallel, "world_size", lambda: 2)
    for rank in range(2):
        monkeypatch.setattr(parallel, "rank", lambda rank=rank: rank)
        assert_equal(batches(out, 9), [[x[4 * rank:][:4] for x in batch] for batch in whole])


def test_a_second_time_nothing_is_decoded(folder, tmp_path, monkeypatch):
    """As after a stop in the middle; but a file that is not whole is written anew."""
    out = Path(sharded(folder, str(tmp_path / "shards")))
    files = sorted(out.glob("train-0*.npy"))
    assert len(files) == 9
    times = {path: path.stat().st_mtime_ns for path in files}
    files[4].write_bytes(files[4].read_bytes()[:-1])
    (out / INDEX).unlink()
    with pytest.raises(zoo.UsageError, match="there is no shards.json"):
        open_source(f"file://{out}")
    sharded(folder, str(out))
    assert [path for path in files if path.stat().st_mtime_ns != times[path]] == [files[4]]
    assert_equal(batches(str(out), 8), batches(str(folder), 8))


@pytest.mark.parametrize(("change", "words"), [
    ({"format": "gan-zoo shards 9"}, "of a newer version"), ({"splits": {"train": {}}}, "damaged"),
    ({"splits": {"train": {"shards": [["../x.npy", 0, 3]], "labels": ""}}}, "no file of the folder"),
    ({"splits": {"train": {"shards": [], "labels": ""}}}, "has none"),
    ({"splits": {"train": {"shards": [["x.npy", 128, -3]], "labels": ""}}}, "-3 rows"),
    ({"splits": {"train": {"shards": [["x.npy", -1, 3]], "labels": ""}}}, "from byte -1"),
    ({"splits": {"train": {"shards": [["x.npy", 128, 3]], "labels": ""}}}, "says of no picture which")])
def test_an_index_that_is_not_understood(change, words, folder, tmp_path):
    out = Path(sharded(folder, str(tmp_path / "shards")))
    (out / INDEX).write_text(json.dumps(json.loads((out / INDEX).read_text()) | change))
    with pytest.raises(zoo.UsageError, match=words):
        open_source(str(out))


@pytest.mark.parametrize("wrong", [np.zeros(COUNT - 1), np.full(COUNT, 2), np.full(COUNT, -1), np.zeros((COUNT, 1))])
def test_classes_that_are_not_those_of_the_pictures(wrong, folder, tmp_path):
    out = Path(sharded(folder, str(tmp_path / "shards")))
    np.save(next(out.glob("train-labels*")), wrong.astype(np.int32))
    with pytest.raises(zoo.UsageError, match="has other class numbers than 60 pictures of 2 classes"):
        open_source(str(out)).load()


def test_what_cannot_become_shards_is_said_before_any_is_written(folder, tmp_path):
    with pytest.raises(zoo.UsageError, match="is the folder of the pictures"):
        shard_command.main([str(folder), f"{folder}/../pictures"])
    with pytest.raises(zoo.UsageError, match=r"768 bytes, and shards of 64 have no room.* such as 64M"):
        shard_command.main([str(folder), str(tmp_path / "shards"), "--image-size", str(SIZE), "--shard-size", "64"])
    assert not list(tmp_path.rglob("*.npy"))


def test_shards_are_looked_at_as_other_sets_are(folder, tmp_path, capsys):
    data_command.main([sharded(folder, str(tmp_path / "shards"))])
    said = capsys.readouterr().out
    assert "70 pictures" in said
    assert "train 60, test 10" in said
    assert "2, from 35 pictures (class1) to 35 (class0)" in said


def test_what_shards_cannot_be_is_said(folder, tmp_path, monkeypatch):
    out = sharded(folder, str(tmp_path / "shards"))
    with pytest.raises(zoo.UsageError, match="have pictures of 16 px, not 32"):
        open_source(out, image_size=32)
    with pytest.raises(zoo.UsageError, match="no val split"):
        open_source(out, split="val")
    with pytest.raises(zoo.UsageError, match="nowhere://x"):
        open_source("nowhere://x")
    monkeypatch.setattr("fsspec.url_to_fs", lambda url: (_ for _ in ()).throw(ImportError("Install s3fs")))
    with pytest.raises(zoo.UsageError, match=r"gan-zoo\[shards\]"):
        open_source("s3://bucket/x")


# ---- over a network --------------------------------------------------------------------------------------------------

def test_an_object_storage_has_the_same_batches(folder, storage):
    """By workers that are forked; and of the shards no more is fetched than the rows that are asked for."""
    out = sharded(folder, f"s3://{BUCKET}/set")
    assert sum(key.startswith("set/train-0") for key in storage.objects) == 9
    assert_equal(batches(out, 8), batches(str(folder), 8))
    assert {end - start for _, start, end in storage.ranges} == {3 * SIZE**2}


@pytest.mark.parametrize("how", ["cut", "503"])
def test_a_connection_that_ends_is_taken_up_again(how, folder, storage, monkeypatch):
    out = sharded(folder, f"s3://{BUCKET}/set")
    monkeypatch.setattr(shards, "WAITS", (0.01,) * 5)
    storage.fails = lambda number: how if 10 < number <= 30 else ""
    assert_equal(batches(out, 8), batches(str(folder), 8))
    assert len(storage.ranges) > 30


def test_a_shard_that_ends_too_early_is_not_waited_for(folder, tmp_path, storage, monkeypatch):
    """Its bytes will not come, here as elsewhere."""
    monkeypatch.setattr(shards, "WAITS", (600,))
    for out in (str(tmp_path / "set"), f"s3://{BUCKET}/set"):
        sharded(folder, out)
        files, root = shards.store(out)
        damaged = sorted(path for path in files.ls(root, detail=False) if "train-0" in path)[-1]
        content = files.cat_file(damaged)
        files.pipe_file(damaged, content[:-1])
        with pytest.raises(UnreadableError, match=rf"has {len(content) - 1:,} bytes where "
                                                  rf"{len(content):,} and more should be: it is damaged"):
            open_source(out).load().images[torch.arange(open_source(out).spec.images)]


def test_a_run_whose_storage_is_gone_says_so_and_goes_on_later(folder, storage, tmp_path, monkeypatch):
    """On the last bit as a run on the folder itself."""
    out = sharded(folder, f"s3://{BUCKET}/set")
    options = {"image_size": SIZE, "config": {"width": 2}}
    tiny_run("cgan", tmp_path / "whole", data=str(folder), **options).train()
    monkeypatch.setattr(shards, "WAITS", (0.01,))
    storage.fails = lambda number: "cut" if number > 130 else ""
    with pytest.raises(UnreadableError, match=rf"^the shards at {out} cannot be read: .*--resume RUN$"):
        tiny_run("cgan", tmp_path / "parts", data=out, **options).train()
    assert checkpoint(tmp_path / "parts", 80)["zoo"]["images_seen"] == 80
    storage.fails = lambda number: ""
    tiny_run("cgan", tmp_path / "parts", resume=True, data=out, **options).train()
    whole, parts = (checkpoint(tmp_path / name, 160) for name in ("whole", "parts"))
    for part in ("state_dict", "optimizer_states"):
        assert_same(parts[part], whole[part], part)
