"""Learning from some of the pictures of a set, and the curve of a distance against their number."""

import csv

import numpy as np
import pytest
import torch
from conftest import tiny_run
from test_copies import SIZE, named, with_copies

import zoo
from zoo.commands import few as command
from zoo.core.errors import UsageError
from zoo.core.files import write_json
from zoo.data.few import least
from zoo.data.sources import open_source
from zoo.metrics.comparison import Comparison, How
from zoo.metrics.protocol import Protocol
from zoo.models import variant_class
from zoo.study import few
from zoo.training.options import Training

pytestmark = pytest.mark.usefixtures("cache")


def test_groups_by_hand():
    """The group of 1 and 3, and that of 0, 2 and 5, are taken whole or not at all, those of the least draws first."""
    draws, groups = np.array([0.5, 0.2, 0.5, 0.2, 0.9, 0.5]), np.array([7, 4, 7, 4, 1, 7])
    chosen = {count: least(draws, groups, count).tolist() for count in range(7)}
    assert chosen == {0: [], 1: [4], 2: [1, 3], 3: [1, 3, 4], 4: [1, 3, 4], 5: [0, 1, 2, 3, 5], 6: [0, 1, 2, 3, 4, 5]}


@pytest.mark.parametrize("share", [0.0, 0.3])
def test_copies_are_together_and_few_are_among_more(share, tmp_path):
    images, truth = with_copies()
    folder = str(named(tmp_path / "set", images))
    whole, some, less = (open_source(folder, image_size=SIZE, held_out=share, pictures=count)
                         for count in (0, 20, 10))
    among, kept = whole.load().images, some.load().images
    files = [whole.images.files[row] for row in whole.rows.tolist()] if share else whole.files
    of = [truth[int(file.stem)] for file in files]
    inside = {of[row] for row in some.rows.tolist()}
    assert not inside & {of[row] for row in set(range(len(of))) - set(some.rows.tolist())}
    assert 19 <= some.spec.images == len(kept) <= 20
    assert torch.equal(kept, among[some.rows])
    assert torch.equal(some.load().labels, whole.load().labels[some.rows])
    assert set(less.rows.tolist()) < set(some.rows.tolist())
    assert some.spec.provenance.endswith(f"; {len(kept)} of {len(of)} pictures to learn from")
    assert not share or torch.equal(
        open_source(folder, image_size=SIZE, held_out=share, pictures=10, split="test").load().images,
        open_source(folder, image_size=SIZE, held_out=share, split="test").load().images)


def test_a_run_learns_from_few_and_is_compared_with_these(tmp_path):
    run = tiny_run("dcgan", tmp_path / "run", images=80, held_out=0.2, pictures=60)
    run.train()
    assert len(run.data.columns.images) == run.model.data.images == 60
    model = zoo.load(tmp_path / "run")
    assert model.data.opening == {"image_size": 16, "held_out": 0.2, "pictures": 60}
    compared = Comparison(model, Protocol(features="digits", data="digits"), How())
    assert compared.source.spec.images > 200  # pictures to test with, of which none was taken away
    assert torch.equal(compared.training[0][torch.arange(60)], run.data.columns.images)


@pytest.mark.parametrize(("options", "words"), [
    ({"data": "ring"}, "ring is a set of points"),
    ({"data": "digits", "pictures": 2000}, "digits has 1,797 pictures to learn from, not 2,000: choose fewer"),
    ({"data": "digits", "kind": "pairs", "pairs": "grey"}, "--pictures is for models of single pictures"),
    ({"data": "digits", "pictures": 1}, "has 1 picture to learn from: give at least 2"),
])
def test_what_cannot_be_few(options, words):
    with pytest.raises(UsageError, match=words):
        open_source(**{"pictures": 10} | options)


def test_the_curve_of_a_study(tmp_path, monkeypatch, capsys):
    """What comes of the runs is read from them, and the pictures themselves stand beside."""
    jobs = []

    def run_all(given, workers):
        for job in given:
            training = Training(**job.training)
            assert variant_class(job.variant).Config.from_dict(job.config).discriminator_norm == "none"
            assert (training.eval_split, training.eval_every, training.eval_features) == ("test", 32, "digits")
            value = 1000 / training.pictures / (2 if job.config["augment"] == "diff" else 1) + training.seed
            write_json(job.folder / "metrics.json", {
                "diversity": {"value": 1.0, "protocol": ""}, "fd100[digits]/best": {"value": value, "protocol": ""},
                "fd100[digits]/last": {"value": 2 * value, "protocol": ""}})
        jobs.extend(given)
        return {given[-1].folder: "it diverged"}

    monkeypatch.setattr(few, "run_all", run_all)
    command.main(["--data", "digits", "--image-size", "16", "--held-out", "0.2", "--pictures", "100", "50", "--images",
                  "128", "--samples", "100", "--seeds", "2", "--width", "2", "--discriminator-norm", "none", "--out",
                  str(tmp_path)])
    assert len(jobs) == len({job.folder for job in jobs}) == 8
    printed = capsys.readouterr().out
    assert "| 50 | 41 (20.5) | 21 (10.5) |" in printed  # the mean of two seeds, and at best
    assert "| 100 | 21 (10.5) | 10 (5) |" in printed  # of one, since the other diverged
    assert (tmp_path / "curve.png").read_bytes().startswith(b"\x89PNG")
    with open(tmp_path / "runs.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["pictures"] for row in rows] == ["50", "50", "100", "100", "50", "50", "100"]
    assert 0 < float(rows[2]["copied"]) < float(rows[0]["copied"])  # the fewer, the further from others
    assert {(row["images"], row["distance"]) for row in rows} == {("128", "fd100[digits]")}


@pytest.mark.parametrize(("options", "words"), [
    (["--data", "digits"], "digits has no pictures to test with.*--held-out 0.1"),
    (["--data", "digits", "--held-out", "0.2", "--pictures", "100", "5k"], r"digits has 1,\d+ pictures .* not 5,000"),
    (["--variant", "vae"], "vae has no discriminator that sees pictures"),
    (["--discriminator-norm", "more"], "unknown value for discriminator_norm: 'more'"),
    (["--augments", "more"], "unknown value for augment: 'more'"),
    (["--pictures", "0"], "--pictures must be at least 1"),
])
def test_a_study_of_few_that_cannot_be(options, words, tmp_path, monkeypatch):
    monkeypatch.setattr(few, "run_all", lambda *_: pytest.fail("work before the check"))
    with pytest.raises(UsageError, match=words):
        command.main([*options, "--out", str(tmp_path / "out")])
    assert not (tmp_path / "out").exists()
