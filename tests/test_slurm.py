"""The SLURM script, with stand-ins for srun and scontrol: stopped, queued again, and the same in the end."""

import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import torch
from conftest import tiny_run

ROOT = Path(__file__).parents[1]


def submit(tmp_path: Path, run: Path, *arguments: str) -> subprocess.Popen:
    """The job script as sbatch would start it, in a checkout, with its processes in a group of their own."""
    tools = tmp_path / "bin"
    tools.mkdir(exist_ok=True)
    for name, line in (("srun", 'exec "$@"'), ("scontrol", f'echo "$@" >> {shlex.quote(str(tmp_path / "queue"))}'),
                       ("python", f'exec {shlex.quote(sys.executable)} "$@"')):
        (tools / name).write_text(f"#!/bin/sh\n{line}\n")
        (tools / name).chmod(0o755)
    environment = os.environ | {"PATH": f"{tools}:{os.environ['PATH']}", "SLURM_JOB_ID": "17", "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(["bash", "scripts/slurm/train.sbatch", str(run), *arguments], cwd=ROOT, env=environment,
                            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True)


def test_a_job_that_is_preempted_queues_again_and_goes_on(tmp_path):
    options = ["--variant", "gan", "--width", "2", "--image-size", "16", "--batch-size", "8", "--accelerator", "cpu",
               "--checkpoint-every", "80"]
    run = tmp_path / "run"
    job = submit(tmp_path, run, *options, "--images", "1M")
    deadline = time.monotonic() + 100
    while not list((run / "checkpoints").glob("images-*.ckpt")):
        assert time.monotonic() < deadline
        assert job.poll() is None, job.stderr.read()
        time.sleep(0.1)
    os.killpg(job.pid, signal.SIGTERM)  # as SLURM does: the shell and all processes
    assert job.wait(60) == 128 + signal.SIGTERM, job.stderr.read()
    assert (tmp_path / "queue").read_text() == "requeue 17\n"
    seen = torch.load(max((run / "checkpoints").glob("images-*.ckpt")), weights_only=True)["zoo"]["images_seen"]
    config = (run / "config.json").read_text().replace('"images": 1000000', f'"images": {seen + 80}')
    (run / "config.json").write_text(config)  # the end is near
    assert submit(tmp_path, run, *options).wait(100) == 0
    assert (tmp_path / "queue").read_text() == "requeue 17\n"  # not again
    tiny_run("gan", tmp_path / "whole", images=seen + 80).train()
    ends = [torch.load(folder / "checkpoints" / f"images-{seen + 80:012d}.ckpt", weights_only=True)["state_dict"]
            for folder in (run, tmp_path / "whole")]
    assert all(torch.equal(value, ends[1][key]) for key, value in ends[0].items())
