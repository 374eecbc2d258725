"""Answers of a model, and features of images, in bf16 beside float32: what it saves, and what it changes."""

from argparse import Namespace
from functools import partial

import torch
from torch import Tensor

import zoo
from zoo.benchmark.by_hand import DEVICE
from zoo.benchmark.load import DEFAULT
from zoo.benchmark.measure import Comparison, Meter, compare
from zoo.core.precision import Precision
from zoo.metrics.features import feature_space, to_uint8
from zoo.tasks.task import PASS, Task

COMPARED = 256  # answers by which it is told how far both are apart


def opened(options: Namespace, precision: Precision) -> Task:
    return zoo.load(options.model or DEFAULT, precision).to(DEVICE)


def answers(precision: Precision, options: Namespace, meter: Meter) -> None:
    model = opened(options, precision)
    inputs = model.inputs(options.samples, seed=0)
    meter.start()
    model.respond(**inputs)
    meter.stop()


def extracted(options: Namespace, precision: Precision, images: Tensor) -> Tensor:
    """Pooled features (N, d) of uint8 images."""
    space = feature_space(options.features, precision=precision)
    space.extractor.to(DEVICE)
    return torch.cat([space.extract(batch.to(DEVICE)).pooled for batch in images.split(PASS)])


def features(precision: Precision, options: Namespace, meter: Meter) -> None:
    images = torch.randint(0, 256, (options.samples, 3, options.image_size, options.image_size), dtype=torch.uint8)
    meter.start()
    extracted(options, precision, images)
    meter.stop()


def apart(options: Namespace) -> str:
    """How far answers and features in both precisions are apart, a sentence."""
    whole, half = (model.respond(**model.inputs(COMPARED, seed=0))
                   for model in (opened(options, "32-true"), opened(options, "bf16-mixed")))
    images = to_uint8(whole)
    of_whole, of_half = (extracted(options, precision, images) for precision in ("32-true", "bf16-mixed"))
    moved = (of_half - of_whole).norm() / of_whole.norm()
    levels = 255 * (half - whole).abs().mean()
    return (f"\n\nOf {COMPARED} images of {options.model or DEFAULT} both are {levels:.2f} of 256 grey levels apart on "
            f"average; their features {options.features} by {moved:.2%} of their length.")


def measure(options: Namespace) -> dict[str, Comparison]:
    found = {what: compare(partial(side, "bf16-mixed"), partial(side, "32-true"), options)._replace(
        names=("in bf16", "in float32")) for what, side in (
            (f"images of {options.model or DEFAULT}", answers), (f"features {options.features}", features))}
    last = list(found)[-1]
    return found | {last: found[last]._replace(text=apart(options))}
