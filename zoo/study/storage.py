"""Where workers find a study: a database by its URL, or a journal file, which also works on a shared file system."""

import contextlib
import re
import time
import warnings
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages._heartbeat import BaseHeartbeat  # what Optuna asks a storage for; it has no public name
from optuna.storages.journal import JournalFileBackend
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from zoo.core.errors import UsageError

ATTEMPTS = 4  # to open a database, a second apart
HEARTBEAT = 30  # seconds between signs of life of a running trial; after three without one it is taken up again
ALIVE = "alive"


class Journal(JournalStorage, BaseHeartbeat):
    """A journal file with signs of life, which Optuna's own has not: the time, as the workers' clocks have it."""

    def __init__(self, path: Path, heartbeat: int) -> None:
        super().__init__(JournalFileBackend(str(path)))
        self.heartbeat = heartbeat

    def record_heartbeat(self, trial_id: int) -> None:
        self.set_trial_system_attr(trial_id, ALIVE, time.time())

    def _get_stale_trial_ids(self, study_id: int) -> list[int]:
        running = self.get_all_trials(study_id, deepcopy=False, states=(optuna.trial.TrialState.RUNNING,))
        return [trial._trial_id for trial in running
                if time.time() - trial.system_attrs.get(ALIVE, time.time()) > 3 * self.heartbeat]

    def get_heartbeat_interval(self) -> int:
        return self.heartbeat

    def get_heartbeat_stale_trial_callback(self) -> None:
        """None: the ledger sees what is missing."""


def open_storage(where: str, heartbeat: int = HEARTBEAT) -> BaseStorage:
    """Opens, and makes if need be, a storage.

    Args:
        where: a URL such as ``sqlite:///study.db`` or ``postgresql://user:word@host/name``, or else a journal file.
        heartbeat: seconds between signs of life of a running trial.

    Raises:
        UsageError: it cannot be reached.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
    try:
        return _open(where, heartbeat)
    except (SQLAlchemyError, ImportError, OSError, RuntimeError, ValueError) as error:
        cause = error.__cause__ if isinstance(error, ImportError) else None  # it names the driver that is missing
        reason, where = str(cause or error).strip().splitlines()[0], re.sub("(://[^:/@]+):[^@]*@", r"\1:***@", where)
        raise UsageError(f"the storage {where} cannot be reached ({reason}): --storage takes a URL such as "
                         "sqlite:///study.db or postgresql://user@host/name, or a journal file") from error


def _open(where: str, heartbeat: int) -> BaseStorage:
    if "://" not in where:
        Path(where).parent.mkdir(parents=True, exist_ok=True)
        return Journal(Path(where), heartbeat)
    waits = {"connect_args": {"timeout": 60}} if where.startswith("sqlite") else {"pool_pre_ping": True}
    how: dict[str, Any] = {"engine_kwargs": waits, "heartbeat_interval": heartbeat, "grace_period": 3 * heartbeat}
    for _ in range(ATTEMPTS - 1):
        with contextlib.suppress(DBAPIError):  # Optuna stumbles where another process makes the tables at the same time
            return RDBStorage(where, **how)
        time.sleep(1)
    return RDBStorage(where, **how)
