"""Two processes of one thread beside one, at equal work each: weak scaling, and what the processes exchange for it."""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from argparse import Namespace
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist

import zoo
from zoo.benchmark import train
from zoo.benchmark.cluster import Exchange, table
from zoo.benchmark.measure import Comparison, Measured, Meter, in_turns
from zoo.core import parallel
from zoo.core.errors import UsageError
from zoo.core.files import write_json
from zoo.core.module import GenerativeModule

OTHER = "batch-norm, log and signals"


class Traffic(Meter):
    """A meter that also notes what the processes exchange between ``start`` and ``stop``, by its purpose.

    Seconds are of this process until it has the result, so they hold the waiting for the others, and of gradients
    also the flattening.

    Attributes:
        model: of the run that is measured.
        seconds, bytes, messages: by optimizer group, and by OTHER.
    """

    model: GenerativeModule

    def start(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self.bytes: Counter[str] = Counter()
        self.messages: Counter[str] = Counter()
        self._purpose = OTHER
        self._groups = {id(p): name for name, own in self.model.optimizer_groups().items() for p in own}
        self._average, self._all_reduce = parallel.average_gradients, dist.all_reduce
        parallel.average_gradients, dist.all_reduce = self._noting_average, self._noting_all_reduce
        super().start()

    def stop(self) -> None:
        super().stop()
        parallel.average_gradients, dist.all_reduce = self._average, self._all_reduce

    @contextmanager
    def _noting(self, purpose: str) -> Iterator[None]:
        outer, self._purpose, start = self._purpose, purpose, time.perf_counter()
        yield
        self.seconds[purpose] += time.perf_counter() - start if outer == OTHER else 0.0
        self._purpose = outer

    def _noting_average(self, parameters: Iterable[torch.nn.Parameter]) -> None:
        parameters = list(parameters)
        with self._noting(self._groups[id(parameters[0])]):
            self._average(parameters)

    def _noting_all_reduce(self, tensor: torch.Tensor, *arguments: Any, **options: Any) -> Any:
        self.bytes[self._purpose] += tensor.nbytes
        self.messages[self._purpose] += 1
        with self._noting(self._purpose):
            return self._all_reduce(tensor, *arguments, **options)


def work(folder: Path, options: Namespace) -> None:
    """What each process does, under torchrun; leaves its measurements in ``folder``."""
    torch.set_num_threads(1)
    traffic = Traffic()
    run = train.run(options, str(folder / "run"), traffic, int(os.environ["WORLD_SIZE"]))
    traffic.model = run.model
    run.train()
    noted = {name: {"seconds": traffic.seconds[name] / options.batches, "bytes": traffic.bytes[name] / options.batches,
                    "messages": count / options.batches} for name, count in traffic.messages.items()}
    write_json(folder / f"{os.environ['RANK']}.json", {"measured": traffic.measured, "exchanged_a_step": noted})


def launch(processes: int, options: Namespace, note: Callable[[dict[str, Any]], None]) -> Measured:
    """A run on so many processes: wall time of the slowest, CPU time and memory of one on average."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes),
                   "-m", "zoo.benchmark.scale", folder, json.dumps(vars(options), default=str)]
        result = subprocess.run(command, env=os.environ | {"OMP_NUM_THREADS": "1"}, capture_output=True, text=True,
                                check=False)
        if result.returncode:
            raise RuntimeError(f"a run on {processes} processes failed:\n{result.stderr}")
        told = [json.loads((Path(folder) / f"{rank}.json").read_text(encoding="utf-8")) for rank in range(processes)]
    note(told[0]["exchanged_a_step"])
    seconds, cpu, peak = zip(*(one["measured"] for one in told), strict=True)
    return Measured(max(seconds), statistics.mean(cpu), int(statistics.mean(peak)))


def measure(options: Namespace) -> Comparison:
    if torch.cuda.is_available():
        raise UsageError("this measures two processes on the CPU: hide the GPUs with CUDA_VISIBLE_DEVICES=")
    zoo.create(options.variant, image_size=options.image_size, classes=10, width=options.width,
               backbone=options.backbone)  # what is wrong with the options is said here, and not by two processes
    exchanged: list[dict[str, Any]] = []
    found = in_turns(partial(launch, 2, options, exchanged.append), partial(launch, 1, options, lambda _: None),
                     options.pairs)
    step = statistics.median(two.seconds for two in found.ours) / options.batches
    return found._replace(names=("two processes", "one process"), **_described(exchanged, step, options))


def _described(exchanged: list[dict[str, Any]], step: float, options: Namespace) -> dict[str, Any]:
    """``details`` and ``text`` of the comparison: what is exchanged, and the efficiency that it leaves on clusters."""
    median = {name: {key: statistics.median(one[name][key] for one in exchanged) for key in values}
              for name, values in exchanged[0].items()}
    lines = ["", "", "| a step exchanges | messages | MB | ms | of the step |", "|---|---|---|---|---|"]
    lines += [f"| {name} | {one['messages']:.1f} | {one['bytes'] / 1e6:.3f} | {one['seconds'] * 1e3:.2f} | "
              f"{one['seconds'] / step:.1%} |" for name, one in median.items()]
    gradients, others = ([Exchange(one["bytes"] / one["messages"], one["messages"]) for name, one in median.items()
                          if (name == OTHER) == other] for other in (False, True))
    lines += ["", "Predicted weak scaling on GPUs, of whose step the time is assumed and not measured (the assumptions "
              "are in zoo/benchmark/cluster.py); in brackets if averaging the gradients took no time:", "",
              table(gradients, others, [ms / 1e3 for ms in options.step_ms])]
    return {"details": {"seconds_a_step": step, "exchanged_a_step": median}, "text": "\n".join(lines)}


if __name__ == "__main__":
    work(Path(sys.argv[1]), Namespace(**json.loads(sys.argv[2])))
