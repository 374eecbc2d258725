"""zoo tradeoff: models between two, and their numbers."""

import pytest
import torch
from PIL import Image

import zoo
from zoo.commands import tradeoff as command
from zoo.data.sources import open_source
from zoo.metrics.comparison import How
from zoo.metrics.protocol import Protocol
from zoo.metrics.tradeoff import tradeoff
from zoo.models import variant_class
from zoo.store.blending import blended
from zoo.tasks.upscaler import TRADEOFF

ASKED = {"samples": 50, "real": 50, "features": "mnist", "split": "train"}


def model_of(seed: int, variant: str = "srgan", **config):
    """On digits, with weights and statistics of its own."""
    torch.manual_seed(seed)
    cls = variant_class(variant)
    spec = open_source("digits", image_size=32, kind="pairs", pairs="quarter").spec
    model = cls(cls.Config(**{"width": 4, "blocks": 1, "judge_width": 2} | config), spec)
    for name, buffer in model.generator.named_buffers():
        if "running" in name:
            buffer.uniform_(0.5, 1.5)
    return model.eval()


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    return [zoo.save(model_of(seed), folder / str(seed)) for seed in (1, 2)]


def test_weights_and_statistics_lie_on_the_line(saved):
    first, second = map(zoo.load, saved)
    ends = first.generator.state_dict(), second.generator.state_dict()
    for share in (0.0, 0.25, 1.0):
        made = blended(first, second, share)
        for key, value in made.generator.state_dict().items():
            expected = (1 - share) * ends[0][key] + share * ends[1][key] if value.is_floating_point() else ends[1][key]
            torch.testing.assert_close(value, expected.to(value.dtype), rtol=1e-6, atol=1e-7)
    assert not torch.equal(made.upscale(torch.rand(1, 1, 8, 8)), first.upscale(torch.rand(1, 1, 8, 8)))
    assert all(torch.equal(value, ends[1][key]) for key, value in second.generator.state_dict().items())


@pytest.mark.parametrize("other", [{"blocks": 2}, {"width": 6}, {"variant": "wavelet-srgan"}])
def test_there_is_nothing_between_models_of_other_layers(other):
    with pytest.raises(zoo.UsageError, match="whose layers differ there is no model"):
        blended(model_of(1), model_of(2, **other), 0.5)


def test_the_ends_have_their_own_numbers(saved):
    """Those of ``zoo.evaluate``, and so has bicubic interpolation."""
    found = tradeoff(*map(zoo.load, saved), [0.0, 0.5, 1.0], Protocol(**ASKED), How())
    for share, folder in ((0.0, saved[0]), (1.0, saved[1])):
        numbers = zoo.evaluate(zoo.load(folder), measures="luma,perceptual", **ASKED)
        assert found.psnr[share] == pytest.approx(numbers["psnr_y"]["value"], abs=1e-4)
        assert found.distance[share] == pytest.approx(numbers["perceptual[mnist]"]["value"], abs=1e-5)
        assert found.bicubic == pytest.approx((numbers["psnr_y/copy"]["value"],
                                               numbers["perceptual[mnist]/copy"]["value"]), abs=1e-5)
        assert found.protocol == numbers["psnr_y"]["protocol"]
    assert found.psnr[0.5] not in (found.psnr[0.0], found.psnr[1.0])


def test_numbers_that_say_bf16_are_in_bf16(saved):
    whole, half = (tradeoff(*map(zoo.load, saved), [1.0], Protocol(**ASKED, precision=precision), How())
                   for precision in (None, "bf16-mixed"))
    assert "precision=bf16-mixed" in half.protocol
    assert whole.psnr[1.0] != half.psnr[1.0]
    assert half.psnr[1.0] == pytest.approx(whole.psnr[1.0], abs=0.5)


def test_a_curve_for_the_card(saved, tmp_path, capsys):
    first, second = map(str, saved)
    words = [word for name, value in ASKED.items() for word in (f"--{name}", str(value))]
    command.main([first, second, "--shares", "1", "0", *words])
    said = capsys.readouterr().out.splitlines()
    assert [line.split(" | ")[0] for line in said[:5]] == ["| share", "|---|---|---|", "| 0", "| 1", "| bicubic"]
    with Image.open(saved[1] / TRADEOFF) as picture:
        assert picture.size == (560, 420)
    assert TRADEOFF in zoo.load(second).captions()
    for words, complaint in ((["--shares", "1.5"], "from 0, the first, to 1"), (["--measures", "luma"], "leave"),
                             (["--out", str(tmp_path / "x.png"), "--data", "none"], "none")):
        with pytest.raises(zoo.UsageError, match=complaint):
            command.main([first, second, *words])
    with pytest.raises(zoo.UsageError, match="is no folder to draw into"):
        command.main([first, "srgan-anime"])
    with pytest.raises(zoo.UsageError, match="a gan makes no pictures larger"):
        command.main(["gan-mnist", second])
