"""The measures by name: each takes a ``Comparison`` and gives values by the metric's name.

A task names those that tell how good its models are; any other that fits can be asked for.
"""

import math
import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch

from zoo.core.errors import UsageError, unknown
from zoo.data.copies import copies_in
from zoo.data.mixtures import MIXTURES
from zoo.metrics import (
    combinations,
    conditional,
    label_maps,
    path_lengths,
    reading,
    restyling,
    translation,
    two_domains,
    writing,
)
from zoo.metrics.ageing import FACES, STEPS, ageing
from zoo.metrics.classes import by_head, class_coverage, confidence, heads_kept, label_agreement
from zoo.metrics.comparison import FEWEST, Comparison
from zoo.metrics.distances import (
    frechet_distance,
    frechet_spread,
    inception_score,
    kernel_distance,
    precision_and_recall,
)
from zoo.metrics.divergences import earth_mover
from zoo.metrics.identification import identification
from zoo.metrics.memorisation import memorisation, memorisation_picture
from zoo.metrics.modes import mode_coverage
from zoo.metrics.neighbours import densest, density_and_coverage, usual_reach
from zoo.metrics.pixels import l1
from zoo.store.layout import Metrics

Values = dict[str, float]
CHECKED = 1_000  # generated images whose nearest training images are looked for
MOVED = 1_000  # points of a plan of transport
SHOWN = 8  # of them in a picture


def unchecked(c: Comparison) -> None:
    """Where nothing is to be checked."""


class Measure(NamedTuple):
    """A way to measure, what the names of its values begin with, what else their protocol says, what a card says of how
    they are to be read, what raises UsageError, before any work, where it says nothing of a model, and how many images
    it takes on each side at least."""

    compute: Callable[[Comparison], Values]
    stems: tuple[str, ...]
    said: str = ""
    reading: str = ""
    check: Callable[[Comparison], object] = unchecked
    fewest: int = FEWEST


def frechet(c: Comparison) -> Values:
    """The Frechet distance with its spread, what as many real images would get, and the distance of trivial answers."""
    name, real = c.space.distance_name(c.protocol.samples), c.real.features.pooled
    values = {name: frechet_distance(c.fake.pooled, real), f"{name}/std": frechet_spread(c.fake.pooled, real),
              f"{name}/floor": c.real.floor(len(c.fake.pooled))}
    return values | {f"{name}/{which}": frechet_distance(pooled, real) for which, pooled in c.trivial_features.items()}


def score(c: Comparison) -> Values:
    """The Inception Score (Salimans 2016, arXiv:1606.03498), and that of the real images; nothing where no network
    tells classes. Of a classifier of several heads by head, since each tells classes of its own."""
    if not c.fake.logits.shape[1]:
        return {}
    network, sides = c.space.classifier, (c.fake.logits, c.real.features.logits)
    heads = {"class": sides} if network is None else dict(
        zip(network.heads, zip(*map(network.split_heads, sides), strict=True), strict=True))
    values: Values = {}
    for name, (fake, real) in by_head(c.told("is", counted=True), heads).items():
        mean, spread = inception_score(fake)
        values |= {name: mean, f"{name}/std": spread, f"{name}/real": inception_score(real)[0]}
    return values


def kernel(c: Comparison) -> Values:
    """The kernel distance, KID (Binkowski 2018, arXiv:1801.01401)."""
    name = c.named("kid", counted=True)
    mean, spread = kernel_distance(c.fake.pooled, c.real.features.pooled)
    return {name: mean, f"{name}/std": spread}


def precision(c: Comparison) -> Values:
    """Precision and recall (Kynkaanniemi 2019, arXiv:1904.06991)."""
    shares = precision_and_recall(c.fake.pooled, c.real.features.pooled)
    return {c.named(name, counted=True): share for name, share in zip(("precision", "recall"), shares, strict=True)}


def coverage(c: Comparison) -> Values:
    """Density and coverage (Naeem 2020, arXiv:2002.09797), and those of one half of the real images in the other."""
    real = c.real.features.pooled
    values = {"": density_and_coverage(c.fake.pooled, real), "/real": density_and_coverage(real[::2], real[1::2])}
    return {f"{c.named(name, counted=True)}{which}": value for which, found in values.items()
            for name, value in found._asdict().items()}


def collapse(c: Comparison) -> Values:
    """The share of images in the densest neighbourhood, as large as that of a hundredth of the real ones is on average,
    beside that of the real ones."""
    real, name = c.real.features.pooled, c.named("densest", counted=True)
    reach = usual_reach(real)
    return {name: densest(c.fake.pooled, reach), f"{name}/real": densest(real, reach)}


def classes(c: Comparison) -> Values:
    """What a classifier sees: classes that are found, their frequencies, and how sure it is; without one, nothing."""
    network, fake, real = c.space.classifier, c.fake.logits, c.real.features.logits
    if network is None:
        return {}
    coverage, found, sure = class_coverage(network, fake, real), c.told("classes_found"), c.told("confident")
    values = {found: float(coverage.found), f"{found}/of": float(coverage.classes)}
    if math.isfinite(coverage.kl):  # JSON has no infinity
        values[c.told("class_kl")] = coverage.kl
    return values | {sure: confidence(network, fake), f"{sure}/real": confidence(network, real)}


def agreement(c: Comparison) -> Values:
    """Whether a classifier sees the class that was asked for; nothing where it does not know these classes.

    Of models that make pictures of pictures also in those that were given (copy).
    """
    network, asked = c.space.classifier, c.inputs.get("label")
    if asked is None:
        raise UsageError(f"{c.model.variant} is asked for no classes: there is no agreement to measure")
    if network is None:
        return {}
    names, found = c.model.data.class_names, c.told("label_agreement")
    values = by_head(found, label_agreement(network, c.fake.logits, asked, names))
    if "source" in c.inputs:
        copied = by_head(found, label_agreement(network, c.given.logits, asked, names))
        values |= {f"{name}/copy": share for name, share in copied.items()}
    return values


def stays(c: Comparison) -> Values:
    """What stays of pictures that were brought into another class: copies of them get 1 and an error of 0.

    ``label_kept`` is the share in which a classifier sees the same class as before in a head that was not asked for,
    ``input_l1`` the mean absolute difference from the picture that was given, in [0, 1].
    """
    if not {"source", "label"} <= c.inputs.keys():
        raise UsageError(f"{c.model.variant} does not bring pictures into classes: there is nothing to be kept")
    network, values = c.space.classifier, {"input_l1": l1(c.outputs, c.inputs["source"])}
    if network is None:
        return values
    return values | by_head(c.told("label_kept"),
                            heads_kept(network, c.fake.logits, c.given.logits, c.inputs["label"]))


def memorised(c: Comparison) -> Values:
    """Share of answers nearer to a training image than that is to all others but its copies, and that of held-out
    images."""
    images, features = c.training
    groups = torch.from_numpy(copies_in(c.training_source.spec.name, images).groups)
    found, name = memorisation(c.fake.pooled[:CHECKED], features, groups), c.named("memorised")
    if c.how.memorised is not None:
        memorisation_picture(c.few_answers(SHOWN), images, found.nearest[:SHOWN], c.how.memorised)
    values = {name: found.share}
    if c.protocol.split != "train":
        values[f"{name}/held-out"] = memorisation(c.real.features.pooled[:CHECKED], features, groups).share
    return values


def modes(c: Comparison) -> Values:
    """Modes of a mixture of Gaussians that are covered (Srivastava 2017, arXiv:1705.07761, section 4.1)."""
    if c.source.spec.name not in MIXTURES:
        raise UsageError(f"the modes of {c.source.spec.name} are not known: choose from {', '.join(MIXTURES)}")
    found = mode_coverage(c.outputs, MIXTURES[c.source.spec.name]())
    values = {"modes": float(found.covered), "modes/of": float(found.modes), "high_quality": found.high_quality}
    return values | ({"mode_kl": found.kl} if math.isfinite(found.kl) else {})


def transport(c: Comparison) -> Values:
    """How far generated points have to be moved to become real ones, and one half of the real ones the other."""
    if c.model.data.kind != "points":
        raise UsageError(f"{c.model.data.name} are {c.model.data.kind}: what is moved in a plane are points")
    real = c.columns.truth[c.rows].flatten(1)
    n = min(len(c.outputs), len(real) // 2, MOVED)
    return {"transport": earth_mover(c.outputs[:n].flatten(1), real[:n]),
            "transport/floor": earth_mover(real[n:2 * n], real[:n])}


MEASURES: dict[str, Measure] = {
    "pixels": Measure(translation.pixels, ("l", "psnr", "ssim"), fewest=1),
    "luma": Measure(translation.luma, ("psnr_y", "ssim_y", "small_psnr"), fewest=1),
    "perceptual": Measure(translation.perceptual, ("perceptual",), fewest=1),
    "labels_back": Measure(translation.labels_back, ("pixel_accuracy", "class_accuracy", "class_iou"),
                           f"judge='U-Net of width {label_maps.WIDTH}, {label_maps.SCHOOLING}'"),
    "cycle": Measure(translation.cycle, ("cycle",), fewest=1),
    "domains": Measure(translation.domains, ("in_domain",),
                       f"judge='classifier of width {two_domains.WIDTH}, {two_domains.SCHOOLING}'", fewest=1),
    "parts": Measure(translation.parts, ("asked", "kept")),
    "identification": Measure(identification, ("identified",)),
    "frechet": Measure(frechet, ("fid", "fd")),
    "score": Measure(score, ("is",)),
    "kernel": Measure(kernel, ("kid",)),
    "precision": Measure(precision, ("precision", "recall")),
    "coverage": Measure(coverage, ("density", "coverage")),
    "collapse": Measure(collapse, ("densest",)),
    "classes": Measure(classes, ("classes_found", "class_kl", "confident")),
    "agreement": Measure(agreement, ("label_agreement",)),
    "class_frechet": Measure(conditional.class_frechet, ("class_fid", "class_fd"), reading=(
        "`class_fd` is a Frechet distance within classes, lower the better, a mean over `/classes`; `/blind` is what "
        "real images of any class get."), check=conditional.asked_for),
    "classification": Measure(conditional.classification, ("cas",),
                              f"judge='classifier of width {conditional.WIDTH}, {conditional.SCHOOLING}'", reading=(
        "`cas` is the share of real images that a classifier is right of which learnt from generated ones, `/real` of "
        "one that learnt from as many real ones."), check=conditional.check_classification),
    "path_length": Measure(path_lengths.path_lengths, ("ppl_z", "ppl_w"), f"epsilon={path_lengths.EPSILON:g}", reading=(
        "`ppl` is the perceptual length of the way from latent to latent, lower the better, in other features than "
        "those of the published numbers; its `/floor` is that of straight ways between the same images."),
        check=path_lengths.check_ways),
    "combinations": Measure(combinations.combinations, ("said_seen", "said_unseen"),
                            f"each={combinations.EACH}"),
    "ageing": Measure(ageing, ("aged", "aged_off", "same_face"), f"faces={FACES} steps={STEPS}"),
    "stays": Measure(stays, ("label_kept", "input_l"), fewest=1),
    "restyled": Measure(restyling.style, ("style",),
                        "judge='logistic regression on words and pairs of words of the sentences to train with'"),
    "human": Measure(restyling.human, ("human_bleu",)),
    "kept": Measure(restyling.kept, ("input_bleu",)),
    "fluency": Measure(restyling.fluency, ("nats",)),
    "style": Measure(translation.style, ("palette_l", "style_spread", "own_l", "own_psnr", "own_ssim"), fewest=3),
    "memorisation": Measure(memorised, ("memorised",)),
    "likelihood": Measure(writing.likelihood, ("nll",)),
    "truth": Measure(writing.truth, ("true_nll", "grammatical")),
    "text_frechet": Measure(reading.text_frechet, ("text_fd",), reading=(
        "`text_fd` is the Frechet distance to real sentences in what a language model reads that learnt from other "
        "text, lower the better, `/std` its standard error, `/floor` what as many real ones would get; it says nothing "
        "about FID.")),
    "bleu": Measure(writing.against_real, ("bleu",)),
    "self_bleu": Measure(writing.against_others, ("self_bleu",)),
    "distinct": Measure(writing.distinct, ("distinct", "tokens_each")),
    "copied": Measure(writing.copied, ("copied",)),
    "transport": Measure(transport, ("transport",)),
    "modes": Measure(modes, ("modes", "high_quality", "mode_kl")),
}


def taken(names: Sequence[str], c: Comparison) -> dict[str, Values]:
    """The values of measures by name. Raises UsageError before any work where one of them says nothing of the model."""
    images = min(c.protocol.samples, c.protocol.real)
    for name in names:
        MEASURES[name].check(c)
        if images < MEASURES[name].fewest:
            enough = [other for other in names if images >= MEASURES[other].fewest]
            raise UsageError(f"{images} images, of {c.source.spec.images} in the split {c.source.split} of "
                             f"{c.source.spec.name}, are too few for {name}: at least {MEASURES[name].fewest}"
                             + (f"; of so few --measures {','.join(enough)} can be taken" if enough else ""))
    return {name: MEASURES[name].compute(c) for name in names}


def measures_named(words: str) -> list[str]:
    """Names out of ``frechet,precision``. Raises UsageError for one that there is not."""
    names = [word.strip() for word in words.split(",") if word.strip()]
    for name in names:
        if name not in MEASURES:
            raise unknown("measure", name, MEASURES)
    if not names:
        raise UsageError(f"which measures? There are: {', '.join(MEASURES)}")
    return names


def measures_behind(metrics: Metrics) -> list[str]:
    """The measures that numbers of these names come from."""
    stems = {stem[0] for name in metrics if (stem := re.match("[a-z_]*[a-z]", name))}
    return [name for name, measure in MEASURES.items() if stems & {*measure.stems}]
