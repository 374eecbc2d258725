"""Numbers along training, over arms and seeds."""

from statistics import fmean

import pytest

import zoo
from zoo.commands import curves as command
from zoo.study import curves
from zoo.study.curves import by_arm, ends, read_rows
from zoo.training.options import Training

ARMS = ["lstm", "seqgan reward=constant"]
GIVEN = ["--data", "oracle", "--length", "4", "--vocabulary", "5", "--images", "96", "--batch-size", "16", "--every",
         "32", "--samples", "60", "--measures", "likelihood", "--accelerator", "cpu", "--options", "width=4",
         "likelihood=32", "warm_up=0", "rollouts=1", "filters=1"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    pytest.importorskip("matplotlib")
    place = tmp_path_factory.mktemp("curves")
    command.main([*ARMS, *GIVEN, "--seeds", "2", "--out", str(place)])
    return place


def test_every_arm_and_seed_is_measured_on_its_way(folder):
    rows = read_rows(folder / "curves.csv")
    assert {row[:2] for row in rows} == {(arm, seed) for arm in ARMS for seed in range(2)}
    for arm in ARMS:
        points = by_arm(rows, "nll")[arm]
        assert {*points} == {32, 64, 96}
        assert all(len(set(values)) == 2 for values in points.values())  # another seed is another model
    assert (folder / "curves.png").read_bytes()[:4] == b"\x89PNG"


def test_the_numbers_are_those_of_an_evaluation(folder, tmp_path):
    """Of the same run, at its end."""
    model = zoo.train("lstm", "oracle", images=96, batch_size=16, length=4, vocabulary=5, width=4, accelerator="cpu")
    found = zoo.evaluate(model, data="oracle", measures="likelihood", samples=60, real=60)["nll"]["value"]
    assert by_arm(read_rows(folder / "curves.csv"), "nll")["lstm"][96][0] == pytest.approx(found, rel=1e-5)


@pytest.mark.parametrize("accelerator", ["cpu", "auto"])
def test_a_model_is_measured_where_it_trains(accelerator, tmp_path, monkeypatch):
    """On a machine with a GPU it was moved to the CPU in the middle of its training."""
    followed = []
    monkeypatch.setattr(curves, "_run", lambda arm, seed, training, following: followed.append(following) or [])
    curves.follow([curves.Arm("lstm", "lstm", {})], Training(data="oracle", accelerator=accelerator), 1, 32,
                  ["likelihood"], 60, tmp_path)
    assert [one.how.accelerator for one in followed] == [accelerator]


def test_what_is_done_is_not_done_again(folder, capsys):
    before = (folder / "curves.csv").read_bytes()
    command.main([*ARMS, *GIVEN, "--seeds", "1", "--out", str(folder)])
    assert "images" not in capsys.readouterr().out.partition("curves.png")[0].partition("|")[0]
    assert (folder / "curves.csv").read_bytes() == before
    with pytest.raises(zoo.UsageError, match="of other settings"):
        command.main([*ARMS, *GIVEN, "--every", "48", "--out", str(folder)])


def test_the_table_by_hand():
    rows = [("a", seed, seen, "nll", value) for seen, values in ((10, (1.0, 2.0)), (20, (3.0, 5.0)))
            for seed, value in enumerate(values)] + [("a", 0, 20, "nll/unigram", 9.0), ("a", 0, 20, "grammatical", 1.0)]
    line = ends(rows).splitlines()[-1]
    assert line == "| a | 2 | 4.0000 ± 1.4142 | 1.5000 at 10 |"
    assert fmean(by_arm(rows, "nll")["a"][10]) == 1.5


@pytest.mark.parametrize(("arguments", "said"), [
    (["lstn"], "lstn"), (["lstm width"], "name=value"), (["lstm", "--options", "rollouts=2"], "no arm has the option"),
    (["lstm widht=3"], "widht")])
def test_what_is_refused(arguments, said, tmp_path):
    pytest.importorskip("matplotlib")
    with pytest.raises(zoo.UsageError, match=said):
        command.main([*arguments, "--data", "oracle", "--measures", "likelihood", "--out", str(tmp_path / "x")])
    assert not (tmp_path / "x").exists()
