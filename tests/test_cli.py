"""Command lines: ``zoo train`` and ``zoo sample``, called in this process but for one test."""

import importlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from closed_forms import of_points
from conftest import VARIANTS, digits_for
from PIL import Image
from safetensors.torch import load_file

import zoo
from zoo.commands import cli
from zoo.commands import sample as sample_command
from zoo.commands import train as train_command
from zoo.core.config import options_of
from zoo.core.files import digest
from zoo.data.mixtures import POINT_SETS
from zoo.data.named import NAMES
from zoo.models import variant_class
from zoo.store.layout import read_config
from zoo.store.recipes import read_recipe, recipes
from zoo.training import provenance
from zoo.training.loggers import MetricsCSV
from zoo.training.options import Training
from zoo.training.run import Run

SCRIPTS = Path(__file__).parents[1] / "scripts"


train, sample = train_command.main, sample_command.main


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A finished run of two batches on the digits."""
    folder = tmp_path_factory.mktemp("runs") / "cgan digits"
    assert train(["--variant", "cgan", "--width", "4", "--images", "128", "--accelerator", "cpu", "--out",
                  str(folder)]) == 0
    return folder


@pytest.fixture
def own(run, tmp_path):
    """A copy of it to change."""
    return shutil.copytree(run, tmp_path / "own")


def everything_in(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*"))


# ---- words and numbers ----------------------------------------------------------------------------------------------

@pytest.mark.parametrize(("text", "value"), [
    ("500k", 500_000), ("2M", 2_000_000), ("1.5G", 1_500_000_000), ("0.5k", 500), ("1.001k", 1001),
    ("1.005M", 1_005_000), ("64", 64), ("-3", -3), ("0", 0)])
def test_count(text, value):
    assert cli.count(text) == value


@pytest.mark.parametrize("text", ["", "k", "x", "1.5", "1.0001k", "infk", "nan", "nank", "1e400", "5 k", "1/2k", "2m",
                                  "5kk", "²"])
def test_count_refuses(text):
    with pytest.raises(zoo.UsageError, match="argument --images: .* such as 500k or 2M, not "):
        train(["--variant", "gan", "--images", text])


@pytest.mark.parametrize("variant", VARIANTS)
def test_help_lists_every_option_in_groups(variant, capsys):
    with pytest.raises(SystemExit) as stop:
        train(["--variant", variant, "--help"])
    assert stop.value.code == 0
    text = capsys.readouterr().out
    for group in ("what to run:", "data:", "training:", "machine:", "output:", f"model: {variant}:"):
        assert f"\n{group}" in text
    specs = {**options_of(Training), **options_of(variant_class(variant).Config)}
    for name, spec in specs.items():
        assert f"--{name.replace('_', '-')} " in text.replace(",", " ")
        assert spec.help.split()[0] in text
        assert all(choice in text for choice in spec.choices)


def test_help_without_a_variant(capsys):
    for main in (train, sample):
        with pytest.raises(SystemExit) as stop:
            main(["--help"])
        assert stop.value.code == 0
        assert "usage: " in capsys.readouterr().out


@pytest.mark.parametrize(("arguments", "status", "said"), [
    (["--variant", "cgna"], 2, "error: unknown variant 'cgna': did you mean "),
    (["--variant", "cgan", "--width", "2", "--dry-run"], 0, ""),
])
def test_a_mistake_is_one_line_and_status_2(arguments, status, said, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["train.py", *arguments])
    with pytest.raises(SystemExit) as stop:
        cli.run("train")
    assert stop.value.code == status
    errors = capsys.readouterr().err
    assert errors.startswith(said)
    assert errors.count("\n") == (1 if said else 0)


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["train", "--help"], ["play", "--help"], ["list"]])
def test_a_pipe_that_nobody_reads_ends_nothing(arguments):
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run([sys.executable, "-m", "zoo", *arguments], stdout=writer, stderr=subprocess.PIPE, text=True,
                          timeout=100, check=False)
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, "")


def test_warnings_are_lines(run, capsys):
    with pytest.raises(SystemExit):
        cli.run("evaluate", [str(run), "--measures", "frechet", "--samples", "60", "--features", "digits"])
    errors = capsys.readouterr().err
    assert "warning: 60 images are too few for numbers that can be compared with others" in errors
    assert ".py" not in errors


def test_ctrl_c_is_no_fault(monkeypatch, capsys):
    def interrupted(arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(sample_command, "main", interrupted)
    with pytest.raises(SystemExit) as stop:
        cli.run("sample", [])
    assert stop.value.code == 130
    assert capsys.readouterr().err == "stopped\n"


@pytest.mark.parametrize(("command", "arguments", "said"), [
    ("train", ["--variant", "gan", "--init-from", ""], "--init-from is empty"),
    ("train", ["--variant", "gan", "--resume="], "--resume is empty"),
    ("train", ["--variant", ""], "--variant is empty"),
    ("data", [""], "a word of the command is empty"),
    ("sample", ["cgan-mnist", "--labels", "1", ""], "a word of the command is empty"),
])
def test_a_variable_that_was_never_set_is_not_taken_for_what_was_not_said(command, arguments, said):
    with pytest.raises(zoo.UsageError, match=said):
        importlib.import_module(f"zoo.commands.{command}").main(arguments)


def test_as_a_program(run, tmp_path):
    done = subprocess.run([sys.executable, str(SCRIPTS / "sample.py"), str(run), "--n", "3", "--out", "a/b/grid.png"],
                          capture_output=True, text=True, timeout=100, env=os.environ | {"OMP_NUM_THREADS": "1"},
                          check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert Image.open(tmp_path / "a" / "b" / "grid.png").size == (3 * 34 + 2, 36)


@pytest.mark.parametrize("variant", [name for name in VARIANTS if variant_class(name).spec_kinds == ("images",)])
def test_what_is_for_pictures_alone_says_so_of_points(variant):
    """Before it says anything of their size."""
    cls = variant_class(variant)
    points = zoo.GAN.spec(image_size=1, channels=2)
    with pytest.raises(zoo.UsageError, match=f"{variant} takes data of the kind images, and .* are points"):
        cls(cls.Config(), points)


# ---- what is refused ------------------------------------------------------------------------------------------------

@pytest.mark.parametrize(("arguments", "words"), [
    ("", "--variant, --recipe, --config or --resume says what to train"),
    ("--variant cgna", "unknown variant 'cgna': did you mean .*cgan"),
    ("--variant cgna --help", "unknown variant 'cgna': did you mean .*cgan"),
    ("--variant gan --batchsize 3", "unknown option '--batchsize': did you mean --batch-size"),
    ("--variant gan --latentdim=3", "unknown option '--latentdim': did you mean --latent-dim"),
    ("--variant gan --penalty 3", "gan has no --penalty, an option of dragan, "),
    ("--variant gan --penaltie 3", "unknown option '--penaltie'"),
    ("--variant vae --augment diff", "vae has no --augment, an option of acgan, "),
    ("--variant stylegan2 --backbone=resnet", "stylegan2 has no --backbone, an option of "),
    ("--augment diff", "--augment is an option of the model: say which with --variant NAME"),
    ("--variant gan digits", "what is digits"),
    ("--variant gan --width", "--width: expected one argument"),
    ("--variant gan --width wide", "--width"),
    ("--variant gan --width 0", "width must be at least 1, not 0"),
    ("--variant gan --learning-rate nan", "learning_rate must be a finite number, not nan"),
    ("--variant gan --learning-rate -1", "learning_rate must be at least 0"),
    ("--variant gan --backbone dcgna", "'dcgna': did you mean dcgan"),
    ("--variant gan --batch-size 1", "batch_size must be at least 2"),
    ("--variant gan --images 0", "images must be at least 1"),
    ("--variant gan --images=-5k", "images must be at least 1"),
    ("--variant gan --devices some", "devices must be auto or a number"),
    ("--variant gan --devices 0", "devices must be auto or a number"),
    ("--variant gan --precision 16", "precision.*'16'"),
    ("--variant gan --data digit", "unknown data set or folder 'digit': did you mean digits"),
    ("--variant gan --data nowhere/at/all", "unknown data set or folder 'nowhere/at/all'"),
    ("--variant gan --data empty", "no images in .*empty"),
    ("--variant dcgan --image-size 30", "dcgan backbone.* not 30"),
    ("--variant gan --backbone infogan --image-size 30", "not 30"),
    ("--variant dcgan --data ring", "ring is a set of points, which takes --backbone mlp, not dcgan"),
    ("--variant gan --data ring --image-size 32", "ring is a set of points"),
    ("--variant gan --data ring --mirror", "ring is a set of points, which have no mirror images"),
    ("--variant cgan --data plain --image-size 32", "cgan on the data set 'plain': this model is conditional and needs "
     "labels, but the data set has no class"),
    ("--config nowhere.json", "there is no nowhere.json"),
    ("--config empty", "empty is no model folder: it has no config.json"),
    ("--config broken.json", "broken.json cannot be read"),
    ("--config list.json", "list.json is not a configuration of the zoo"),
    ("--config newer.json", "newer.json was written by gan-zoo 9.9"),
    ("--config shape.json", "shape.json lacks 'training' or has it of a wrong type"),
    ("--resume nowhere", "there is no nowhere"),
    ("--resume empty", "empty is no model folder: it has no config.json"),
    ("--resume a --out b", "--resume goes on in its own folder"),
    ("--resume a --config b", "--resume .*--config"),
    ("--resume a --recipe dcgan-anime", "--resume .*--recipe"),
    ("--recipe dcgan-anime --config b", "--config and --recipe"),
    ("--recipe dcgan-anme", "unknown recipe 'dcgan-anme': did you mean dcgan-anime"),
])
def test_refused(arguments, words, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "plain").mkdir()
    for name in "ab":
        Image.new("L", (8, 8)).save(tmp_path / "plain" / f"{name}.png")
    (tmp_path / "broken.json").write_text('{"format": 1, ')
    (tmp_path / "list.json").write_text("[]")
    good = {"format": 1, "variant": "gan", "config": {}, "data": {}}
    (tmp_path / "newer.json").write_text(json.dumps(good | {"format": 99, "zoo": "9.9"}))
    (tmp_path / "shape.json").write_text(json.dumps(good | {"training": []}))
    before = everything_in(tmp_path)
    with pytest.raises(zoo.UsageError, match=words):
        train(arguments.split())
    assert everything_in(tmp_path) == before


def test_a_folder_that_holds_a_run(run):
    before = {file: file.stat().st_mtime_ns for file in everything_in(run)}
    with pytest.raises(zoo.UsageError, match="already holds a run: --resume .*--out"):
        train(["--variant", "cgan", "--out", str(run)])
    assert {file: file.stat().st_mtime_ns for file in everything_in(run)} == before


# ---- runs -----------------------------------------------------------------------------------------------------------

DIGITS = "1,797 training images, 10 classes"
FOUND = {"images": DIGITS, "pairs": DIGITS, "captions": DIGITS,
         "domains": "178 training images, 0 classes", "text": "10,000 training sentences, 0 classes",
         "styles": "120 training sentences, 2 classes"}


def shapes_of(model) -> str:
    """What a model of 32 px digits, or of sentences of 6 words, takes and gives."""
    if "write" in model.asks:
        return "normal (N, 6) float32 -> tokens (N, 6) int64"
    if "rewrite" in model.asks:
        return "tokens (N, 6) int64, style (N,) int64 -> tokens (N, 6) int64"
    size, pictures = model.latent_size if "sample" in model.asks else model.noise_size, "images" in model.needs()
    side = model.source_shape[1] if pictures else 0
    inputs = [f"source (N, 1, {side}, {side}) float32"] * pictures + [f"normal (N, {size}) float32"] * (size > 0) + [
        f"label (N,{' 1' * pictures}) int64"] * ("labels" in model.needs()) + [
        "caption (N, 5) int64"] * ("captions" in model.needs())
    return f"{', '.join(inputs)} -> image (N, 1, 32, 32) float32"


@pytest.mark.parametrize("variant", VARIANTS)
def test_dry_run_tells_and_does_nothing(variant, tmp_path, capsys):
    data = digits_for(variant)
    given = [word for name, value in data.items() for word in (f"--{name}", str(value))]
    assert train(["--variant", variant, "--width", "2", "--images", "500k", *given, "--dry-run"]) == 0
    text = capsys.readouterr().out
    described, end = json.JSONDecoder().raw_decode(text)
    assert described["variant"] == variant
    assert described["config"] == variant_class(variant).Config(width=2).to_dict()
    assert described["training"] == Training(images=500_000, **data).to_dict()
    model = Run(variant, {"width": 2}, Training(**data), str(tmp_path / "x")).model
    for name, network in model.named_children():
        count = sum(p.numel() for p in network.parameters())
        assert not count or f"{name}: {count:,} parameters" in text[end:]
    assert text.endswith(f"\n{shapes_of(model)}; {FOUND[model.data_kind]}\n")
    assert not everything_in(tmp_path)


def test_dry_run_does_not_decode(tmp_path, capsys):
    for name in "ab":
        (tmp_path / "data" / name).mkdir(parents=True)
        Image.new("RGB", (9, 9)).save(tmp_path / "data" / name / "1.png")
    before = everything_in(tmp_path)
    train(["--variant", "cgan", "--width", "2", "--data", "data", "--image-size", "16", "--dry-run"])
    assert "image (N, 3, 16, 16) float32; 2 training images, 2 classes" in capsys.readouterr().out
    assert everything_in(tmp_path) == before


def test_trains_on_a_folder_with_classes(tmp_path):
    for number, name in enumerate(("black", "white")):
        (tmp_path / "shades" / name).mkdir(parents=True)
        Image.new("L", (20, 20), 255 * number).save(tmp_path / "shades" / name / "1.png")
    arguments = "--variant cgan --width 1 --data shades --image-size 16 --images 12 --batch-size 4"
    assert train(arguments.split()) == 0
    model = zoo.load(tmp_path / "runs" / "cgan-shades")
    assert model.sample(2, ["white", "black"]).shape == (2, 1, 16, 16)


def test_config_file_reproduces_the_run(run, tmp_path):
    shutil.copy(run / "config.json", tmp_path / "recipe.json")
    (tmp_path / "config.json").write_text("{}")  # not the file that was asked for
    assert train(["--config", "recipe.json", "--out", "again"]) == 0
    ours, theirs = (read_config(folder) for folder in (tmp_path / "again", run))
    assert ours.pop("command") != theirs.pop("command")
    assert ours == theirs
    for file in ("model.safetensors", "golden.safetensors"):
        first, second = load_file(run / file), load_file(tmp_path / "again" / file)
        assert first.keys() == second.keys()
        assert all(torch.equal(first[key], second[key]) for key in first), f"{file} differs"
    assert (tmp_path / "again" / "samples.png").read_bytes() == (run / "samples.png").read_bytes()


def test_the_command_of_a_resumed_run_trains_it_from_the_beginning(tmp_path):
    """A card of a resumed run told to resume a folder that nobody else has; cards named the maker's folders."""
    assert train(["--variant", "gan", "--width", "1", "--image-size", "16", "--images", "128", "--out", "mine",
                  "--data-dir", "my-data"]) == 0
    assert train(["--resume", "mine", "--images", "256", "--data-dir=my-data"]) == 0
    line = json.loads((tmp_path / "mine" / "config.json").read_text(encoding="utf-8"))["command"]
    assert line == "zoo train --variant gan --width 1 --image-size 16 --images 128 --images 256"
    assert train([*line.split()[2:], "--out", "again"]) == 0
    assert digest(tmp_path / "mine" / "model.safetensors") == digest(tmp_path / "again" / "model.safetensors")


@pytest.mark.parametrize("name", recipes())
def test_recipes_are_of_models_and_data_that_there_are(name):
    recipe = read_recipe(name)
    variant, data = recipe["variant"], recipe["training"]["data"]
    assert recipe.keys() == {"variant", "config", "training"}
    assert data in NAMES
    assert name.endswith(f"-{data}")
    config = variant_class(variant).Config.from_dict(recipe["config"])
    assert all(config.to_dict()[field] == value for field, value in recipe["config"].items())
    # The last pictures of a translator are taken: of a few hundred pairs a distance would choose by chance. Sentences
    # have none, and points neither.
    by_distance = variant_class(variant).task == "sample" and data not in POINT_SETS
    assert (Training.from_dict(recipe["training"]).eval_every > 0) == by_distance


def test_options_override_a_recipe(tmp_path, monkeypatch):
    recipe = {"variant": "cgan", "config": {"width": 5}, "training": {"data": "digits", "images": 4_000}}
    (tmp_path / "cgan-mine.json").write_text(json.dumps(recipe))
    monkeypatch.setattr("zoo.store.recipes.FOLDER", tmp_path)
    assert train(["--recipe", "cgan-mine", "--images", "8", "--batch-size", "4", "--image-size", "16"]) == 0
    config = json.loads((tmp_path / "runs" / "cgan-digits" / "config.json").read_text(encoding="utf-8"))
    assert config["config"]["width"] == 5
    assert (config["training"]["data"], config["training"]["images"]) == ("digits", 8)
    assert "--recipe cgan-mine --images 8" in config["command"]


def test_options_override_a_config_file(run, capsys):
    train(["--config", str(run), "--width", "3", "--seed", "5", "--dry-run", "--out", "again"])
    described, _ = json.JSONDecoder().raw_decode(capsys.readouterr().out)
    stored = json.loads((run / "config.json").read_text(encoding="utf-8"))
    assert described["config"] == stored["config"] | {"width": 3}
    assert described["training"] == stored["training"] | {"seed": 5}


@pytest.mark.parametrize(("arguments", "words"), [
    ("--variant gan", "has variant 'cgan', not 'gan'"),
    ("--variant gan --discriminator-norm none", "has variant 'cgan', not 'gan'"),
    ("--width 5", "has width 4, not 5"),
    ("--learning-rate 1e-3", "has learning_rate 0.0002, not 0.001"),
    ("--seed 1", "has seed 0, not 1"),
    ("--batch-size 32", "has batch_size 64, not 32"),
    ("--data mnist", "has data 'digits', not 'mnist'"),
    ("--image-size 28", "has image_size 0, not 28"),
    ("--image 256", "unknown option '--image': did you mean --image-size|--images"),
])
def test_resume_of_another_run_is_refused(arguments, words, run):
    before = {file: file.stat().st_mtime_ns for file in everything_in(run)}
    with pytest.raises(zoo.UsageError, match=words):
        train(["--resume", str(run), *arguments.split()])
    assert {file: file.stat().st_mtime_ns for file in everything_in(run)} == before


def test_resume_with_a_larger_budget(own):
    stored = json.loads((own / "config.json").read_text(encoding="utf-8"))
    assert train(["--resume", str(own), "--variant", "cgan", "--width", "4", "--images", "192"]) == 0
    config = json.loads((own / "config.json").read_text(encoding="utf-8"))
    assert config["training"] == stored["training"] | {"images": 192}
    assert config["images_seen"] == 192
    assert (own / "checkpoints" / "images-000000000192.ckpt").exists()


def test_resume_without_checkpoints(own):
    shutil.rmtree(own / "checkpoints")
    with pytest.raises(zoo.UsageError, match="no checkpoint to resume"):
        train(["--resume", str(own)])


@pytest.mark.parametrize("part", ["config.json", "checkpoints", "checkpoints/*.ckpt"])
def test_resume_of_a_part_of_a_run_names_the_whole(part, own):
    with pytest.raises(zoo.UsageError, match=f"takes the folder of a run, and .*: --resume {own}$"):
        train(["--resume", str(next(own.glob(part)))])


def test_resume_of_a_model_without_a_run(tmp_path):
    zoo.save(zoo.create("gan", image_size=8, width=1), tmp_path / "model")
    with pytest.raises(zoo.UsageError, match="nothing to resume"):
        train(["--resume", "model"])


def test_metrics_of_an_interrupted_run(tmp_path):
    """Rows to be repeated are dropped, and a row that was cut short; a later column does not spoil earlier rows."""
    path = tmp_path / "metrics.csv"
    log = MetricsCSV(path)
    for step in (10, 20, 30):
        log.log_metrics({"loss": step / 10, "updates": 1.0}, step)
    with open(path, "a", encoding="utf-8") as file:
        file.write("4")
    log = MetricsCSV(path, start=20)
    log.log_metrics({"loss": 9.0, "diversity": 0.5}, 30)
    assert path.read_text(encoding="utf-8").splitlines() == [
        "images,loss,updates,diversity", "10,1.0,1.0,", "20,2.0,1.0,", "30,9.0,,0.5"]


# ---- sampling -------------------------------------------------------------------------------------------------------

def picture(path: Path) -> torch.Tensor:
    return torch.tensor(list(Image.open(path).convert("L").tobytes()))


@pytest.mark.parametrize(("arguments", "images", "size"), [
    ("--n 3", 3, (3, 1)),
    ("--n 10 --columns 5", 10, (5, 2)),
    ("--n 2 --labels 3", 2, (2, 1)),
    ("--n 4 --labels 3 7 --truncation 0.5", 4, (4, 1)),
    ("--n 2 --interpolate 5", 10, (5, 2)),
    ("--n 2 --interpolate 5 --labels 1 2 --truncation 1", 10, (5, 2)),
    ("--n 3 --traverse 99", 24, (8, 3)),
    ("--n 2 --traverse 0 --labels 4 --truncation 2 --columns 3", 16, (8, 2)),
])
def test_sample(arguments, images, size, run, tmp_path, capsys):
    sample([str(run), *arguments.split(), "--out", "grid.png"])
    assert f"{images} images of cgan (digits): grid.png" in capsys.readouterr().out
    assert Image.open(tmp_path / "grid.png").size == tuple(34 * n + 2 for n in size)
    first = (tmp_path / "grid.png").read_bytes()
    sample([str(run), *arguments.split(), "--out", "grid.png"])
    assert (tmp_path / "grid.png").read_bytes() == first
    assert everything_in(tmp_path) == [tmp_path / "grid.png"]


def test_sample_seeds(tmp_path):
    zoo.save(zoo.create("gan", image_size=8, width=4), tmp_path / "model")
    for seed in (0, 1):
        sample(["model", "--n", "8", "--seed", str(seed), "--out", f"{seed}.png"])
    sample(["model", "--n", "8", "--out", "default.png"])
    assert torch.equal(picture(tmp_path / "0.png"), picture(tmp_path / "default.png"))
    assert not torch.equal(picture(tmp_path / "0.png"), picture(tmp_path / "1.png"))


def test_sample_labels_by_name(tmp_path):
    for name in ("zebra", "ant"):
        (tmp_path / "animals" / name).mkdir(parents=True)
        Image.new("L", (8, 8)).save(tmp_path / "animals" / name / "1.png")
    arguments = "--variant cgan --backbone mlp --width 1 --data animals --image-size 8 --images 4 --batch-size 4"
    train([*arguments.split(), "--out", "model"])
    for labels, out in (("zebra", "name"), ("1", "number"), ("ant", "other")):
        sample(["model", "--n", "2", "--labels", labels, "--out", f"{out}.png"])
    assert torch.equal(picture(tmp_path / "name.png"), picture(tmp_path / "number.png"))
    assert not torch.equal(picture(tmp_path / "name.png"), picture(tmp_path / "other.png"))
    with pytest.raises(zoo.UsageError, match="unknown class 'zebar': did you mean zebra"):
        sample(["model", "--labels", "zebar"])
    with pytest.raises(zoo.UsageError, match="no class 2: the classes are 0 to 1"):
        sample(["model", "--labels", "0", "2"])


def test_sample_points(tmp_path):
    zoo.save(of_points("gan", channels=2, width=1), tmp_path / "ring")
    for arguments in ("--n 1", "--n 500", "--n 3 --interpolate 4", "--n 3 --traverse 1"):
        sample([str(tmp_path / "ring"), *arguments.split(), "--out", "points.png"])
        assert Image.open(tmp_path / "points.png").size == (256, 256)
    zoo.save(of_points("gan", channels=1, width=1), tmp_path / "peaks")
    sample([str(tmp_path / "peaks"), "--out", "points.png"])


@pytest.mark.parametrize(("arguments", "words"), [
    ("--n -4", "at least 1, not -4"),
    ("--n 0 --labels 3", "at least 1, not 0"),
    ("--n 0 --interpolate 4", "at least"),
    ("--n 0 --traverse 4", "at least"),
    ("--n many", "argument --n: "),
    ("--interpolate 4 --traverse 4", "--interpolate, --traverse and --stages exclude each other"),
    ("--interpolate 1", "at least 2 steps"),
    ("--traverse 100", "no latent dimension 100: they are 0 to 99"),
    ("--traverse -1", "no latent dimension -1"),
    ("--truncation 0", "truncation must be above 0"),
    ("--columns 0", "--columns must be at least 1"),
    ("--labels 10", "no class 10: the classes are 0 to 9"),
    ("--labels -1", "unknown class '-1'"),
    ("--labels ²", "unknown class '²'"),
    ("--labels three", "unknown class 'three'"),
    ("--seed x", "argument --seed"),
    ("--out taken/grid.png", "cannot write taken/grid.png"),
    ("--out folder", "cannot write folder"),
    ("--out /proc/1/nowhere/grid.png", "cannot write /proc/1/nowhere/grid.png"),
    ("--number 3", "unknown option '--number'"),
    ("another", "what is another"),
])
def test_sample_refuses(arguments, words, run, tmp_path):
    (tmp_path / "taken").touch()
    (tmp_path / "folder").mkdir()
    before = everything_in(tmp_path)
    with pytest.raises(zoo.UsageError, match=words):
        sample([str(run), *arguments.split()])
    assert everything_in(tmp_path) == before


def test_sample_of_nothing(tmp_path):
    with pytest.raises(zoo.UsageError, match="arguments are required: model"):
        sample([])
    with pytest.raises(zoo.UsageError, match="unknown model folder or name 'nowhere'"):
        sample(["nowhere"])
    zoo.save(zoo.create("gan", image_size=8, width=1), tmp_path / "plain")
    with pytest.raises(zoo.UsageError, match="this model is unconditional: it takes no labels"):
        sample(["plain", "--labels", "1"])


@pytest.mark.parametrize(("processor", "precision", "said"), [
    ("flags\t\t: fpu amx_bf16 avx512_bf16", "32-true", "--precision bf16-mixed may halve"),
    ("flags\t\t: fpu amx_bf16 avx512_bf16", "bf16-mixed", ""),
    ("flags\t\t: fpu avx512_bf16", "32-true", ""),
    ("flags\t\t: fpu avx2", "bf16-mixed", "which torch emulates"),
    ("Features\t: fp asimd bf16", "bf16-mixed", ""),
    (None, "bf16-mixed", ""),
])
@pytest.mark.skipif(torch.cuda.is_available(), reason="it is said of a CPU that trains")
def test_training_says_what_a_processor_does_with_bf16(processor, precision, said, monkeypatch, tmp_path, capsys):
    path = tmp_path / "cpuinfo"
    if processor:
        path.write_text(f"processor\t: 0\n{processor}\n")
    monkeypatch.setattr(provenance, "CPUINFO", path)
    monkeypatch.setattr(Run, "train", lambda run: 0)
    train(["--variant", "gan", "--width", "2", "--precision", precision, "--accelerator", "cpu"])
    lines = [line for line in capsys.readouterr().err.splitlines() if "bf16" in line]
    assert len(lines) == bool(said)
    assert said in "".join(lines)
