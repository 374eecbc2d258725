"""Measures of seconds, with which a run ends: each takes a model and its training data."""

from collections.abc import Callable

from zoo.data.batches import AnyColumns
from zoo.metrics.agreement import label_agreement
from zoo.store.layout import Metrics
from zoo.tasks.task import Task


def neighbours(model: Task, columns: AnyColumns) -> Metrics:
    """Whether nearest neighbours among real images see the class that was asked for."""
    found, name = label_agreement(model, columns.truth, columns.labels), "label_agreement[knn]"
    return {name: {"value": found.generated, "protocol": found.protocol},
            f"{name}/real": {"value": found.real, "protocol": "held-out real images"}}


QUICK: dict[str, Callable[[Task, AnyColumns], Metrics]] = {"neighbours": neighbours}
