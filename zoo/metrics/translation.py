"""The measures of models that make pictures from pictures; see ``zoo.metrics.measures``."""

from typing import Any

import torch
from torch import Tensor

from zoo.core.errors import UsageError
from zoo.data.batches import take
from zoo.data.derived import shrink
from zoo.features.bundled import load_classifier
from zoo.features.perceptual import PerceptualDistance
from zoo.metrics import label_maps, two_domains
from zoo.metrics.comparison import Comparison
from zoo.metrics.judges import told
from zoo.metrics.luma import fidelity
from zoo.metrics.pixels import decibels, errors, l1, moments, rounded
from zoo.metrics.similarity import WINDOW
from zoo.tasks.latents import standard_normals
from zoo.tasks.task import Inputs

BLOCK = 64  # pictures that are compared at once


def pixels(c: Comparison) -> dict[str, float]:
    """Errors against the true pictures, beside those of trivial answers."""
    _check_pairs(c)
    return {f"{name}{which}": value for which, made in _answers(c).items()
            for name, value in errors(made, c.truths).items()}


def luma(c: Comparison) -> dict[str, float]:
    """PSNR and SSIM of luma, without a border as wide as pictures were made larger by, beside those of trivial answers,
    of which the copy is the bicubic one, and PSNR to the picture given of answers that are made small again.

    Nothing of pictures that are too small for it.
    """
    factor = c.model.factor
    if factor == 1:
        raise UsageError(f"{c.model.variant} on {c.model.data.name} does not make pictures larger: measure pixels")
    values: dict[str, float] = {}
    if c.truths.shape[2] < 2 * factor + WINDOW:
        return values
    for which, made in _answers(c).items():
        found = fidelity(made, c.truths, factor)
        values |= {f"psnr_y{which}": found.psnr.mean().item(), f"ssim_y{which}": found.ssim.mean().item()}
        small = shrink(2 * rounded(made) - 1, factor) / 2 + 0.5
        values[f"small_psnr{which}"] = decibels(small, c.inputs["source"]).mean().item()
    return values


def perceptual(c: Comparison) -> dict[str, float]:
    """The perceptual distance to the true pictures, of 8 bits, beside that of trivial answers."""
    _check_pairs(c)
    return {f"perceptual[{c.eye}]{which}": look_apart(c, made) for which, made in _answers(c).items()}


@torch.no_grad()
def look_apart(c: Comparison, made: Tensor) -> float:
    """The mean perceptual distance of pictures, in [0, 1], to the true ones."""
    distance, device = PerceptualDistance(c.eye), c.how.device
    pairs = zip(rounded(made).split(BLOCK), rounded(c.truths).split(BLOCK), strict=True)
    return torch.cat([distance((2 * a - 1).to(device), (2 * b - 1).to(device)).cpu() for a, b in pairs]) \
        .double().mean().item()


def labels_back(c: Comparison) -> dict[str, float]:
    """Whether the labels that pictures were made of are found again in them (Isola 2016, section 4.1), by a network
    that learnt to from the training pairs: beside its agreement on real pictures, and on trivial answers."""
    _check_pairs(c)
    model, columns, size, device = c.model, c.training_columns, c.how.batch_size, c.how.device

    def examples(rows: Tensor) -> tuple[Tensor, Tensor]:
        batch = model.prepare(take(columns, rows))
        return model.truth(batch).cpu(), model.data.to_unit(batch.source).cpu()

    _, maps = examples(torch.arange(min(label_maps.LOOKED_AT, len(columns.truth))))
    colours = label_maps.palette((maps * 255).round(), c.source.spec.name)
    judge = label_maps.pixel_judge(examples, len(columns.truth), c.truths.shape[1], colours, device)
    right = label_maps.classes_in(c.inputs["source"] * 255, colours)
    values: dict[str, float] = {}
    for which, made in (_answers(c) | {"/real": c.truths}).items():
        looked_at = label_maps.at_most(label_maps.LARGEST, rounded(made))
        seen = told(judge, looked_at, size, device)
        found = label_maps.found_again(seen, label_maps.of_size(right, looked_at), len(colours))
        values |= {f"{name}{which}": share for name, share in found.items()}
    return values


def cycle(c: Comparison) -> dict[str, float]:
    """Mean absolute error in [0, 1] of pictures that went to the other domain and came back, from either domain.

    A model may hide a picture in what it makes of it, unseen (Chu 2017, arXiv:1712.02950): so ``/noise`` is the error
    where what came between was rounded to 8 bits and got normal noise of a standard deviation of a grey level.
    """
    if "back" not in c.model.asks:
        raise UsageError(f"{c.model.variant} makes no pictures of what it made: there is no cycle to measure")
    values = {}
    for name, pictures, made, back in (("cycle", c.inputs["source"], c.outputs, "target"),
                                       ("cycle/back", c.truths, c.back, "source")):
        noise = standard_normals(len(made), made[0].numel(), c.protocol.seed).view_as(made) / 255
        for suffix, between in (("", made), ("/noise", (rounded(made) + noise).clamp(0, 1))):
            inputs: Inputs = {back: between}
            values[name + suffix] = l1(c.model.respond(c.how.batch_size, **inputs), pictures)
    return values


def domains(c: Comparison) -> dict[str, float]:
    """Share of translated pictures that a classifier takes for the target domain, beside that of real ones of it, of
    untouched ones and of other trivial answers, and how often it is right of real ones; and the same back."""
    _check_domains(c)
    model, here, there = c.model, c.inputs["source"], c.truths
    columns: Any = c.training_columns
    size, device = c.how.batch_size, c.how.device

    def first(rows: Tensor) -> Tensor:
        return model.given(take(columns, rows))

    def second(rows: Tensor) -> Tensor:
        return model.truth(model.prepare(take(columns, rows))).cpu()

    judge = two_domains.domain_judge({first: len(columns.source), second: len(columns.truth)}, model.data.shape, device)

    def taken(which: int, pictures: Tensor) -> float:
        return two_domains.share_taken_for(which, judge, rounded(pictures), size, device)

    values = {f"in_domain{which}": taken(1, made) for which, made in (_answers(c) | {"/real": there}).items()}
    values["in_domain/accuracy"] = (taken(0, here) + taken(1, there)) / 2
    back = {"": c.back, "/copy": there, "/real": here} if "back" in c.model.asks else {}
    return values | {f"in_domain/back{which}": taken(0, made) for which, made in back.items()}


def parts(c: Comparison) -> dict[str, float]:
    """Of domains that are parts of classes, such as "pink hair" and "blue hair": shares of translated pictures with the
    part that was asked for, and with what else the picture had that was given, such as the colour of its eyes, both as
    a bundled classifier sees it, beside those of trivial answers; nothing where it does not know them.
    """
    network, asked = load_classifier(c.eye).to(c.how.device), _check_domains(c)
    head = next((name for name, parts in network.heads.items() if {*asked} <= {*parts}), None)
    if head is None:
        return {}

    def seen(pictures: Tensor) -> dict[str, Tensor]:
        logits = torch.cat([network(batch.to(c.how.device))[1].cpu()
                            for batch in (rounded(pictures) * 255).round().byte().split(c.how.batch_size)])
        return dict(zip(network.heads, network.classes_seen(logits).T, strict=True))

    target, before, values = network.heads[head].index(asked[1]), seen(c.inputs["source"]), {}
    for which, made in (_answers(c) | {"/real": c.truths}).items():
        for name, found in seen(made).items():
            if name == head:
                values[f"asked[{c.eye}]/{name}{which}"] = (found == target).double().mean().item()
            elif which != "/real":  # which have nothing to do with those that were given
                values[f"kept[{c.eye}]/{name}{which}"] = (found == before[name]).double().mean().item()
    return values


def style(c: Comparison) -> dict[str, float]:
    """Whether answers have the style of pictures that were shown.

    ``palette_l1`` is how far the means and deviations of their channels are from those of the pictures shown, which
    are others than the true ones, beside copies of what was given and answers in styles that were drawn (``drawn``).
    ``style_spread`` is the mean absolute difference of two answers to a picture, in the style of two others, beside
    that of these others (``real``). Where the true pictures are known, ``own_l1`` and so on are errors of answers in
    the style of the true one. All but psnr, in dB, and ssim are means in [0, 1].
    """
    if not c.model.takes_style:
        raise UsageError(f"{c.model.variant} takes no style from a picture: there is none to measure")
    source, true, size = c.inputs["source"], c.truths, c.how.batch_size
    first, second = (true.roll(len(true) * part // 3, 0) for part in (1, 2))

    def answers(pictures: Tensor) -> Tensor:
        return c.model.respond(size, source=source, **c.model.told(len(source), style=pictures))

    made = answers(first)
    values = {"palette_l1": l1(moments(made), moments(first)), "palette_l1/copy": l1(moments(source), moments(first)),
              "palette_l1/drawn": l1(moments(c.outputs), moments(first)),
              "style_spread": l1(made, answers(second)), "style_spread/real": l1(first, second)}
    own = errors(answers(true), true) if c.model.paired else {}
    return values | {f"own_{name}": value for name, value in own.items()}


def _answers(c: Comparison) -> dict[str, Tensor]:
    """The model's answers and the trivial ones, by what their numbers' names end with."""
    return {"": c.outputs, **{f"/{which}": pictures for which, pictures in c.trivial.items()}}


def _check_pairs(c: Comparison) -> None:
    if not c.model.paired:
        raise UsageError(f"{c.model.variant} is not trained on pairs: there are no true ones to compare pictures with")


def _check_domains(c: Comparison) -> list[str]:
    if not c.model.data.sets:
        raise UsageError(f"{c.model.variant} is not trained on two domains: there are none to tell apart")
    return c.model.data.sets
