"""Images that do not fit into memory: read from disk by workers, the same batches as out of memory."""

import gc
import json
import os
import pickle
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import set_up, tiny_run
from PIL import Image
from test_variants import assert_same, checkpoint
from torch.multiprocessing import active_children

import zoo
from zoo.benchmark import measure
from zoo.commands import benchmark
from zoo.data import decoded as decoded_module
from zoo.data.memory import available_memory, memory_for_images
from zoo.data.module import WORKERS, DataModule
from zoo.data.sources import open_source
from zoo.data.stored import OnDisk
from zoo.metrics.agreement import label_agreement
from zoo.metrics.features import feature_space
from zoo.metrics.memorisation import memorisation
from zoo.metrics.real import real_side, training_features

SIZE, COUNT = 16, 120
CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "decoded"


@pytest.fixture
def folder(tmp_path) -> Path:
    """120 pictures in two classes."""
    for i in range(COUNT):
        path = tmp_path / "pictures" / f"class{i % 2}" / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.random.default_rng(i).integers(0, 256, (SIZE, SIZE), dtype=np.uint8)).save(path)
    return tmp_path / "pictures"


@pytest.fixture
def streaming(monkeypatch):
    monkeypatch.setenv("ZOO_MEMORY", "1k")


def module_at(folder: Path, images_seen: int = 0, mirror: bool = False) -> DataModule:
    return set_up(DataModule(open_source(str(folder), image_size=SIZE), 8, seed=3, mirror=mirror), images_seen)


def take(module: DataModule, count: int) -> list[list[torch.Tensor]]:
    stream = iter(module.train_dataloader())
    return [next(stream) for _ in range(count)]


def open_files() -> list[str]:
    return [os.readlink(entry) for entry in Path("/proc/self/fd").iterdir() if entry.is_symlink()]


# ---- what is streamed ------------------------------------------------------------------------------------------------

@pytest.mark.parametrize(("start", "mirror"), [(0, False), (56, False), (56, True)])
def test_batches_are_those_out_of_memory(start, mirror, folder, monkeypatch):
    """Over more than an epoch, from the beginning and from where a run may be resumed."""
    expected = module_at(folder, start, mirror)
    monkeypatch.setenv("ZOO_MEMORY", "1k")
    streamed = module_at(folder, start, mirror)
    assert isinstance(expected.columns.images, torch.Tensor)
    assert isinstance(streamed.columns.images, OnDisk)
    for mine, theirs in zip(take(streamed, 20), take(expected, 20), strict=True):
        assert torch.equal(mine[0], theirs[0])
        assert torch.equal(mine[1], theirs[1])


def test_the_switch_is_at_the_threshold_and_said(folder, monkeypatch, capsys):
    size = COUNT * SIZE * SIZE
    monkeypatch.setenv("ZOO_MEMORY", str(size))
    assert isinstance(module_at(folder).columns.images, torch.Tensor)
    assert capsys.readouterr().out == ""
    monkeypatch.setenv("ZOO_MEMORY", str(size - 1))
    assert isinstance(module_at(folder).columns.images, OnDisk)
    assert capsys.readouterr().out == (
        "120 images take 3.07e-05 GB, more than the 3.07e-05 GB of memory for them ($ZOO_MEMORY, else half of what is "
        f"available): streaming them from disk with {WORKERS} workers a process\n")


@pytest.mark.parametrize("world", [2])
def test_a_process_reads_its_own_rows_only(world, folder, streaming, monkeypatch):
    module, read = module_at(folder), []
    original = OnDisk.__getitem__
    monkeypatch.setattr("zoo.data.module.WORKERS", 0)  # reads in this process, to be seen
    monkeypatch.setattr(OnDisk, "__getitem__", lambda self, rows: read.append(rows) or original(self, rows))
    whole = take(module, 3)
    assert [len(rows) for rows in read] == [8] * 3
    monkeypatch.setattr("zoo.core.parallel.world_size", lambda: world)
    for rank in range(world):
        read.clear()
        monkeypatch.setattr("zoo.core.parallel.rank", lambda rank=rank: rank)
        for share, batch in zip(take(module, 3), whole, strict=True):
            assert torch.equal(share[0], batch[0][4 * rank:4 * rank + 4])
        assert [len(rows) for rows in read] == [4] * 3


def test_a_run_goes_on_from_memory_to_disk_and_ends_the_same(folder, tmp_path, monkeypatch):
    """And its workers and files are gone at the end."""
    options = {"data": str(folder), "image_size": SIZE}
    tiny_run("cgan", tmp_path / "whole", **options).train()
    tiny_run("cgan", tmp_path / "parts", images=80, **options).train()
    monkeypatch.setenv("ZOO_MEMORY", "1k")
    tiny_run("cgan", tmp_path / "parts", resume=True, **options).train()
    assert not active_children()
    gc.collect()
    assert not [file for file in open_files() if file.endswith(".npy")]
    for part in ("state_dict", "optimizer_states", "zoo"):
        assert_same(checkpoint(tmp_path / "parts", 160)[part], checkpoint(tmp_path / "whole", 160)[part], part)


def test_rows_on_disk(folder, streaming, tmp_path):
    """Through a pickle as well, as workers get them that are not forked; and a file cut short is an error."""
    images, _ = open_source(str(folder), image_size=SIZE).load()
    assert (len(images), images.shape, images.nbytes) == (COUNT, (COUNT, 1, SIZE, SIZE), COUNT * SIZE * SIZE)
    rows = torch.tensor([7, 0, 7, COUNT - 1])
    whole = torch.from_numpy(np.load(images.path))
    assert torch.equal(pickle.loads(pickle.dumps(images))[rows], whole[rows])
    os.truncate(images.path, images.path.stat().st_size - 1)
    with pytest.raises(OSError, match=f"cut short: row {COUNT - 1} is not there"):
        images[rows]


def test_what_is_measured_needs_no_more_than_rows(folder, monkeypatch):
    source, space = open_source(str(folder), image_size=SIZE), feature_space("digits")
    model = zoo.create("cgan", image_size=SIZE, width=2, classes=2)

    def measured():
        torch.manual_seed(0)
        truth = real_side(source, space, 60, 32, CPU)
        _, features = training_features(source, space, 32, CPU)
        assert isinstance(features, OnDisk)
        found = memorisation(truth.features.pooled, features, torch.arange(len(features)))
        return label_agreement(model, *source.load(), samples=20), truth.halves, truth.labels.tolist(), found.share

    expected = measured()
    monkeypatch.setenv("ZOO_MEMORY", "1k")
    assert isinstance(source.load()[0], OnDisk)
    assert measured() == expected


BOUNDED = """
import resource, sys, torch
from pathlib import Path
from zoo.data.stored import OnDisk
images = OnDisk(Path(sys.argv[1]))
used = int(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmData"))) * 1024
resource.setrlimit(resource.RLIMIT_DATA, (used + 2**27, -1))  # 128 MiB more of memory of its own
for rows in torch.randperm(len(images))[:6_400].split(64):
    images[rows]
rss = {line.split(":")[0]: int(line.split()[1]) // 1024 for line in open("/proc/self/status") if line.startswith("Rss")}
before = rss["RssAnon"] + rss["RssFile"]
for rows in torch.randperm(len(images)).split(64):
    images[rows]
rss = {line.split(":")[0]: int(line.split()[1]) // 1024 for line in open("/proc/self/status") if line.startswith("Rss")}
print(rss["RssAnon"] + rss["RssFile"] - before)
"""


def test_memory_stays_flat(tmp_path):
    """Under a limit of half of the images' size; neither own memory nor mapped pages grow."""
    path = tmp_path / "images.npy"
    with open(path, "wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False,
                                                    "shape": (21_000, 3, 64, 64)})
        file.truncate(file.tell() + 21_000 * 3 * 64 * 64)  # 246 MiB of holes, which read as zeros
    grown = subprocess.run([sys.executable, "-c", BOUNDED, str(path)], capture_output=True, text=True, check=True)
    assert int(grown.stdout) < 20  # MiB


def test_the_benchmark_streams_a_generated_folder(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(measure, "in_fresh_process", measure._measured)
    place = tmp_path / "place"
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    benchmark.main(["data", "--folder", "300", "--batches", "3", "--pairs", "1", "--image-size", "16",
                              "--batch-size", "8", "--json", str(tmp_path / "found.json")])
    found = json.loads((tmp_path / "found.json").read_text())
    assert found["reference / the zoo"]["seconds"]["median"] > 0
    looks = found["memory"]
    assert [look["images"] for look in looks[:2]] == [0, 24]
    assert looks[-1]["images"] == 288
    assert all(look["pss_bytes"] > look["anonymous_bytes"] > 50e6 for look in looks)
    assert "while it streams 300 images, 0.00 GB decoded" in capsys.readouterr().out
    assert not list(place.iterdir())


# ---- decoding --------------------------------------------------------------------------------------------------------

def test_a_stopped_decoding_goes_on(folder, cache, monkeypatch):
    """From the chunk before the last whole one; what another state of the folder left is removed."""
    monkeypatch.setattr(decoded_module, "CHUNK", 10 * SIZE * SIZE)
    calls, original = [], decoded_module.to_array

    def stopped(*args):
        calls.append(args)
        if len(calls) == 75:
            raise KeyboardInterrupt
        return original(*args)

    monkeypatch.setattr(decoded_module, "to_array", stopped)
    with pytest.raises(KeyboardInterrupt):
        open_source(str(folder), image_size=SIZE).prepare()
    (partial,) = cache.glob("*.partial")
    assert partial.stat().st_size == 128 + 70 * SIZE * SIZE
    stale = partial.with_name(f"pictures-1x{SIZE}-{'0' * 16}.partial")
    stale.touch()
    calls[:] = [None] * 75
    images, _ = open_source(str(folder), image_size=SIZE).load()
    assert len(calls) - 75 == COUNT - 60
    assert not list(cache.glob("*.partial"))
    (path,) = cache.glob("*.npy")
    path.unlink()
    assert torch.equal(open_source(str(folder), image_size=SIZE).load()[0], images)


def test_one_process_decodes_and_the_others_wait(folder, monkeypatch, capsys):
    """A run and an evaluation begun at once, or two machines with one file system."""
    calls, original, going = [], decoded_module.to_array, threading.Event()

    def slow(*args):
        calls.append(args)
        going.set()
        while "waiting" not in seen():
            pass
        return original(*args)

    said = []

    def seen() -> str:
        said.append(capsys.readouterr().err)
        return "".join(said)

    monkeypatch.setattr(decoded_module, "to_array", slow)
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    sources = [open_source(str(folder), image_size=SIZE) for _ in range(2)]
    first = threading.Thread(target=sources[0].prepare)
    first.start()
    going.wait(10)
    second = sources[1].prepare()
    first.join()
    assert len(calls) == COUNT
    assert second.exists()


# ---- how much memory there is ----------------------------------------------------------------------------------------

MEMINFO = "MemTotal:       16000000 kB\nMemFree:  1000000 kB\nMemAvailable:    {} kB\n"


@pytest.mark.parametrize(("groups", "limits", "expected"), [
    ("", {}, 3_000_000 * 1024),
    ("0::/", {"memory.max": "max\n"}, 3_000_000 * 1024),
    ("0::/", {"memory.max": "2000000000\n"}, 2_000_000_000),
    ("0::/", {"memory.max": "9000000000\n"}, 3_000_000 * 1024),
    ("0::/slurm/job_1/step_0", {"slurm/job_1/memory.max": "1000000\n", "slurm/job_1/step_0/memory.max": "max\n"},
     1_000_000),
    ("5:cpu:/x\n4:memory:/docker/abc", {"memory/memory.limit_in_bytes": "5000000\n"}, 5_000_000),
    ("4:memory:/user", {"memory/user/memory.limit_in_bytes": "9223372036854771712\n"}, 3_000_000 * 1024),
])
def test_available_memory_is_the_least_of_machine_and_groups(groups, limits, expected, tmp_path):
    (tmp_path / "proc" / "self").mkdir(parents=True)
    (tmp_path / "proc" / "meminfo").write_text(MEMINFO.format(3_000_000))
    (tmp_path / "proc" / "self" / "cgroup").write_text(groups)
    for name, text in limits.items():
        path = tmp_path / "sys" / "fs" / "cgroup" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert available_memory(tmp_path) == expected


def test_memory_for_images(monkeypatch):
    assert 2**20 < memory_for_images() <= os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2
    monkeypatch.setenv("ZOO_MEMORY", "8G")
    assert memory_for_images() == 8 * 10**9
    monkeypatch.setenv("ZOO_MEMORY", "plenty")
    with pytest.raises(zoo.UsageError, match="ZOO_MEMORY, the bytes of memory for images: .*'plenty'"):
        memory_for_images()
