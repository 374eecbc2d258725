"""What may have rotted, been cut, been swapped or never been a file: passed over or refused with a sentence."""

import os
import random
import tempfile
from pathlib import Path

import pytest
import torch
from conftest import HALF, WHOLE, tiny_run
from test_variants import assert_same, checkpoint

import zoo
from zoo.cards.card import render_card
from zoo.core.files import LARGEST_TEXT, is_whole_archive, read_json, read_text, write_json
from zoo.store.golden import check_golden
from zoo.store.layout import digest_of_definition
from zoo.store.portable import portable
from zoo.store.weights import check_values
from zoo.training.checkpoints import InPlace, is_sound, newest_checkpoint

# ---- checkpoints -----------------------------------------------------------------------------------------------------

DAMAGE = {
    "empty": lambda content: b"",
    "cut": lambda content: content[:len(content) * 2 // 3],
    "a byte short": lambda content: content[:-1],
    "zeroed": lambda content: bytes(len(content)),
    "zeroed in the middle": lambda content: content[:3000] + bytes(3000) + content[6000:],
    "garbage": lambda content: random.Random(0).randbytes(len(content)),
}


@pytest.fixture(scope="module")
def run_of_two(tmp_path_factory):
    """A run with two checkpoints, at HALF and at WHOLE."""
    folder = tmp_path_factory.mktemp("run")
    tiny_run("gan", folder).train()
    return folder


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_checkpoint_is_passed_over_with_a_sentence(damage, run_of_two, tmp_path, capsys):
    half, whole = (tmp_path / f"images-{images:012d}.ckpt" for images in (HALF, WHOLE))
    half.write_bytes((run_of_two / "checkpoints" / half.name).read_bytes())
    whole.write_bytes(DAMAGE[damage]((run_of_two / "checkpoints" / whole.name).read_bytes()))
    assert newest_checkpoint(tmp_path) == newest_checkpoint(tmp_path) == half
    assert capsys.readouterr().err.count(f"the checkpoint {whole} is damaged") == 1


def test_a_run_goes_on_from_the_checkpoint_before_a_damaged_one(tmp_path, capsys):
    tiny_run("gan", tmp_path).train()
    newest = newest_checkpoint(tmp_path / "checkpoints")
    expected = checkpoint(tmp_path, WHOLE)
    newest.write_bytes(b"")
    tiny_run("gan", tmp_path, resume=True).train()
    assert f"{newest} is damaged" in capsys.readouterr().err
    assert_same(checkpoint(tmp_path, WHOLE)["state_dict"], expected["state_dict"])


def test_a_damaged_checkpoint_of_later_does_not_push_good_ones_out(tmp_path):
    tiny_run("gan", tmp_path, images=HALF).train()
    later = tmp_path / "checkpoints" / "images-000000009999.ckpt"
    later.write_bytes(b"not one")
    tiny_run("gan", tmp_path, resume=True).train()
    assert sorted(path.name for path in later.parent.iterdir()) == [f"images-{n:012d}.ckpt" for n in (HALF, WHOLE)]


def test_no_flipped_bit_is_loaded_as_another_state(run_of_two, tmp_path):
    """Either the checkpoint is passed over, or the bit was in a part that says nothing."""
    content = (run_of_two / "checkpoints" / f"images-{HALF:012d}.ckpt").read_bytes()
    whole = torch.load(run_of_two / "checkpoints" / f"images-{HALF:012d}.ckpt", weights_only=True)
    path, passed_over, chance = tmp_path / "images-1.ckpt", 0, random.Random(1)
    for _ in range(300):
        place = chance.randrange(len(content))
        path.write_bytes(content[:place] + bytes([content[place] ^ 1 << chance.randrange(8)]) + content[place + 1:])
        os.utime(path, ns=(0, place))
        if is_sound(path):
            assert_same(torch.load(path, weights_only=True), whole)
        else:
            passed_over += 1
            with pytest.raises(zoo.UsageError, match="damaged"):
                zoo.load(path)
    assert passed_over > 100  # the others lie in what aligns the tensors


def test_a_damaged_best_checkpoint_does_not_end_a_run(tmp_path, monkeypatch, capsys):
    def run(images, resume=False):
        made = tiny_run("gan", tmp_path, resume, images)
        honest = made.model.discriminator_loss
        monkeypatch.setattr(type(made.model), "monitor", "discriminator/measure", raising=False)

        def tracked(batch):
            made.model.track("discriminator/measure", float(made.model.images_seen))  # the first is the best
            return honest(batch)

        monkeypatch.setattr(made.model, "discriminator_loss", tracked)
        return made

    run(HALF).train()
    best = tmp_path / "checkpoints" / "best.ckpt"
    best.write_bytes(best.read_bytes()[:1000])
    run(WHOLE, resume=True).train()
    assert f"{best} is damaged" in capsys.readouterr().err
    assert torch.load(best, weights_only=True)["zoo"]["images_seen"] == WHOLE  # the best since
    run_again = run(2 * WHOLE, resume=True)
    monkeypatch.setattr(run_again.sheets, "on_train_end", lambda *_: best.write_bytes(b""), raising=False)
    run_again.train()  # the last weights are taken
    assert torch.load(newest_checkpoint(best.parent), weights_only=True)["zoo"]["images_seen"] == 2 * WHOLE


def test_a_checkpoint_needs_no_room_in_the_temporary_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path / "full"))
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(tempfile, "mkstemp", lambda *_, **__: pytest.fail("a temporary file"))
    run = tiny_run("gan", tmp_path, images=HALF)
    run.train()
    assert is_sound(newest_checkpoint(tmp_path / "checkpoints"))


def test_a_full_disk_is_told_as_such(tmp_path):
    with pytest.raises(OSError, match="No space left"):
        InPlace().save_checkpoint({"zoo": torch.zeros(10**6)}, "/dev/full")


# ---- reading texts ---------------------------------------------------------------------------------------------------

def test_what_is_no_file_or_too_large_is_not_read(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with open(tmp_path / "large", "wb") as file:
        file.truncate(3 * 10**9)
    for place, words in ((tmp_path / "pipe", "no regular file"), (Path("/dev/zero"), "no regular file"),
                         (tmp_path, "no regular file"), (tmp_path / "large", f"larger than {LARGEST_TEXT:,} bytes")):
        for read in (read_text, read_json):
            with pytest.raises(zoo.UsageError, match=words):
                read(place)
    assert not is_whole_archive(tmp_path / "pipe")
    with pytest.raises(FileNotFoundError):
        read_json(tmp_path / "nothing")


# ---- config.json and weights -----------------------------------------------------------------------------------------

@pytest.fixture
def saved(tmp_path):
    return zoo.save(zoo.create("cgan", image_size=16, classes=3, width=2, backbone="mlp"), tmp_path / "saved")


def change(folder, **parts):
    config = read_json(folder / "config.json")
    write_json(folder / "config.json", config | {key: config[key] | value for key, value in parts.items()})


@pytest.mark.parametrize("altered", [
    {"config": {"latent": "uniform"}}, {"config": {"ema_halflife": 7}}, {"config": {"learning_rate": 0.5}},
    {"data": {"class_names": ["2", "1", "0"]}}, {"data": {"class_names": ["a", "b", "c"]}}])
def test_a_configuration_that_was_altered_is_refused(altered, saved):
    change(saved, **altered)
    with pytest.raises(zoo.UsageError, match="config.json was altered"):
        zoo.load(saved)


def test_what_does_not_make_the_model_may_change(saved):
    expected = zoo.load(saved).sample(2, 0, seed=0)
    change(saved, data={"name": "another", "images": 7, "provenance": "elsewhere"})
    write_json(saved / "config.json", read_json(saved / "config.json") | {"images_seen": 3, "later": "field"})
    assert torch.equal(zoo.load(saved).sample(2, 0, seed=0), expected)


def test_a_folder_without_digests_loads_as_ever(saved):
    config = read_json(saved / "config.json")
    del config["digests"]
    write_json(saved / "config.json", config)
    zoo.load(saved)


def test_weights_of_another_save_are_refused(saved, tmp_path):
    torch.manual_seed(5)
    other = zoo.save(zoo.create("cgan", image_size=16, classes=3, width=2, backbone="mlp"), tmp_path / "other")
    (saved / "model.safetensors").write_bytes((other / "model.safetensors").read_bytes())
    with pytest.raises(zoo.UsageError, match="are of different saves"):
        zoo.load(saved)


def test_the_digest_of_a_configuration_stays_what_it_is():
    """Published models depend on it."""
    config = {"task": "sample", "variant": "gan", "config": {"width": 2, "words": "/home/me/words.txt"},
              "data": {"kind": "images", "name": "x", "image_size": 16, "class_names": ["a"]}}
    assert digest_of_definition(config).startswith(DEFINITION)
    for same in (config | {"images_seen": 3}, portable(config)):
        assert digest_of_definition(same) == digest_of_definition(config)


DEFINITION = "be0f3588448c"


@pytest.mark.parametrize(("value", "words"), [
    (float("nan"), "is not finite"), (float("inf"), "is not finite"), (0.0, "all of generator is zero")])
@pytest.mark.parametrize("suffix", ["folder", "checkpoint"])
def test_weights_that_are_no_model_are_refused(value, words, suffix, tmp_path):
    model = zoo.create("gan", image_size=16, width=2, backbone="mlp")
    with torch.no_grad():
        for parameter in model.generator.parameters() if value == 0 else [next(model.generator.parameters())]:
            parameter.flatten()[slice(None) if value == 0 else slice(3, 4)] = value
    if suffix == "folder":
        place = zoo.save(model, tmp_path / "model")
    else:
        place = tmp_path / "images-1.ckpt"
        torch.save({"zoo": model.description(), "state_dict": model.state_dict()}, place)
    with pytest.raises(zoo.UsageError, match=words):
        zoo.load(place)


def test_a_mask_may_be_infinite(tmp_path):
    network = torch.nn.Linear(2, 2)
    network.register_buffer("mask", torch.full((2, 2), -torch.inf))
    check_values({"generator": network}, {f"generator.{key}": x for key, x in network.state_dict().items()}, tmp_path)


def use(folder):
    check_golden(zoo.load(folder), folder)
    render_card(folder)


@pytest.mark.parametrize("file", ["config.json", "metrics.json", "model.safetensors", "golden.safetensors", "notes.md"])
def test_a_pipe_in_the_place_of_a_file_is_refused(file, saved):
    (saved / file).unlink(missing_ok=True)
    os.mkfifo(saved / file)
    with pytest.raises(zoo.UsageError, match=f"{file}.* is no regular file"):
        use(saved)


def test_a_configuration_of_gigabytes_is_not_read(saved):
    with open(saved / "config.json", "r+b") as file:
        file.truncate(3 * 10**9)
    with pytest.raises(zoo.UsageError, match="config.json is larger than"):
        zoo.load(saved)
