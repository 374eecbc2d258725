"""``zoo.train``: a run from Python."""

import io
import tempfile
from contextlib import nullcontext, redirect_stdout
from pathlib import Path
from typing import Any

from zoo.core.config import options_of
from zoo.core.errors import UsageError, unknown
from zoo.core.registry import address_of
from zoo.data.arrays import ArraySource, as_source
from zoo.models import variant_class
from zoo.store.loading import load
from zoo.tasks.task import Task
from zoo.training.options import Training
from zoo.training.run import Run


def train(variant: str | type[Task], data: Any = "digits", images: int = 60_000, *, out: str | Path | None = None,
          **options: Any) -> Task:
    """Trains a model.

    Args:
        variant: a name from ``zoo.variants()``, the address of a class, or a class.
        data: a data set's name, a folder of images, images (N, C, H, W), ``(images, labels)``, a torch
            ``Dataset``, or a list of texts.
        images: budget: real images to see.
        out: folder that the run is to leave, with its log, pictures and checkpoints; default: none.
        options: of the variant's Config and of ``zoo.training.options.Training``, under their names.

    Returns:
        The trained model, with its averaged weights, as ``zoo.load`` gives it.

    Raises:
        UsageError: an unknown variant or option, data that do not fit, or a run that was stopped by a signal.
    """
    cls = variant if isinstance(variant, type) else variant_class(variant)
    name = variant if isinstance(variant, str) else getattr(cls, "variant", address_of(cls))
    source = None if isinstance(data, str | Path) else as_source(data)
    of_model, of_run = options_of(cls.Config), options_of(Training)
    for key in options:
        if key not in of_model and key not in of_run:
            raise unknown("option", key, [*of_model, *of_run])
    config = {key: value for key, value in options.items() if key in of_model}
    training = {key: value for key, value in options.items() if key not in of_model} | {"images": images}
    training["data"] = _name_of(data, source)
    with tempfile.TemporaryDirectory(prefix="zoo-") as folder:
        place = Path(out) if out else Path(folder) / "run"
        run = Run(name, config, Training.from_dict(training), str(place), source=source)
        with nullcontext() if out else redirect_stdout(io.StringIO()):  # it tells of a folder that is going to go
            status = run.train()
        if status:
            raise UsageError(f"the run was stopped by signal {status - 128}"
                             + (f": go on with zoo train --resume {place}" if out and source is None else ""))
        return load(place)


def _name_of(data: Any, source: ArraySource | list[str] | None) -> str:
    """Of the data, as a run notes it."""
    if source is None:
        return str(data)
    return "sentences" if isinstance(source, list) else source.spec.name
