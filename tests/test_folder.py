"""Model folders: what is written comes back to the bit, what is damaged is refused. And walks through latent space."""

import hashlib
import json
import os
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from closed_forms import of_points
from conftest import PICTURES, VARIANTS, created, options_with, tiny_run
from safetensors import safe_open
from safetensors.torch import load_file, save_file

import zoo
from zoo.cards.publishing import write_metrics
from zoo.core.module import LAYOUT
from zoo.data.labels import class_indices
from zoo.store.golden import check_golden, halve_golden, read_golden
from zoo.store.layout import FORMAT, read_metrics
from zoo.store.loading import find
from zoo.store.weights import write_weights
from zoo.tasks.drawing import density
from zoo.tasks.sampler import Sampler
from zoo.tasks.task import Task


def tiny(variant: str, **more) -> Task:
    torch.manual_seed(1)
    small = {"image_size": 32, "channels": 1, "classes": 3, "width": 2} | options_with(variant, sampling_steps=4)
    return lively(created(variant, **small | more))


def lively(model: Task) -> Task:
    with torch.no_grad():
        for parameter in model.parameters():  # small networks start out almost grey
            parameter.mul_(4)
    return model


def labels_for(model: Sampler, n: int) -> list[int] | list[str] | None:
    if "captions" in model.needs():
        return [model.data.captions[i % len(model.data.captions)] for i in range(n)]
    return [i % model.data.classes for i in range(n)] if model.conditional else None


# ---- what is written comes back -------------------------------------------------------------------------------------

@pytest.mark.parametrize("variant", VARIANTS)
def test_round_trip(variant, tmp_path):
    model = tiny(variant)
    loaded = zoo.load(zoo.save(model, tmp_path / "one", {"command": "none"}))
    assert type(loaded) is type(model)
    assert (loaded.config, loaded.data) == (model.config, model.data)
    assert torch.equal(loaded.respond(**loaded.inputs(5, 3)), model.respond(**model.inputs(5, 3)))
    if "sample" in model.asks:
        labels = labels_for(model, 5)
        assert torch.equal(loaded.sample(5, labels, seed=3), model.sample(5, labels, seed=3))
    assert not loaded.training
    assert not any(p.requires_grad for p in loaded.parameters())
    assert all(tensor.device.type == "cpu" for tensor in loaded.state_dict().values())
    zoo.save(loaded, tmp_path / "two", {"command": "none"})
    for file in ("config.json", "model.safetensors", "golden.safetensors", model.samples):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes(), file
    assert len(list((tmp_path / "one").iterdir())) == 4


@pytest.mark.parametrize("variant", PICTURES)
def test_golden_images(variant, tmp_path):
    zoo.save(tiny(variant, channels=3), tmp_path)
    model, golden = zoo.load(tmp_path), load_file(tmp_path / "golden.safetensors")
    inputs = {name: golden[f"input.{name}"] for name in model.inputs(1, 0)}
    assert set(golden) == {"output", *(f"input.{name}" for name in inputs)}
    assert golden["output"].shape == (4, 3, 32, 32)
    assert torch.equal(model.respond(**inputs), golden["output"])
    if "sample" in model.asks:
        assert ("input.label" in golden) == model.conditional
        told = model.data.text.decode(golden["input.caption"]) if "input.caption" in golden else (
            golden.get("input.label"))
        assert torch.equal(model.render(golden["input.normal"], told), golden["output"])


@pytest.mark.parametrize(("times", "stored"), [(1, torch.half), (300, torch.float32)])
def test_golden_images_are_halved_where_the_model_still_makes_them(times, stored, tmp_path):
    """Inputs that are rounded move the images of a steep model by more than a grey level: they are kept whole."""
    model = tiny("dcgan")
    with torch.no_grad():
        model.generator[-2].weight.mul_(times)
    folder = zoo.save(model, tmp_path)
    before = load_file(folder / "golden.safetensors")
    halve_golden(zoo.load(folder), folder)
    after = load_file(folder / "golden.safetensors")
    assert {name: value.dtype for name, value in after.items()} == {"input.normal": stored, "output": torch.half}
    inputs, output = read_golden(zoo.load(folder), folder)
    assert {value.dtype for value in (*inputs.values(), output)} == {torch.float32}
    torch.testing.assert_close(output, before["output"], atol=2**-11, rtol=0)
    check_golden(zoo.load(folder), folder)


def test_only_what_sampling_needs_is_loaded(tmp_path):
    model = zoo.load(zoo.save(tiny("cgan"), tmp_path))
    assert model.discriminator is None
    assert {name.split(".")[0] for name in model.state_dict()} == {"generator"}


def test_averaged_weights_are_the_ones_saved(tmp_path):
    model = tiny("gan")
    model.configure_model()
    with torch.no_grad():
        for parameter in model.generator.parameters():
            parameter.zero_()
    averaged = model.sample(2, seed=0)
    assert torch.equal(zoo.load(zoo.save(model, tmp_path)).sample(2, seed=0), averaged)
    assert not torch.equal(averaged, model.sample(2, seed=0, ema=False))


def test_double_precision(tmp_path):
    """A run with --precision 64-true has weights of 64 bits, and keeps them."""
    model = tiny("dcgan").double()
    loaded = zoo.load(zoo.save(model, tmp_path))
    assert {p.dtype for p in loaded.parameters()} == {torch.float64}
    assert torch.equal(loaded.sample(3, seed=0), model.sample(3, seed=0))


def test_points_round_trip(tmp_path):
    torch.manual_seed(1)
    model = lively(of_points("gan", channels=2, width=2))
    loaded = zoo.load(zoo.save(model, tmp_path))
    assert torch.equal(loaded.sample(20, seed=0), model.sample(20, seed=0))
    assert loaded.sample(20, seed=0).min() < 0


def test_save_into_a_folder_in_use(tmp_path):
    zoo.save(tiny("gan"), tmp_path / "a" / "b")
    zoo.save(tiny("dcgan"), tmp_path / "a" / "b")
    assert zoo.load(str(tmp_path / "a" / "b")).variant == "dcgan"


def test_who_may_read_one_file_may_read_all(tmp_path):
    """The weights were readable to their owner alone, whatever the umask, as on a cluster's shared disk."""
    before = os.umask(0o027)
    try:
        zoo.save(tiny("gan"), tmp_path)
    finally:
        os.umask(before)
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o640}


def test_what_was_measured_goes_with_the_weights(tmp_path):
    """The numbers of a run that was trained on stayed, as if they were those of its new weights."""
    model = zoo.create("gan", image_size=8, width=1)
    for kept in (True, False):
        zoo.save(model, tmp_path)
        (tmp_path / "notes.md").write_text("mine")
        write_metrics(tmp_path, {"fd10k[mnist]": {"value": 1.0, "protocol": "a test"}})
        shutil.copyfile(tmp_path / "samples.png", tmp_path / "memorisation.png")
        if not kept:
            torch.nn.init.normal_(model.generator[0].weight)
        zoo.save(model, tmp_path)
        assert (tmp_path / "memorisation.png").exists() == bool(read_metrics(tmp_path)) == kept
        assert (tmp_path / "notes.md").exists()
        assert (tmp_path / "samples.png").exists()


def test_load_leaves_the_world_alone(tmp_path):
    zoo.save(tiny("cgan"), tmp_path)
    torch.manual_seed(5)
    before = torch.get_rng_state()
    with torch.inference_mode(False), torch.set_grad_enabled(True):
        model = zoo.load(tmp_path)
        model.sample(3, [0, 1, 2], seed=0)
        zoo.interpolate(model, 2, 3, labels=0, seed=0)
        assert torch.is_grad_enabled()
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.empty(1).device.type == "cpu"
    assert torch.get_default_dtype() == torch.float32
    with torch.no_grad():
        zoo.load(tmp_path)
        assert not torch.is_grad_enabled()


# ---- what is damaged is refused -------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return zoo.save(tiny("gan", image_size=8, latent_dim=4), tmp_path_factory.mktemp("model") / "whole")


@pytest.fixture
def own(whole, tmp_path):
    return shutil.copytree(whole, tmp_path / "own")


def weights(folder: Path) -> Path:
    return folder / "model.safetensors"


def change_config(folder: Path, **changes) -> None:
    config = json.loads((folder / "config.json").read_text())
    for path, value in changes.items():
        place = config
        *parents, last = path.split("__")
        for key in parents:
            place = place[key]
        if value is None:
            del place[last]
        else:
            place[last] = value
    (folder / "config.json").write_text(json.dumps(config))


@pytest.mark.parametrize("part", [0, 1, 7, 8, 9, 100, 0.5, 0.999])
def test_truncated_weights(part, own):
    data = weights(own).read_bytes()
    weights(own).write_bytes(data[:int(part * len(data)) if isinstance(part, float) else part])
    with pytest.raises(zoo.UsageError, match="model.safetensors is damaged or cut short"):
        zoo.load(own)


def test_no_byte_can_change(own):
    data = weights(own).read_bytes()
    header = 8 + int.from_bytes(data[:8], "little")
    random = np.random.default_rng(0)
    places = [*random.choice(header, 60, replace=False), *random.integers(header, len(data), 20), len(data) - 1]
    for place in places:
        altered = bytearray(data)
        altered[place] ^= 1 << int(random.integers(8))
        weights(own).write_bytes(altered)
        with pytest.raises(zoo.UsageError, match="model.safetensors (is damaged|was altered)"):
            zoo.load(own)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04" + bytes(100), b"\xff" * 200, b"{}" * 50,
                                     pickle.dumps({"weight": [1.0]})])
def test_another_file_under_the_name(content, own):
    weights(own).write_bytes(content)
    with pytest.raises(zoo.UsageError, match="model.safetensors is damaged"):
        zoo.load(own)


def test_nothing_is_unpickled(own):
    class Trap:
        def __reduce__(self):
            return (Path(own / "sprung").touch, ())

    torch.save({"generator.0.weight": Trap()}, weights(own))
    with pytest.raises(zoo.UsageError, match="is damaged"):
        zoo.load(own)
    assert not (own / "sprung").exists()


def resign(folder: Path, tensors: dict[str, torch.Tensor]) -> None:
    """Writes tensors with a checksum that is right, as a model of another version might."""
    write_weights(weights(folder), tensors)


@pytest.mark.parametrize(("change", "words"), [
    (lambda t: t.pop("generator.0.weight"), "generator.0.weight is missing"),
    (lambda t: t.clear(), "generator.0.weight is missing.*more"),
    (lambda t: t.update({"generator.9.bias": torch.zeros(2)}), "generator.9.bias is not part of the model"),
    (lambda t: t.update({"critic.bias": torch.zeros(2)}), "critic.bias is not part of the model"),
    (lambda t: t.update({"generator.0.weight": torch.zeros(16, 5)}), r"0.weight is .*\(16, 5\).*, not .*\(16, 4\)"),
    (lambda t: t.update({"generator.0.weight": torch.zeros(16, 4, dtype=torch.int64)}), "0.weight is torch.int64"),
    (lambda t: t.update({"generator.0.weight": torch.zeros(16, 4, dtype=torch.complex64)}), "is torch.complex64, not"),
])
def test_weights_of_another_model(change, words, own):
    tensors = load_file(weights(own))
    change(tensors)
    resign(own, tensors)
    with pytest.raises(zoo.UsageError, match=f"weights in .*own do not fit its config.json: .*{words}"):
        zoo.load(own)


def test_weights_without_a_checksum(own):
    save_file(load_file(weights(own)), weights(own))
    with pytest.raises(zoo.UsageError, match="was altered"):
        zoo.load(own)


def test_the_checksum_is_that_of_names_types_shapes_and_bytes(whole):
    """Spelt out once more, since published models depend on it."""
    tensors = load_file(weights(whole))
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode() + tensor.numpy().tobytes())
    with safe_open(weights(whole), "pt") as file:
        assert file.metadata() == {"sha256": digest.hexdigest()}


@pytest.mark.parametrize(("damage", "words"), [
    (lambda f: weights(f).unlink(), "there is no .*model.safetensors"),
    (lambda f: (weights(f).unlink(), weights(f).mkdir()), "model.safetensors"),
    (lambda f: (f / "config.json").unlink(), "own is no model folder: it has no config.json"),
    (lambda f: ((f / "config.json").unlink(), (f / "config.json").mkdir()), "config.json cannot be read"),
    (lambda f: (f / "config.json").write_text(""), "config.json cannot be read"),
    (lambda f: (f / "config.json").write_text('{"format": 1'), "config.json cannot be read"),
    (lambda f: (f / "config.json").write_bytes(b'{"format": "\xff"}'), "config.json cannot be read"),
    (lambda f: (f / "config.json").write_text("[" * 100_000), "config.json cannot be read"),
    (lambda f: (f / "config.json").write_text("[1]"), "no format number"),
    (lambda f: (f / "config.json").write_text("{}"), "no format number"),
    (lambda f: change_config(f, format="1"), "no format number"),
    (lambda f: change_config(f, format=True), "no format number"),
    (lambda f: change_config(f, format=FORMAT + 1, zoo="7.0"),
     "written by gan-zoo 7.0, which is newer .*pip install --upgrade"),
    (lambda f: change_config(f, format=FORMAT + 1, zoo=None, config=None), "newer"),
    (lambda f: change_config(f, variant=None), "lacks 'variant'"),
    (lambda f: change_config(f, variant=3), "lacks 'variant' or has it of a wrong type"),
    (lambda f: change_config(f, config=[1]), "lacks 'config' or has it of a wrong type"),
    (lambda f: change_config(f, data="digits"), "lacks 'data' or has it of a wrong type"),
    (lambda f: change_config(f, training=[]), "lacks 'training' or has it of a wrong type"),
    (lambda f: change_config(f, variant="gna"), "unknown variant 'gna': did you mean .*gan"),
    (lambda f: change_config(f, config__widht=3), "unknown option 'widht': did you mean width"),
    (lambda f: change_config(f, config__width="2"), "width must be a whole number, not '2'"),
    (lambda f: change_config(f, config__width=-1), "width must be at least 1"),
    (lambda f: change_config(f, config__backbone="dcgna"), "did you mean dcgan"),
    (lambda f: change_config(f, config__backbone="dcgan"), "dcgan backbone .* not 8"),
    (lambda f: change_config(f, config__width=3), "do not fit its config.json"),
    (lambda f: change_config(f, config__width=None), "do not fit its config.json"),
    (lambda f: change_config(f, data__colour=1), "unknown data field 'colour'"),
    (lambda f: change_config(f, data__channels=None), "lacks channels"),
    (lambda f: change_config(f, data__channels="1"), "channels must be"),
    (lambda f: change_config(f, data__image_size=10**9), "not supported"),
    (lambda f: change_config(f, data__image_size=1.5), "image_size must be"),
    (lambda f: change_config(f, variant="cgan", data__class_names=[]), "conditional and needs labels"),
])
def test_damaged_folder(damage, words, own):
    damage(own)
    with pytest.raises(zoo.UsageError, match=words):
        zoo.load(own)


def test_no_folder(whole):
    for place in (whole / "config.json", whole / "nowhere", "no/such/model", ""):
        with pytest.raises(zoo.UsageError, match="no model folder"):
            zoo.load(place)


# ---- labels ---------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize(("labels", "expected"), [
    (1, [1, 1, 1]), ("b", [1, 1, 1]), ("2", [2, 2, 2]), ([0, 1, 2], [0, 1, 2]), (["c", 1, "0"], [2, 1, 0]),
    (range(3), [0, 1, 2]), (torch.tensor([2, 0, 1]), [2, 0, 1]), (np.array([1, 1, 0]), [1, 1, 0]),
    (np.int64(2), [2, 2, 2]), (torch.tensor(1), [1, 1, 1]), (iter("abc"), [0, 1, 2]),
])
def test_labels(labels, expected):
    indices = class_indices(labels, ["a", "b", "c"], 3)
    assert indices.dtype == torch.int64
    assert indices.tolist() == expected


@pytest.mark.parametrize(("labels", "words"), [
    (None, "conditional: give labels, one class or 3 of them, out of a, b, c"),
    (3, "no class 3: the classes are 0 to 2"), (-1, "no class -1"), ("-1", "unknown class '-1'"), ("3", "no class 3"),
    ("d", "unknown class 'd'"), ("", "unknown class ''"), ("²", "unknown class '²'"), ([0, 1], "2 labels for 3 images"),
    ([], "0 labels for 3"), (1.0, "told by its number or name, not 1.0"), ([None] * 3, "not None"),
    (torch.tensor([0.0, 1.0, 2.0]), "not tensor"), ([[0], [1], [2]], "a class is told by its number"),
])
def test_labels_refused(labels, words):
    with pytest.raises(zoo.UsageError, match=words):
        class_indices(labels, ["a", "b", "c"], 3)


def test_labels_of_an_unconditional_model():
    with pytest.raises(zoo.UsageError, match="this model is unconditional: it takes no labels"):
        tiny("gan").sample(2, 0)
    with pytest.raises(zoo.UsageError, match="conditional: give labels"):
        tiny("cgan").sample(2)


# ---- sampling and walks ---------------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def model():
    return tiny("cgan", latent_dim=7).eval()


@pytest.fixture
def walked(model, monkeypatch) -> list[torch.Tensor]:
    """The normals that are rendered."""
    seen, respond = [], model.respond

    def noting(*args, normal, **kwargs):
        seen.append(normal)
        return respond(*args, normal=normal, **kwargs)

    monkeypatch.setattr(model, "respond", noting)
    return seen


def same(a: torch.Tensor, b: torch.Tensor) -> None:
    torch.testing.assert_close(a, b, atol=1e-6, rtol=0)


@pytest.mark.parametrize("n", [1, 2, 15, 16, 17, 33, 100])
@pytest.mark.parametrize("latent_dim", [1, 7, 100])
def test_the_first_of_many_are_those_of_few(n, latent_dim):
    model = tiny("gan", latent_dim=latent_dim, image_size=8)
    assert torch.equal(model.normals(n, 4), model.normals(120, 4)[:n])
    same(model.sample(n, seed=4), model.sample(120, seed=4)[:n])


@pytest.mark.parametrize("batch_size", [1, 5, 16, 1000])
def test_the_batch_size_does_not_matter(model, batch_size):
    labels = labels_for(model, 20)
    same(model.sample(20, labels, seed=2, batch_size=batch_size), model.sample(20, labels, seed=2))


def test_seeds(model):
    images = model.sample(4, 1, seed=0)
    assert images.min() >= 0
    assert images.max() <= 1
    assert not torch.equal(images, model.sample(4, 1, seed=1))
    assert not torch.equal(images, model.sample(4, 2, seed=0))
    assert not torch.equal(model.sample(4, 1), model.sample(4, 1))
    torch.manual_seed(0)
    state = torch.get_rng_state()
    model.sample(4, 1)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("n", [1, 17])
def test_the_first_of_many_are_those_of_few_with_truncation(n):
    model = tiny("gan", latent_dim=7, image_size=8)
    assert torch.equal(model.normals(n, 4, 0.7), model.normals(120, 4, 0.7)[:n])


@pytest.mark.parametrize("option", [{"truncation": float("nan")}, {"seed": 2**70}, {"seed": -2**70}])
def test_what_cannot_be_drawn(model, option):
    with pytest.raises(zoo.UsageError, match=next(iter(option))):
        model.sample(1, 0, **option)


@pytest.mark.parametrize("bound", [0.1, 1.0, 3.0])
def test_truncation_bounds_the_normals(model, bound):
    normal = model.normals(500, seed=0, truncation=bound)
    assert normal.abs().max() <= bound
    assert normal.abs().max() > 0.9 * bound
    expected = torch.randn(10**6, generator=torch.Generator().manual_seed(0))
    assert normal.std() == pytest.approx(expected[expected.abs() < bound].std().item(), rel=0.03)
    with pytest.raises(zoo.UsageError, match="truncation must be above 0"):
        model.sample(1, 0, truncation=-bound)


def test_interpolation_ends_at_samples_and_stays_on_the_sphere(model, walked):
    walks = zoo.interpolate(model, 5, 9, labels=[0, 1, 2, 0, 1], seed=3)
    assert walks.shape == (5, 9, 1, 32, 32)
    normal = model.normals(10, seed=3)
    torch.testing.assert_close(walks[:, 0], model.render(normal[:5], [0, 1, 2, 0, 1]), atol=1e-5, rtol=0)
    torch.testing.assert_close(walks[:, -1], model.render(normal[5:], [0, 1, 2, 0, 1]), atol=1e-5, rtol=0)
    assert torch.equal(walks, zoo.interpolate(model, 5, 9, labels=[0, 1, 2, 0, 1], seed=3))
    way = walked[0].unflatten(0, (5, 9))
    for walk in way:  # coordinates in units of its ends lie on the unit circle of their angle
        ends = torch.stack([walk[0], walk[-1]])
        gram = torch.nn.functional.normalize(ends, dim=1) @ torch.nn.functional.normalize(ends, dim=1).T
        parts = torch.linalg.lstsq(ends.T, walk.T).solution
        torch.testing.assert_close((parts * (gram @ parts)).sum(0), torch.ones(9), atol=1e-3, rtol=0)
        directions = torch.nn.functional.normalize(parts.T @ torch.nn.functional.normalize(ends, dim=1), dim=1)
        steps = torch.acos((directions[1:] * directions[:-1]).sum(1).clamp(-1, 1))
        torch.testing.assert_close(steps, steps.mean().expand(8), atol=1e-3, rtol=0)


def test_interpolation_keeps_the_length_of_normals():
    """In many dimensions normals lie near a sphere, and a straight way would leave it."""
    model = tiny("gan", latent_dim=500, image_size=8)
    seen = []
    model.respond = lambda normal: seen.append(normal) or torch.zeros(len(normal), 1, 8, 8)
    zoo.interpolate(model, 6, 11, seed=0)
    lengths = seen[0].norm(dim=1) / 500**0.5
    assert (lengths - 1).abs().max() < 0.15


@pytest.mark.parametrize("seed", range(6))
def test_interpolation_in_one_dimension_is_straight(seed):
    model = tiny("gan", latent_dim=1, image_size=8)
    seen = []
    model.respond = lambda normal: seen.append(normal) or torch.zeros(len(normal), 1, 8, 8)
    zoo.interpolate(model, 1, 5, seed=seed)
    start, end = model.normals(2, seed).flatten().tolist()
    torch.testing.assert_close(seen[0].flatten(), torch.linspace(start, end, 5), atol=1e-3, rtol=1e-3)


def test_traversal_moves_one_coordinate(model, walked):
    rows = zoo.traverse(model, 2, low=-1.0, high=2.0, steps=4, rows=3, labels=[2, 0, 1], seed=5)
    assert rows.shape == (3, 4, 1, 32, 32)
    way, start = walked[0].unflatten(0, (3, 4)), model.normals(3, seed=5)
    assert way[:, :, 2].tolist() == [[-1.0, 0.0, 1.0, 2.0]] * 3
    others = [d for d in range(7) if d != 2]
    assert torch.equal(way[:, :, others], start[:, None, others].expand(3, 4, 6))
    zoo.traverse(model, 0, rows=3, labels=0, seed=5, truncation=0.5)
    assert walked[1][:, 1:].abs().max() <= 0.5


def test_walks_take_a_label_each(model):
    walks = zoo.interpolate(model, 2, 3, labels=[0, 2], seed=0)
    same(walks[0], zoo.interpolate(model, 2, 3, labels=0, seed=0)[0])
    same(walks[1], zoo.interpolate(model, 2, 3, labels=2, seed=0)[1])


@pytest.mark.parametrize(("call", "words"), [
    (lambda m: m.sample(0, 0), "at least 1, not 0"),
    (lambda m: m.sample(-1, 0), "at least 1, not -1"),
    (lambda m: zoo.interpolate(m, 0, 4, 0), "at least"),
    (lambda m: zoo.interpolate(m, 2, 1, 0), "at least 2 steps"),
    (lambda m: zoo.interpolate(m, 2, 4, [0, 1, 2]), "3 labels for 2"),
    (lambda m: zoo.traverse(m, 7, labels=0), "no latent dimension 7: they are 0 to 6"),
    (lambda m: zoo.traverse(m, -1, labels=0), "no latent dimension -1"),
    (lambda m: zoo.traverse(m, 0, rows=0, labels=0), "at least"),
    (lambda m: zoo.traverse(m, 0, steps=1, labels=0), "at least 2 steps"),
])
def test_walks_refused(call, words, model):
    with pytest.raises(zoo.UsageError, match=words):
        call(model)


def test_density():
    """A picture of points: bright where they are, the first coordinate to the right, the second upwards."""
    corner = torch.tensor([[0.0, 0.0]] * 50 + [[1.0, 1.0]] + [[0.0, 1.0]])[:, :, None, None]
    picture = density(corner, pixels=10)
    assert picture.shape == (1, 10, 10)
    assert picture[0].nonzero().tolist() == [[0, 0], [0, 9], [9, 0]]
    bars = density(torch.tensor([0.0, 1.0, 1.0])[:, None, None, None], pixels=10)
    assert bars[0].sum(0).tolist() == [5.0] + [0.0] * 8 + [10.0]
    assert bars[0, -1, 0] == 1
    for flat in (torch.full((1, 2, 1, 1), 1000.0), torch.full((1, 1, 1, 1), 1000.0)):
        assert density(flat).isfinite().all()


@pytest.mark.parametrize("name", [m.name for m in zoo.pretrained() if m.where == "bundled"])
def test_bundled_models_make_their_golden_images(name):
    """Folders of every format that was ever written, as they are."""
    check_golden(zoo.load(name), find(name))


def test_a_run_of_an_older_layout_is_refused_with_a_sentence(finished, tmp_path):
    """Going on with it would be another run."""
    folder = shutil.copytree(finished("gan"), tmp_path / "old")
    newest = max((folder / "checkpoints").glob("*.ckpt"))
    checkpoint = torch.load(newest, weights_only=True)
    del checkpoint["zoo"]["layout"]
    torch.save(checkpoint, newest)
    with pytest.raises(zoo.UsageError, match=f"of layout 1 and this zoo goes on with layout {LAYOUT}"):
        tiny_run("gan", folder, resume=True, images=320).train()
