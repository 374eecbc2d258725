"""The Frechet distance against the number of pictures that there were to learn from, for several kinds of augmentation.

As in Zhao 2020 (arXiv:2006.10738) and Karras 2020 (arXiv:2006.06676). All runs have one budget, and
are compared with pictures that none of them was trained with. Beside them stands what a model would get that knows its
training pictures by heart and nothing else: the distance of these pictures themselves.
"""

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any

import torch

from zoo.core.config import options_of
from zoo.core.errors import UsageError
from zoo.core.files import atomic
from zoo.data.source import held_out
from zoo.data.sources import open_source
from zoo.metrics.distances import frechet_distance
from zoo.metrics.features import FeatureSpace, default_features, feature_space
from zoo.metrics.real import real_side
from zoo.models import variant_class
from zoo.store.layout import is_distance, read_metrics
from zoo.study.survey import Job, run_all
from zoo.training.options import Training

SCORES = 4  # on the way, evenly, the last at the end
BATCH = 256  # images


@dataclass(frozen=True)
class Score:
    """Of one run.

    Attributes:
        augment: the kind of augmentation.
        pictures: that there were to learn from.
        seed: of the run.
        last: the distance at the end.
        best: the least on the way, of four.
    """

    augment: str
    pictures: int
    seed: int
    last: float
    best: float


@dataclass(frozen=True)
class Curves:
    """Attributes:
        images: the budget of every run, images seen.
        distance: its name, such as ``fd2k[anime]``.
        scores: of the runs that came to an end.
        copied: for each number of pictures the distance of these pictures themselves, or of ``samples`` of them.
        floor: between two halves of the pictures that all are compared with.
        failed: why the others did not, by their folder.
    """

    images: int
    distance: str
    scores: list[Score]
    copied: dict[int, float]
    floor: float
    failed: dict[Path, str]


def learn(variant: str, config: dict[str, Any], training: dict[str, Any], augments: Sequence[str],
          pictures: Sequence[int], seeds: int, folder: Path, workers: int = 1) -> Curves:
    """Trains what is not trained yet and measures it.

    Args:
        variant: name of one that takes ``augment``.
        config: fields of its Config besides.
        training: fields of ``zoo.training.options.Training``, which are the same for all runs.
        augments: values of ``augment``.
        pictures: numbers of pictures to learn from.
        seeds: runs of each.
        folder: of the runs.
        workers: runs at a time.

    Raises:
        UsageError: a variant without augmentation, data without pictures to test with, or more pictures than there are;
            before any work.
    """
    options = _options(variant, config, augments)
    whole = Training.from_dict(training)
    source = open_source(**whole.source())
    split = held_out(source)
    if split == "train":
        raise UsageError(f"{source.spec.name} has no pictures to test with, and those that a model was trained with "
                         "say nothing of what it learnt from few: hold some out with --held-out 0.1")
    if max(pictures) > source.spec.images:
        raise UsageError(f"{source.spec.name} has {source.spec.images:,} pictures to learn from, not "
                         f"{max(pictures):,}: choose fewer --pictures")
    space = feature_space(whole.eval_features or default_features(source.spec.name))
    common = training | {
        "eval_every": -(-whole.images // SCORES), "eval_split": split, "eval_features": space.name,
        "log_every": max(1, whole.images // 20), "samples_every": whole.images, "checkpoint_every": whole.images}
    jobs = {(augment, count, seed): Job(variant, options | {"augment": augment},
                                        common | {"pictures": count, "seed": seed},
                                        folder / f"{augment}-{count}-{seed}")
            for seed in range(seeds) for count in pictures for augment in augments}
    failed = run_all(list(jobs.values()), workers)
    scores = [Score(*key, *_distances(job.folder)) for key, job in jobs.items() if job.folder not in failed]
    copied, floor = _by_heart(whole, split, space, pictures)
    return Curves(whole.images, space.distance_name(whole.eval_samples), scores, copied, floor, failed)


def _options(variant: str, config: dict[str, Any], augments: Sequence[str]) -> dict[str, Any]:
    """The fields of the variant's Config that it has."""
    cls = variant_class(variant)
    known = options_of(cls.Config)
    if "augment" not in known:
        raise UsageError(f"{variant} has no discriminator that sees pictures through augmentations: take another "
                         "--variant, such as dcgan")
    options = {name: value for name, value in config.items() if name in known}
    for augment in augments:
        cls.Config.from_dict(options | {"augment": augment})
    return options


def _distances(folder: Path) -> tuple[float, float]:
    """Of a finished run: the last, and the best."""
    metrics = read_metrics(folder)
    name = next(name for name in metrics if name.endswith("/last") and is_distance(name.removesuffix("/last")))
    return metrics[name]["value"], metrics[name.replace("/last", "/best")]["value"]


def _by_heart(training: Training, split: str, space: FeatureSpace,
              pictures: Sequence[int]) -> tuple[dict[int, float], float]:
    """``copied`` and ``floor`` of ``Curves``."""
    cpu, most = torch.device("cpu"), training.eval_samples
    opening = training.source()
    real = real_side(open_source(**opening, split=split), space, most, BATCH, cpu)
    found = {}
    for count in pictures:
        known = real_side(open_source(**opening | {"pictures": count}), space, most, BATCH, cpu)
        found[count] = frechet_distance(known.features.pooled, real.features.pooled)
    return found, real.halves


def means(scores: Sequence[Score], augment: str, which: str) -> dict[int, float]:
    """By number of pictures the mean over seeds of ``last`` or ``best``."""
    counts = sorted({score.pictures for score in scores if score.augment == augment})
    return {count: mean(getattr(score, which) for score in scores
                        if (score.augment, score.pictures) == (augment, count)) for count in counts}


def table(curves: Curves, augments: Sequence[str], pictures: Sequence[int]) -> str:
    """In Markdown: a line a number of pictures, the mean over seeds at the end and, in brackets, at best."""
    lines = [f"| pictures | {' | '.join(f'augment {name}' for name in augments)} | the pictures themselves |",
             "|---|" + "---|" * (len(augments) + 1)]
    for count in pictures:
        cells = [f"{means(curves.scores, name, 'last').get(count, math.nan):.3g} "
                 f"({means(curves.scores, name, 'best').get(count, math.nan):.3g})" for name in augments]
        lines.append(f"| {count:,} | {' | '.join(cells)} | {curves.copied[count]:.3g} |")
    return "\n".join(lines)


def write_csv(curves: Curves, path: Path) -> None:
    """One line a run."""
    columns = list(Score.__dataclass_fields__)
    with atomic(path) as partial, open(partial, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ["images", *columns, "copied", "floor", "distance"])
        writer.writeheader()
        for score in curves.scores:
            writer.writerow(vars(score) | {"images": curves.images, "copied": curves.copied[score.pictures],
                                           "floor": curves.floor, "distance": curves.distance})
