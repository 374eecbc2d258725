"""What every registered variant owes, whatever it is. A new file in zoo/models is covered without a change here."""

import csv
import shutil

import pytest
import torch
from conftest import (
    HALF,
    OF_SENTENCES,
    SAMPLERS,
    VARIANTS,
    WHOLE,
    answers,
    created,
    options_with,
    tiny_config,
    tiny_run,
)
from torch.optim.optimizer import register_optimizer_step_pre_hook

import zoo
from zoo.cards.headings import TASKS
from zoo.core.config import options_of
from zoo.core.errors import CannotError
from zoo.core.module import GenerativeModule
from zoo.core.schedules import linear_decay
from zoo.models import variant_class
from zoo.networks import BACKBONES
from zoo.tasks.shared_fakes import SharedFakes
from zoo.tasks.task import Task
from zoo.training.checkpoints import newest_checkpoint


def checkpoint(folder, images: int) -> dict:
    return torch.load(folder / "checkpoints" / f"images-{images:012d}.ckpt", weights_only=True)


def assert_same(a, b, where: str = "") -> None:
    """Equal to the bit, through nested containers."""
    assert type(a) is type(b), where
    if isinstance(a, dict):
        assert a.keys() == b.keys(), where
        for key in a:
            assert_same(a[key], b[key], f"{where}/{key}")
    elif isinstance(a, list | tuple):
        assert len(a) == len(b), where
        for i, (x, y) in enumerate(zip(a, b, strict=True)):
            assert_same(x, y, f"{where}/{i}")
    elif isinstance(a, torch.Tensor):
        assert torch.equal(a, b), where
    else:
        assert a == b, where


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_network_moves(variant, finished, tmp_path):
    before = tiny_run(variant, tmp_path).model
    after = checkpoint(finished(variant), WHOLE)["state_dict"]
    for name, network in before.named_children():
        parameters = {f"{name}.{key}": p for key, p in network.named_parameters()}
        if parameters:
            assert any(not torch.equal(p, after[key]) for key, p in parameters.items()), f"{name} did not move"


@pytest.mark.parametrize("variant", VARIANTS)
def test_players_do_not_touch_each_other(variant, tmp_path, monkeypatch):
    """A step of one group leaves the parameters of the others, and their gradients, as they were."""
    optimize, seen = GenerativeModule.optimize, set()

    def watched(self, group, loss, *args):
        others = self.groups.others[group]
        before = [(p.clone(), None if p.grad is None else p.grad.clone()) for p in others]
        optimize(self, group, loss, *args)
        for p, (value, gradient) in zip(others, before, strict=True):
            assert torch.equal(p, value), f"a step of {group} moved another group"
            assert (p.grad is None) == (gradient is None)
            assert gradient is None or torch.equal(p.grad, gradient), f"{group} left gradients in another group"
            assert p.requires_grad
        seen.add(group)

    monkeypatch.setattr(GenerativeModule, "optimize", watched)
    run = tiny_run(variant, tmp_path, images=HALF)
    run.train()
    assert seen == set(run.model.optimizer_groups())


@pytest.mark.parametrize("variant", VARIANTS)
def test_rates_fall_by_the_clock_whatever_else_sets_them(variant, tmp_path, monkeypatch):
    """As they are for half of ``decay_images``, then in a line to 0, by the images seen before a step."""
    inside, found, optimize = [], [], GenerativeModule.optimize

    def watched(self, group, *args):
        optimize(self, group, *args)
        optimizers = self.optimizers(use_pl_optimizer=False)
        optimizer = optimizers[self.groups.names.index(group)] if isinstance(optimizers, list) else optimizers
        found.append((self.images_seen, inside.pop(), optimizer.param_groups[0]["lr"]))

    monkeypatch.setattr(GenerativeModule, "optimize", watched)
    config = tiny_config(variant) | {"decay_images": 32}
    hook = register_optimizer_step_pre_hook(lambda optimizer, *_: inside.append(optimizer.param_groups[0]["lr"]))
    try:
        assert tiny_run(variant, tmp_path, images=40, config=config).train() == 0
    finally:
        hook.remove()
    assert {seen for seen, *_ in found} == {8, 16, 24, 32, 40}
    for seen, rate, whole in found:
        assert whole > 0
        assert rate == pytest.approx(whole * {24: 1, 32: 0.5, 40: 0}.get(seen, 1), rel=1e-12)


@pytest.mark.parametrize(("seen", "rate"), [(0, 1), (499, 1), (500, 1), (750, 0.5), (900, 0.2), (1000, 0), (2000, 0)])
def test_linear_decay_by_hand(seen, rate):
    assert linear_decay(seen, 1000) == pytest.approx(rate, abs=1e-12)
    assert linear_decay(seen, 0) == 1


@pytest.mark.parametrize(("variant", "parts"), [
    (name, parts) for name in SAMPLERS if getattr(variant_class(name), "fake", None) is SharedFakes.fake
    for parts in (1, 2) if parts == 1 or not variant_class(name).couples_images])
def test_both_players_of_a_step_are_shown_the_same_fakes(variant, parts, tmp_path, monkeypatch):
    """Made once, and with no way back to G from what D is shown; in parts made for each, of the same latents."""
    made, shown = [], []
    make, fakes = variant_class(variant).make_fakes, SharedFakes.fakes
    monkeypatch.setattr(variant_class(variant), "make_fakes", lambda *given: made.append(make(*given)) or made[-1])

    def watched(self, batch):
        found = fakes(self, batch)
        shown.append((self.groups.turn, found))
        return found

    monkeypatch.setattr(SharedFakes, "fakes", watched)
    steps_of_d = options_of(variant_class(variant).Config).get("critic_steps")
    critic_steps = steps_of_d.maximum or 2 if steps_of_d else 1
    run = tiny_run(variant, tmp_path, images=16, accumulate=parts,
                   config=tiny_config(variant) | options_with(variant, critic_steps=critic_steps))
    assert run.train() == 0
    steps, asked = run.model.updates["generator"], {"generator": [], "discriminator": []}
    assert steps == 2 // critic_steps
    for turn, found in shown:
        assert found.images.requires_grad == (turn == "generator")
        asked[turn].append(found)
    assert len(asked["generator"]) == parts * steps
    assert len(made) == (2 if parts == 1 else 2 * parts + parts * steps)
    for theirs, ours in zip(asked["discriminator"][-parts:], asked["generator"][-parts:], strict=True):
        assert torch.equal(theirs.latent, ours.latent)
        assert parts > 1 or torch.equal(theirs.images, ours.images)


@pytest.mark.parametrize("variant", VARIANTS)
def test_mixed_precision_trains(variant, tmp_path):
    """``ae`` added a covariance in bfloat16 to one in float32 and stopped."""
    run = tiny_run(variant, tmp_path, images=HALF, precision="bf16-mixed")
    assert run.train() == 0
    assert all(p.dtype == torch.float32 for p in run.model.parameters())
    assert all(torch.isfinite(value) for value in run.model.terms.values())
    assert torch.isfinite(answers(zoo.load(tmp_path))).all()


@pytest.mark.parametrize("variant", VARIANTS)
def test_resume_is_exact(variant, finished, tmp_path):
    """run(2N) == run(N) + resume(N): weights, optimizers, averages, counters and logged numbers."""
    whole = finished(variant)
    half = tmp_path / "half"
    shutil.copytree(whole, half)
    (half / "checkpoints" / f"images-{WHOLE:012d}.ckpt").unlink()  # as if killed shortly before the end
    assert newest_checkpoint(half / "checkpoints").name == f"images-{HALF:012d}.ckpt"
    tiny_run(variant, half, resume=True).train()
    ours, theirs = checkpoint(half, WHOLE), checkpoint(whole, WHOLE)
    for part in ("state_dict", "optimizer_states", "zoo"):
        assert_same(ours[part], theirs[part], part)
    assert rows(half) == rows(whole)


def rows(folder) -> list[dict]:
    with open(folder / "metrics.csv", newline="", encoding="utf-8") as file:
        return [{k: v for k, v in row.items() if k != "images_per_second"} for row in csv.DictReader(file)]


@pytest.mark.parametrize("variant", VARIANTS)
def test_log_has_every_term_at_its_interval(variant, finished):
    table = rows(finished(variant))
    assert [int(row["images"]) for row in table] == list(range(40, WHOLE + 1, 40))
    groups = tiny_groups(variant)
    for group in groups:
        assert any(name.startswith(f"{group}/") and not name.endswith("/updates") for name in table[-1]), group
        assert float(table[-1][f"{group}/updates"]) > 0
    assert float(table[-1]["diversity"]) > 0


def tiny_groups(variant: str) -> list[str]:
    return list(created(variant, width=2).optimizer_groups())


@pytest.mark.parametrize("variant", VARIANTS)
def test_published_model_is_the_averaged_one(variant, finished):
    """zoo.load gives what the checkpoint's averaged networks give, in [0, 1]."""
    folder = finished(variant)
    loaded = zoo.load(folder)
    run = tiny_run(variant, folder, resume=True)
    run.model.configure_model()
    path = "best.ckpt" if run.model.monitor else f"images-{WHOLE:012d}.ckpt"
    run.model.load_state_dict(torch.load(folder / "checkpoints" / path, weights_only=True)["state_dict"])
    n = 5_000 if variant in OF_SENTENCES else 5  # a word is seldom another for what ten steps change
    images = answers(loaded, n, seed=1)
    assert torch.equal(images, answers(run.model, n, seed=1))
    assert not torch.equal(images, answers(run.model, n, seed=1, ema=False))
    assert images.shape == (n, *loaded.data.shape)
    if variant in OF_SENTENCES:
        assert torch.equal(loaded.data.read(loaded.data.decode(images)), images)
        return
    assert images.min() >= 0
    assert images.max() <= 1


@pytest.mark.parametrize("variant", VARIANTS)
def test_answers_depend_on_the_seed_alone(variant, finished):
    """Neither on how many are asked for nor on how many at once; in float64, where rounding does not decide."""
    model = zoo.load(finished(variant)).double()
    images = answers(model, 21, seed=5)
    torch.testing.assert_close(answers(model, 21, seed=5, batch_size=4), images, atol=1e-7, rtol=0)
    torch.testing.assert_close(answers(model, 7, seed=5), images[:7], atol=1e-7, rtol=0)
    assert not torch.equal(answers(model, 21, seed=6), images)


NETWORKS = [(variant, backbone) for variant in SAMPLERS
            for backbone in (BACKBONES if "backbone" in options_of(variant_class(variant).Config) else [None])]


@pytest.mark.parametrize(("size", "channels"), [(28, 1), (64, 3)])
@pytest.mark.parametrize(("variant", "backbone"), NETWORKS)
def test_shapes(variant, backbone, size, channels):
    """Every variant on every backbone that it can have, grey and colour, on shapes alone."""
    config = ({"backbone": backbone} if backbone else {}) | options_with(variant, sampling_steps=4)
    with torch.device("meta"):
        model = zoo.create(variant, image_size=size, channels=channels, classes=10, width=4, **config)
        normal, *told = (x.to("meta") for x in model.inputs(2, 0).values())
        assert model.generate(normal, *told or [None]).shape == (2, channels, size, size)


def test_a_variant_is_registered_once():
    taken = VARIANTS[0]
    with pytest.raises(zoo.UsageError, match="registered twice"):
        zoo.register(taken, title="", paper="", year=0)(type("Another", (), {"kind": "", "task": ""}))
    assert variant_class(taken).variant == taken


@pytest.mark.parametrize("variant", VARIANTS)
def test_what_a_variant_can_be_asked_others_say_that_they_cannot(variant):
    """A method that it names is there; nothing else has the name of what others can be asked, which is a sentence."""
    cls = variant_class(variant)
    assert all(callable(getattr(cls, ask)) for ask in cls.asks)
    others = {ask for other in VARIANTS for ask in variant_class(other).asks} - {
        ask for base in cls.__mro__ for ask in getattr(base, "asks", ())}
    assert not others & {*dir(cls)}
    for ask in others:
        with pytest.raises(CannotError, match=f"{variant} cannot {ask}: a model of this task can be asked with"):
            Task.__getattr__(object.__new__(cls), ask)  # as Python calls it where there is no such attribute


def test_every_task_has_a_heading():
    """In the one list of tasks in prose, which is read without torch."""
    assert {variant_class(variant).task for variant in VARIANTS} == {*TASKS}
