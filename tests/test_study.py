"""The study as a whole: workers share out the runs, nothing is lost or computed twice, and the report tells it."""

import csv
import importlib.util
import itertools
import multiprocessing
import os
import signal
import time

import pytest
import torch
from optuna.trial import TrialState
from torchmetrics.image.fid import FrechetInceptionDistance

from zoo.commands import compare
from zoo.core.errors import UsageError
from zoo.study import ledger, report, session, worker, workers
from zoo.study.storage import open_storage

pytestmark = pytest.mark.filterwarnings("ignore:.*are too few.*", "ignore:Fixed parameter.*out of range",
                                        "ignore:Heartbeat of storage")
TINY = {"data": "digits", "image_size": 8, "images": 96, "width": 2, "samples": 50, "batch_size": 16}
FLAGS = [word for name, value in TINY.items() for word in (f"--{name.replace('_', '-')}", str(value))]


def begin(folder, variants=("gan", "vae"), given=TINY, heartbeat=30, storage=None, **more):
    folder.mkdir(exist_ok=True, parents=True)
    return session.begin(storage or f"sqlite:///{folder}/study.db", folder, list(variants), given,
                         accelerator="cpu", heartbeat=heartbeat, **more)


def finish(work, number=0):
    """Works in this process until there is nothing left to do."""
    hand = worker.Worker(work, number)
    while hand.step():
        pass
    return {of.variant: of for of in hand.ledgers}


def keys(of, *states):
    return [ledger.key_of(trial) for trial in of.study.get_trials(deepcopy=False)
            if trial.state in states and "index" in trial.user_attrs]


@pytest.fixture
def trained(monkeypatch):
    """The names of the runs that are trained, as they come; each gives a smaller distance, at once."""
    names = []

    class Trained:
        def __init__(self, folder):
            self.evaluation = self
            self.name, self.curve = "fd50[digits]", [[48, 9.0 - len(names) / 100], [96, 10.0]]
            names.append(folder.name)

    monkeypatch.setattr(worker.Worker, "_run", lambda self, of, values, seed, folder: (Trained(folder), 100.0))
    return names


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A finished study of two variants with one trial that diverged."""
    folder = tmp_path_factory.mktemp("study")
    with pytest.MonkeyPatch.context() as patch:
        drawn = ledger.draw
        patch.setattr(ledger, "draw", lambda variant, search, seed, index: drawn(variant, search, seed, index)
                      | ({"learning_rate": 1e35} if (variant, index) == ("vae", 1) else {}))
        patch.setattr(worker, "POLL", 0)
        work = begin(folder, trials=2, seeds=1)
        return work, finish(work)


def test_search_and_repetitions_are_run_and_a_failure_counts(study):
    work, of = study
    best = of["gan"].best(of["gan"].runs())
    assert sorted(keys(of["gan"], TrialState.COMPLETE)) == sorted([(0, 0), (1, 0), (best, 1)])
    assert sorted(keys(of["vae"], TrialState.COMPLETE)) == [(0, 0), (0, 1)]
    (failed,) = [row for row in of["vae"].rows() if row.failure]
    assert (failed.index, failed.best, failed.distance) == (1, float("inf"), "")
    assert "vae: loss term" in failed.failure
    repeated = of["gan"].runs()[best, 1]
    assert repeated.params == of["gan"].runs()[best, 0].params
    curve = repeated.user_attrs["result"]["curve"]
    assert [images for images, _ in curve] == [32, 48, 80, 96]  # after every quarter of 96, in batches of 16
    assert repeated.value == min(value for _, value in curve)
    run = work.folder / "runs" / f"gan-trial-{best}-seed-1"
    assert (run / "model.safetensors").exists()
    assert not (run / "checkpoints").exists()


def test_report_stands_alone(study, tmp_path):
    work, _ = study
    page = report.write_report(open_storage(work.storage), tmp_path).read_text(encoding="utf-8")
    assert page.count("src=\"data:image/png;base64,") == 3
    assert "6 of 6 runs are finished." in page
    assert "Trials that failed: vae 1 of 2." in page
    assert "With n=1 none could be" in page
    assert "not distinguishable (p=1)" in page
    assert "<td>n=1</td>" in page
    with open(tmp_path / "trials.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 6
    assert {row["distance"] for row in rows} == {"fd50[digits]", ""}
    for name in ("trials", "seeds", "searches"):
        assert (tmp_path / f"digits-{name}.png").read_bytes().startswith(b"\x89PNG")


def test_speed_is_that_of_the_whole_run_wherever_its_best_was(tmp_path, monkeypatch):
    worse = itertools.count(1.0)
    monkeypatch.setattr(FrechetInceptionDistance, "compute", lambda self: torch.tensor(next(worse)))
    (row,) = finish(begin(tmp_path, ["vae"], trials=1, seeds=0))["vae"].rows()
    assert row.best_images == 32
    assert row.images_per_second * row.seconds >= 96  # the seconds of the row hold a little more


def test_a_study_goes_on_with_what_was_added_and_computes_nothing_twice(tmp_path, trained, capsys):
    finish(begin(tmp_path, trials=2, seeds=1))
    assert len(trained) == len(set(trained)) == 6
    assert trained[:4] == ["gan-trial-0", "vae-trial-0", "gan-trial-1", "vae-trial-1"]  # in turn
    assert "run 6 of 6" in capsys.readouterr().out
    finish(begin(tmp_path, trials=2, seeds=1))  # the same command again
    assert len(trained) == 6
    with pytest.raises(UsageError, match="has 2 trials, not 3: --resume adds to it"):
        begin(tmp_path, trials=3)
    of = finish(begin(tmp_path, trials=3, seeds=2, resume=True))
    assert len(trained) == len(set(trained))
    assert of["gan"].best(of["gan"].runs()) == 2  # the added one, so that its seeds are run as well
    assert trained[6:] == ["gan-trial-2", "vae-trial-2", "gan-trial-2-seed-1", "vae-trial-2-seed-1",
                           "gan-trial-2-seed-2", "vae-trial-2-seed-2"]
    finish(begin(tmp_path, ["lsgan"], {}, resume=True))  # another model, protocol and trials as they are
    assert trained[-1].startswith("lsgan-trial")


def test_what_two_enqueued_at_once_is_run_once(tmp_path, trained):
    work = begin(tmp_path, ["gan"], trials=3, seeds=0)
    (of,) = worker.Worker(work, 0).ledgers
    for index in range(3):  # as another does that saw the study empty
        of.study.enqueue_trial({}, user_attrs={"index": index, "seed": 0})
    finish(work)
    assert trained == ["gan-trial-0", "gan-trial-1", "gan-trial-2"]
    of.take(lambda trial: pytest.fail("there is nothing to take"))
    assert len(of.rows()) == 3


def test_workers_that_begin_at_once_share_the_runs(tmp_path):
    """Two processes make the study and work on it."""
    context = multiprocessing.get_context("spawn")
    both = [context.Process(target=take_part, args=(tmp_path, number)) for number in range(2)]
    for process in both:
        process.start()
    for process in both:
        process.join()
    assert [process.exitcode for process in both] == [0, 0]
    (of,) = ledger.ledgers(open_storage(f"sqlite:///{tmp_path}/study.db"))
    assert sorted(keys(of, TrialState.COMPLETE)) == [(0, 0), (1, 0), (2, 0), (3, 0)]
    assert keys(of, TrialState.FAIL) == []


def take_part(folder, number):
    worker.POLL = 0.2
    finish(begin(folder, ["gan"], trials=4, seeds=0), number)


def test_a_killed_workers_run_is_taken_up_from_its_checkpoint(tmp_path, monkeypatch):
    work = begin(tmp_path, ["gan"], TINY | {"images": 8_000}, heartbeat=1, trials=1, seeds=0)
    process = multiprocessing.get_context("spawn").Process(target=workers._work, args=(work, 0))
    process.start()
    folder = tmp_path / "runs" / "gan-trial-0"
    while process.is_alive() and not list((folder / "checkpoints").glob("images-*.ckpt")):
        time.sleep(0.1)
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    resumed = []

    def stop(self):
        resumed.append(self.checkpoint)
        self.evaluation.curve = [[1, 1.0]]
        return 0

    monkeypatch.setattr(worker.Run, "train", stop)
    of = finish(work)["gan"]
    assert resumed[0].parent == folder / "checkpoints"
    assert [trial.state for trial in of.study.get_trials()] == [TrialState.FAIL, TrialState.COMPLETE]
    assert len(of.rows()) == 1


@pytest.mark.parametrize("storage", ["sqlite", "journal"])
def test_a_run_without_a_sign_of_life_is_enqueued_again(tmp_path, storage):
    where = {"sqlite": f"sqlite:///{tmp_path}/study.db", "journal": str(tmp_path / "journal.log")}[storage]
    work = begin(tmp_path, ["gan"], heartbeat=1, storage=where, trials=2, seeds=0)
    (of,) = worker.Worker(work, 0).ledgers
    dead = of.study.ask()
    of.study._storage.record_heartbeat(dead._trial_id)
    assert {key: trial.state for key, trial in of.refill().items()} == {(0, 0): TrialState.RUNNING,
                                                                       (1, 0): TrialState.WAITING}
    time.sleep(4.1)
    assert {trial.state for trial in of.refill().values()} == {TrialState.WAITING}
    assert of.rows() == []


def test_a_stopped_run_is_left_to_be_taken_up(tmp_path, monkeypatch):
    work = begin(tmp_path, ["gan"], trials=1, seeds=0)
    monkeypatch.setattr(worker.Run, "train", lambda self: 128 + signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt):
        finish(work)
    (of,) = ledger.ledgers(open_storage(work.storage))
    assert [trial.state for trial in of.refill().values()] == [TrialState.WAITING]


def test_what_is_no_fault_of_the_model_is_no_failure_of_it(tmp_path, monkeypatch):
    def full(self):
        raise UsageError("the checkpoint cannot be written") from OSError("no space left on device")

    monkeypatch.setattr(worker.Run, "train", full)
    work = begin(tmp_path, ["gan"], trials=1, seeds=0)
    with pytest.raises(UsageError, match="cannot be written"):
        finish(work)
    (of,) = ledger.ledgers(open_storage(work.storage))
    assert [trial.state for trial in of.refill().values()] == [TrialState.WAITING]


def test_a_failure_does_not_say_where_the_study_lies(tmp_path, monkeypatch):
    """The table of runs goes to others: it had the folders of the machine in it."""
    def lost(self):
        raise RuntimeError(f"the loss is inf; the last good checkpoint is {self.folder}/checkpoints/last.ckpt")

    monkeypatch.setattr(worker.Run, "train", lost)
    (of,) = finish(begin(tmp_path, ["gan"], trials=1, seeds=0)).values()
    (failed,) = [row for row in of.rows() if row.failure]
    assert failed.failure == "the loss is inf; the last good checkpoint is last.ckpt"


def test_command_line_reports_half_a_study_and_names_what_does_not_fit(tmp_path, trained, monkeypatch, capsys):
    main = compare.main
    out = ["--out", str(tmp_path)]
    monkeypatch.setattr(workers, "run_workers", lambda work, count: worker.Worker(work, 0).step() - 1)
    assert main([*FLAGS, *out, "--variants", "gan", "vae", "--trials", "2", "--seeds", "1"]) == 0
    assert trained == ["gan-trial-0"]
    assert capsys.readouterr().out.endswith(f"{tmp_path}/report/report.html\n")
    page = (tmp_path / "report" / "report.html").read_text(encoding="utf-8")
    assert "1 of 6 runs are finished: what follows is what they say so far." in page
    assert main([*out, "--report"]) == 0
    for words, message in [
            (["--images", "5k"], "another protocol: images 96 there, 5000 here"),
            (["--search", "narrow"], "search 'wide' there, 'narrow' here"),
            (["--variants", "cgan"], "cgan needs labels"),
            (["--trials", "0"], "--trials must be at least 1"),
            (["--storage", "nonsense://me:secret@host/x"], r"storage nonsense://me:\*\*\*@host/x cannot be reached"),
            (["--storage", "sqlite:////proc/study.db"], "cannot be reached"),
            (["--storage", "oracle+cx_oracle://me@host/x"], "No module named 'cx_Oracle'"),
            (["--out", str(tmp_path / "other"), "--report"], "there is no study in"),
            (["--out", str(tmp_path / "other"), "--resume"], "no study of digits to resume"),
            (["--out", str(tmp_path / "none"), "--search", "none", "--trials", "3"], "--search none has one trial"),
            (["--data", "ring", "--out", str(tmp_path / "ring")], "set of points"),
            (["--data", "digits", "--image-size", "10", "--out", str(tmp_path / "ten")], "infogan backbone makes")]:
        with pytest.raises(UsageError, match=message):
            main([*out, "--variants", "gan", *words])


def test_a_report_of_nothing_and_a_missing_extra(tmp_path, monkeypatch):
    begin(tmp_path, ["gan"], trials=1)
    with pytest.raises(UsageError, match="nothing to report"):
        report.write_report(open_storage(f"sqlite:///{tmp_path}/study.db"), tmp_path / "report")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"needs optuna and matplotlib: pip install 'gan-zoo\[study\]'"):
        compare.main(["--out", str(tmp_path), "--report"])


def test_workers_share_the_gpus_and_are_no_part_of_a_run_that_srun_started(monkeypatch):
    seen = []

    class Process:
        exitcode = 0

        def __init__(self, target, args):
            self.number = args[1]

        def start(self):
            seen.append((os.environ["CUDA_VISIBLE_DEVICES"], "SLURM_PROCID" in os.environ))

        def join(self):
            pass

    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,5")
    monkeypatch.setenv("SLURM_PROCID", "3")
    monkeypatch.setattr(multiprocessing.get_context("spawn"), "Process", Process)
    monkeypatch.setattr(multiprocessing, "get_context", lambda kind: type("Context", (), {"Process": Process}))
    assert workers.run_workers(None, 3) == 0
    assert seen == [("2", False), ("5", False), ("2", False)]
