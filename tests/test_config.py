"""Options, the registry and what importing the package costs."""

import dataclasses
import json
import re
import subprocess
import sys
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pytest
from conftest import VARIANTS, created

import zoo
from zoo.core.config import Options, flag_of, option, options_of
from zoo.data.image_spec import ImageSpec
from zoo.data.spec import read_spec
from zoo.models import variant_class
from zoo.training.options import Training
from zoo.training.run import Run


@dataclass(frozen=True, kw_only=True)
class Toy(Options):
    size: int = option(4, "how big", minimum=1, maximum=8, group="shape")
    rate: float = option(0.5, "how fast", minimum=0)
    kind: Literal["round", "square"] = option("round", "which")
    flag: bool = option(False, "whether")
    name: str | None = option(None, "who")


@dataclass(frozen=True, kw_only=True)
class Changed(Toy):
    size: int = 2
    kind: Literal["round", "square"] = "square"


@pytest.mark.parametrize(("values", "words"), [
    ({"sise": 3}, "unknown option 'sise': did you mean size"),
    ({"zzz": 3}, "there are: flag, kind, name, rate, size"),
    ({"size": "3"}, "size must be a whole number, not '3'"),
    ({"size": 3.0}, "size must be a whole number, not 3.0"),
    ({"size": True}, "size must be a whole number, not True"),
    ({"size": None}, "size must be a whole number, not None"),
    ({"size": 0}, "size must be at least 1, not 0"),
    ({"size": 9}, "size must be at most 8, not 9"),
    ({"rate": -0.1}, "rate must be at least 0, not -0.1"),
    ({"rate": float("nan")}, "rate must be a finite number, not nan"),
    ({"rate": float("inf")}, "rate must be a finite number, not inf"),
    ({"rate": 10**400}, "rate must be a finite number"),
    ({"rate": [1.0]}, re.escape("rate must be a finite number, not [1.0]")),
    ({"kind": "sqare"}, "kind.*'sqare': did you mean square"),
    ({"kind": 1}, "kind.*there are: round, square"),
    ({"kind": ["round"]}, "kind.*there are: round, square|kind.*did you mean round"),
    ({"flag": 1}, "flag must be true or false, not 1"),
    ({"flag": "yes"}, "flag must be true or false, not 'yes'"),
    ({"name": 5}, "name must be a string, not 5"),
])
def test_bad_values_are_refused_by_name(values, words):
    with pytest.raises(zoo.UsageError, match=words):
        Toy.from_dict(values)


def test_numbers_of_numpy_and_paths_are_taken_for_pythons(tmp_path):
    made = Toy(size=np.int64(3), rate=np.float32(0.25), name=tmp_path)
    assert (made.size, made.rate, made.name) == (3, 0.25, str(tmp_path))
    assert [type(made.size), type(made.rate), type(made.name)] == [int, float, str]
    for values in ({"rate": np.float64("nan")}, {"size": np.float64(3)}, {"size": np.bool_(True)}):
        with pytest.raises(zoo.UsageError, match="must be a .* number"):
            Toy(**values)


def test_of_a_large_thing_that_does_not_fit_a_part_is_shown():
    with pytest.raises(zoo.UsageError, match=r"name must be a string, not .{1,110}\[\.\.\.]$"):
        Toy(name=created("gan", width=2))


def test_good_values_become_the_fields_type():
    toy = Toy.from_dict({"size": 8, "rate": 1, "name": "x"})
    assert toy == Toy(size=8, rate=1.0, name="x")
    assert type(toy.rate) is float
    assert Toy(name=None).name is None
    with pytest.raises(dataclasses.FrozenInstanceError):
        toy.size = 3


def test_a_changed_default_keeps_text_range_and_group():
    before, after = options_of(Toy), options_of(Changed)
    assert (after["size"].default, after["kind"].default) == (2, "square")
    for name, spec in before.items():
        assert after[name]._replace(default=spec.default) == spec
    with pytest.raises(zoo.UsageError, match="at most 8"):
        Changed(size=9)


@pytest.mark.parametrize("variant", VARIANTS)
def test_config_of_every_variant(variant):
    """Round trip through JSON, a text for every field, defaults within range, unknown fields named."""
    cls = variant_class(variant).Config
    config = cls()
    assert cls.from_dict(json.loads(json.dumps(config.to_dict()))) == config
    for name, spec in options_of(cls).items():
        assert spec.help, f"{variant}: {name} has no help text"
        assert spec.type in (int, float, bool, str), f"{variant}: {name} is no scalar"
        assert spec.check(getattr(config, name)) == getattr(config, name)
    other = cls.from_dict({"width": 7, "learning_rate": 1})
    assert cls.from_dict(json.loads(json.dumps(other.to_dict()))) == other != config
    with pytest.raises(zoo.UsageError, match="'learnig_rate': did you mean learning_rate"):
        created(variant, learnig_rate=1.0)


@pytest.mark.parametrize(("name", "near"), [("cgna", "cgan"), ("wgan_gp", "wgan-gp"), ("VAE", "vae|there are:"),
                                            ("zzz", "there are:.*gan")])
def test_unknown_variant_suggests_near_ones(name, near):
    with pytest.raises(zoo.UsageError, match=f"unknown variant '{name}': .*({near})"):
        zoo.create(name)


@pytest.mark.parametrize(("change", "words"), [
    ({"image_size": 0}, "image_size"), ({"image_size": 10**6}, "not supported"), ({"channels": 0}, "channels"),
    ({"channels": 65}, "must be 1 .grey. or 3"), ({"channels": "3"}, "channels"), ({"channels": True}, "channels"),
    ({"images": -1}, "images"), ({"class_names": "ab"}, "class_names"), ({"class_names": [1]}, "class_names"),
    ({"name": None}, "name"), ({"colour": 3}, "unknown data field 'colour'"),
])
def test_data_spec_refuses(change, words):
    good = {"name": "x", "image_size": 8, "channels": 1, "class_names": ["a", "b"]}
    assert read_spec(read_spec(good).to_dict()) == ImageSpec(**good)
    with pytest.raises(zoo.UsageError, match=words):
        read_spec(good | change)
    with pytest.raises(zoo.UsageError, match="lacks image_size"):
        read_spec({"name": "x", "channels": 1})


def python(*arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, timeout=100, check=True)


def test_import_is_cheap():
    """Under 0.1 s; the best of three, since the machine may be busy and the first may compile."""
    tries = []
    for _ in range(3):
        done = python("-X", "importtime", "-c", "import zoo, sys; print(*sys.modules)")
        lines = [line.removeprefix("import time:").split("|") for line in done.stderr.splitlines()
                 if line.startswith("import time:") and "imported package" not in line]
        tries.append(next(int(total) for _, total, name in lines if name.strip() == "zoo"))
    assert min(tries) < 100_000, f"microseconds: {tries}"
    assert not {"torch", "lightning", "numpy", "torchvision"} & set(done.stdout.split())
    for name in zoo.__all__:
        assert getattr(zoo, name) is not None
    with pytest.raises(AttributeError, match="lod"):
        zoo.lod  # noqa: B018


def test_loading_and_sampling_need_little(tmp_path):
    """None of our modules imports what only training, data or metrics need (Lightning itself brings torchvision)."""
    zoo.save(zoo.create("gan", image_size=8, width=1), tmp_path)
    code = f"""
import builtins, sys
imported, original = set(), builtins.__import__
def noting(name, globals=None, locals=None, fromlist=(), level=0):
    if globals and str(globals.get("__name__", "")).split(".")[0] == "zoo" and level == 0:
        imported.add(name.split(".")[0])
    return original(name, globals, locals, fromlist, level)
builtins.__import__ = noting
import zoo
model = zoo.load({str(tmp_path)!r})
model.sample(2, seed=0), zoo.interpolate(model, 1, 2), zoo.traverse(model, 0, rows=1)
print(*imported)
print(*sys.modules)
"""
    ours, everything = python("-c", code).stdout.splitlines()
    assert {"torch", "lightning"} <= set(ours.split())
    assert not {"torchvision", "torch_fidelity", "torchmetrics", "sklearn", "matplotlib", "datasets", "PIL",
                "tensorboard"} & set(ours.split())
    assert not {"sklearn", "datasets", "tensorboard"} & set(everything.split())


# ---- options that need another --------------------------------------------------------------------------------------

def needy() -> list[tuple[type, str]]:
    """Every option that says nothing without another one, once."""
    found = {}
    for options in (Training, *(variant_class(variant).Config for variant in VARIANTS)):
        for name, spec in options_of(options).items():
            if spec.needs:
                found.setdefault((name, spec.needs), (options, name))
    return list(found.values())


@pytest.mark.parametrize(("options", "name"), needy(), ids=lambda x: x if isinstance(x, str) else x.__name__)
def test_an_option_that_says_nothing_without_another_is_refused(options, name):
    spec = options_of(options)[name]
    needed, _, wanted = spec.needs.partition("=")
    other = next((choice for choice in spec.choices if choice != spec.default),
                 {int: 64, float: 0.5, str: "mnist"}.get(spec.type))
    off = {needed: type(options_of(options)[needed].default)()} if not wanted else {}  # 0, or False
    with pytest.raises(zoo.UsageError, match=f"says nothing without {re.escape(flag_of(needed))}"):
        options(**off, **{name: other}).check_needs()
    options(**{needed: wanted or type(options_of(options)[needed].default)(1), name: other}).check_needs()
    options(**off).check_needs()


def test_such_an_option_is_refused_before_the_data_are_opened(tmp_path):
    with pytest.raises(zoo.UsageError, match="--lecam-after says nothing without --lecam"):
        Run("dcgan", {"lecam_after": 5}, Training(data=str(tmp_path / "not there")))
    with pytest.raises(zoo.UsageError, match="--eval-samples says nothing without --eval-every"):
        Run("dcgan", {}, Training(data=str(tmp_path / "not there"), eval_samples=100))
