"""From a command line to a study that workers can take part in."""

from pathlib import Path
from typing import Any

from zoo.core.errors import UsageError
from zoo.study.ledger import join, ledgers
from zoo.study.protocol import StudyProtocol
from zoo.study.space import check_variants
from zoo.study.storage import HEARTBEAT, open_storage
from zoo.study.worker import Work
from zoo.training.options import Accelerator


def begin(storage: str, folder: Path, variants: list[str], given: dict[str, Any], *, trials: int | None = None,
          seeds: int | None = None, resume: bool = False, data_dir: str | None = None,
          accelerator: Accelerator = "auto", heartbeat: int = HEARTBEAT) -> Work:
    """Makes a study, or joins in or adds to the one that there is, with all its runs enqueued.

    Args:
        storage, heartbeat: see ``zoo.study.storage.open_storage``.
        folder: where runs go.
        variants: names.
        given: fields of ``StudyProtocol``; for an existing study the others are as it has them.
        trials, seeds, resume: see ``zoo.study.ledger.join``.
        data_dir, accelerator: see ``zoo.training.options.Training``.

    Raises:
        UsageError: whatever does not fit, with what to do about it; before any work.
    """
    check_variants(variants)
    asked = StudyProtocol.from_dict(given)
    name = asked.open(data_dir).spec.name
    opened = open_storage(storage, heartbeat)
    there = ledgers(opened, name)
    if resume and not there:
        raise UsageError(f"there is no study of {name} to resume: leave --resume away to begin one")
    if there:
        asked = StudyProtocol.from_dict(there[0].protocol.to_dict() | given)
    if asked.search == "none" and (trials or 1) > 1:
        raise UsageError("--search none has one trial, the authors' defaults: leave --trials away, or search")
    protocol, spec = asked.resolved(data_dir)
    for variant in variants:
        protocol.check(variant, spec)
    for ledger in join(opened, name, variants, protocol, trials, seeds, resume):
        ledger.refill()
    return Work(storage, heartbeat, name, variants, folder, data_dir, accelerator)
