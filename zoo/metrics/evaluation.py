"""``zoo.evaluate``: FID, Inception Score, KID, precision and recall by torch-fidelity, and what a classifier sees."""

import math
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import torch
from lightning.fabric import Fabric
from torch import Tensor
from torch_fidelity.metric_isc import isc_features_to_metric
from torch_fidelity.metric_kid import kid_features_to_metric
from torch_fidelity.metric_prc import prc_features_to_metric

from zoo.base import GenerativeModule
from zoo.card import write_metrics
from zoo.data.sources import Source, open_source
from zoo.errors import UsageError
from zoo.folder import find, load, read_config, read_metrics
from zoo.metrics.classes import class_coverage, confidence, label_agreement
from zoo.metrics.features import Features, FeatureSpace, feature_space
from zoo.metrics.generation import generated_features
from zoo.metrics.memorisation import memorisation, memorisation_picture
from zoo.metrics.protocol import Protocol, short, with_versions
from zoo.metrics.real import Real, frechet_distance, real_side, training_features

Metrics = dict[str, dict[str, Any]]  # name -> {"value": float, "protocol": str}
COMPARABLE = 2_048  # images: with fewer, the covariance of InceptionV3's 2,048 features is singular
FEWEST = 50  # images: with fewer, none of the numbers means anything
CHECKED = 1_000  # generated images whose nearest training images are looked for


def evaluate(model: str | Path | GenerativeModule, data: str | None = None, *, features: str | None = None,
             split: str | None = None, samples: int | None = None, real: int | None = None, seed: int | None = None,
             data_dir: str | None = None, inception_weights: str | None = None, batch_size: int = 256,
             devices: int = 1, accelerator: str = "auto", memorised: str | Path | None = None) -> Metrics:
    """Compares generated images, from the averaged weights, with real ones.

    What is not given is as in the protocol beside the numbers that the model folder has already, so that
    ``zoo.evaluate("name")`` computes the numbers on its card again; without any, see ``Protocol``.

    Args:
        model: whatever ``zoo.load`` takes, or a model.
        data: data set of the real images, brought to the model's size; default: the one it was trained on.
        features: ``inception``, which gives FID and the Inception Score, or a bundled classifier's name, which gives
            the same distances in its features, label agreement and class coverage.
        split: of the real images: ``train`` or ``test``; default: test where there is one.
        samples: images to generate. Conditional models get the classes of the real images in turn.
        real: real images, at most.
        seed: of the latents.
        data_dir: where named data sets are.
        inception_weights: see ``zoo.metrics.features.feature_space``.
        batch_size: images a pass; but for rounding, the numbers do not depend on it, nor on the devices.
        devices: processes that share the generating.
        accelerator: ``auto``, ``cpu`` or ``gpu``.
        memorised: where to put a picture of the nearest training images of a few samples; it also gives the share of
            samples that lie nearer to a training image than that does to the others.

    Returns:
        name -> value and protocol. A distance is lower the better and zero at best; precision, recall, agreement,
        confidence and memorisation are shares in [0, 1]; scores and distances have no unit; ``class_kl`` is in nats.

    Raises:
        UsageError: an unknown data set, split or feature space, weights of InceptionV3 that cannot be had, images of
            other channels, too few of them, or generated ones that are not finite.
    """
    model, stored, trained_on, where = _open(model)
    if model.data.is_points:
        raise UsageError(f"{model.data.name} is a set of points: scripts/modes.py measures how they are covered")
    given = {"features": features, "data": data, "split": split, "samples": samples, "real": real, "seed": seed}
    given = {name: value for name, value in given.items() if value is not None}
    how = _How(data_dir or where, inception_weights, batch_size, devices, accelerator)
    picture = Path(memorised) if memorised else None
    results: Metrics = {}
    for protocol in dict.fromkeys(replace(protocol, **given) for protocol in stored or [Protocol()]):
        results |= _by_protocol(model, replace(protocol, data=protocol.data or trained_on), how, picture)
    return results


class _How(NamedTuple):
    """What an evaluation is told that does not change its numbers."""

    data_dir: str | None
    inception_weights: str | None
    batch_size: int
    devices: int
    accelerator: str

    @property
    def device(self) -> torch.device:
        return Fabric(accelerator=self.accelerator, devices=1).device


def _by_protocol(model: GenerativeModule, protocol: Protocol, how: _How, picture: Path | None) -> Metrics:
    space = feature_space(protocol.features, how.inception_weights)
    source = _source(model, protocol, how)
    space.extractor.to(how.device)
    truth = real_side(source, space, protocol.real, how.batch_size, how.device)
    protocol = replace(protocol, split=source.split, real=len(truth.labels))
    _warn(model, source, protocol)
    labels = _labels(model, source, truth, protocol.samples)
    fake = generated_features(model, space, labels, protocol.samples, protocol.seed, how.batch_size, how.devices,
                              how.accelerator)
    values = distances(fake, truth.features, space)
    values[f"{space.distance_name(protocol.samples)}/floor"] = truth.floor
    values |= _classes(model, fake, truth, space, labels)
    if picture is not None:
        values |= _memorisation(model, fake, truth, space, labels, protocol, how, picture)
    line = with_versions(protocol, space.digest)
    return {name: {"value": value, "protocol": line} for name, value in values.items()}


def distances(fake: Features, real: Features, space: FeatureSpace) -> dict[str, float]:
    """torch-fidelity's formulas: Frechet distance, Inception Score, KID, precision and recall, by name."""
    count, suffix = short(len(fake.pooled)), space.suffix
    score, kid = f"is{count}{suffix}", f"kid{count}{suffix}"
    subset = min(1_000, len(fake.pooled), len(real.pooled))
    isc = isc_features_to_metric(fake.logits)
    kernel = kid_features_to_metric(fake.pooled, real.pooled, kid_subset_size=subset, verbose=False)
    whole = len(fake.pooled) <= 10_000  # else by blocks: the distance matrix is large
    shares = prc_features_to_metric(fake.pooled, real.pooled, save_cpu_ram=not whole, verbose=False)
    return {
        space.distance_name(len(fake.pooled)): frechet_distance(fake.pooled, real.pooled),
        score: isc["inception_score_mean"], f"{score}/std": isc["inception_score_std"],
        kid: kernel["kernel_inception_distance_mean"], f"{kid}/std": kernel["kernel_inception_distance_std"],
        f"precision{count}{suffix}": shares["precision"], f"recall{count}{suffix}": shares["recall"],
    }


def evaluate_folder(folder: Path, **how: Any) -> Metrics:
    """``evaluate``, with the numbers entered into the folder's metrics.json and card, and memorisation.png beside."""
    metrics = evaluate(folder, memorised=folder / "memorisation.png", **how)
    write_metrics(folder, metrics)
    return metrics


def _open(model: str | Path | GenerativeModule) -> tuple[GenerativeModule, list[Protocol], str, str | None]:
    """The model, the protocols of the numbers it has, the data set it was trained on and where that was."""
    if isinstance(model, GenerativeModule):
        return model, [], model.data.name, None
    folder = find(model)
    loaded, training = load(folder), read_config(folder).get("training", {})
    protocols = [Protocol.parse(metric["protocol"]) for metric in read_metrics(folder).values()]
    stored = [p for p in dict.fromkeys(protocols) if p is not None]
    where = training.get("data_dir")
    if where and not Path(where).expanduser().is_dir():
        where = None  # a folder of the machine that trained it
    return loaded, stored, training.get("data", loaded.data.name), where


def _source(model: GenerativeModule, protocol: Protocol, how: _How) -> Source:
    options = {"data_dir": how.data_dir, "image_size": model.data.image_size}
    source = open_source(protocol.data, **options, split=protocol.split or "train")
    if protocol.split is None and "test" in source.splits:
        source = open_source(protocol.data, **options, split="test")
    if source.spec.channels != model.data.channels:
        raise UsageError(f"{model.variant} makes images of {model.data.channels} channels and {source.spec.name} has "
                         f"{source.spec.channels}: they cannot be compared. Choose other real images with --data")
    if source.spec.images < FEWEST:
        raise UsageError(f"{source.spec.name} has {source.spec.images} images in its {source.split} split, which is "
                         f"too few to compare with: at least {FEWEST}")
    return source


def _warn(model: GenerativeModule, source: Source, protocol: Protocol) -> None:
    if source.spec.name != model.data.name:
        warnings.warn(f"the model was trained on {model.data.name} and is compared with {source.spec.name}, brought to "
                      f"{model.data.image_size} px", stacklevel=4)
    fewest = min(protocol.samples, protocol.real)
    if fewest < COMPARABLE:
        warnings.warn(f"{fewest:,} images are too few for numbers that can be compared with others: the distance grows "
                      f"as they get fewer; take {COMPARABLE:,} or more on both sides", stacklevel=4)


def _labels(model: GenerativeModule, source: Source, truth: Real, samples: int) -> Tensor | None:
    """Classes to ask for, (samples,): those of the real images in turn, so with their frequencies."""
    if not model.conditional:
        return None
    same = source.spec.class_names == model.data.class_names
    pool = truth.labels if same else torch.arange(model.data.classes)
    return pool[torch.arange(samples) % len(pool)]


def _classes(model: GenerativeModule, fake: Features, truth: Real, space: FeatureSpace,
             labels: Tensor | None) -> dict[str, float]:
    network, suffix = space.classifier, space.suffix
    if network is None:
        return {}
    coverage = class_coverage(network, fake.logits, truth.features.logits)
    values = {f"classes_found{suffix}": float(coverage.found), f"classes_found{suffix}/of": float(coverage.classes)}
    if math.isfinite(coverage.kl):  # JSON has no infinity
        values[f"class_kl{suffix}"] = coverage.kl
    values[f"confident{suffix}"] = confidence(network, fake.logits)
    values[f"confident{suffix}/real"] = confidence(network, truth.features.logits)
    if labels is not None:
        for head, share in label_agreement(network, fake.logits, labels, model.data.class_names).items():
            values[f"label_agreement{suffix}" + ("" if head == "class" else f"/{head}")] = share
    return values


def _memorisation(model: GenerativeModule, fake: Features, truth: Real, space: FeatureSpace, labels: Tensor | None,
                  protocol: Protocol, how: _How, path: Path) -> dict[str, float]:
    source = open_source(protocol.data, how.data_dir, model.data.image_size)
    if protocol.split == "train" and len(truth.labels) == source.spec.images:  # the truth is all of them
        training, features = source.load()[0], truth.features.pooled
    else:
        training, features = training_features(source, space, how.batch_size, how.device)
    found = memorisation(fake.pooled[:CHECKED], features)
    few = 8
    images = model.sample(few, None if labels is None else labels[:few], protocol.seed)
    memorisation_picture(images, training, found.nearest[:few], path)
    values = {f"memorised{space.suffix}": found.share}
    if protocol.split != "train":
        held_out = memorisation(truth.features.pooled[:CHECKED], features)
        values[f"memorised{space.suffix}/held-out"] = held_out.share
    return values
