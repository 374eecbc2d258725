"""A run and its folder: whatever happened before, it begins, goes on or says why not, and nothing is lost."""

import csv
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from conftest import HALF, WHOLE, tiny_run
from filelock import FileLock
from PIL import Image

import zoo
from zoo.commands import train as train_command
from zoo.data.decoded import cache_folder
from zoo.store.layout import read_config
from zoo.training.checkpoints import newest_checkpoint
from zoo.training.loggers import MetricsCSV

TINY = ["--width", "2", "--image-size", "16", "--batch-size", "8", "--images", "80", "--checkpoint-every", "40",
        "--accelerator", "cpu"]


@pytest.fixture
def faces(tmp_path):
    """A folder of sixteen pictures."""
    (tmp_path / "faces").mkdir()
    for number in range(16):
        Image.new("RGB", (16, 16), (15 * number, 0, 99)).save(tmp_path / "faces" / f"{number:02}.png")
    return tmp_path / "faces"


def test_a_start_that_saved_nothing_does_not_block_its_folder(tmp_path, capsys):
    """Its config.json said that the folder holds a run, and there was no checkpoint to resume."""
    run = tiny_run("gan", tmp_path / "run")
    run._trainer = lambda budget: (_ for _ in ()).throw(RuntimeError("no such device"))
    with pytest.raises(RuntimeError, match="no such device"):
        run.train()
    assert tiny_run("gan", tmp_path / "run", images=16).train() == 0
    shutil.rmtree(tmp_path / "run" / "checkpoints")
    (tmp_path / "run" / "model.safetensors").unlink()
    assert tiny_run("gan", tmp_path / "run", images=16, resume=True).train() == 0
    assert "nothing was saved" in capsys.readouterr().err


def test_what_left_something_to_go_on_with_is_not_begun_anew(finished):
    with pytest.raises(zoo.UsageError, match="already holds a run"):
        tiny_run("gan", finished("gan")).train()


def test_a_run_goes_on_from_another_working_directory(faces, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert train_command.main(["--variant", "gan", "--data", "faces", *TINY, "--out", "run"]) == 0
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert train_command.main(["--resume", "../run", "--images", "160"]) == 0
    assert read_config(tmp_path / "run")["images_seen"] == 160


def test_a_run_goes_on_with_data_that_have_moved(faces, tmp_path):
    assert train_command.main(["--variant", "gan", "--data", str(faces), *TINY, "--out", str(tmp_path / "run")]) == 0
    (tmp_path / "new").mkdir()
    moved = faces.rename(tmp_path / "new" / "faces")
    resume = ["--resume", str(tmp_path / "run"), "--images", "160"]
    with pytest.raises(zoo.UsageError, match="unknown data set or folder"):
        train_command.main(resume)
    assert train_command.main([*resume, "--data", str(moved)]) == 0
    (moved / "00.png").unlink()
    with pytest.raises(zoo.UsageError, match="made with another data: images=16 there, 15 here"):
        train_command.main(["--resume", str(tmp_path / "run"), "--images", "240"])


def test_a_folder_does_not_hide_a_data_set_of_its_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "digits").mkdir()
    assert train_command.main(["--variant", "gan", *TINY, "--out", "run"]) == 0
    assert read_config(tmp_path / "run")["training"]["data"] == "digits"


def test_home_is_a_word_for_a_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert train_command.main(["--variant", "gan", *TINY, "--out=~/run"]) == 0
    assert (tmp_path / "run" / "model.safetensors").exists()
    assert not (tmp_path / "~").exists()


def test_one_process_at_a_time_trains_in_a_folder(finished, tmp_path):
    folder = shutil.copytree(finished("gan"), tmp_path / "run")
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.name != ".lock"}
    with FileLock(folder / ".lock"), pytest.raises(zoo.UsageError, match="another process trains in"):
        tiny_run("gan", folder, resume=True, images=320).train()
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.name != ".lock"} == before
    assert tiny_run("gan", folder, resume=True, images=320).train() == 0


@pytest.mark.parametrize("inside", ["config.json", "checkpoints/images-000000000160.ckpt"])
def test_resume_takes_the_folder(finished, inside):
    with pytest.raises(zoo.UsageError, match=f"--resume {finished('gan')}$"):
        train_command.main(["--resume", str(finished("gan") / inside)])


def test_a_place_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(zoo.UsageError, match="the run cannot write to .*take another --out"):
        tiny_run("gan", tmp_path / "file" / "run").train()


def test_a_disk_that_fills_is_said(tmp_path, monkeypatch):
    """Not only at a checkpoint: here at a sheet of samples."""
    run = tiny_run("gan", tmp_path / "run")

    def full(path, examples=None) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(type(run.model), "write_sheet", lambda self, path, examples=None: full(path))
    with pytest.raises(zoo.UsageError, match="No space left on device.*--resume"):
        run.train()


def test_what_a_killed_process_left_half_written_goes(finished, tmp_path):
    folder = shutil.copytree(finished("gan"), tmp_path / "run")
    for partial in (folder / ".model.safetensors.1.partial", folder / "checkpoints" / ".x.ckpt.2.partial"):
        partial.write_bytes(b"half")
    tiny_run("gan", folder, resume=True, images=320).train()
    assert not list(folder.rglob("*.partial"))


def test_no_row_is_lost_between_a_checkpoint_and_its_row(tmp_path):
    """Killed right after the checkpoint at the half, the run's table is the whole run's."""
    tiny_run("gan", tmp_path / "whole").train()
    code = f"""
import os, signal, sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from conftest import tiny_run
from zoo.training.checkpoints import ImageCheckpoint
save = ImageCheckpoint.save
def killed(self, trainer, path, better=False):
    save(self, trainer, path, better)
    os.kill(os.getpid(), signal.SIGKILL)
ImageCheckpoint.save = killed
tiny_run("gan", {str(tmp_path / "cut")!r}).train()
"""
    one_thread = os.environ | {"OMP_NUM_THREADS": "1"}
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, env=one_thread, check=False)
    assert result.returncode == -signal.SIGKILL
    assert newest_checkpoint(tmp_path / "cut" / "checkpoints").name == f"images-{HALF:012d}.ckpt"
    tiny_run("gan", tmp_path / "cut", resume=True).train()
    assert rows(tmp_path / "cut") == rows(tmp_path / "whole")
    assert int(rows(tmp_path / "cut")[-1]["images"]) == WHOLE


def rows(folder: Path) -> list[dict]:
    with open(folder / "metrics.csv", newline="", encoding="utf-8") as file:
        return [{k: v for k, v in row.items() if k != "images_per_second"} for row in csv.DictReader(file)]


def test_rows_are_text_of_one_encoding(tmp_path, monkeypatch):
    """Whatever the locale says."""
    monkeypatch.setattr("locale.getpreferredencoding", lambda *_: "ascii")
    log = MetricsCSV(tmp_path / "metrics.csv")
    log.log_metrics({"Größe": 1.0}, 8)
    assert "Größe" in (tmp_path / "metrics.csv").read_text(encoding="utf-8")


def test_an_ascii_terminal_ends_no_run(tmp_path):
    environment = os.environ | {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "OMP_NUM_THREADS": "1"}
    (tmp_path / "größe" / "ä").mkdir(parents=True)
    (tmp_path / "größe" / "ö").mkdir()
    for number in range(8):
        Image.new("L", (16, 16), 30 * number).save(tmp_path / "größe" / "äö"[number % 2] / f"{number}.png")
    command = [sys.executable, "-m", "zoo", "train", "--variant", "cgan", "--data", str(tmp_path / "größe"), *TINY,
               "--out", str(tmp_path / "läuft")]
    result = subprocess.run(command, capture_output=True, env=environment, check=False)
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "läuft" / "README.md").read_text(encoding="utf-8").count("ä")
    assert torch.isfinite(zoo.load(tmp_path / "läuft").sample(2, "ö", seed=0)).all()


def test_nobody_reads_on(tmp_path):
    """``zoo list | head -1`` ends without a traceback."""
    result = subprocess.run(f"{sys.executable} -m zoo list | head -1", shell=True, capture_output=True, text=True,
                            check=False)
    assert result.stdout.count("\n") == 1
    assert result.stderr == ""


def test_without_a_home_a_sentence_says_what_to_set(monkeypatch):
    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", homeless)
    monkeypatch.delenv("ZOO_CACHE")
    with pytest.raises(zoo.UsageError, match="Set ZOO_CACHE to a folder"):
        cache_folder()
