"""Models in programs that know nothing of how the zoo is built: other precisions and devices, torch's and Lightning's
own ways, words that other programs use."""

import copy

import numpy as np
import pytest
import torch
from conftest import PICTURES, SAMPLERS, VARIANTS, answers, tiny_run
from lightning.pytorch import Trainer
from torch.utils.data import DataLoader, TensorDataset

import zoo
from zoo.commands import sample as sample_command
from zoo.commands import train as train_command
from zoo.core.errors import unknown
from zoo.data.module import DataModule
from zoo.data.sources import open_source
from zoo.models import variant_class

ENCODERS = [name for name in SAMPLERS if variant_class(name).code is not zoo.Sampler.code]


# ---- precision, device, compiled networks ---------------------------------------------------------------------------

@pytest.mark.parametrize("variant", PICTURES)
def test_every_cast_answers(variant, finished):
    model = zoo.load(finished(variant))
    expected = answers(model)
    for cast, tolerance in (("bfloat16", 0.1), ("half", 0.02), ("double", 1e-5), ("float", 1e-5)):
        difference = (answers(getattr(copy.deepcopy(model), cast)()) - expected).abs()
        assert difference.mean() < tolerance or model.no_gradient, cast  # of whole numbers a few are others


def test_torchs_defaults_change_nothing(finished):
    """A default precision or device is for what a program makes itself."""
    expected = zoo.load(finished("cgan")).sample(4, range(4), seed=0)
    torch.set_default_dtype(torch.float64)
    try:
        assert torch.equal(zoo.load(finished("cgan")).sample(4, range(4), seed=0), expected)
    finally:
        torch.set_default_dtype(torch.float32)
    with torch.device("meta"):
        assert torch.equal(zoo.load(finished("cgan")).sample(4, range(4), seed=0), expected)


def test_a_compiled_network_is_saved_under_its_own_names(finished, tmp_path):
    model = zoo.load(finished("gan"))
    expected = model.sample(2, seed=0)
    model.generator = torch.compile(model.generator, backend="eager")
    assert torch.equal(zoo.load(zoo.save(model, tmp_path)).sample(2, seed=0), expected)


def test_numbers_of_numpy_are_numbers(finished):
    model = zoo.load(finished("cgan"))
    assert torch.equal(model.sample(np.int64(3), np.array([1, 2, 3]), seed=np.int32(5)), model.sample(3, [1, 2, 3], 5))


# ---- what is loaded -------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("variant", VARIANTS)
def test_weights_and_checkpoints_load_by_their_files(variant, finished):
    folder = finished(variant)
    newest = max((folder / "checkpoints").glob("images-*.ckpt"))
    expected = answers(zoo.load(folder))
    assert torch.equal(answers(zoo.load(folder / "model.safetensors")), expected)
    if zoo.load(folder).monitor is None:  # else the folder has the best, not the newest
        assert torch.equal(answers(zoo.load(newest)), expected)


def test_what_is_no_checkpoint_is_said(tmp_path):
    (tmp_path / "x.ckpt").write_bytes(b"garbage")
    with pytest.raises(zoo.UsageError, match="is damaged .*or not a checkpoint of the zoo"):
        zoo.load(tmp_path / "x.ckpt")
    with pytest.raises(zoo.UsageError, match="zoo.load"):
        variant_class("gan").load_from_checkpoint(tmp_path / "x.ckpt")


# ---- torch's and Lightning's own ways -------------------------------------------------------------------------------

@pytest.mark.parametrize("variant", [name for name in PICTURES if not variant_class(name).no_gradient])
def test_calling_the_model_is_differentiable_in_its_inputs(variant, finished):
    model = zoo.load(finished(variant))
    inputs = model.inputs(2, 0)
    first = next(iter(inputs)), next(iter(inputs.values())).requires_grad_()
    images = model(*inputs.values())
    torch.testing.assert_close(images, model.respond(**inputs))
    torch.testing.assert_close(model(**inputs), images)
    (gradient,) = torch.autograd.grad(images.sum(), first[1])
    assert gradient.abs().max() > 0


def test_trainer_predicts(finished, tmp_path):
    model = zoo.load(finished("cgan"))
    inputs = model.inputs(6, 0)
    rows = [{name: x[i] for name, x in inputs.items()} for i in range(6)]
    parts = Trainer(accelerator="cpu", logger=False, enable_progress_bar=False, default_root_dir=tmp_path).predict(
        model, DataLoader(rows, batch_size=4))
    torch.testing.assert_close(torch.cat(parts), model.respond(**inputs), atol=1e-6, rtol=0)


def test_hyperparameters_are_those_of_the_config(tmp_path):
    run = tiny_run("wgan-gp", tmp_path, images=16)
    assert run.model.hparams["penalty"] == 10.0
    assert run.model.hparams["variant"] == "wgan-gp"
    assert run.train() == 0


# ---- one range in one object ----------------------------------------------------------------------------------------

@pytest.mark.parametrize("variant", ENCODERS)
def test_encode_decode_and_reconstruct_take_and_give_the_unit_range(variant, finished):
    model = zoo.load(finished(variant))
    labels = 3 if model.conditional else None
    images = model.sample(3, labels, seed=0)
    codes = model.encode(images, labels)
    assert codes.shape == (3, model.latent_size)
    again = model.reconstruct(images, labels)
    assert torch.equal(again, model.decode(codes, labels))
    assert 0 <= again.min() <= again.max() <= 1
    eight_bits = (images * 255).round().byte()
    torch.testing.assert_close(model.encode(eight_bits, labels), model.encode(eight_bits / 255, labels))
    torch.testing.assert_close(model.encode(images[0], labels), codes[:1], atol=1e-5, rtol=1e-5)  # one picture


@pytest.mark.parametrize(("images", "words"), [
    (torch.rand(2, 1, 16, 17), "16x16 pixels, not of 17x16"), (torch.rand(2, 1, 16, 16) * 255, "floats in"),
    (torch.rand(2, 5, 16, 16), "1 or 3 channels"), ("missing.png", "cannot be read"),
])
def test_images_that_an_encoder_cannot_take(images, words, finished):
    with pytest.raises(zoo.UsageError, match=words):
        zoo.load(finished("bigan")).encode(images)


def test_latents_and_labels_that_do_not_fit(finished):
    model = zoo.load(finished("cvae"))
    with pytest.raises(zoo.UsageError, match=r"latents of this model are \(n, 64\)"):
        model.decode(torch.rand(2, 3), 1)
    with pytest.raises(zoo.UsageError, match="give labels"):
        model.encode(torch.rand(2, 1, 16, 16))
    with pytest.raises(zoo.UsageError, match="has no encoder"):
        zoo.load(finished("gan")).encode(torch.rand(2, 1, 16, 16))


# ---- words ----------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize(("words", "meant"), [
    (["--lr", "1"], "--learning-rate"), (["--epochs", "3"], "--images"), (["--gpus", "2"], "--devices"),
    (["--dataset", "x"], "--data"), (["--Batch_Size", "3"], "--batch-size"), (["--precision", "bf16"], "bf16-mixed"),
    (["--accelerator", "cuda"], "gpu"),
])
def test_words_of_other_programs(words, meant):
    with pytest.raises(zoo.UsageError, match=f"did you mean {meant}"):
        train_command.main(["--variant", "gan", *words])


@pytest.mark.parametrize(("name", "meant"), [("CGAN", "cgan"), ("ConditionalGAN", "cgan"), ("WGAN_GP", "wgan-gp")])
def test_names_of_variants_in_other_spellings(name, meant):
    with pytest.raises(zoo.UsageError, match=f"did you mean {meant}"):
        zoo.create(name)


def test_what_to_type_is_said(tmp_path):
    with pytest.raises(zoo.UsageError, match="classes=10 to zoo.create"):
        zoo.create("cgan")
    with pytest.raises(zoo.UsageError, match=r"channels must be 1 \(grey\) or 3"):
        zoo.create("dcgan", channels=4)
    if not torch.cuda.is_available():
        with pytest.raises(zoo.UsageError, match="this machine has none"):
            tiny_run("gan", tmp_path, accelerator="gpu")
    with pytest.raises(zoo.UsageError, match="--out p.png"):
        sample_command.main(["gan-mnist", "--out", "p.jpg"])
    assert "there are: a, b" in str(unknown("thing", "", ["b", "a"]))


# ---- a loader of one's own ------------------------------------------------------------------------------------------

def fit(model, images, tmp_path) -> None:
    loader = DataLoader(TensorDataset(images, torch.zeros(len(images), dtype=torch.int64)), batch_size=4)
    Trainer(accelerator="cpu", max_epochs=1, logger=False, enable_checkpointing=False, enable_progress_bar=False,
            default_root_dir=tmp_path).fit(model, loader)


@pytest.mark.parametrize("images", [torch.rand(8, 1, 16, 16) * 2 - 1, torch.randint(0, 256, (8, 1, 16, 16)).byte()])
def test_a_loader_of_lists_trains(images, tmp_path):
    model = zoo.create("gan", image_size=16, width=2)
    fit(model, images, tmp_path)
    assert model.images_seen == 8


@pytest.mark.parametrize("images", [torch.rand(8, 1, 16, 16) * 255, torch.full((8, 1, 16, 16), float("nan"))])
def test_images_of_another_range_are_refused(images, tmp_path):
    """Floats of 0 to 255 trained without a word."""
    with pytest.raises(zoo.UsageError, match=r"uint8, or floats in \[-1, 1\]"):
        fit(zoo.create("gan", image_size=16, width=2), images, tmp_path)


def test_lightnings_own_ways_that_do_not_fit_are_said(tmp_path):
    data = DataModule(open_source("digits", image_size=16), batch_size=8)
    quiet = {"accelerator": "cpu", "logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    with pytest.raises(zoo.UsageError, match="overfit_batches"):
        Trainer(max_steps=4, overfit_batches=1, **quiet).fit(zoo.create("gan", image_size=16, width=2), data)


def test_a_loaded_model_says_that_it_cannot_be_trained_on(finished, tmp_path):
    with pytest.raises(zoo.UsageError, match="has the networks that answer and no others"):
        fit(zoo.load(finished("gan")), torch.rand(8, 1, 16, 16), tmp_path)
