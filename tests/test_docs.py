"""The README tells the truth."""

import re
from pathlib import Path

import pytest

import zoo
from zoo.cards.card import render_card, render_classifier_card
from zoo.cards.tables import pretrained_table, variants_table
from zoo.metrics.classifier import bundled
from zoo.store.catalogue import locate
from zoo.store.layout import read_config, read_metrics

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


@pytest.mark.parametrize(("name", "table"), [("variants", variants_table), ("pretrained", pretrained_table)])
def test_tables_are_those_of_the_registry_and_the_catalogue(name, table):
    """To bring them up to date: python scripts/publish.py --cards."""
    (shown,) = re.findall(rf"<!-- {name} -->\n(.*?)\n<!-- /{name} -->", README, re.DOTALL)
    assert shown == table()


def test_python_of_the_readme_runs(finished, tmp_path, monkeypatch):
    """The examples, with the finished run of a smaller model in place of the README's and less time to train."""
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "cgan-digits").symlink_to(finished("cgan"))
    names: dict = {}
    for block in blocks:
        if block.startswith('"""'):  # the anatomy of a variant, which is in zoo/models
            continue
        exec(block.replace('max_time="00:00:10:00"', "limit_train_batches=3, max_steps=4"), names)
    assert names["images"].shape[0] == 10
    assert names["walks"].shape[:2] == (4, 8)
    assert names["rows"].shape[:2] == (8, 8)
    assert (tmp_path / "my-model" / "model.safetensors").exists()


@pytest.mark.parametrize("name", bundled())
def test_cards_of_classifiers_say_what_was_measured(name):
    """To bring them up to date: python scripts/publish.py --cards."""
    assert (ROOT / "model_cards" / f"features-{name}.md").read_text() == render_classifier_card(name)


@pytest.mark.parametrize("name", [m.name for m in zoo.pretrained() if m.where == "bundled"])
def test_cards_of_models_agree_with_their_numbers(name):
    """To bring them up to date: python scripts/publish.py --cards."""
    folder = locate(name)
    card = (ROOT / "model_cards" / f"{name}.md").read_text()
    assert card == render_card(folder, name, prefix=f"images/{name}-")
    assert (folder / "README.md").read_text() == render_card(folder, name)
    config = read_config(folder)
    assert not {"--out", "--data-dir"} & {*config["command"].split()}  # its maker's folders
    assert config["training"]["data_dir"] is None
    for metric in read_metrics(folder).values():
        assert f"| {metric['value']:.4g} | " in card
        assert f". {metric['protocol']}\n" in card


def test_files_that_the_readme_names_exist():
    for path in re.findall(r"(?:scripts|zoo|model_cards)/[\w/]+\.(?:py|md|png)", README):
        assert (ROOT / path).exists(), path
