"""The README and the pages of model_cards/ tell the truth."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

import zoo
from zoo.cards.card import render_card
from zoo.cards.pages import PAGES, pages
from zoo.commands import COMMANDS, cli
from zoo.commands import train as train_command
from zoo.models import variant_class
from zoo.store.catalogue import BUNDLED, bundled_folder, listed_variants
from zoo.store.layout import headline, read_config, read_metrics

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
RECIPE = next(block for block in BLOCKS if block.startswith('"""'))  # a variant of one's own, in a file


def test_python_of_the_readme_runs(finished, tmp_path, monkeypatch):
    """The examples, with the finished run of a smaller model in place of the README's and less time to train."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").mkdir()
    shutil.copytree(finished("cgan"), tmp_path / "runs" / "cgan-digits")
    Image.new("RGB", (128, 128), "blue").save("labels.png")
    Image.new("RGB", (64, 64), "pink").save("face.png")
    names: dict = {}
    for block in BLOCKS:
        if block is not RECIPE:
            exec(block.replace("images=20_000", "images=64, width=2, accelerator='cpu'"), names)
    assert names["faces"].shape == (16, 3, 64, 64)
    assert names["pink"].shape == (8, 3, 64, 64)
    assert names["digits"].shape == (10, 1, 28, 28)
    assert names["house"].shape == (1, 3, 128, 128)
    assert names["large"].shape == (1, 3, 256, 256)
    assert names["images"].shape[0] == 10
    assert names["walks"].shape[:2] == (4, 8)
    assert names["rows"].shape[:2] == (8, 8)
    assert (tmp_path / "my-model" / "model.safetensors").exists()


def test_the_recipe_for_a_variant_works_word_for_word(tmp_path, monkeypatch):
    """That it does not depend on the number of processes is in test_parallel.py."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.delitem(sys.modules, "ragan", raising=False)  # another test has it too, in a folder of its own
    Path("ragan.py").write_text(RECIPE, encoding="utf-8")
    command = re.search(r"`zoo (train --variant ragan.py:RaGAN)`", README)[1].split()[1:]
    try:
        tiny = ["--width", "2", "--image-size", "16", "--images", "64", "--batch-size", "8", "--accelerator", "cpu"]
        assert train_command.main([*command, *tiny, "--by-real", "0.5"]) == 0
        assert zoo.load("runs/RaGAN-digits").config.by_real == 0.5
        with pytest.raises(zoo.UsageError, match="compares the images of a batch"):
            train_command.main([*command, *tiny, "--accumulate", "2", "--out", "other"])
    finally:
        sys.modules.pop("ragan", None)


def test_commands_of_the_readme_are_understood(monkeypatch):
    """Every line that begins with zoo names a command, and options that it has."""
    lines = [line.split("#")[0].split() for line in README.splitlines() if line.startswith("zoo ")]
    assert len(lines) > 15
    for _, command, *words in lines:
        assert command in COMMANDS, command
        text = " ".join(words)
        known = _options_of(command, text, monkeypatch)
        for option in re.findall(r"--[a-z0-9-]+", text):
            assert option in known, f"{command} {option}"


def _options_of(command: str, text: str, monkeypatch) -> set[str]:
    """Those that its parser has when it is given the words."""
    found: set[str] = set()

    def noting(parser, args=None, namespace=None):
        found.update(name for action in parser._actions for name in action.option_strings)
        raise zoo.UsageError("seen")

    variant = re.search(r"--variant (\S+)", text)
    arguments = ["--variant", variant[1]] if variant and command == "train" else []
    monkeypatch.setattr(cli.Parser, "parse_args", noting)
    module = __import__(f"zoo.commands.{command}", fromlist=["main"])
    with pytest.raises(zoo.UsageError, match="seen"):
        module.main(arguments)
    return found


def test_ci_runs_a_test_command_of_the_readme():
    _, test = re.search(r"```\n(.*?)```", README, re.DOTALL)[1].splitlines()
    assert test in (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize(("name", "text"), list(pages()), ids=[name for name, _ in pages()])
def test_pages_are_what_the_files_say(name, text):
    """To bring them up to date: zoo publish --cards."""
    assert (PAGES / name).read_text(encoding="utf-8") == text


def test_variants_are_listed_as_they_are():
    """To bring the list up to date: zoo publish --cards."""
    assert listed_variants() == [v for v in zoo.variants() if variant_class(v.name).__module__.startswith("zoo.")]


@pytest.mark.parametrize("program", ["import zoo.commands.list as c; c.main([])",
                                     "import zoo.commands.cli as c; c.main()", "import zoo; zoo.pretrained()"])
def test_what_is_listed_costs_no_import_of_torch(program):
    unwanted = f"import atexit, sys; atexit.register(lambda: print('torch' in sys.modules)); {program}"
    assert subprocess.run([sys.executable, "-c", unwanted], capture_output=True, text=True,
                          check=True).stdout.endswith("False\n")


@pytest.mark.parametrize("name", [m.name for m in zoo.pretrained() if m.where == BUNDLED])
def test_cards_of_models_agree_with_their_numbers(name):
    folder = bundled_folder(name)
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert card == render_card(folder, name)
    entry = next(entry for entry in zoo.pretrained() if entry.name == name)
    assert entry.headline == headline(read_metrics(folder))  # the first distance, in the tables of models
    config = read_config(folder)
    assert not {"--out", "--data-dir"} & {*config["command"].split()}  # its maker's folders
    assert config["training"]["data_dir"] is None
    for metric in read_metrics(folder).values():
        assert f"| {metric['value']:.4g} | " in card
        assert f". {metric['protocol']}\n" in card
        assert "data=/" not in metric["protocol"]  # its maker's folders


@pytest.mark.parametrize("page", ["README.md", *(f"model_cards/{page.name}" for page in PAGES.glob("*.md"))])
def test_links_lead_somewhere(page):
    place = (ROOT / page).parent
    text = (ROOT / page).read_text(encoding="utf-8")
    for link in re.findall(r"\]\((?!https?://|#)([^)\s]+)\)", text):
        assert (place / link).exists(), link
    for path in re.findall(r"(?<![\w/])(?:scripts|zoo|model_cards)/[\w/]+\.(?:py|md|png)", text):
        assert (ROOT / path).exists(), path
