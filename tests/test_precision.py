"""Answers and features in bf16: near those in float32, said beside the numbers, and only where it is asked for."""

import pytest
import torch
from conftest import OF_SENTENCES, VARIANTS, answers

import zoo
from zoo.cards.publishing import evaluate_folder
from zoo.commands import sample
from zoo.core.errors import UsageError
from zoo.data.sources import open_source
from zoo.metrics.evaluation import measured
from zoo.metrics.features import feature_space
from zoo.metrics.protocol import Protocol
from zoo.metrics.real import real_side

CHOOSING = ("vqgan", *OF_SENTENCES)  # one thing after the other: where the first comes out otherwise, all may
FEW = {"samples": 200, "real": 200, "features": "digits", "measures": "frechet"}


@pytest.mark.parametrize("variant", VARIANTS)
def test_answers_in_bf16_are_near_those_in_float32(variant, finished):
    model = zoo.load(finished(variant), precision="bf16-mixed")
    half = answers(model)
    model.precision = "32-true"
    whole = answers(model)
    assert half.dtype == whole.dtype
    assert half.shape == whole.shape
    if variant not in CHOOSING:
        # An untrained network's answers fill the whole range, where bf16 has steps of 1/256 and sums of many.
        assert 0 < (half - whole).abs().mean() < 0.02


def test_a_model_multiplies_in_bf16_where_it_is_asked_for_and_nowhere_else(finished):
    folder = finished("aae")
    model, half = zoo.load(folder), zoo.load(folder, precision="bf16-mixed")
    images = model.sample(4, seed=0)
    latents = half.encode(images)
    assert latents.dtype == torch.float32
    assert not torch.equal(latents, model.encode(images))
    half.precision = "32-true"
    assert torch.equal(half.sample(4, seed=0), images)
    assert torch.equal(half.encode(images), model.encode(images))
    with torch.autocast("cpu", torch.bfloat16):  # a user's own is left as it is
        assert not torch.equal(model.sample(4, seed=0), images)


@pytest.mark.filterwarnings("ignore:.*are too few.*")
def test_numbers_say_that_they_are_in_bf16_and_hardly_move(finished):
    model = zoo.load(finished("dcgan"))
    whole, half = (zoo.evaluate(model, "digits", precision=p, **FEW) for p in (None, "bf16-mixed"))
    assert model.precision == "32-true"
    name = "fd200[digits]"
    assert whole[name]["value"] != half[name]["value"] == pytest.approx(whole[name]["value"], rel=0.01)
    assert "precision" not in whole[name]["protocol"]
    assert "precision=bf16-mixed" in half[name]["protocol"]
    assert Protocol.parse(half[name]["protocol"]).precision == "bf16-mixed"
    assert zoo.evaluate(zoo.load(finished("dcgan"), precision="bf16-mixed"), "digits", **FEW) == half


def test_what_numbers_were_asked_for_tells_their_precision(tmp_path, finished):
    zoo.save(zoo.load(finished("dcgan")), tmp_path / "model")
    with pytest.warns(UserWarning, match="too few"):
        evaluate_folder(tmp_path / "model", data="digits", precision="bf16-mixed", **FEW)
    assert measured(tmp_path / "model", {"precision": "bf16-mixed"})
    assert not measured(tmp_path / "model", {"precision": "32-true"})


def test_features_in_bf16_are_kept_apart(cache):
    source = open_source("digits", image_size=16)
    whole, half = (real_side(source, feature_space("digits", precision=p), 64, 64, torch.device("cpu")).features.pooled
                   for p in ("32-true", "bf16-mixed"))
    assert not torch.equal(whole, half)
    assert (whole - half).norm() < 0.02 * whole.norm()
    again = real_side(source, feature_space("digits"), 64, 64, torch.device("cpu")).features.pooled
    assert torch.equal(again, whole)


def test_a_command_draws_in_bf16(tmp_path, capsys):
    sheet = tmp_path / "sheet.png"
    for how in ([], ["--precision", "bf16-mixed"]):
        before = sheet.read_bytes() if sheet.exists() else b""
        sample.main(["lapgan-anime", "--n", "4", "--out", str(sheet), *how])
        assert sheet.read_bytes() != before


def test_a_precision_that_there_is_not_is_refused(finished):
    with pytest.raises(UsageError, match="unknown precision 'bf16': did you mean bf16-mixed"):
        zoo.load(finished("dcgan"), precision="bf16")
