"""Worker processes of one machine. The same command on other machines starts more of them."""

import multiprocessing
import os
import signal
import sys

import torch

from zoo.core.errors import UsageError
from zoo.study.survey import end_with_parent
from zoo.study.worker import NO_VERDICT, Work, Worker


def run_workers(work: Work, count: int) -> int:
    """Starts workers and waits for them.

    Returns:
        The exit status: 0 at the end of the study, 130 after Ctrl-C, else that of a worker that could not go on.
    """
    for name in [*os.environ]:
        if name.startswith("SLURM_") or name in ("RANK", "LOCAL_RANK", "WORLD_SIZE"):
            del os.environ[name]  # srun may have started this, but workers are no parts of one run
    context = multiprocessing.get_context("spawn")
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    gpus = visible.split(",") if visible else [str(gpu) for gpu in range(torch.cuda.device_count())]
    processes = [context.Process(target=_work, args=(work, number)) for number in range(count)]
    for number, process in enumerate(processes):
        if gpus:
            os.environ["CUDA_VISIBLE_DEVICES"] = gpus[number % len(gpus)]
        process.start()
    try:
        for process in processes:
            process.join()
    except KeyboardInterrupt:  # the workers got it too: each writes a checkpoint
        for process in processes:
            process.join()
        return 128 + signal.SIGINT
    statuses = [process.exitcode or 0 for process in processes]
    for number, status in enumerate(statuses):
        if status < 0:
            print(f"worker {number} was killed by signal {-status}: its run is taken up again, by another "
                  f"worker or by the next that starts, {3 * work.heartbeat} s after its last sign of life", flush=True)
    return max(map(abs, statuses), default=0)


def _work(work: Work, number: int) -> None:
    """A worker's life. Its exit status: 0, 130 when it was stopped, 2 when it cannot go on."""
    end_with_parent()
    torch.set_num_threads(1)
    try:
        worker = Worker(work, number)
        while worker.step():
            pass
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
    except (UsageError, *NO_VERDICT) as error:
        print(f"worker {number} stops: {error}", file=sys.stderr, flush=True)
        sys.exit(2)
