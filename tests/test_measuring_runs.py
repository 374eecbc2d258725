"""Measuring during training, the command line, and the leaderboard."""

import csv
import shutil

import pytest
import torch
from conftest import tiny_run

import zoo
from zoo.cards.leaderboard import columns, entries, markdown
from zoo.cards.publishing import write_metrics
from zoo.commands import cli
from zoo.commands import evaluate as evaluate_command
from zoo.metrics.distances import frechet_distance
from zoo.metrics.features import feature_space, to_uint8
from zoo.store.layout import read_metrics

pytestmark = pytest.mark.filterwarnings("ignore:.*are too few.*")
EVALUATED = {"eval_every": 80, "eval_samples": 60}


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """A run of cgan that was measured at 80 and at 160 images."""
    folder = tmp_path_factory.mktemp("measured") / "cgan-digits"
    tiny_run("cgan", folder, **EVALUATED).train()
    return folder


def rows(folder):
    with open(folder / "metrics.csv", newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_run_reports_best_and_last_and_keeps_the_best(measured):
    followed = {int(row["images"]): float(row["fd60[digits]"]) for row in rows(measured) if row["fd60[digits]"]}
    assert set(followed) == {80, 120, 160}  # logged every 40; the value at 120 is still that of 80
    metrics = read_metrics(measured)
    best = min(followed, key=followed.get)
    assert metrics["fd60[digits]/best"]["value"] == pytest.approx(followed[best], rel=1e-6)
    assert metrics["fd60[digits]/last"]["value"] == pytest.approx(followed[160], rel=1e-6)
    assert f"after {best} images" in metrics["fd60[digits]/best"]["protocol"]
    assert rows(measured)[-1]["label_agreement[digits]/class"]
    stored = torch.load(measured / "checkpoints" / "best.ckpt", weights_only=True)
    assert stored["zoo"]["images_seen"] == best
    kept = zoo.load(measured).generator.state_dict()
    assert all(torch.equal(value, stored["state_dict"][f"ema.generator.{key}"]) for key, value in kept.items())


def test_what_is_followed_is_what_torch_fidelity_computes(measured):
    """torchmetrics' distance of the averaged weights against torch-fidelity's, on the same images."""
    images, labels = tiny_run("cgan", measured).source.load()
    real = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))[:60]
    model, space = zoo.load(measured), feature_space("digits")
    fake = space.extract(to_uint8(model.sample(60, labels[real], seed=0)))
    expected = frechet_distance(fake.pooled, space.extract(images[real]).pooled)
    assert read_metrics(measured)["fd60[digits]/best"]["value"] == pytest.approx(expected, rel=1e-3)


def test_measuring_leaves_the_run_as_it_is_and_resumes(measured, tmp_path):
    """To the bit the run without measurements; and stopped half-way and resumed, the same best and last."""
    tiny_run("cgan", tmp_path / "plain").train()
    states = [torch.load(folder / "checkpoints" / "images-000000000160.ckpt", weights_only=True)["state_dict"]
              for folder in (measured, tmp_path / "plain")]
    assert all(torch.equal(value, states[1][key]) for key, value in states[0].items())
    tiny_run("cgan", tmp_path / "half", images=80, **EVALUATED).train()
    tiny_run("cgan", tmp_path / "half", resume=True, **EVALUATED).train()
    for name in ("fd60[digits]/best", "fd60[digits]/last"):
        assert read_metrics(tmp_path / "half")[name] == read_metrics(measured)[name]


def test_a_model_that_watches_itself_is_judged_by_the_distance_when_there_is_one(tmp_path):
    tiny_run("began", tmp_path, **EVALUATED).train()
    names = {name for name in read_metrics(tmp_path) if name.endswith("/best")}
    assert names == {"fd60[digits]/best"}


@pytest.mark.parametrize(("options", "message"), [
    ({"data": "ring", "image_size": 0}, "leave --eval-every away, and use zoo evaluate"),
    ({"eval_features": "minst"}, "did you mean mnist"),
    ({"eval_samples": 1}, "eval_samples must be at least"),
])
def test_what_cannot_be_measured_is_refused_before_training(options, message, tmp_path):
    with pytest.raises(zoo.UsageError, match=message):
        tiny_run("gan", tmp_path, config={"backbone": "mlp"}, **EVALUATED | options)


@pytest.fixture
def nothing_bundled(tmp_path_factory, monkeypatch):
    monkeypatch.setattr("zoo.store.catalogue.PACKAGE", tmp_path_factory.mktemp("package"))


def run_script(*arguments):
    evaluate_command.main([str(argument) for argument in arguments])


@pytest.mark.usefixtures("nothing_bundled")
def test_the_script_measures_one_or_all_and_draws_up_a_table(measured, finished, tmp_path, capsys):
    for name, folder in (("a/cgan", measured), ("b", finished("gan")), ("broken", finished("gan"))):
        shutil.copytree(folder, tmp_path / name)
    (tmp_path / "broken" / "model.safetensors").write_bytes(b"")
    tiny_run("gan", tmp_path / "points", data="ring", image_size=0, images=16,
             config={"backbone": "mlp", "width": 2}).train()
    how = ["--features", "digits", "--samples", "60", "--real", "200"]
    run_script(tmp_path / "b", *how)
    first = read_metrics(tmp_path / "b")
    assert "fd60[digits]" in first
    assert "diversity" in first
    assert not (tmp_path / "b" / "memorisation.png").exists()
    assert f"fd60[digits]: {first['fd60[digits]']['value']:.4g}" in capsys.readouterr().out
    run_script(tmp_path / "b", *how, "--measures", "memorisation")
    second = read_metrics(tmp_path / "b")
    assert second.items() > first.items()
    assert (tmp_path / "b" / "memorisation.png").exists()
    assert f"memorised[digits]: {second['memorised[digits]']['value']:.4g}" in capsys.readouterr().out
    run_script("--all", tmp_path, *how, "--out", tmp_path / "table")
    printed = capsys.readouterr().out
    assert f"{tmp_path / 'a' / 'cgan'}\n" in printed
    assert f"{tmp_path / 'b'}\n" not in printed  # it had been measured
    assert f"{tmp_path / 'broken'} is left out: " in printed
    assert f"{tmp_path / 'points'}\nmodes: " in printed
    assert "modes" in read_metrics(tmp_path / "points")
    table = (tmp_path / "table.md").read_text(encoding="utf-8")
    assert printed.endswith(table)
    assert "points" not in table  # which is of distances
    assert "| a/cgan | `cgan` | " in table
    with open(tmp_path / "table.csv", newline="", encoding="utf-8") as file:
        lines = {row["model"]: row for row in csv.DictReader(file)}
    assert float(lines["b"]["fd60[digits]"]) == first["fd60[digits]"]["value"]
    assert lines["b"]["label_agreement[digits]"] == ""
    ordered = entries(tmp_path)
    values = [entry.metrics["fd60[digits]"] for entry in ordered]
    assert values == sorted(values)
    assert not any("/" in name for name in columns(ordered))
    assert markdown(ordered) == table


@pytest.mark.usefixtures("nothing_bundled")
def test_only_numbers_of_one_name_are_put_in_order(finished, tmp_path):
    """An FID of 40 is no worse than a distance of 2 in other features."""
    for name, metric, value in (("a", "fid10k", 40.0), ("b", "fd10k[digits]", 2.0), ("c", "fid10k", 30.0),
                                ("d", "fd10k[digits]", 50.0)):
        shutil.copytree(finished("gan"), tmp_path / name)
        write_metrics(tmp_path / name, {metric: {"value": value, "protocol": ""}})
    assert [entry.model for entry in entries(tmp_path)] == ["b", "d", "c", "a"]


@pytest.mark.usefixtures("nothing_bundled")
def test_the_script_says_what_it_needs(tmp_path):
    for arguments in ([], [tmp_path, "--all", tmp_path]):
        with pytest.raises(zoo.UsageError, match="model folder to measure"):
            run_script(*arguments)
    with pytest.raises(zoo.UsageError, match="no model in"):
        run_script("--all", tmp_path)
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "metrics.json").write_text('{"fid10k": 3}')
    with pytest.raises(zoo.UsageError, match="evaluate the model again"):
        read_metrics(tmp_path)
    assert cli.count("10k") == 10_000
