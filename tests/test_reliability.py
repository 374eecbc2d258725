"""Runs that are stopped, starved or fed nonsense."""

import json
import os
import random
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from conftest import HALF, WHOLE, tiny_run
from test_variants import assert_same, checkpoint, rows

import zoo
from zoo.commands import train
from zoo.core.errors import NonFiniteLossError
from zoo.data.batches import Labelled
from zoo.training.callbacks import Budget, Diversity
from zoo.training.checkpoints import ImageCheckpoint, newest_checkpoint

SCRIPT = Path(__file__).parents[1] / "scripts" / "train.py"
ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1"}
IMAGES = 2_800


def arguments(folder: Path) -> list[str]:
    return ["--variant", "cgan", "--width", "2", "--image-size", "16", "--images", str(IMAGES), "--batch-size", "8",
            "--checkpoint-every", "400", "--log-every", "400", "--accelerator", "cpu", "--out", str(folder)]


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    assert train.main(arguments(folder)) == 0
    return folder


def stop_midway(folder: Path, number: int) -> tuple[int, str]:
    """Starts a run and sends a signal at a random moment after its first checkpoint; exit status and output."""
    process = subprocess.Popen([sys.executable, str(SCRIPT), *arguments(folder)], env=ENVIRONMENT,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    deadline = time.monotonic() + 100
    while newest_checkpoint(folder / "checkpoints") is None and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(random.uniform(0, 1.0))
    process.send_signal(number)
    output, _ = process.communicate(timeout=60)
    return process.returncode, output


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_stopped_run_resumes_to_the_same_end(number, uninterrupted, tmp_path):
    status, output = stop_midway(tmp_path, number)
    newest = newest_checkpoint(tmp_path / "checkpoints")
    seen = int(newest.stem.split("-")[1])
    assert 0 < seen < IMAGES, "the signal came too late to test anything"
    if number != signal.SIGKILL:  # graceful: the state of that very batch, and a model that loads
        assert status == 128 + number, output
        assert f"stopped after {seen:,} images" in output
        assert zoo.load(tmp_path).sample(1, 0).shape == (1, 1, 16, 16)
    assert train.main(["--resume", str(tmp_path)]) == 0
    for part in ("state_dict", "optimizer_states", "zoo"):
        assert_same(checkpoint(tmp_path, IMAGES)[part], checkpoint(uninterrupted, IMAGES)[part], part)
    logged = [row for row in rows(tmp_path) if int(row["images"]) % 400 == 0]  # a graceful stop logs its last batch too
    assert logged == rows(uninterrupted)
    assert not list(tmp_path.rglob("*.partial"))


def test_ctrl_c_stops_after_the_batch(tmp_path, monkeypatch):
    """And a second one at once."""
    run = tiny_run("gan", tmp_path)
    honest = run.model.generator_loss

    def interrupted(batch):
        if run.model.images_seen == 48:
            os.kill(os.getpid(), signal.SIGINT)
        return honest(batch)

    monkeypatch.setattr(run.model, "generator_loss", interrupted)
    assert run.train() == 128 + signal.SIGINT
    assert newest_checkpoint(tmp_path / "checkpoints").name == "images-000000000048.ckpt"
    tiny_run("gan", tmp_path, resume=True).train()
    tiny_run("gan", tmp_path / "whole").train()
    assert_same(checkpoint(tmp_path, WHOLE)["state_dict"], checkpoint(tmp_path / "whole", WHOLE)["state_dict"])
    budget = Budget(100)
    budget._note(signal.SIGINT, None)
    with pytest.raises(KeyboardInterrupt):
        budget._note(signal.SIGINT, None)


def test_resume_may_extend_the_budget(tmp_path):
    tiny_run("gan", tmp_path, images=HALF).train()
    tiny_run("gan", tmp_path, images=WHOLE, resume=True).train()
    tiny_run("gan", tmp_path / "at once").train()
    assert_same(checkpoint(tmp_path, WHOLE)["state_dict"], checkpoint(tmp_path / "at once", WHOLE)["state_dict"])


def test_a_resume_that_fails_leaves_the_model_as_it_was(tmp_path, monkeypatch):
    tiny_run("gan", tmp_path, images=HALF).train()
    weights = (tmp_path / "model.safetensors").read_bytes()
    run = tiny_run("gan", tmp_path, resume=True)
    monkeypatch.setattr(run.model, "generator_loss", lambda batch: {"adversarial": torch.tensor(float("nan"))})
    with pytest.raises(NonFiniteLossError):
        run.train()
    assert (tmp_path / "model.safetensors").read_bytes() == weights


def test_resume_of_a_finished_run_changes_nothing(tmp_path):
    tiny_run("gan", tmp_path).train()
    before = checkpoint(tmp_path, WHOLE)
    tiny_run("gan", tmp_path, resume=True).train()
    assert_same(checkpoint(tmp_path, WHOLE)["state_dict"], before["state_dict"])
    assert newest_checkpoint(tmp_path / "checkpoints").name == f"images-{WHOLE:012d}.ckpt"


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_non_finite_loss_stops_with_all_one_needs(value, tmp_path, monkeypatch):
    run = tiny_run("wgan-gp", tmp_path)
    honest = run.model.discriminator_loss

    def poisoned(batch):
        terms = honest(batch)
        if run.model.images_seen > HALF + 8:
            terms["penalty"] = terms["penalty"] * value
        return terms

    monkeypatch.setattr(run.model, "discriminator_loss", poisoned)
    with pytest.raises(NonFiniteLossError) as error:
        run.train()
    message = str(error.value)
    for word in ("wgan-gp", "discriminator/penalty", f"{HALF + 16} images", f"images-{HALF:012d}.ckpt"):
        assert word in message
    assert all(torch.isfinite(p).all() for p in run.model.parameters()), "the step was taken all the same"


def test_signal_handlers_are_put_back(tmp_path, monkeypatch):
    """After a run, and after one that failed, SIGTERM and Ctrl-C do what they did before it."""
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    run = tiny_run("gan", tmp_path / "good", images=16)
    run.train()
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)] == before
    run = tiny_run("gan", tmp_path / "bad", images=16)
    monkeypatch.setattr(run.model, "generator_loss", lambda batch: {"adversarial": torch.tensor(float("nan"))})
    with pytest.raises(NonFiniteLossError):
        run.train()
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)] == before


def test_full_disk_leaves_the_earlier_checkpoint(tmp_path, monkeypatch):
    run = tiny_run("gan", tmp_path)
    save, limits = ImageCheckpoint.save, resource.getrlimit(resource.RLIMIT_FSIZE)

    def on_a_full_disk(self, trainer, path, better=False):
        if self.last_model_path:
            size = Path(self.last_model_path).stat().st_size
            resource.setrlimit(resource.RLIMIT_FSIZE, (size // 2, limits[1]))  # beyond it writing fails
        try:
            save(self, trainer, path, better)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)

    monkeypatch.setattr(ImageCheckpoint, "save", on_a_full_disk)
    with pytest.raises(zoo.UsageError, match=f"images-{HALF:012d}.ckpt"):
        run.train()
    assert [f.name for f in (tmp_path / "checkpoints").iterdir()] == [f"images-{HALF:012d}.ckpt"]
    monkeypatch.undo()
    tiny_run("gan", tmp_path, resume=True).train()
    assert newest_checkpoint(tmp_path / "checkpoints").name == f"images-{WHOLE:012d}.ckpt"


def test_collapse_is_measured_and_warned_of_once(recwarn):
    model = zoo.create("gan", image_size=16, width=2)
    real = torch.rand(64, 1, 16, 16) * 2 - 1
    batch, watch = Labelled(real, torch.zeros(64, dtype=torch.int64)), Diversity(grace=1000)
    own = (real + 1) / 2
    model.respond = lambda ema, normal: own[:len(normal)]
    assert watch.measure(model, batch) == pytest.approx(1.0)
    model.respond = lambda ema, normal: own[:1] + 0.5 * (own[:len(normal)] - own[:1])
    assert watch.measure(model, batch) == pytest.approx(0.5, abs=1e-4)
    for value, seen, warnings in [(0.1, 100, 0), (0.5, 200, 0), (0.1, 300, 1), (0.5, 400, 1), (0.1, 2000, 1)]:
        watch._warn(value, seen)
        assert len(recwarn) == warnings
    late = Diversity(grace=1000)
    late._warn(0.1, 1001)  # never was diverse
    assert len(recwarn) == 2


def test_best_checkpoint_follows_the_monitor(tmp_path, monkeypatch):
    """The folder of a model with a monitor holds the weights of its best checkpoint, and says so."""
    run = tiny_run("gan", tmp_path, images=3 * HALF)
    monkeypatch.setattr(type(run.model), "monitor", "discriminator/measure", raising=False)
    honest = run.model.discriminator_loss

    def tracked(batch):
        run.model.track("discriminator/measure", {0: 3.0, 1: 1.0, 2: 2.0}[(run.model.images_seen - 1) // HALF])
        return honest(batch)

    monkeypatch.setattr(run.model, "discriminator_loss", tracked)
    run.train()
    best = torch.load(tmp_path / "checkpoints" / "best.ckpt", weights_only=True)
    assert best["zoo"]["images_seen"] == 2 * HALF
    ours, theirs = zoo.load(tmp_path).generator.state_dict(), best["state_dict"]
    assert all(torch.equal(value, theirs[f"ema.generator.{key}"]) for key, value in ours.items())
    text = (tmp_path / "metrics.json").read_text()
    assert '"value": 1.0' in text
    assert '"value": 2.0' in text


def test_checkpoints_from_before_the_mean_was_kept_are_gone_on_with(tmp_path):
    tiny_run("gan", tmp_path, images=HALF).train()
    path = newest_checkpoint(tmp_path / "checkpoints")
    state = torch.load(path, weights_only=True)
    ours = next(kept for kept in state["callbacks"].values() if "sum" in kept)
    del ours["sum"], ours["count"]
    torch.save(state, path)
    assert tiny_run("gan", tmp_path, resume=True).train() == 0
    assert newest_checkpoint(tmp_path / "checkpoints").name == f"images-{WHOLE:012d}.ckpt"


def test_a_run_that_was_stopped_chooses_among_the_same_checkpoints(tmp_path, monkeypatch):
    """The mean of what was measured goes on after a signal; there it is not told, though it is the least."""
    chosen = {}
    for name, stops in (("whole", False), ("stopped", True)):
        for resume in (False, True)[:1 + stops]:
            run = tiny_run("gan", tmp_path / name, images=3 * HALF, resume=resume)
            monkeypatch.setattr(type(run.model), "monitor", "discriminator/measure", raising=False)
            honest = run.model.discriminator_loss

            def tracked(batch, run=run, honest=honest, stops=stops and not resume):
                batches = (run.model.images_seen - 1) // 8  # of ten to a checkpoint
                run.model.track("discriminator/measure", 0.5 if 10 <= batches < 15 else 2.0)
                if stops and batches == 14:
                    os.kill(os.getpid(), signal.SIGTERM)
                return honest(batch)

            monkeypatch.setattr(run.model, "discriminator_loss", tracked)
            assert (run.train() != 0) == (stops and not resume)
        best = torch.load(tmp_path / name / "checkpoints" / "best.ckpt", weights_only=True)
        metrics = json.loads((tmp_path / name / "metrics.json").read_text())
        chosen[name] = best["zoo"]["images_seen"], metrics["discriminator/measure/best"]["value"]
    assert chosen["stopped"] == chosen["whole"] == (2 * HALF, 1.25)


FAULTS = """
import resource, torch
from zoo.training.machine import keep_memory

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        whole = torch.ones(12, 2**20)  # 48 MiB
        del whole
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

left_alone = faults()
keep_memory()
faults()
print(left_alone, faults())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have other allocators")
@pytest.mark.parametrize("told", [{}, {"MALLOC_ARENA_MAX": "4"}])
def test_memory_of_a_step_is_kept_for_the_next(told):
    """Unless the environment says what malloc is to do."""
    plain = {name: value for name, value in ENVIRONMENT.items() if not name.startswith(("MALLOC_", "GLIBC_TUNABLES"))}
    done = subprocess.run([sys.executable, "-c", FAULTS], env=plain | told, capture_output=True, text=True, check=True)
    left_alone, kept = map(int, done.stdout.split())
    assert (kept < left_alone / 10) == (not told)
