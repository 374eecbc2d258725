"""Label agreement and mode coverage against cases whose answer is known."""

import math
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from conftest import tiny_run

import zoo
from zoo.benchmark.processes import children
from zoo.data.mixtures import MIXTURES
from zoo.data.sources import open_source
from zoo.metrics.agreement import label_agreement
from zoo.metrics.modes import mode_coverage
from zoo.store.saving import save
from zoo.study.survey import Job, contact_sheet, measure_modes, run_all
from zoo.training.checkpoints import newest_checkpoint


@pytest.mark.parametrize("shift", [0, 1])
def test_agreement_of_a_model_that_copies_the_data(shift, monkeypatch):
    """Real images under their own labels agree as well as held-out ones; under the next class's label hardly at all."""
    images, labels = open_source("digits", image_size=16).load()
    model = zoo.create("cgan", image_size=16, classes=10, width=2)
    rows = {c: (labels == c).nonzero().flatten() for c in range(10)}

    def copy(normal, label):
        return torch.stack([images[rows[(int(c) + shift) % 10][i // 10]] for i, c in enumerate(label)]) / 255

    monkeypatch.setattr(model, "respond", copy)
    result = label_agreement(model, images, labels)
    assert result.real > 0.95
    assert (result.generated > 0.97) if shift == 0 else (result.generated < 0.03)
    assert "1,000 generated" in result.protocol


@pytest.mark.parametrize("name", MIXTURES)
def test_mode_coverage_of_the_mixture_itself(name):
    mixture = MIXTURES[name]()
    points, _ = open_source(name).load()
    result = mode_coverage(points[:2500], mixture)
    dimensions = mixture.centres.shape[1]
    within = {1: math.erf(3 / 2**0.5), 2: 1 - math.exp(-4.5)}[dimensions]  # P(distance <= 3 sigma)
    assert result.covered == result.modes == len(mixture.centres)
    assert result.high_quality == pytest.approx(within, abs=0.01)
    assert 0 <= result.kl < 0.01


def test_mode_coverage_by_hand():
    mixture = MIXTURES["two-peaks"]()  # centres -1 and 1, standard deviation 0.1
    near, far = 1 + 0.29, 1 + 0.31
    points = torch.tensor([near, far, 1.0, 1.0, -1.0]).view(-1, 1, 1, 1)
    result = mode_coverage(points, mixture)
    assert (result.covered, result.modes) == (2, 2)
    assert result.high_quality == pytest.approx(4 / 5)
    assert result.kl == pytest.approx(3 / 4 * math.log(3 / 2) + 1 / 4 * math.log(1 / 2))
    collapsed = mode_coverage(torch.ones(9, 1, 1, 1), mixture)
    assert (collapsed.covered, collapsed.kl) == (1, pytest.approx(math.log(2)))
    assert mode_coverage(torch.full((9, 1, 1, 1), 7.0), mixture) == (0, 2, 0.0, math.inf)


def test_survey_trains_once_reports_failures_and_draws_a_sheet(tmp_path):
    training = {"images": 16, "batch_size": 8, "image_size": 16, "accelerator": "cpu"}
    jobs = [Job("gan", {"width": 2, "penalty": 1.0}, training, tmp_path / "gan"),  # gan has no penalty: left away
            Job("cgan", {"width": 2}, training | {"data": "no such data"}, tmp_path / "cgan")]
    failed = run_all(jobs, workers=1)
    assert list(failed) == [tmp_path / "cgan"]
    assert "unknown data set" in failed[tmp_path / "cgan"]
    before = (tmp_path / "gan" / "model.safetensors").stat().st_mtime_ns
    assert run_all(jobs[:1], workers=1) == {}
    assert (tmp_path / "gan" / "model.safetensors").stat().st_mtime_ns == before
    contact_sheet([tmp_path / "gan"], tmp_path / "sheet.png")
    assert (tmp_path / "sheet.png").read_bytes().startswith(b"\x89PNG")


def test_the_workers_of_a_survey_end_with_it(tmp_path):
    """Killed without a word, as a batch system may do: the run that was going on is saved, to be resumed, and no worker
    waits for a next one."""
    code = f"""
from pathlib import Path
from zoo.study.survey import Job, run_all
if __name__ == "__main__":
    training = {{"images": 10**7, "batch_size": 8, "image_size": 16, "accelerator": "cpu", "checkpoint_every": 10**7}}
    run_all([Job("gan", {{"width": 2}}, training, Path({str(tmp_path / "gan")!r}))], workers=1)
"""
    (tmp_path / "survey.py").write_text(code)
    survey = subprocess.Popen([sys.executable, str(tmp_path / "survey.py")], env=os.environ | {"OMP_NUM_THREADS": "1"},
                              stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 100
    while not (tmp_path / "gan" / "metrics.csv").exists():
        assert survey.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.1)
    started = children(survey.pid)
    survey.kill()
    survey.wait()
    while newest_checkpoint(tmp_path / "gan" / "checkpoints") is None or living(started):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def living(processes: list[int]) -> list[int]:
    return [process for process in processes if Path(f"/proc/{process}").exists()]


def test_measure_modes_reads_a_run_folder(tmp_path):
    run = tiny_run("gan", tmp_path, data="ring", image_size=0, images=16)
    save(run.model, tmp_path / "model")
    assert measure_modes(tmp_path / "model").modes == 8
