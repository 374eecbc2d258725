"""The study's space, protocol and statistics, by number."""

import itertools
import math
import subprocess
import sys

import numpy as np
import pytest
import torch
from conftest import SAMPLERS, tiny_run
from PIL import Image
from scipy.stats import kruskal, mannwhitneyu, spearmanr

from zoo.core.config import options_of
from zoo.core.errors import UsageError
from zoo.metrics.features import feature_space
from zoo.models import variant_class
from zoo.study import paper
from zoo.study.analysis import best_of, differences, effects, holm, least_p, rank_correlation, summary
from zoo.study.findings import findings, number
from zoo.study.protocol import StudyProtocol
from zoo.study.results import Row
from zoo.study.space import PAPER, check_variants, draw, space_of

UNLABELLED = [name for name in SAMPLERS if not variant_class(name).needs()
              and "backbone" in options_of(variant_class(name).Config)]  # those that it compares
WIDE = {"learning_rate": (1e-5, 1e-2), "beta1": (0, 0.999), "critic_steps": {1, 5},
        "discriminator_norm": {"batch", "none"}, "encoder_norm": {"batch", "none"}, "clip": (1e-3, 1),
        "penalty": (0.1, 100), "lambda_k": (1e-4, 1e-2), "gamma": (0, 1)}
NARROW = WIDE | {"learning_rate": (1e-4, 1e-3), "beta1": {0.5}, "critic_steps": {1}, "clip": (1e-2, 1),
                 "penalty": (0.1, 10), "lambda_k": {1e-3}, "gamma": (0.6, 0.9)}


@pytest.mark.parametrize(("search", "ranges"), [("wide", WIDE), ("narrow", NARROW)])
@pytest.mark.parametrize("variant", PAPER)
def test_hyperparameters_are_drawn_from_the_papers_ranges(variant, search, ranges):
    drawn = [draw(variant, search, 0, index) for index in range(1, 200)]
    for name in drawn[0]:
        values = [values[name] for values in drawn]
        if isinstance(ranges[name], set):
            assert set(values) == ({"none"} if name == "discriminator_norm" and search == "narrow"
                                   and variant_class(variant).penalises_gradients else ranges[name])
            continue
        low, high = ranges[name]
        assert low <= min(values) <= max(values) <= high
        middle = math.sqrt(low * high) if name not in ("beta1", "gamma") else (low + high) / 2
        assert np.mean(np.array(values) < middle) == pytest.approx(0.5, abs=0.15)  # log-uniform, or uniform


def test_what_each_model_varies():
    common = ["learning_rate", "beta1", "critic_steps", "discriminator_norm"]
    own = {"wgan": ["clip"], "wgan-gp": ["penalty"], "dragan": ["penalty"]}
    for variant in ("gan", "nsgan", "lsgan", "wgan", "wgan-gp", "dragan"):
        assert list(space_of(variant, "wide")) == common + own.get(variant, [])
    assert list(space_of("began", "wide")) == ["learning_rate", "beta1", "discriminator_norm", "lambda_k", "gamma"]
    assert list(space_of("vae", "wide")) == ["learning_rate", "beta1", "encoder_norm"]
    assert list(space_of("mmdgan", "wide")) == [*common, "clip"]  # it clips weights as wgan does


@pytest.mark.parametrize("variant", UNLABELLED)
def test_the_first_trial_is_the_authors_and_all_can_be_built(variant):
    protocol, spec = StudyProtocol(data="digits", image_size=16, width=2).resolved(None)
    cls = variant_class(variant)
    first = cls.Config.from_dict(protocol.config(variant) | draw(variant, "wide", 0, 0))
    assert first == cls.Config.from_dict(protocol.config(variant))
    assert (first.backbone, first.optimizer, first.ema_halflife) == ("infogan", "adam", 0)
    assert variant == "ebm" or first.latent_dim == 64  # whose latent is the noise of chains
    assert first.latent == ("normal" if cls.kind == "auto-encoder" else "uniform")
    for index in range(1, 20):
        cls.Config.from_dict(protocol.config(variant) | draw(variant, "wide", 0, index))
    protocol.check(variant, spec)


def test_networks_of_one_s_own_are_not_compared():
    protocol, spec = StudyProtocol(data="digits", image_size=16, width=2).resolved(None)
    with pytest.raises(UsageError, match="lapgan has networks of its own"):
        protocol.check("lapgan", spec)


def test_a_draw_depends_on_seed_variant_and_index_alone():
    assert draw("wgan", "wide", 3, 7) == draw("wgan", "wide", 3, 7)
    others = [draw("wgan", "wide", 4, 7), draw("wgan", "wide", 3, 8), draw("lsgan", "wide", 3, 7)]
    assert len({values["learning_rate"] for values in [draw("wgan", "wide", 3, 7), *others]}) == 4
    assert space_of("wgan", "none") == {}
    assert options_of(variant_class("sngan").Config)["discriminator_norm"].default == "spectral"
    assert "discriminator_norm" not in space_of("sngan", "wide")
    assert "latent" not in StudyProtocol().config("alphagan")  # normal, though other GANs are told to be uniform
    assert StudyProtocol().config("gan")["latent"] == "uniform"


@pytest.mark.parametrize(("names", "words"), [(["cgan"], "cgan needs labels"), (["gan", "gan"], "twice"),
                                              (["vea"], "did you mean vae")])
def test_variants_that_cannot_be_compared(names, words):
    with pytest.raises(UsageError, match=words):
        check_variants(names)


def test_protocol_is_the_papers_unless_told_otherwise():
    protocol, _ = StudyProtocol(data="digits").resolved(None)
    assert (protocol.batch_size, protocol.latent_dim, protocol.backbone, protocol.width) == (64, 64, "infogan", 64)
    assert (protocol.images, protocol.samples, protocol.split) == (100_000, 1797, "train")
    assert protocol.features.startswith("digits@")
    training = protocol.training(seed=3, data_dir=None, accelerator="cpu")
    assert (training.eval_every, training.images, training.seed, training.devices) == (25_000, 100_000, 3, "1")
    with pytest.raises(UsageError, match="set of points"):
        StudyProtocol(data="ring").resolved(None)
    with pytest.raises(UsageError, match="eval_samples must be at least 50"):
        StudyProtocol(samples=10).resolved(None)[0].training(0, None, "cpu")


def test_distance_is_to_the_split_that_was_asked_for(tmp_path):
    for split, level in (("train", 60), ("test", 200)):
        (tmp_path / "data" / split / "a").mkdir(parents=True)
        for i in range(50 if split == "train" else 55):
            Image.new("L", (16, 16), level + i % 5).save(tmp_path / "data" / split / "a" / f"{i}.png")
    protocol, _ = StudyProtocol(data=str(tmp_path / "data"), image_size=16, features="digits").resolved(None)
    assert (protocol.split, protocol.samples) == ("test", 55)
    run = tiny_run("gan", tmp_path / "run", data=str(tmp_path / "data"), eval_every=80, eval_samples=60,
                   eval_features="digits", eval_split="test")
    run.train()
    distance = run.evaluation._distance
    images = torch.tensor([200 + i % 5 for i in range(55)], dtype=torch.uint8).view(-1, 1, 1, 1).expand(-1, 1, 16, 16)
    assert distance.real_features_num_samples == 55
    expected = feature_space("digits").extract(images).pooled.double().sum(0)
    torch.testing.assert_close(distance.real_features_sum.double(), expected, rtol=1e-4, atol=1e-3)
    assert [images for images, _ in run.evaluation.curve] == [80, 160]
    assert "test images" in (tmp_path / "run" / "metrics.json").read_text()


def test_holm():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1.0, 1.0]


def test_differences_are_tested_in_pairs_and_failures_rank_last():
    groups = {"a": [1.0, 2, 3, 4, 5, 6], "b": [11.0, 12, 13, 14, 15, 16], "c": [2.5, 1.5, 3.5, 4.5, 5.5, math.inf]}
    p_values = differences(groups)
    single = [mannwhitneyu(groups[x], groups[y]).pvalue for x, y in itertools.combinations("abc", 2)]
    assert p_values[("a", "b")] == pytest.approx(3 * single[0])
    assert p_values[("a", "c")] > 0.3
    assert differences({"a": [math.inf] * 3, "b": [math.inf] * 3}) == {("a", "b"): 1.0}
    assert least_p(5, 5, 28) == pytest.approx(28 * 2 / 252)


def test_best_of_is_the_bootstrap_of_a_search():
    distances = [3.0, 1.0, math.inf, 2.0]
    samples = np.random.default_rng(0).choice(distances, (20_000, 3)).min(1)
    for quantile in (0.1, 0.5, 0.9):
        assert best_of(distances, quantile)[2] == np.quantile(samples, quantile, method="inverted_cdf")
    assert best_of([4.0, 2.0], 0.5) == [2.0, 2.0]
    assert best_of(distances, 0.95)[0] == math.inf


def test_summary_counts_failures_and_leaves_them_out_of_means():
    figures = summary([1.0, 3.0, math.inf])
    assert (figures.n, figures.failed, figures.median, figures.mean, figures.least) == (3, 1, 3.0, 2.0, 1.0)
    assert figures.std == pytest.approx(math.sqrt(2))
    assert math.isnan(summary([1.0]).std)
    assert [number(value) for value in (math.nan, math.inf, 12.345, 12345.6)] == ["–", "failed", "12.3", "12346"]


def row(variant, distance, seed=0, index=0, **values):
    curve = ((10, distance),) if distance < math.inf else ()
    return Row("digits", variant, index, seed, values, "fd[digits]", curve)


def test_effects_of_numbers_and_of_choices():
    rows = [row("gan", float(i), learning_rate=1e-4 * i, discriminator_norm="batch" if i < 5 else "none", beta1=0.5)
            for i in range(1, 9)] + [row("gan", math.inf, learning_rate=1.0, discriminator_norm="none", beta1=0.5)]
    rate, norm = effects([*rows, row("gan", 100.0, seed=1, learning_rate=0.0, discriminator_norm="none", beta1=0.1)])
    assert (rate.name, rate.correlation, rate.n) == ("learning_rate", pytest.approx(1.0), 9)
    assert rate.p < 0.01
    assert norm.medians == {"batch": 2.5, "none": 7.0}
    assert norm.p == pytest.approx(mannwhitneyu([1, 2, 3, 4], [5, 6, 7, 8, 9]).pvalue)


def test_effects_of_more_than_two_choices():
    """Some variant's own may be three; Kruskal and Wallis' test is of them all, and infinite distances rank last."""
    distances = {1: [1.0, 2.0, 3.0], 2: [4.0, 5.0, 6.0], 5: [7.0, 8.0, math.inf]}
    (steps,) = effects([row("gan", d, critic_steps=n) for n, found in distances.items() for d in found])
    assert steps.medians == {"1": 2.0, "2": 5.0, "5": 8.0}
    assert steps.p == pytest.approx(kruskal([1, 2, 3], [4, 5, 6], [7, 8, 9]).pvalue)
    (alike,) = effects([row("gan", 1.0, critic_steps=n) for n in (1, 2, 5)])
    assert alike.p == 1


def test_rank_correlation_of_few_is_exact():
    assert rank_correlation([1, 2, 3], [1, 2, math.inf]) == (pytest.approx(1), pytest.approx(1 / 3))  # 2 of 3! orders
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=30), rng.normal(size=30)
    expected = spearmanr(x, y)
    assert rank_correlation(x, y) == (pytest.approx(expected.statistic), pytest.approx(expected.pvalue, abs=0.02))
    assert math.isnan(rank_correlation([1, 2, 3], [5, 5, 5])[0])


def test_findings_say_what_cannot_be_told_apart_and_compare_ranks_with_the_paper():
    search = {"gan": [9.0, 14.0, math.inf], "wgan": [5.0, 6.0, 30.0], "vae": [20.0, 21.0, 22.0]}
    text = "\n".join(findings("mnist", search, {"gan": [9.1], "wgan": [5.2], "vae": [20.5]}))
    assert "Median distance over the repetitions of the best trials: wgan 5.2, gan 9.1, vae 20.5." in text
    assert "Of 3 pairs of models, 0 can be told apart" in text
    assert "With n=1 none could be" in text
    assert "The VAE's spread over the trials is the smallest, its median worse than that of 2 of the 2 others." in text
    assert "Trials that failed: gan 1 of 3." in text
    assert "rank correlation of these medians with the paper's FID over the 3 models of both is 1.00" in text


def test_the_papers_table_is_of_its_eight_models():
    assert all(tuple(table) == PAPER for table in paper.FID.values())
    assert paper.fid_of("cifar10-jpeg") == paper.FID["cifar10"]
    assert paper.fid_of("digits") == {}


def test_neither_the_package_nor_the_protocol_needs_the_extra():
    code = "import sys; sys.modules['optuna'] = None; import zoo, zoo.study.protocol"
    subprocess.run([sys.executable, "-c", code], check=True)
