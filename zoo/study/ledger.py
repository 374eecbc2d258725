"""Which runs a study is made of and which were done: an Optuna study for every data set and variant.

A run is known by the index of its hyperparameters and its seed; they and the result are attributes of its trial. The
search is seed 0 of indices 0, 1, ...; when it is finished, the best of them is repeated with seeds 1, 2, ... Any worker
may enqueue what is missing at any time: should two do so at once, the later trial of the same run is dropped when it is
taken, so nothing is computed twice, on whatever storage.
"""

import contextlib
import math
from collections.abc import Callable
from typing import Any

import optuna
from optuna.storages import BaseStorage, fail_stale_trials
from optuna.trial import FrozenTrial, Trial, TrialState

from zoo.core.errors import UsageError
from zoo.study.protocol import StudyProtocol
from zoo.study.results import Row
from zoo.study.space import draw

Key = tuple[int, int]  # index of the hyperparameters, seed of the run
FINISHED = (TrialState.COMPLETE, TrialState.FAIL)  # of trials that count


class TrialFailedError(Exception):
    """A run came to no result, which is one too."""


class Ledger:
    """The runs of one variant on one data set.

    Attributes:
        data, variant: names.
        protocol: of the study.
    """

    def __init__(self, study: optuna.Study) -> None:
        self.study = study
        self.data, self.variant = study.study_name.rsplit("/", 1)
        self.protocol = StudyProtocol.from_dict(study.user_attrs["protocol"])

    @property
    def trials(self) -> int:
        """Of the search, the defaults among them."""
        return self.study.user_attrs["trials"]

    @property
    def seeds(self) -> int:
        """With which the best trial is repeated."""
        return self.study.user_attrs["seeds"]

    def runs(self) -> dict[Key, FrozenTrial]:
        """Of every run that was enqueued the trial that counts: the earliest that was not lost or dropped."""
        found: dict[Key, FrozenTrial] = {}
        for trial in self.study.get_trials(deepcopy=False):  # by number
            if "index" in trial.user_attrs and not _lost(trial):
                found.setdefault(key_of(trial), trial)
        return found

    def best(self, runs: dict[Key, FrozenTrial]) -> int | None:
        """Index of the search's best trial; None before its end, and if all failed."""
        found = [runs.get((index, 0)) for index in range(self.trials)]
        search = [trial for trial in found if trial is not None and trial.state in FINISHED]
        if len(search) < len(found):
            return None
        scores = [min((value for _, value in trial.user_attrs["result"].get("curve", ())), default=math.inf)
                  for trial in search]
        return scores.index(min(scores)) if min(scores) < math.inf else None

    def wanted(self, runs: dict[Key, FrozenTrial]) -> list[Key]:
        """The runs that the study is made of, as far as they are known."""
        best = self.best(runs)
        repeated = [] if best is None else [(best, seed) for seed in range(1, self.seeds + 1)]
        return [(index, 0) for index in range(self.trials)] + repeated

    def refill(self) -> dict[Key, FrozenTrial]:
        """Gives up the trials of workers that died and enqueues all that is missing. Returns the runs."""
        fail_stale_trials(self.study)
        runs = self.runs()
        missing = [key for key in self.wanted(runs) if key not in runs]
        for index, seed in missing:
            values = draw(self.variant, self.protocol.search, self.protocol.study_seed, index)
            self.study.enqueue_trial(values, user_attrs={"index": index, "seed": seed})
        return self.runs() if missing else runs

    def take(self, train: Callable[[Trial], float]) -> None:
        """Gives the next waiting trial to ``train``, if it is still there and no other stands for the same run."""
        def checked(trial: Trial) -> float:
            if "index" not in trial.user_attrs or self.runs()[key_of(trial)].number != trial.number:
                raise optuna.TrialPruned  # another worker was faster, or has enqueued it as well
            return train(trial)

        with contextlib.suppress(optuna.exceptions.UpdateFinishedTrialError):  # given up for dead: another's now
            self.study.optimize(checked, n_trials=1, catch=(TrialFailedError,))

    def rows(self) -> list[Row]:
        """The finished runs, failed ones among them."""
        rows = []
        for (index, seed), trial in sorted(self.runs().items()):
            if trial.state in FINISHED:
                result = dict(trial.user_attrs["result"])
                result["curve"] = tuple((int(images), value) for images, value in result.get("curve", ()))
                rows.append(Row(self.data, self.variant, index, seed, trial.params, **result))
        return rows


def progress(ledgers: list[Ledger]) -> tuple[int, int, float]:
    """Runs that are finished and runs in all, and the seconds until the end at the mean pace so far."""
    runs = []
    for ledger in ledgers:
        known = ledger.runs()  # among them repetitions of what was the best trial before more were added
        runs += [known[key] for key in ledger.wanted(known) if key in known]
    total = sum(ledger.trials + ledger.seeds for ledger in ledgers)
    done = sum(trial.state in FINISHED for trial in runs)
    at_work = sum(trial.state == TrialState.RUNNING for trial in runs)
    seconds = [trial.user_attrs["result"]["seconds"] for trial in runs if "result" in trial.user_attrs]
    return done, total, (total - done) * sum(seconds) / max(len(seconds), 1) / max(at_work, 1)


def key_of(trial: FrozenTrial | Trial) -> Key:
    return trial.user_attrs["index"], trial.user_attrs["seed"]


def _lost(trial: FrozenTrial) -> bool:
    """Whether it says nothing of its run: its worker died or was stopped, or it was dropped."""
    return trial.state == TrialState.PRUNED or (
        trial.state == TrialState.FAIL and "result" not in trial.user_attrs)


def ledgers(storage: BaseStorage, name: str | None = None) -> list[Ledger]:
    """The studies in a storage, those of one data set or of all."""
    found = []
    for study_name in optuna.study.get_all_study_names(storage):
        study = optuna.load_study(study_name=study_name, storage=storage)
        if "seeds" in study.user_attrs and name in (None, study_name.rsplit("/", 1)[0]):
            found.append(Ledger(study))
    return found


def join(storage: BaseStorage, name: str, variants: list[str], protocol: StudyProtocol, trials: int | None,
         seeds: int | None, resume: bool) -> list[Ledger]:
    """Makes the study of some variants on the data set ``name``, or joins in the one that there is.

    Args:
        trials, seeds: as many as are asked for; None: as many as there are, or else 20 and 5.
        resume: allows more trials or seeds than there are.

    Raises:
        UsageError: a study of another protocol, or one of fewer trials or seeds without ``resume``.
    """
    joined = []
    for variant in variants:
        study = optuna.create_study(storage=storage, study_name=f"{name}/{variant}", direction="minimize",
                                    sampler=optuna.samplers.RandomSampler(), load_if_exists=True)
        attributes = study.user_attrs
        _check_same(attributes.get("protocol", protocol.to_dict()), protocol)
        asked = {"trials": trials or attributes.get("trials", 20 if protocol.search != "none" else 1),
                 "seeds": attributes.get("seeds", 5) if seeds is None else seeds}
        for word, count in asked.items():
            if count > attributes.get(word, count) and not resume:
                raise UsageError(f"the study of {study.study_name} has {attributes[word]} {word}, not {count}: "
                                 "--resume adds to it")
        for word, value in ({"protocol": protocol.to_dict()} | asked).items():
            if word not in attributes or (word in asked and value > attributes[word]):
                study.set_user_attr(word, value)
        joined.append(Ledger(study))
    return joined


def _check_same(stored: dict[str, Any], protocol: StudyProtocol) -> None:
    """Raises UsageError, naming the difference, if a study was made with another protocol."""
    asked, stored = protocol.to_dict(), StudyProtocol.from_dict(stored).to_dict()  # which had fewer options once
    differences = [f"{name.replace('_', ' ')} {stored.get(name)!r} there, {value!r} here"
                   for name, value in asked.items() if stored.get(name) != value]
    if differences:
        raise UsageError(f"this study has another protocol: {'; '.join(differences)}. What they measure cannot be "
                         "compared: leave the option away, or begin another study with --out, and --storage if need be")
