"""Comparison: what the measures of one evaluation share, each part computed when a measure first asks for it."""

import warnings
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import torch
from lightning.fabric import Fabric
from torch import Tensor

from zoo.core.errors import UsageError
from zoo.data.batches import AnyColumns, take
from zoo.data.source import Source, held_out
from zoo.data.sources import open_source
from zoo.data.stored import Images, OnDisk
from zoo.features.bundled import bundled, classifier_of, describe
from zoo.features.sentences import Reader, describe_reader, load_reader, reader_for, readers
from zoo.metrics.features import Features, FeatureSpace, default_features, feature_space, to_uint8
from zoo.metrics.generation import features_of_answers
from zoo.metrics.neighbours import nearest_rows
from zoo.metrics.protocol import Protocol, short
from zoo.metrics.real import Real, join, real_rows, real_side, training_features
from zoo.metrics.trivial import copies, means, nearest, noise
from zoo.tasks.task import Inputs, Task

PHOTOGRAPHS = "cifar10"
COMPARABLE = 2_048  # images: with fewer, the covariance of InceptionV3's 2,048 features is singular
FEWEST = 50  # images: with fewer, what is said of a distribution means nothing


class How(NamedTuple):
    """What an evaluation is told that does not change its numbers."""

    data_dir: str | None = None
    inception_weights: str | None = None
    batch_size: int = 256
    devices: int = 1
    accelerator: str = "auto"
    memorised: Path | None = None  # where to put a picture of the nearest training images

    @property
    def device(self) -> torch.device:
        return Fabric(accelerator=self.accelerator, devices=1).device


class Comparison:
    """A model's answers beside real data, by a protocol whose data set is decided.

    Attributes:
        data, source: name and source of the real data.
        features: name of the feature space.
        protocol: with the split, and how many there are on both sides.

    Raises:
        UsageError: an unknown data set or split, or images of other channels.
    """

    def __init__(self, model: Task, protocol: Protocol, how: How) -> None:
        assert protocol.data is not None
        self.model, self.how, self.data = model, how, protocol.data
        self.features = protocol.features or default_features(self.data)
        self.source = self._open(protocol)
        count = min(protocol.real, self.source.spec.targets)
        asked = min(protocol.samples, count, self.source.spec.images) if model.once else protocol.samples
        self.protocol = replace(protocol, features=self.features, split=self.source.split, real=count, samples=asked)
        self._warn()

    def _open(self, protocol: Protocol) -> Source:
        spec, options = self.model.data, self.opening
        source = open_source(self.data, **options, split=protocol.split or "train")
        if protocol.split is None and (split := held_out(source)) != "train":
            source = open_source(self.data, **options, split=split)
        if not spec.is_like(source.spec):
            raise UsageError(f"{self.model.variant} makes {spec.kind} of {spec.shape[0]} channels and "
                             f"{source.spec.name} has {source.spec.shape[0]}: they cannot be compared. Choose other "
                             "real images with --data")
        return source

    @cached_property
    def opening(self) -> dict[str, Any]:
        """How the real data are opened: as those that the model was trained on, and with the same part held out, unless
        they are others that have parts of their own."""
        options = {"data_dir": self.how.data_dir, "kind": self.model.data_kind} | self.model.data.opening
        whole = options | {"held_out": 0.0}
        return whole if options.get("held_out") and len(open_source(self.data, **whole).splits) > 1 else options

    @property
    def shape_and_kind(self) -> dict[str, Any]:
        """The size of the data and what else they were opened with, wherever they lie."""
        return {name: value for name, value in self.opening.items() if name not in ("data_dir", "kind")}

    def _warn(self) -> None:
        trained, real = self.model.data.name, self.source.spec.name
        if real != trained:
            warnings.warn(f"the model was trained on {trained} and is compared with {real}, "
                          f"{self.model.data.brought}", stacklevel=5)

    # ---- questions and answers --------------------------------------------------------------------------------

    @cached_property
    def columns(self) -> AnyColumns:
        """All real data of the split."""
        self.source.prepare()
        return self.source.load()

    @cached_property
    def rows(self) -> Tensor:
        """Which of them are compared with."""
        return real_rows(len(self.columns[0]), self.protocol.real)

    @cached_property
    def inputs(self) -> Inputs:
        """What the model is asked: classes with the frequencies that the real ones have."""
        examples = take(self.columns, self.rows[:self.protocol.samples]) if self.model.once else (
            self._told if self.source.spec.asks_like(self.model.data) else None)
        return self.model.inputs(self.protocol.samples, self.protocol.seed, examples)

    @property
    def _told(self) -> AnyColumns:
        """What is said of the real ones that are compared with; their pictures, of which nothing is asked, stay."""
        told = {name: column for name, column in self.columns._asdict().items() if column is not self.columns.truth}
        return self.columns._replace(**{name: column[self.rows] for name, column in told.items()})

    @cached_property
    def outputs(self) -> Tensor:
        """All that it answers, in its own unit."""
        return self.model.to(self.how.device).respond(self.how.batch_size, **self.inputs)

    @cached_property
    def training_source(self) -> Source:
        return open_source(self.data, **self.opening)

    @cached_property
    def training_columns(self) -> AnyColumns:
        """All training data."""
        self.training_source.prepare()
        return self.training_source.load()

    @cached_property
    def trivial(self) -> dict[str, Tensor]:
        """Answers that take no model, by name, in [0, 1], to what a model is asked that is asked something of the data:
        the picture that was given, the mean of the true ones, and what belongs to the training picture that is the
        nearest; where nothing belongs together, that picture itself.
        """
        if not self.model.once:
            return {}
        given = self.inputs["source"]
        return {"copy": copies(given, self.truths), "mean": means(self.truths), "nearest": self._nearest(given)}

    def _nearest(self, given: Tensor) -> Tensor:
        model, columns = self.model, self.training_columns

        def truth(rows: Tensor) -> Tensor:
            return model.truth(model.prepare(take(columns, rows))).cpu()

        def look(rows: Tensor) -> Tensor:
            return model.given(take(columns, rows)) if model.paired else copies(truth(rows), given)

        one_set = model.paired or not model.data.sets
        itself = self.rows[:len(given)] if one_set and self.protocol.split == "train" else None
        found = nearest(given, look, len(columns.truth), itself)
        return torch.cat([truth(rows) for rows in found.split(self.how.batch_size)])

    @cached_property
    def truths(self) -> Tensor:
        """What would have been right, for a model that is asked what the data answer."""
        return self.model.truth(self.model.prepare(take(self.columns, self.rows[:self.protocol.samples]))).cpu()

    @cached_property
    def back(self) -> Tensor:
        """What a model that goes both ways makes of the true ones."""
        return self.model.to(self.how.device).respond(self.how.batch_size, target=self.truths)

    # ---- in features ------------------------------------------------------------------------------------------

    @property
    def used(self) -> list[str]:
        """The features that were taken, each with the digest of its weights."""
        found = self.space.used if "space" in vars(self) else []
        if "eye" in vars(self):
            found.append(f"{self.eye}@{describe(self.eye)['sha256'][:8]}")
        if reader := vars(self).get("reader"):
            found.append(f"{reader[0]}@{describe_reader(reader[0])['sha256'][:8]}")
        return list(dict.fromkeys(sorted(found, key=lambda name: not name.startswith(f"{self.features}@"))))

    @cached_property
    def eye(self) -> str:
        """The bundled classifier that looks at pictures one by one: that for the images which the feature space is
        for, else that for the data it was trained on, else, of photographs, that of CIFAR-10."""
        for name in (self.features, default_features(self.model.data.name)):
            if name in bundled() and (found := classifier_of(name)):
                return found
        return PHOTOGRAPHS

    @cached_property
    def reader(self) -> tuple[str, Reader] | None:
        """Name and network of the features of sentences: those that were asked for, else those for the data that the
        model was trained on, if there are any."""
        asked = self.protocol.features
        name = asked if asked in readers() else reader_for(self.model.data.name)
        return (name, load_reader(name)) if name else None

    @cached_property
    def space(self) -> FeatureSpace:
        if not self.model.data.are_pictures:
            raise UsageError(f"{self.model.data.name} is a set of {self.model.data.kind}, of which no features are "
                             f"taken: measure {' and '.join(self.model.measures)}")
        space = feature_space(self.features, self.how.inception_weights, self.model.precision)
        space.extractor.to(self.how.device)
        fewest = min(self.protocol.samples, self.protocol.real)
        if fewest < COMPARABLE:
            warnings.warn(f"{fewest:,} images are too few for numbers that can be compared with others: the distance "
                          f"grows as they get fewer; take {COMPARABLE:,} or more on both sides", stacklevel=6)
        return space

    @cached_property
    def real(self) -> Real:
        """Features of the real images."""
        how = self.how
        return real_side(self.source, self.space, self.protocol.real, how.batch_size, how.device)

    @cached_property
    def fake(self) -> Features:
        """Features of the answers."""
        how = self.how
        return features_of_answers(self.model, self.space, self.inputs, how.batch_size, how.devices, how.accelerator)

    def features_of(self, pictures: Tensor) -> Features:
        """Features of pictures in [0, 1], each of its own, or all of one."""
        one = pictures.stride(0) == 0
        parts = [self.space.extract(to_uint8(batch).to(self.how.device))
                 for batch in (pictures[:1] if one else pictures).split(self.how.batch_size)]
        return Features(*(x.expand(len(pictures), -1) if one else x for x in join(parts)))

    @cached_property
    def trivial_features(self) -> dict[str, Tensor]:
        """Those of trivial answers, (n, d) by name; of what makes pictures in steps, also of noise and of the training
        pictures that are the nearest to its own.

        The nearest are those in these features, in which the share memorised is told too, out of all training pictures;
        mirror images of them are not looked at. They follow the model: of a collapsed one there are few.
        """
        if self.model.once:
            return {which: self.features_of(pictures).pooled for which, pictures in self.trivial.items()}
        found = self._of_the_task()
        if self.model.in_steps():
            drawn = noise(self.protocol.samples, self.model.data.shape, self.protocol.seed)
            found["noise"] = torch.cat([self.features_of(pictures).pooled for pictures in drawn])
            _, known = self.training
            found["nearest"] = known[nearest_rows(self.fake.pooled, known, 1)[1][:, 0]]
        return found

    def _of_the_task(self) -> dict[str, Tensor]:
        parts: dict[str, list[Tensor]] = {}
        for rows in torch.arange(min(self.protocol.samples, len(self.rows))).split(self.how.batch_size):
            found = self.model.trivial(self.model.prepare(take(self.columns, self.rows[rows])))
            if not found:
                return {}
            for which, pictures in found.items():
                parts.setdefault(which, []).append(self.features_of(pictures).pooled)
        return {which: torch.cat(pooled) for which, pooled in parts.items()}

    @cached_property
    def given(self) -> Features:
        """Features of the pictures that answers are made of."""
        return self.features_of(self.inputs["source"])

    @cached_property
    def training(self) -> tuple[Images, Tensor | OnDisk]:
        """All training images and their features."""
        how, source = self.how, self.training_source
        if self.protocol.split == "train" and self.protocol.real == source.spec.images:  # the real ones are all of them
            return self.columns.truth, self.real.features.pooled
        return training_features(source, self.space, how.batch_size, how.device)

    def few_answers(self, n: int) -> Tensor:
        """The first answers, as 8-bit pictures."""
        return to_uint8(self.model.respond(**{name: x[:n] for name, x in self.inputs.items()}))

    def named(self, stem: str, counted: bool = False) -> str:
        """A metric's name: with how many were asked, and the feature space."""
        return f"{stem}{short(self.protocol.samples) if counted else ''}{self.space.suffix}"

    def told(self, stem: str, counted: bool = False) -> str:
        """Likewise of a metric of classes, with what tells these."""
        return f"{stem}{short(self.protocol.samples) if counted else ''}{self.space.telling}"
