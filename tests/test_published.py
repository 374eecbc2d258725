"""What goes out to others: no place of the maker's machine, no private picture, and names that are only names."""

import json
import re
import shutil
import zlib
from pathlib import Path

import pytest
import tomllib
import torch
import yaml

import zoo
from zoo.cards import leaderboard
from zoo.cards.card import render_card
from zoo.cards.markdown import escape, fenced
from zoo.cards.publishing import bundle, evaluate_folder, prepare
from zoo.cards.tables import best_first, pretrained_table
from zoo.commands import evaluate as evaluate_command
from zoo.core.files import read_json, write_json
from zoo.data.image_spec import ImageSpec
from zoo.metrics.protocol import Protocol
from zoo.models import variant_class
from zoo.store import catalogue
from zoo.store.portable import last_name, portable, portable_metrics
from zoo.store.saving import save

ROOT = Path(zoo.__file__).parent
TAKEN = 100 * 2**20  # bytes of a file that PyPI takes
SECRET = ("/home/me", "/data/private", "C:\\Users", "me/projects", "~/pictures")


def folder_of(place: Path, name: str = "digits", names: tuple[str, ...] = ("0", "1", "2"), provenance: str = "",
              **origin) -> Path:
    torch.manual_seed(0)
    cls = variant_class("cgan")
    spec = ImageSpec(name=name, image_size=16, channels=1, class_names=list(names), images=9, provenance=provenance)
    save(cls(cls.Config(width=2, backbone="mlp"), spec), place, {
        "training": {"data": "digits", "batch_size": 8, "seed": 0, "images": 120}, "images_seen": 80,
        "command": "zoo train --variant cgan", "hardware": "1 x abacus"} | origin)
    write_json(place / "metrics.json", {"fd10k[digits]": {"value": 12.5, "protocol": "by eye"}})
    return place


def sent(files: dict[str, Path | bytes]) -> dict[str, str]:
    """The texts among what is sent."""
    content = {name: x if isinstance(x, bytes) else x.read_bytes() for name, x in files.items()}
    return {name: x.decode() for name, x in content.items() if name.endswith((".json", ".md", ".txt"))}


# ---- places ----------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("place", ["/home/me/private pictures/faces", "~/pictures/faces", "../me/projects/faces",
                                   "me/projects/faces", "/data/private/faces/", "C:\\Users\\me\\faces"])
def test_no_place_of_the_makers_machine_goes_out(place, tmp_path):
    """However the data were named, wherever that was recorded."""
    folder = folder_of(
        tmp_path / "model", provenance=f"pictures of {place}, taken in June",
        training={"data": place, "data_dir": "/home/me/data", "batch_size": 8, "seed": 0, "images": 120,
                  "later": {"words": ["/data/private/words.txt"]}},
        command=f"zoo train --data '{place}' --init-from=/home/me/runs/one --config me/projects/one.json",
        elsewhere={"cache": "/data/private/cache", "n": [1, "see /home/me/notes/a.txt"]}, hardware="1 x abacus")
    protocol = f"{Protocol(data=place, features='digits')} zoo=1"
    write_json(folder / "metrics.json", {"fd10k[digits]": {"value": 12.5, "protocol": protocol},
                                         "diversity": {"value": 1.0, "protocol": f"64 of {place}, by eye"}})
    (folder / "notes.md").write_text(f"Made of {place} and https://example.org/home/me/x on 1/2 of a machine.\n")
    files = sent(prepare(folder, "me/faces"))
    assert set(files) == {"config.json", "metrics.json", "notes.md", "README.md"}
    for name, text in files.items():
        text = text.replace("https://example.org/home/me/x", "")
        assert not [secret for secret in SECRET if secret in text or json.dumps(secret)[1:-1] in text], name
    config, metrics = json.loads(files["config.json"]), json.loads(files["metrics.json"])
    assert (config["training"]["data"], config["training"]["data_dir"]) == ("faces", None)
    assert config["data"]["provenance"] == "pictures of faces, taken in June"
    assert config["command"] == "zoo train --data faces --init-from=one --config one.json"
    assert config["elsewhere"] == {"cache": "cache", "n": [1, "see a.txt"]}
    assert Protocol.parse(metrics["fd10k[digits]"]["protocol"]) == Protocol(data="faces", features="digits")
    assert metrics["diversity"]["protocol"] == "64 of faces, by eye"
    assert files["notes.md"] == "Made of faces and https://example.org/home/me/x on 1/2 of a machine.\n"
    assert read_json(folder / "config.json")["training"]["data"] == place  # the run goes on from there
    sent_to = tmp_path / "sent"
    for name, content in prepare(folder, "me/faces").items():
        sent_to.mkdir(exist_ok=True)
        (sent_to / name).write_bytes(content if isinstance(content, bytes) else content.read_bytes())
    assert torch.equal(zoo.load(sent_to).sample(3, "1", seed=0), zoo.load(folder).sample(3, "1", seed=0))


def test_an_option_of_a_model_that_is_a_path_goes_out_as_its_name(tmp_path):
    config = read_json(folder_of(tmp_path) / "config.json")
    config["config"] |= {"words": "/home/me/words.txt", "rate": 0.1}
    assert portable(config)["config"] == config["config"] | {"words": "words.txt"}
    assert portable(config | {"command": None, "training": {}})["command"] is None


@pytest.mark.parametrize("kept", [
    "hf:org/name", "https://example.org/a/b", "digits", "s3://bucket/x", ""])
def test_what_is_no_path_stays(kept, tmp_path):
    config = read_json(folder_of(tmp_path, names=("n/a", "/x/y/z", "c"), provenance=f"of {kept} and/or 3 m/s, 1 / 2",
                                 command=f"python scripts/train.py --data '{kept}'") / "config.json")
    assert portable(config) == config
    metrics = {"a": {"value": 1, "protocol": f"{Protocol(data=kept or None)} torch=2.1+cu130"}}
    assert portable_metrics(metrics, config) == metrics
    assert {model.name: portable(read_json(catalogue.bundled_folder(model.name) / "config.json"))
            for model in zoo.pretrained()[:5]} == {
        model.name: read_json(catalogue.bundled_folder(model.name) / "config.json") for model in zoo.pretrained()[:5]}


@pytest.mark.parametrize(("place", "name"), [("/home/me", "~"), ("/home/me/", "~"), (str(Path.home()), "~"), ("/", "."),
                                             ("C:\\Users\\me", "~"), ("/a/b/", "b"), ("a\\b", "b")])
def test_a_home_folder_is_no_name(place, name):
    assert last_name(place) in (name, "~" if place == str(Path.home()) else name)


# ---- pictures of the data --------------------------------------------------------------------------------------------

def test_training_pictures_go_out_on_request_only(tmp_path, monkeypatch):
    monkeypatch.setattr(catalogue, "PACKAGE", tmp_path / "package")
    folder = folder_of(tmp_path / "model")
    shutil.copyfile(folder / "samples.png", folder / "memorisation.png")
    assert "memorisation.png" not in zoo.publish(folder, "me/gan", dry_run=True).files
    assert "memorisation.png" not in (folder / "README.md").read_text()
    assert "memorisation.png" in zoo.publish(folder, "me/gan", dry_run=True, pictures_of_data=True).files
    assert "](memorisation.png)" in (folder / "README.md").read_text()
    assert (bundle("gan-digits", folder) / "memorisation.png").exists()  # a choice of the package's own makers


# ---- names -----------------------------------------------------------------------------------------------------------

EVIL = ["<script>alert(1)</script>", "a\n# A heading", "a\n\n---\n\nb", "[a link](https://evil.example)", "![x](y.png)",
        "a | b", "*bold*", "`code`", "```\nfence", "<img src=x onerror=alert(1)>", "https://evil.example", "&lt;b&gt;",
        "1. list", "# heading", "_under_", "~~struck~~", "$x$", "- item", "www.evil.example", "[x]: https://evil.example"]


def body_of(card: str) -> str:
    return card.removeprefix("---\n").split("\n---\n", 1)[1]


def test_a_card_says_what_its_command_can_give_again(tmp_path):
    folder = folder_of(tmp_path, hardware="2 x cpu process of 1 thread on an abacus", software="sand 1.5")
    said = " ".join(render_card(folder).split())
    assert "on 2 x cpu process of 1 thread on an abacus, with sand 1.5. The command trains an equivalent model" in said


@pytest.mark.parametrize("evil", EVIL)
def test_names_are_only_names_in_a_card(evil, tmp_path):
    """Of the data set, a class, a metric, in a protocol, in where the data come from, the machine and the command."""
    plain, named = (folder_of(tmp_path / str(i), word, (word, "b"), word, hardware=word, software=word, command=word)
                    for i, word in enumerate(("plain", evil)))
    for folder, word in ((plain, "plain"), (named, evil)):
        write_json(folder / "metrics.json", {word: {"value": 1.0, "protocol": word}})
    cards = [body_of(render_card(folder, "me/x")) for folder in (plain, named)]
    for pattern in (r"^#+ ", r"^```", r"^\|", r"\]\(", r"^ *(-|\d+\.|---) ", "(?<!`)`(?!`)"):  # of one kind, as many
        counts = [len(re.findall(pattern, _without_code(card), re.MULTILINE)) for card in cards]
        assert counts[0] == counts[1], pattern
    for raw in ("<script", "<img", "://evil", "www.evil", "*bold*", "~~struck", "$x$", "_under_"):
        assert raw not in _without_code(cards[1])
    front = yaml.safe_load(render_card(named, "me/x").split("\n---\n")[0].removeprefix("---\n"))
    assert front["model-index"][0]["results"][0]["dataset"]["name"].split() == evil.split()


def _without_code(card: str) -> str:
    """What is not in a block of code."""
    return re.sub(r"^(`{3,}).*?^\1$", "```", card, flags=re.MULTILINE | re.DOTALL)


def test_ordinary_names_are_written_as_they_are():
    for name in ("fd10k[digits]/floor", "class_kl", "red hair, blue eyes", "real=10000 zoo=0.1.0 torch=2.14.1+cu130",
                 "T-shirt/top", "features=mnist@a0678466", "2,000 generated; by eye (64)", "größer"):
        assert escape(name) == name
    assert escape("a\nb\t c") == "a b c"


def test_a_fence_is_longer_than_what_it_holds():
    assert fenced("x", "python") == "```python\nx\n```"
    assert fenced("a ````\nb").splitlines()[0] == "`````"


def test_names_are_only_names_in_tables(tmp_path, monkeypatch):
    monkeypatch.setattr(catalogue, "PACKAGE", tmp_path / "package")
    folder = folder_of(tmp_path / "models" / "a|b", "<script>x|y")
    write_json(folder / "metrics.json", {"fd<b>": {"value": 1.0, "protocol": "x"}})
    table = leaderboard.markdown(leaderboard.entries(tmp_path / "models"))
    assert "<" not in table
    assert {line.count("|") for line in table.splitlines() if line.startswith("|")} == {5}
    bundle("mine", folder)
    assert "<" not in re.sub("<img [^<>]*>", "", pretrained_table(zoo.pretrained()))


def test_the_best_of_those_that_can_be_compared_come_first():
    entry = zoo.pretrained()[0]
    headlines = ["fd10k[b] 0.9", "fd10k[a] 10", "", "fd10k[b] 0.1", "fd10k[a] 9"]
    models = [entry._replace(headline=headline) for headline in headlines]
    assert [model.headline for model in best_first(models)] == [
        "fd10k[a] 9", "fd10k[a] 10", "fd10k[b] 0.1", "fd10k[b] 0.9", ""]


# ---- a bundled model is measured where it lies -----------------------------------------------------------------------

@pytest.mark.filterwarnings("ignore")
def test_measuring_a_bundled_model_writes_nothing(tmp_path, monkeypatch, capsys):
    """It worked through everything, failed, and left an empty ./NAME/ that was taken for the model from then on."""
    monkeypatch.setattr(catalogue, "PACKAGE", tmp_path / "package")
    place = bundle("gan-digits", folder_of(tmp_path / "model"))
    before = {path.name: path.read_bytes() for path in place.iterdir()}
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    evaluate_command.main(["gan-digits", "--features", "digits", "--data", "digits", "--samples", "50", "--real", "100",
                           "--measures", "frechet"])
    assert "fd50[digits]: " in capsys.readouterr().out
    assert list((tmp_path / "here").iterdir()) == []
    assert {path.name: path.read_bytes() for path in place.iterdir()} == before
    with pytest.raises(zoo.UsageError, match="did you mean gan-digits"):
        evaluate_folder(Path("gan-digit"))
    assert list((tmp_path / "here").iterdir()) == []


def test_sheets_that_are_none_do_not_keep_a_model_from_being_published(tmp_path):
    folder = folder_of(tmp_path, training={"batch_size": 8, "seed": 0, "images": 99_000, "data": "digits"})
    (folder / "samples").mkdir()
    for updates in (100, 1_000, 2_000):
        shutil.copyfile(folder / "samples.png", folder / "samples" / f"images-{updates * 8:012d}.png")
    (folder / "samples" / f"images-{5_000 * 8:012d}.png").write_bytes(b"not one")
    shutil.copyfile(folder / "samples.png", folder / "samples" / "images-copy.png")
    assert "progress.png" in prepare(folder, "me/gan")
    write_json(folder / "config.json", read_json(folder / "config.json") | {
        "training": {"batch_size": "8", "seed": 0, "images": 99, "data": "digits"}})
    with pytest.raises(zoo.UsageError, match="no card can be made of .*config.json"):
        prepare(folder, "me/gan")


def test_the_wheel_is_one_that_pypi_takes():
    """All data that come along, as a wheel has them; the code is less than a megabyte."""
    patterns = tomllib.loads((ROOT.parent / "pyproject.toml").read_text(encoding="utf-8"))
    files = {path for pattern in patterns["tool"]["setuptools"]["package-data"]["zoo"] for path in ROOT.glob(pattern)}
    assert sum(len(zlib.compress(path.read_bytes(), 6)) for path in files) < TAKEN - 10**6
