"""``zoo.evaluate``: the numbers of a model, each with the protocol by which to get it again."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from zoo.core.precision import Precision
from zoo.metrics.comparison import Comparison, How
from zoo.metrics.features import default_features
from zoo.metrics.measures import MEASURES, measures_behind, measures_named, taken
from zoo.metrics.protocol import NO_FEATURES, Protocol, with_versions
from zoo.store.layout import Metrics, read_config, read_metrics
from zoo.store.loading import find, load
from zoo.tasks.task import Task


def evaluate(model: str | Path | Task, data: str | None = None, *,
             measures: str | Sequence[str] | None = None, features: str | None = None, split: str | None = None,
             samples: int | None = None, real: int | None = None, seed: int | None = None,
             precision: Precision | None = None, data_dir: str | None = None,
             inception_weights: str | None = None, batch_size: int = 256, devices: int = 1, accelerator: str = "auto",
             memorised: str | Path | None = None) -> Metrics:
    """Compares what a model makes, with the averaged weights, with real data.

    What is not given is as in the protocol beside the numbers that the model folder has already, so that
    ``zoo.evaluate("name")`` computes the numbers on its card again; without any, see ``Protocol``.

    Args:
        model: whatever ``zoo.load`` takes, or a model.
        data: data set of the real images, brought to the model's size; default: the one it was trained on.
        measures: names out of ``zoo.metrics.measures``, several with commas or in a list; default: those of the
            numbers that it has, else the task's. ``memorisation``, ``class_frechet``, ``classification`` and
            ``path_length`` have to be asked for, since they take longer.
        features: ``inception``, which gives FID and the Inception Score; a bundled network's name, which gives the
            same distances in its features, label agreement and class coverage; or another extractor of torch-fidelity,
            such as ``vgg16``, ``clip-vit-b-32`` or ``dinov2-vit-s-14``, or one that was registered with it; default:
            the data set's own, else ``inception``.
        split: of the real images: ``train`` or ``test``; default: test where there is one.
        samples: images to generate. Conditional models get the classes of the real images in turn.
        real: real images, at most.
        seed: of the latents.
        precision: of the arithmetic of answers and features, see ``zoo.load``; default: that of a model that is given.
        data_dir: where named data sets are.
        inception_weights: see ``zoo.metrics.features.feature_space``.
        batch_size: images a pass; but for rounding, the numbers do not depend on it, nor on the devices.
        devices: processes that share the generating.
        accelerator: ``auto``, ``cpu`` or ``gpu``.
        memorised: where to put a picture of the nearest training images of a few samples, if ``memorisation`` is asked
            for.

    Returns:
        name -> value and protocol. A distance is lower the better and zero at best; precision, recall, agreement,
        confidence and memorisation are shares in [0, 1]; scores and distances have no unit; ``class_kl`` is in nats.

    Raises:
        UsageError: an unknown measure, data set, split or feature space, weights of InceptionV3 that cannot be had,
            images of other channels, too few of them, or generated ones that are not finite.
    """
    model, stored, training = _open(model)
    measures = ",".join(measures) if measures is not None and not isinstance(measures, str) else measures
    if precision is None and model.precision != "32-true":
        precision = model.precision
    given = {"measures": measures, "features": features, "data": data, "split": split, "samples": samples,
             "real": real, "seed": seed, "precision": precision}
    given = {name: value for name, value in given.items() if value is not None}
    if measures:
        measures_named(measures)
    how = How(data_dir or _folder_of_data(training), inception_weights, batch_size, devices, accelerator,
              Path(memorised) if memorised else None)
    trained_on = training.get("data", model.data.name)
    results: Metrics = {}
    for protocol, names in _merged(stored, given, model).items():
        results |= _by_protocol(model, replace(protocol, data=protocol.data or trained_on), names, how)
    return results


def _merged(stored: dict[Protocol, list[str]], given: dict[str, Any], model: Task) -> dict[Protocol, list[str]]:
    """Protocols with what was given in place of what they had, and the measures to take by each."""
    merged: dict[Protocol, list[str]] = {}
    for protocol, names in (stored or {Protocol(): list(model.measures)}).items():
        protocol = replace(protocol, **given)
        protocol = replace(protocol, features=protocol.features or default_features(protocol.data or model.data.name))
        names = measures_named(protocol.measures) if protocol.measures else names
        merged[protocol] = list(dict.fromkeys([*merged.get(protocol, []), *names]))
    return merged


def _by_protocol(model: Task, protocol: Protocol, names: list[str], how: How) -> Metrics:
    with multiplying(model, protocol.precision or "32-true"):
        comparison = Comparison(model, protocol, how)
        found = taken(names, comparison)
    line = with_versions(comparison.protocol, comparison.used, comparison.shape_and_kind)
    return {key: {"value": float(value), "protocol": f"{line} {MEASURES[name].said}".rstrip()}
            for name, values in found.items() for key, value in values.items()}


@contextmanager
def multiplying(model: Task, precision: Precision) -> Iterator[None]:
    """Meanwhile the model answers in this precision."""
    before, model.precision = model.precision, precision
    try:
        yield
    finally:
        model.precision = before


def _open(model: str | Path | Task) -> tuple[Task, dict[Protocol, list[str]], dict[str, Any]]:
    """The model, the protocols of the numbers it has with the measures behind them, and how it was trained."""
    if isinstance(model, Task):
        return model, {}, {}
    folder = find(model)
    loaded, metrics = load(folder), read_metrics(folder)
    by_protocol: dict[Protocol, Metrics] = {}
    for name, metric in metrics.items():
        protocol = Protocol.parse(metric["protocol"])
        if protocol is not None:
            by_protocol.setdefault(protocol, {})[name] = metric
    stored = {protocol: measures_behind(numbers) for protocol, numbers in by_protocol.items()}
    return loaded, stored, read_config(folder).get("training", {})


def _folder_of_data(training: dict[str, Any]) -> str | None:
    """Where the maker's data lie, if this is the maker's machine."""
    where = training.get("data_dir")
    return where if where and Path(where).expanduser().is_dir() else None


def measured(folder: Path, asked: dict[str, Any]) -> bool:
    """Whether a model folder has the numbers of a protocol with these fields."""
    return any(_answers(metric["protocol"], asked) for metric in read_metrics(folder).values())


def _answers(line: str, asked: dict[str, Any]) -> bool:
    protocol, takes_none = Protocol.parse(line), f"features={NO_FEATURES}" in line
    return protocol is not None and all(getattr(protocol, name) == value for name, value in asked.items()
                                        if not (name == "features" and takes_none))
