"""Runs that begin with another model's weights, and discriminators of which a part stays as it is."""

import shutil

import pytest
import torch
from conftest import HALF, WHOLE, created, tiny_config, tiny_run
from test_variants import checkpoint

import zoo
from zoo.cards import pages, publishing
from zoo.cards.publishing import LITTLE, prepare
from zoo.commands import publish
from zoo.core.files import write_json
from zoo.networks.blocks import Trunk, freeze
from zoo.store import catalogue
from zoo.store.layout import TRAINING
from zoo.store.weights import read_weights
from zoo.training.beginning import networks_of_training
from zoo.training.checkpoints import newest_checkpoint


def weights(model, name):
    return getattr(model, name).state_dict()


def test_a_run_begins_with_the_averaged_generator_and_the_discriminator_of_another(finished, tmp_path, capsys):
    folder = finished("dcgan")
    state = checkpoint(folder, WHOLE)["state_dict"]
    for source in (folder, newest_checkpoint(folder / "checkpoints"), folder / "model.safetensors"):
        model = tiny_run("dcgan", tmp_path, init_from=str(source)).model
        assert "nothing begins anew" in capsys.readouterr().err
        for key, value in weights(model, "generator").items():
            assert torch.equal(value, state[f"ema.generator.{key}"])
        for key, value in weights(model, "discriminator").items():
            assert torch.equal(value, state[f"discriminator.{key}"])


def test_a_bundled_model_comes_with_a_small_discriminator(finished, tmp_path, monkeypatch, capsys):
    """In half precision: a run begins with it as with that of the run's folder, and may freeze it."""
    monkeypatch.setattr(catalogue, "PACKAGE", tmp_path / "package")
    monkeypatch.setattr(pages, "PAGES", tmp_path / "cards")
    (tmp_path / "cards").mkdir()
    folder = shutil.copytree(finished("dcgan"), tmp_path / "run")
    write_json(folder / "metrics.json", {"fd10k[digits]": {"value": 1.0, "protocol": "none"}})
    publish.main([str(folder), "--bundle", "dcgan-digits"])
    kept = catalogue.bundled_folder("dcgan-digits") / TRAINING
    assert kept.stat().st_size < LITTLE
    assert zoo.load("dcgan-digits").discriminator is None  # which answering does not need
    state = checkpoint(folder, WHOLE)["state_dict"]
    how = {"init_from": "dcgan-digits", "config": tiny_config("dcgan") | {"freeze_discriminator": 1}}
    model = tiny_run("dcgan", tmp_path / "first", **how).model
    assert "nothing begins anew" in capsys.readouterr().err
    for key, value in weights(model, "discriminator").items():
        torch.testing.assert_close(value, state[f"discriminator.{key}"], atol=1e-3, rtol=1e-3)
    again = networks_of_training(kept.parent)  # of what is bundled, which has no checkpoint
    assert {key for key in state if key.startswith("discriminator.")} == set(again)
    assert set(prepare(kept.parent, "me/dcgan")) >= {TRAINING, "model.safetensors"}
    zoo.save(created("dcgan", width=2), shutil.copytree(kept.parent, tmp_path / "other"))
    assert not (tmp_path / "other" / TRAINING).exists()  # which was that of other weights

    monkeypatch.setattr(publishing, "LITTLE", 100)
    publish.main([str(folder), "--bundle", "dcgan-digits"])
    assert not kept.exists()
    assert "without discriminator, which takes more than" in capsys.readouterr().out
    tiny_run("dcgan", tmp_path / "second", init_from="dcgan-digits")
    assert "what begins anew: discriminator" in capsys.readouterr().err


def test_what_half_precision_cannot_hold_is_kept_whole(tmp_path):
    publishing.keep({"discriminator.weight": torch.tensor([1e6, 0.1])}, tmp_path)
    assert torch.equal(read_weights(tmp_path / TRAINING)["discriminator.weight"], torch.tensor([1e6, 0.1]))


def test_of_a_model_without_a_discriminator_the_generator_is_taken(tmp_path, capsys):
    other = created("dcgan", width=2)
    zoo.save(other, tmp_path / "other")
    model = tiny_run("nsgan", tmp_path / "run", init_from=str(tmp_path / "other"),
                     config={"backbone": "dcgan", "width": 2}).model
    assert "what begins anew: discriminator" in capsys.readouterr().err
    for key, value in weights(model, "generator").items():
        assert torch.equal(value, other.generator.state_dict()[key])


def test_of_other_classes_what_fits_is_taken_and_the_rest_named(tmp_path, capsys):
    zoo.save(created("cgan", width=2, classes=3), tmp_path / "three")
    model = tiny_run("cgan", tmp_path / "run", init_from=str(tmp_path / "three")).model
    said = capsys.readouterr().err
    assert "what begins anew: generator.generator.1.weight, discriminator" in said
    theirs = zoo.load(tmp_path / "three").generator.state_dict()
    differ = [key for key, value in weights(model, "generator").items() if not torch.equal(value, theirs[key])]
    assert differ == ["generator.1.weight"]


@pytest.mark.parametrize("told", [{"projection": True}, {}])
def test_a_conditional_model_begins_with_one_that_is_told_nothing(told, finished, tmp_path, capsys):
    """But for the layers that take labels; and the other way round."""
    folder = finished("dcgan")
    cgan = tiny_run("cgan", tmp_path / "told", config=tiny_config("dcgan") | told, init_from=str(folder)).model
    own = {"generator": {"1.weight"}, "discriminator": {"head.weight", "head.bias"} if told else {"trunk.0.weight"}}
    anew = [f"{name}.{name}.{key}" for name in own for key in sorted(own[name], reverse=True)]
    assert f"what begins anew: {', '.join(anew)}\n" in capsys.readouterr().err
    theirs = {name: weights(tiny_run("dcgan", tmp_path / "plain", init_from=str(folder)).model, name) for name in own}
    for name, values in theirs.items():
        ours = weights(getattr(cgan, name), name)
        assert {key for key, value in values.items() if not torch.equal(value, ours[key])} == own[name]
    zoo.save(cgan, tmp_path / "saved")
    tiny_run("dcgan", tmp_path / "back", config=tiny_config("dcgan"), init_from=str(tmp_path / "saved"))
    assert "what begins anew: generator.1.weight, discriminator\n" in capsys.readouterr().err


@pytest.mark.parametrize(("variant", "config", "other", "words"), [
    ("dcgan", {"width": 2}, {"width": 2, "image_size": 32}, "has image_size 32 and this run 16.*--image-size 32"),
    ("nsgan", {"width": 2, "backbone": "mlp"}, {"width": 2}, "has backbone dcgan and this run mlp"),
    ("dcgan", {"width": 3, "latent_dim": 9}, {"width": 2},
     "nothing of .* fits this dcgan: its options differ, so choose --width 2 --latent-dim 100, or leave"),
    ("cgan", {"width": 3}, {"width": 2}, "a dcgan, fits this cgan: begin with a model of the same variant"),
    ("dcgan", {"width": 2, "freeze_discriminator": 1}, {"width": 2}, "is to stay as it is, but has learnt nothing"),
])
def test_models_that_cannot_be_begun_with(variant, config, other, words, tmp_path):
    zoo.save(created("dcgan", **other), tmp_path / "other")
    with pytest.raises(zoo.UsageError, match=words):
        tiny_run(variant, tmp_path / "run", config=config, init_from=str(tmp_path / "other"))
    assert not (tmp_path / "run").exists()


def test_a_model_of_another_task_is_refused(finished, tmp_path):
    with pytest.raises(zoo.UsageError, match="of another task than dcgan"):
        tiny_run("dcgan", tmp_path, init_from=str(finished("lstm")))
    with pytest.raises(zoo.UsageError, match="unknown model folder or name"):
        tiny_run("dcgan", tmp_path, init_from="no-such-model")


@pytest.mark.parametrize("norm", ["batch", "spectral"])
def test_frozen_blocks_stay_to_the_bit_and_have_no_optimizer_state(norm, finished, tmp_path):
    config = tiny_config("dcgan") | {"discriminator_norm": norm}
    if norm == "spectral":
        tiny_run("dcgan", tmp_path / "first", images=16, config=config).train()
    first = finished("dcgan") if norm == "batch" else tmp_path / "first"
    how = {"images": HALF, "config": config | {"freeze_discriminator": 1}, "init_from": str(first)}
    run = tiny_run("dcgan", tmp_path / "run", **how)
    frozen = [name for name, p in run.model.discriminator.named_parameters() if not p.requires_grad]
    before = {name: p.clone() for name, p in run.model.discriminator.named_parameters()}
    run.train()
    weight = "parametrizations.weight.original" if norm == "spectral" else "weight"
    assert set(frozen) == {"trunk.0.bias", f"trunk.0.{weight}"}
    for name, p in run.model.discriminator.named_parameters():
        assert torch.equal(p, before[name]) == (name in frozen), name
    judge, _ = checkpoint(tmp_path / "run", HALF)["optimizer_states"]
    assert len(judge["state"]) == len(before) - len(frozen)

    resumed = tiny_run("dcgan", tmp_path / "run", resume=True, **how | {"images": HALF + 8})
    resumed.train()
    assert all(torch.equal(dict(resumed.model.discriminator.named_parameters())[name], before[name]) for name in frozen)


def test_blocks_are_counted_from_the_image_on():
    judge = created("improved-gan", width=2, discriminator_norm="batch").discriminator
    freeze(judge, 2)  # its trunk lies in another
    trunk = next(layer for layer in judge.modules() if isinstance(layer, Trunk))
    assert [name for name, p in trunk.named_parameters() if not p.requires_grad] == [
        "0.0.weight", "0.0.bias", "0.2.weight", "0.3.weight", "0.3.bias"]  # the second's batch-norm too
    with pytest.raises(zoo.UsageError, match="9 blocks of the discriminator cannot be frozen: it has 2"):
        created("dcgan", width=2, freeze_discriminator=9)


def test_clipping_leaves_frozen_weights_alone(finished, tmp_path):
    run = tiny_run("wgan", tmp_path, images=HALF, init_from=str(finished("dcgan")),
                   config={"width": 2, "freeze_discriminator": 1})
    first = run.model.discriminator.trunk[0].weight
    before = first.detach().clone()
    assert before.abs().max() > run.model.config.clip
    run.train()
    assert torch.equal(first, before)
