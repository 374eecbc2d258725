"""The benchmark runs, and its ratios are ratios."""

import re
import time

import pytest
from conftest import script

import zoo
from zoo.benchmark import compare

benchmark = script("benchmark")


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path))  # the script sets it: this puts it back


@pytest.mark.parametrize("arguments", [
    ["train", "--variant", "gan", "--backbone", "mlp", "--width", "2", "--batches", "3"],
    ["train", "--variant", "wgan-gp", "--width", "2", "--batches", "5", "--data-loading", "memory"],
    ["sample", "--width", "2", "--samples", "300"],
    ["data", "--batches", "3"],
    ["evaluate", "--samples", "1k", "--features", "digits"],
])
def test_every_benchmark_prints_its_ratio(arguments, capsys):
    benchmark.main([*arguments, "--pairs", "1", "--image-size", "16", "--batch-size", "8"])
    (ratio,) = re.findall(r": the reference takes ([\d.]+) times as long as the zoo", capsys.readouterr().out)
    assert float(ratio) > 0


def test_ratios_say_how_much_faster_the_zoo_is():
    def sleeps(seconds):
        def call(meter):
            meter.start()
            time.sleep(seconds)
            meter.stop()

        return call

    found = compare(sleeps(0.02), sleeps(0.06), pairs=3)
    assert 2 < found.lowest <= found.wall <= found.highest < 3.5
    assert found.pairs == 3


def test_only_what_has_a_bare_loop_is_compared():
    with pytest.raises(zoo.UsageError, match="written for gan, dcgan and wgan-gp, not for vae"):
        benchmark.main(["train", "--variant", "vae"])
