"""Two processes of half the batch equal one of the whole batch, for every variant."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from conftest import VARIANTS, tiny_run
from test_docs import RECIPE
from two_processes import FAULTS, PLANTED, modes, plain_networks, state

import zoo
from zoo.core import parallel
from zoo.data.module import DataModule
from zoo.models import variant_class
from zoo.networks.blocks import BatchNorm
from zoo.store.layout import read_config, read_metrics
from zoo.training.checkpoints import newest_checkpoint
from zoo.training.provenance import processor

OWN = "ragan:RaGAN"  # the README's recipe for a variant, which compares the images of a batch
PATHS = [str(Path(__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")])]
ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(PATHS)}


@pytest.fixture(scope="session")
def on_two(request, tmp_path_factory):
    """The folder of results on two processes, launched by torchrun once for all variants that tests ask for."""
    asked = [item.callspec.params for item in request.session.items if "on_two" in item.fixturenames]
    variants = dict.fromkeys(params["variant"] for params in asked if "variant" in params)
    out = tmp_path_factory.mktemp("two")
    (out / "ragan.py").write_text(RECIPE, encoding="utf-8")
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port", "0",
               "--standalone", str(Path(__file__).with_name("two_processes.py")), str(out), *variants]
    paths = os.pathsep.join([ENVIRONMENT["PYTHONPATH"], str(out)])
    subprocess.run(command, env=ENVIRONMENT | {"PYTHONPATH": paths}, capture_output=True, text=True, timeout=1000,
                   check=False)
    sys.path.append(str(out))
    yield out
    sys.path.remove(str(out))


def both(on_two: Path, name: str) -> list[dict]:
    """What the two processes held at the end."""
    found = [torch.load(on_two / f"{name}-{rank}.pt", weights_only=True) for rank in (0, 1)]
    assert "error" not in found[0], found[0]["error"]
    return found


@pytest.mark.parametrize("variant", [*VARIANTS, OWN])
def test_two_processes_equal_one(variant, on_two, tmp_path):
    """After ten steps in float64, with batch-norm. Measured noise is below 4e-10 for every variant; the smallest of
    the planted faults, a sum for a mean under Adam, moves a parameter by more than 1e-8."""
    one = state(variant, tmp_path / "one", modes(variant)["float64"])["end"]
    first, second = both(on_two, f"{variant}-float64")
    assert apart(one, first["end"]) < SAME
    for key, value in first["mine"].items():
        assert torch.equal(value, second["mine"][key]), f"{key} differs between the processes"
    assert not torch.equal(first["drawn"], second["drawn"])


@pytest.mark.parametrize("variant", [*VARIANTS, OWN])
def test_gradients_of_two_processes_equal_those_of_one(variant, on_two, tmp_path):
    """Of one step in float32, each by its own norm: what rounding may change is a kink of a few of many terms."""
    one = state(variant, tmp_path / "one", modes(variant)["float32"])["gradients"]
    first, second = both(on_two, f"{variant}-float32")
    whole = torch.stack([gradient.norm() for gradient in one.values()]).norm()
    for key, gradient in one.items():
        scale = gradient.norm() + 1e-3 * whole  # some gradients are zero but for rounding
        assert (first["gradients"][key] - gradient).norm() < 0.02 * scale, f"{key} differs from one process"
        assert torch.equal(first["gradients"][key], second["gradients"][key]), f"{key} differs between the processes"


@pytest.mark.parametrize(("number", "fault"), list(enumerate(FAULTS)))
def test_planted_faults_are_seen(number, fault, on_two, tmp_path):
    """Each fault makes two processes another run than one, of a variant that it concerns."""
    found = {}
    for variant in PLANTED:
        one = state(variant, tmp_path / variant, modes(variant)["float64"])["end"]
        found[variant] = apart(one, both(on_two, f"{variant}-fault{number}")[0]["end"])
    concerned = ["dcgan"] if fault == "batch-norm of each process" else PLANTED
    assert all(found[variant] > SAME for variant in concerned), found


SAME = 1e-8  # by which parameters may differ in float64


def apart(one: dict, other: dict) -> float:
    """The largest difference between two states."""
    assert one.keys() == other.keys()
    return max((one[key].double() - other[key].double()).abs().max().item() for key in one)


def test_devices_option_launches_processes(tmp_path):
    """--devices 2 needs no launcher, of ``zoo`` as pip installs it either; the result is that of one process, and so is
    what is measured on the way."""
    options = {"backbone": "mlp", "width": 2}
    tiny_run("cgan", tmp_path / "one", images=80, config=options, eval_every=40, eval_samples=101,
             precision="64-true").train()
    script = tmp_path / "zoo"
    script.write_text("from zoo.commands.cli import main\n\nif __name__ == '__main__':\n    main()\n")
    config = tmp_path / "one" / "config.json"
    command = [sys.executable, str(script), "train", "--config", str(config), "--devices", "2",
               "--out", str(tmp_path / "two")]
    result = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, timeout=120, check=False)
    assert result.returncode == 0, result.stderr
    one, two = (torch.cat([p.flatten() for p in zoo.load(tmp_path / name).generator.state_dict().values()])
                for name in ("one", "two"))
    torch.testing.assert_close(one, two, atol=SAME, rtol=0)
    one, two = (read_metrics(tmp_path / name) for name in ("one", "two"))
    for name in ("fd101[digits]/best", "fd101[digits]/last"):
        assert two[name]["value"] == pytest.approx(one[name]["value"], rel=1e-3)


def test_the_death_of_a_process_ends_the_run_and_leaves_a_checkpoint(tmp_path):
    script = Path(__file__).parents[1] / "scripts" / "train.py"
    command = [sys.executable, str(script), "--variant", "gan", "--width", "2", "--image-size", "16", "--images", "10M",
               "--checkpoint-every", "2k", "--accelerator", "cpu", "--devices", "2", "--out", str(tmp_path / "run")]
    process = subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 100
    while not newest_checkpoint(tmp_path / "run" / "checkpoints"):
        assert time.monotonic() < deadline
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.1)
    (other,) = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text(encoding="utf-8").split()
    os.kill(int(other), signal.SIGKILL)
    _, said = process.communicate(timeout=60)
    assert process.returncode != 0
    assert f"process 0 of 2 stops with an error, perhaps because another did; go on from {tmp_path}" in said
    assert torch.load(newest_checkpoint(tmp_path / "run" / "checkpoints"), weights_only=True)["zoo"]["variant"] == "gan"


def test_from_one_process_to_two_machines_and_back(tmp_path):
    """Resumed on two nodes that meet by torchrun's rendezvous, then on one process again: the run of one process."""
    config = plain_networks("nsgan")
    how = {"config": config, "precision": "64-true"}
    tiny_run("nsgan", tmp_path / "whole", images=240, **how).train()
    tiny_run("nsgan", tmp_path / "moved", images=80, **how).train()
    script = Path(__file__).parents[1] / "scripts" / "train.py"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    nodes = [subprocess.Popen(
        [sys.executable, "-m", "torch.distributed.run", "--nnodes", "2", "--node-rank", str(node), "--nproc-per-node",
         "1", "--rdzv-backend", "c10d", "--rdzv-endpoint", f"127.0.0.1:{port}", str(script), "--resume",
         str(tmp_path / "moved"), "--images", "160"],
        env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) for node in range(2)]
    for node in nodes:
        _, error = node.communicate(timeout=120)
        assert node.returncode == 0, error
    assert read_config(tmp_path / "moved")["hardware"] == f"2 x cpu process of 1 thread on {processor()}"
    tiny_run("nsgan", tmp_path / "moved", images=240, resume=True, **how).train()
    ends = [torch.load(tmp_path / name / "checkpoints" / "images-000000000240.ckpt", weights_only=True)["state_dict"]
            for name in ("whole", "moved")]
    for key, value in ends[0].items():
        torch.testing.assert_close(ends[1][key], value, atol=SAME, rtol=0, msg=key)


def test_batch_must_be_shared_evenly(tmp_path, monkeypatch):
    run = tiny_run("gan", tmp_path, batch_size=9)
    data = DataModule(run.source, 9)
    data.trainer = SimpleNamespace(world_size=2, lightning_module=run.model)
    with pytest.raises(zoo.UsageError, match="multiple of 2"):
        data.setup("fit")
    run.model.accumulate = 3
    with pytest.raises(zoo.UsageError, match="by 2 processes, each in 3 parts: choose a multiple of 6"):
        data.setup("fit")


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_batch_in_parts_is_the_batch(variant, tmp_path):
    """--accumulate 2, without batch-norm, after ten steps in float64; or the variant says why not."""
    config = plain_networks(variant)
    if variant_class(variant).couples_images:
        with pytest.raises(zoo.UsageError, match="compares the images of a batch"):
            tiny_run(variant, tmp_path, config=config, accumulate=2)
        return
    ends = []
    for parts in (1, 2):
        folder = tmp_path / str(parts)
        run = tiny_run(variant, folder, images=80, config=config, accumulate=parts, precision="64-true")
        run.train()
        ends.append(torch.load(folder / "checkpoints" / "images-000000000080.ckpt", weights_only=True)["state_dict"])
    for key, value in ends[0].items():
        torch.testing.assert_close(ends[1][key], value, atol=SAME, rtol=0, msg=f"{key} differs from the whole batch")
    assert all(value.isfinite() for value in run.model.terms.values())


@pytest.mark.parametrize("shape", [(8, 3), (8, 3, 4, 4)])
def test_batch_norm_equals_torch(shape):
    """Ours on one process is torch's; on several, test_two_processes_equal_one holds it to that."""
    x = torch.randn(shape)
    theirs = torch.nn.BatchNorm1d(3) if len(shape) == 2 else torch.nn.BatchNorm2d(3)
    assert torch.equal(BatchNorm(3)(x), theirs(x))


@pytest.mark.parametrize("variant", ["dcgan", "wgan-gp", "dragan", "r3gan"])
def test_compiled_networks_learn_the_same(variant, tmp_path, monkeypatch):
    """As traced for training, without the generation of code, which takes a minute; gradient penalties are refused."""
    if variant_class(variant).penalises_gradients:
        with pytest.raises(zoo.UsageError, match="gradient penalty"):
            tiny_run(variant, tmp_path, compile=True)
        return
    traced = []
    compiler = torch.compile
    monkeypatch.setattr(torch, "compile", lambda f, **kw: traced.append(f) or compiler(f, backend="aot_eager"))
    ends = []
    for name in ("eager", "compiled"):
        run = tiny_run(variant, tmp_path / name, images=80, precision="64-true", compile=name == "compiled")
        run.train()
        ends.append(zoo.load(tmp_path / name).generator.state_dict())
    assert len(traced) >= 2
    for key, value in ends[0].items():
        torch.testing.assert_close(ends[1][key], value, atol=1e-9, rtol=0)


def test_lightnings_own_ddp_is_refused():
    model = zoo.create("gan", image_size=16, width=2)
    model.trainer = type("Trainer", (), {"world_size": 2, "strategy": object()})()
    with pytest.raises(zoo.UsageError, match="ZooStrategy"):
        model.setup("fit")


@pytest.mark.parametrize("wanted", [slice(0, None), slice(0, 3), slice(0, 5), slice(2, 7), slice(-5, None),
                                    slice(-50, None), slice(0, 50), slice(5, 5)])
def test_some_rows_of_all_processes_are_gathered(wanted, monkeypatch):
    """Each adds its own to zeros, and no more than is asked for is exchanged."""
    rows = torch.randn(12, 2)
    monkeypatch.setattr(parallel, "world_size", lambda: 3)
    monkeypatch.setattr(parallel._SumOverProcesses, "apply", lambda x: x)
    parts = []
    for rank in range(3):
        monkeypatch.setattr(parallel, "rank", lambda rank=rank: rank)
        parts.append(parallel.gather(rows[4 * rank:][:4], wanted.start, wanted.stop))
    assert {len(part) for part in parts} == {len(rows[wanted])}
    assert torch.equal(sum(parts), rows[wanted])
    monkeypatch.setattr(parallel, "world_size", lambda: 1)
    assert torch.equal(parallel.gather(rows, wanted.start, wanted.stop), rows[wanted])
