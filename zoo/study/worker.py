"""A worker: takes runs from the ledgers and trains them, one at a time, until there is none left."""

import contextlib
import gc
import math
import platform
import shutil
import time
from pathlib import Path
from typing import Any, NamedTuple

import torch
from optuna.trial import Trial, TrialState

from zoo.store.portable import without_places
from zoo.study.ledger import Ledger, TrialFailedError, key_of, ledgers, progress
from zoo.study.results import name_of, short
from zoo.study.space import Hyperparameters, suggest
from zoo.study.storage import open_storage
from zoo.study.survey import open_run
from zoo.training.checkpoints import checkpoint_images
from zoo.training.options import Accelerator
from zoo.training.run import Run

POLL = 5  # seconds between looks at what the others do
NO_VERDICT = (torch.OutOfMemoryError, OSError)  # say nothing of the model: the worker stops, its run is taken up again


class Work(NamedTuple):
    """What workers need to know.

    Attributes:
        storage, heartbeat: see ``zoo.study.storage.open_storage``.
        data, variants: names of what is compared.
        folder: of the study.
        data_dir: where named data sets are.
        accelerator: kind of device.
    """

    storage: str
    heartbeat: int
    data: str
    variants: list[str]
    folder: Path
    data_dir: str | None = None
    accelerator: Accelerator = "auto"


class Worker:
    """One of those that share out a study.

    Raises:
        KeyboardInterrupt: after a signal; the run has a checkpoint and is taken up again.
        UsageError, OSError, torch.OutOfMemoryError: nothing that the model is to blame for.
    """

    def __init__(self, work: Work, number: int) -> None:
        self.work, self.number, self.waiting = work, number, False
        storage = open_storage(work.storage, work.heartbeat)
        self.ledgers = [ledger for ledger in ledgers(storage, work.data) if ledger.variant in work.variants]

    def step(self) -> bool:
        """Trains the next run, or waits a little for those of others. Returns whether there may be more to do."""
        states = [(key, trial.state, ledger) for ledger in self.ledgers for key, trial in ledger.refill().items()]
        open_runs = [(seed, index, ledger) for (index, seed), state, ledger in states if state == TrialState.WAITING]
        if open_runs:  # of all variants the first trials first: half a study says something too
            _, _, ledger = min(open_runs, key=lambda run: run[:2])
            ledger.take(lambda trial: self.train(ledger, trial))
            self.waiting = False
            return True
        others = sum(state == TrialState.RUNNING for _, state, _ in states)
        if others and not self.waiting:
            self.say(f"nothing left to take, but {others} runs of other workers may be followed by more")
        self.waiting = others > 0
        time.sleep(POLL if others else 0)
        return others > 0

    def say(self, words: str) -> None:
        print(f"worker {self.number}: {words}", flush=True)

    def train(self, ledger: Ledger, trial: Trial) -> float:
        """One run, from its newest checkpoint if it has any. Returns the smallest of its distances.

        Raises:
            TrialFailedError: it diverged or failed otherwise; the reason is entered into the trial.
        """
        values = suggest(trial, ledger.variant, ledger.protocol.search)
        name = name_of(ledger.variant, *key_of(trial))
        self.say(f"{name} begins: " + (", ".join(f"{field} {short(value)}" for field, value in values.items())
                                       or "the authors' defaults"))
        start = time.perf_counter()
        result: dict[str, Any] = {"host": platform.node()}
        try:
            run, speed = self._run(ledger, values, key_of(trial)[1], self.work.folder / "runs" / name)
            assert run.evaluation is not None  # the protocol has one
            result |= {"distance": run.evaluation.name, "curve": run.evaluation.curve, "images_per_second": speed}
            best, last = min(value for _, value in result["curve"]), result["curve"][-1][1]
            outcome = f"{result['distance']} {best:.4g} at best, {last:.4g} last, {speed:,.0f} images/s"
        except (RuntimeError, ValueError, ArithmeticError) as error:
            if isinstance(error, NO_VERDICT) or isinstance(error.__cause__, OSError):  # such as a full disk
                raise
            result["failure"] = without_places(str(error).strip().splitlines()[0], [])  # the table goes to others
            outcome = f"failed: {result['failure']}"
        finally:
            if torch.cuda.is_available():
                gc.collect()  # a run's modules hold each other, and with them memory of a card that others need
        trial.set_user_attr("result", result | {"seconds": time.perf_counter() - start})
        shutil.rmtree(self.work.folder / "runs" / name / "checkpoints", ignore_errors=True)
        self._tell(name, outcome)
        if "failure" in result:
            raise TrialFailedError
        return best

    def _run(self, ledger: Ledger, values: Hyperparameters, seed: int, folder: Path) -> tuple[Run, float]:
        """Trains, with what the run says in its folder's log.txt. Returns the run and its images a second."""
        protocol = ledger.protocol
        training = protocol.training(seed, self.work.data_dir, self.work.accelerator)
        folder.mkdir(parents=True, exist_ok=True)
        start = time.perf_counter()
        with (open(folder / "log.txt", "a", encoding="utf-8") as log, contextlib.redirect_stdout(log),
              contextlib.redirect_stderr(log)):
            run = open_run(ledger.variant, protocol.config(ledger.variant) | values, training, folder)
            status = run.train()
        if status:
            raise KeyboardInterrupt
        assert run.evaluation is not None  # the protocol has one
        if not all(math.isfinite(value) for _, value in run.evaluation.curve):
            raise ValueError("the distance is not finite")
        done, _ = run.evaluation.curve[-1]  # the model itself is back at its best
        done -= checkpoint_images(run.checkpoint) if run.checkpoint else 0
        return run, done / (time.perf_counter() - start)

    def _tell(self, name: str, outcome: str) -> None:
        """Prints what came of a run, how far the study is and when it ends."""
        done, total, seconds = progress(self.ledgers)
        ends = time.strftime("%a %H:%M", time.localtime(time.time() + seconds))
        self.say(f"{name}: {outcome}; run {done + 1} of {total}, the study ends about {ends}")
