"""The benchmark runs, its references do what the zoo does, and its ratios are ratios."""

import json
import re
import subprocess
import sys
import time
from argparse import Namespace
from collections import Counter

import pytest
import torch
from conftest import tiny_run
from nltk.translate import bleu_score
from torch import nn
from torch.nn import functional as F

import zoo
from zoo.benchmark import (
    bleu,
    by_hand,
    cluster,
    load,
    measure,
    processes,
    scale,
    step,
    styled_by_hand,
    train,
    translating_by_hand,
    upscaling_by_hand,
    writing_by_hand,
)
from zoo.benchmark.cluster import Exchange
from zoo.benchmark.measure import WARM_UP, Measured, Meter, in_turns
from zoo.commands import benchmark
from zoo.data.batches import Labelled, Pair, Sentences
from zoo.data.derived import edges, shrink
from zoo.data.sources import open_source
from zoo.models.lstm import LSTM, LSTMConfig
from zoo.tasks.paired import Judged

TINY = ["--pairs", "1", "--image-size", "16", "--batch-size", "8"]


def sized(image_size: int, width: int, **more) -> Namespace:
    return Namespace(image_size=image_size, width=width, **{"engineered": False} | more)


@pytest.fixture
def in_this_process(monkeypatch, tmp_path):
    """Every side: a process of its own takes seconds to import torch."""
    monkeypatch.setattr(measure, "in_fresh_process", measure._measured)
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path))  # the evaluation sets it: this puts it back


@pytest.mark.parametrize("arguments", [
    ["train", "--variant", "gan", "--backbone", "mlp", "--width", "2", "--batches", "3", "--data-loading", "memory"],
    ["train", "--variant", "wgan-gp", "--width", "2", "--batches", "5"],
    ["train", "--variant", "pix2pix", "--width", "2", "--batches", "3", "--data-loading", "memory"],
    ["train", "--variant", "stylegan2", "--width", "2", "--batches", "3", "--data-loading", "memory"],
    ["train", "--variant", "cyclegan", "--width", "2", "--batches", "3", "--data-loading", "memory"],
    ["sample", "--width", "2", "--samples", "300"],
    ["translate", "--width", "2", "--samples", "300"],
    ["translate", "--variant", "pix2pix", "--width", "2", "--samples", "300"],
    ["upscale"],
    ["write", "--width", "2", "--samples", "300"],
    ["data", "--batches", "3"],
    ["evaluate", "--samples", "100", "--features", "digits"],
])
@pytest.mark.usefixtures("in_this_process")
def test_every_benchmark_prints_a_table_and_writes_json(arguments, tmp_path, capsys):
    benchmark.main([*arguments, *TINY, "--json", str(tmp_path / "found.json")])
    found = json.loads((tmp_path / "found.json").read_text())
    (ours,), (theirs,) = found["measured"]["the zoo"], found["measured"]["reference"]
    assert ours["peak_bytes"] > 50e6
    ratio = found["reference / the zoo"]["seconds"]
    assert ratio["median"] == ratio["lowest"] == ratio["highest"] == theirs["seconds"] / ours["seconds"]
    assert found["command"].startswith(f"zoo benchmark {arguments[0]}")
    assert found["versions"]["torch"] == torch.__version__.partition("+")[0]
    assert found["machine"]["cores"] >= 1
    assert "| reference / the zoo | {median:.2f} ({lowest:.2f} to {highest:.2f}) |".format(**ratio) in (
        capsys.readouterr().out)


@pytest.mark.usefixtures("in_this_process")
def test_bleu_is_timed_beside_nltks_of_the_same_sentences(monkeypatch, tmp_path, capsys):
    few = [[1, 2, 3, 4], [2, 3, 1, 2, 4], [3, 2, 2, 1, 1, 3]], [[1, 2, 3, 1], [4, 2, 3, 1, 2]]
    monkeypatch.setattr(bleu, "corpora", lambda count: few)
    asked, measures = {}, {name: getattr(bleu, name) for name in ("bleu", "self_bleu")}
    for name, measure_it in measures.items():
        monkeypatch.setattr(bleu, name, lambda *given, name=name, measure_it=measure_it: asked.setdefault(
            name, measure_it(*given)))
    by_nltk, whole = [], bleu_score.sentence_bleu
    monkeypatch.setattr(bleu_score, "sentence_bleu", lambda *given: by_nltk.append(whole(*given)))
    benchmark.main(["bleu", "--samples", "3", "--pairs", "1", "--json", str(tmp_path / "found.json")])
    assert "| nltk / the zoo | " in capsys.readouterr().out
    found = json.loads((tmp_path / "found.json").read_text())
    assert found["sentences"] == 3
    assert found["bleu"] > 0
    for name, theirs in (("bleu", by_nltk[::2]), ("self_bleu", by_nltk[1::2])):
        assert asked[name][1:] == pytest.approx(torch.tensor(theirs).double().mean(0).tolist(), abs=1e-6)


@pytest.mark.usefixtures("in_this_process")
def test_bf16_is_timed_beside_float32_and_said_to_change_little(tmp_path, capsys):
    zoo.save(zoo.create("gan", image_size=16, channels=1, width=2), tmp_path / "model")
    benchmark.main(["precision", "--model", str(tmp_path / "model"), "--samples", "60", "--features", "digits", *TINY])
    said = capsys.readouterr().out
    assert "| in float32 / in bf16 | wall time | CPU time | peak memory |" in said
    assert f"| images of {tmp_path / 'model'} | " in said
    assert "| features digits | " in said
    levels, share = re.search(r"both are (.+) of 256 grey levels .* by (.+)% of their length", said).groups()
    assert 0 < float(levels) < 2
    assert 0 < float(share) < 3


def test_stylegan2_by_hand_is_that_of_the_zoo():
    """Networks, optimizers and, over sixteen steps, every update of theirs."""
    model, loop = zoo.create("stylegan2", image_size=16), styled_by_hand.Loop(sized(16, 16))
    for ours, theirs in ((model.generator, loop.generator), (model.discriminator, loop.discriminator)):
        assert [p.shape for p in ours.parameters()] == [p.shape for p in theirs.parameters()]
    for group, theirs in (("generator", loop.of_g), ("discriminator", loop.of_d)):
        ours = model.build_optimizer(group, list(model.generator.parameters())).param_groups[0]
        assert ours["lr"] == pytest.approx(theirs.param_groups[0]["lr"])
        assert ours["betas"] == pytest.approx(theirs.param_groups[0]["betas"])
    config = model.config
    assert (config.r1, config.r1_every, config.path, config.path_every, config.mixing) == (
        styled_by_hand.R1, styled_by_hand.R1_EVERY, styled_by_hand.PATH, styled_by_hand.PATH_EVERY,
        styled_by_hand.MIXING)
    small = styled_by_hand.Loop(sized(16, 1))
    steps = Counter()
    for name in ("of_g", "of_d"):
        getattr(small, name).register_step_post_hook(lambda *_, name=name: steps.update([name]))
    for number in range(1, 17):
        small.step(number, torch.randn(4, 1, 16, 16))
    assert steps == {"of_g": 20, "of_d": 17}
    assert small.mean_path > 0


@pytest.mark.usefixtures("in_this_process")
def test_options_are_timed_against_none(capsys, monkeypatch):
    seen, run = [], train.Run
    monkeypatch.setattr(train, "Run", lambda name, config, *rest: seen.append(config) or run(name, config, *rest))
    benchmark.main(["options", "--options", "augment=ada", "augment_p=0.3", "r1=1", "r1-every=2", "--batches", "3",
                    "--width", "2", *TINY])
    assert "| without / with |" in capsys.readouterr().out
    plain = {"width": 2, "backbone": "dcgan"}
    assert seen == [plain | {"augment": "ada", "augment_p": 0.3, "r1": 1.0, "r1_every": 2}, plain]


def test_a_side_has_a_process_of_its_own():
    options = Namespace(variant="dcgan", backbone="dcgan", image_size=16, width=2, samples=300, pairs=1)
    found = measure.compare(by_hand.sample, by_hand.sample, options)
    assert found.ratio("peak_bytes").median == pytest.approx(1, rel=0.1)
    assert found.ours[0].peak_bytes < 0.9 * processes.peak_bytes()  # that of the tests has Lightning too


def test_loading_is_timed_as_a_whole_process(tmp_path):
    zoo.save(zoo.create("dcgan", image_size=16, channels=3, width=4), tmp_path / "model")
    benchmark.main(["load", "--model", str(tmp_path / "model"), "--pairs", "1", "--json", str(tmp_path / "found.json")])
    (ours,) = json.loads((tmp_path / "found.json").read_text())["measured"]["the zoo"]
    assert ours["cpu_seconds"] > 0.5
    assert ours["seconds"] > 0.5
    assert ours["peak_bytes"] > 50e6
    zoo.save(zoo.create("gan", image_size=16, width=2), tmp_path / "other")
    with pytest.raises(zoo.UsageError, match="builds the generator of dcgan"):
        benchmark.main(["load", "--model", str(tmp_path / "other")])


def test_the_reference_of_training_does_without_lightning():
    """Else its process would hold in memory what only the zoo needs."""
    load.whole_process("import sys; from zoo.benchmark import by_hand; assert 'lightning' not in sys.modules")


def test_a_step_does_not_look_for_gpus(tmp_path, monkeypatch):
    """Lightning makes torch ask NVML, which takes half a millisecond an optimizer step where there is none."""
    monkeypatch.setenv("PYTORCH_NVML_BASED_CUDA_CHECK", "1")
    asked = []
    count = torch.cuda._device_count_nvml
    monkeypatch.setattr(torch.cuda, "_device_count_nvml", lambda: asked.append(1) or count())
    tiny_run("gan", tmp_path, images=160).train()  # 40 steps of an optimizer
    assert len(asked) < 20


@pytest.mark.parametrize(("variant", "backbone", "size"),
                         [("dcgan", "dcgan", 64), ("gan", "mlp", 16), ("wgan-gp", "dcgan", 16), ("dcgan", "mlp", 16),
                          ("cgan", "dcgan", 16), ("cgan", "mlp", 16)])
def test_references_are_the_models_of_the_zoo(variant, backbone, size):
    """The same networks give the same images, the same losses, and are trained by the same optimizer."""
    model = zoo.create(variant, image_size=size, width=2, backbone=backbone, classes=10)
    options = Namespace(variant=variant, backbone=backbone, image_size=size, width=2)
    labels = torch.arange(8)
    told = (lambda x: by_hand.with_classes(x, labels)) if variant == "cgan" else (lambda x: x)
    pair = by_hand.networks(options)
    for mine, theirs in zip((model.generator, model.discriminator), pair, strict=True):
        theirs.load_state_dict(dict(zip(theirs.state_dict(), mine.state_dict().values(), strict=True)))
    generator, discriminator = pair
    z, real = torch.randn(8, by_hand.LATENT), torch.rand(8, 1, size, size) * 2 - 1
    fake = generator(told(z))
    torch.testing.assert_close(fake, model.condition.call(model.generator, z, labels))
    batch = Labelled(real, labels)
    model.fake, model.draw = lambda batch: fake, lambda distribution, n, *shape: distribution(n, *shape)
    sums = []
    for loss in (lambda: sum(model.discriminator_loss(batch).values()),
                 lambda: by_hand.discriminator_loss(variant, discriminator, told(real), told(fake))):
        torch.manual_seed(0)
        sums.append(loss())
    torch.testing.assert_close(*sums)
    torch.testing.assert_close(sum(model.generator_loss(batch).values()),
                               by_hand.GENERATOR_LOSS[variant](discriminator(told(fake))))
    config = model.config
    assert by_hand.schedule(variant) == (config.critic_steps, config.learning_rate, (config.beta1, config.beta2))


@pytest.mark.parametrize(("variant", "size"), [("pix2pix", 16), ("pix2pix", 64), ("cyclegan", 32), ("cyclegan", 128)])
def test_translators_written_by_hand_are_those_of_the_zoo(variant, size):
    """As many numbers in as many weights of the same shapes, and maps of the same sizes."""
    model = zoo.create(variant, image_size=size, channels=1, width=2)
    loop = translating_by_hand.LOOPS[variant](sized(size, 2))
    names = {"pix2pix": {"generator": "generator", "discriminator": "discriminator"},
             "cyclegan": {"there": "generator", "back": "inverse", "of_a": "discriminator_a"}}[variant]
    pairs = [(getattr(model, ours), theirs) for theirs, ours in names.items()]
    for mine, name in pairs:
        theirs = getattr(loop, name)
        weights = [sorted(tuple(p.shape) for p in network.parameters() if p.dim() > 1) for network in (mine, theirs)]
        assert weights[0] == weights[1]
    channels = 2 if variant == "pix2pix" else 1
    picture = torch.rand(2, channels, size, size)
    assert pairs[-1][0](picture).shape == getattr(loop, pairs[-1][1])(picture).shape


@pytest.mark.parametrize(("variant", "names"), [("pix2pix", ("generator", "discriminator")),
                                                ("cyclegan", ("there", "back", "of_a", "of_b"))])
def test_a_step_by_hand_moves_every_network(variant, names):
    loop = translating_by_hand.LOOPS[variant](sized(16, 2))
    networks = [getattr(loop, name) for name in names]
    before = [[p.clone() for p in network.parameters()] for network in networks]
    stream = iter(lambda: torch.rand(2, 1, 16, 16) * 2 - 1, None)
    for _ in range(30):  # so that a pool of fifty is full
        loop.step(stream)
    for network, old in zip(networks, before, strict=True):
        assert all(not torch.equal(p, q) for p, q in zip(network.parameters(), old, strict=True) if p.dim() > 1)
        assert all(torch.isfinite(p).all() and p.requires_grad for p in network.parameters())


def test_srgan_by_hand_is_that_of_the_zoo(monkeypatch):
    """Weights, optimizers and, of the same networks, both losses."""
    model = zoo.create("srgan", image_size=16, width=4, **train.OF_MODEL["srgan"])
    loop = upscaling_by_hand.Loop(sized(16, 4))
    for name, mine in (("generator", loop.of_g), ("discriminator", loop.of_d)):
        getattr(loop, name).load_state_dict(getattr(model, name).state_dict())
        theirs = model.build_optimizer(name, list(getattr(model, name).parameters())).param_groups[0]
        assert (theirs["lr"], theirs["betas"]) == upscaling_by_hand.ADAM
        assert mine.param_groups[0]["params"]
    target = torch.rand(8, 1, 16, 16) * 2 - 1
    batch = Pair(shrink(target, 4), target, torch.zeros(8, dtype=torch.int64))
    judged = Judged(*batch, model.fake(batch).detach())
    wanted = [sum(model.discriminator_loss(judged).values()), sum(model.generator_loss(batch).values())]
    taken, backward = [], torch.Tensor.backward
    monkeypatch.setattr(torch.Tensor, "backward", lambda loss: taken.append(loss.detach()) or backward(loss))
    monkeypatch.setattr(loop.of_d, "step", lambda: None)  # else the second loss would be of another D
    loop.step(target)
    torch.testing.assert_close(taken, [loss.detach() for loss in wanted])


def test_lstm_by_hand_is_that_of_the_zoo(monkeypatch):
    """Of the same network the same losses, a word, over the same steps of the same optimizer."""
    monkeypatch.setitem(writing_by_hand.DATA, "length", 4)
    monkeypatch.setitem(writing_by_hand.DATA, "vocabulary", 5)
    source = open_source(**writing_by_hand.DATA, kind="text")
    model = LSTM(LSTMConfig(width=3), source.spec)
    network = writing_by_hand.Language(6, 3)
    network.load_state_dict(model.generator.state_dict())
    tokens = next(writing_by_hand.sentences(8))
    with torch.no_grad():
        network.out.bias[0] = model.generator.out.bias[0] = -1e4  # there are no ends, which the zoo's model knows
    by_hand_loss = F.cross_entropy(network(tokens).flatten(0, 1), tokens.flatten())
    (nll,) = model.likelihood_loss(Sentences(tokens, torch.zeros(8))).values()
    torch.testing.assert_close(4 * by_hand_loss, nll)
    theirs = model.build_optimizer("generator", list(model.generator.parameters())).param_groups[0]
    assert (theirs["lr"], theirs["betas"]) == writing_by_hand.ADAM
    made, adam = [], by_hand.adam
    monkeypatch.setattr(writing_by_hand, "adam", lambda *given: made.append(adam(*given)) or made[-1])
    writing_by_hand.train(Namespace(batch_size=8, width=3, batches=2, engineered=False), Meter())
    assert {int(state["step"]) for state in made[0].state.values()} == {WARM_UP + 2}


@pytest.mark.usefixtures("in_this_process")
def test_steps_are_compared_by_variant_and_by_loop(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(step, "SIZES", {"cgan": {"backbone": "dcgan", "image_size": 16, "width": 2, "batch_size": 8},
                                        "srgan": {"image_size": 16, "width": 2, "batch_size": 4}})
    made, adam = [], by_hand.adam
    for module in (by_hand, upscaling_by_hand):
        monkeypatch.setattr(module, "adam", lambda *given: made.append(adam(*given)) or made[-1])
    benchmark.main(["step", "--pairs", "1", "--batches", "2", "--json", str(tmp_path / "found.json")])
    said = capsys.readouterr().out
    found = json.loads((tmp_path / "found.json").read_text())["comparisons"]
    names = [f"{variant}, {loop}" for variant in ("cgan", "srgan")
             for loop in ("as tutorials do", "as a good engineer would")]
    assert list(found) == names
    for name in names:
        ratio = found[name]["reference / the zoo"]["cpu_seconds"]
        assert f"| {name} | " in said
        assert "{median:.2f} ({lowest:.2f} to {highest:.2f})".format(**ratio) in said
    assert [optimizer.defaults["fused"] for optimizer in made] == 2 * [None, None, True, True]


def test_channels_are_last_where_it_is_engineered():
    layer, other = (nn.Conv2d(4, 4, 3) for _ in range(2))
    by_hand.adam([layer], 1e-3, (0.5, 0.9), sized(16, 2, engineered=True))
    by_hand.adam([other], 1e-3, (0.5, 0.9), sized(16, 2))
    last = torch.channels_last
    assert [x.weight.is_contiguous(memory_format=last) for x in (layer, other)] == [True, False]


def test_edges_by_hand_are_those_of_the_data():
    pictures = torch.rand(2, 1, 16, 16) * 2 - 1
    assert torch.equal(translating_by_hand.edges(pictures), edges(pictures))


def test_ratios_say_how_much_less_the_zoo_takes():
    taken = iter([(2.0, 3.0), (6.0, 2.0), (2.0, 2.0)])  # ours, reference
    turns = []

    def side(name, times):
        def call():
            turns.append(name)
            return Measured(times.pop(0), 1.0, 100)

        return call

    ours, reference = (list(times) for times in zip(*taken, strict=True))
    found = in_turns(side("ours", ours), side("reference", reference), pairs=3)
    assert turns == ["ours", "reference", "reference", "ours", "ours", "reference"]
    assert found.ratio("seconds") == (1.0, pytest.approx(1 / 3), 1.5)
    assert found.ratio("peak_bytes") == (1, 1, 1)


@pytest.fixture
def child():
    """child(code): a process that runs it and then waits, once it has printed a word."""
    started = []

    def start(code):
        process = subprocess.Popen([sys.executable, "-c", f"{code}\nprint('done', flush=True)\ninput()"],
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        started.append(process)
        process.stdout.readline()

    yield start
    for process in started:
        process.communicate(b"end")


def test_memory_of_children_counts(child, monkeypatch):
    monkeypatch.setattr(processes, "peak_bytes", lambda: 0)  # what these tests once held does not
    child("held = b'x' * 300_000_000")
    watch = processes.Watch()
    watch.start()
    time.sleep(5 * watch.EVERY)
    more = watch.stop() - processes.total("self/status", "VmRSS:")
    assert 300e6 < more < 340e6


def test_time_of_children_counts(child):
    meter = Meter()
    meter.start()
    child("import time\nwhile time.process_time() < 0.5: pass")
    meter.stop()
    assert 0.45 < meter.measured.cpu_seconds < 1.5
    assert meter.measured.cpu_seconds - 0.5 < meter.measured.seconds


def test_two_processes_tell_what_they_exchange():
    options = Namespace(variant="dcgan", backbone="dcgan", width=2, image_size=16, batch_size=4, batches=2,
                        step_ms=[10])
    noted = []
    found = scale.launch(2, options, noted.append)
    assert found.seconds > 0
    model = zoo.create("dcgan", image_size=16, width=2)
    for group, parameters in model.optimizer_groups().items():
        assert noted[0][group]["messages"] == 1  # one flattened reduction a step and group
        assert noted[0][group]["bytes"] == sum(p.nbytes for p in parameters)
        assert 0 < noted[0][group]["seconds"] < found.seconds
    assert noted[0][scale.OTHER]["messages"] >= 9  # forwards and backwards of batch-norm
    described = scale._described(noted, found.seconds / 2, options)
    assert "| discriminator | 1.0 |" in described["text"]
    assert "| 512 | 64 | 0." in described["text"]


def test_the_model_of_a_cluster():
    large = cluster.all_reduce_seconds(1e9, 64)
    assert large == pytest.approx(2 * 63 / 64 * 1e9 / (cluster.REACHED * cluster.NETWORK), rel=0.02)
    assert cluster.all_reduce_seconds(1e9, 8) < large / 10  # NVLink
    assert cluster.all_reduce_seconds(4, 8) == pytest.approx(3.6e-6 + 14 * 0.47e-6, rel=0.01)  # a ring of one node
    # A tree of small messages: a chain of 8 in each node, and 3 levels of nodes, or 6.
    assert cluster.all_reduce_seconds(4, 64) == pytest.approx(4.4e-6 + 14 * 1.8 * 0.52e-6 + 6 * 5e-6, rel=0.01)
    assert cluster.all_reduce_seconds(4, 512) == pytest.approx(4.4e-6 + 14 * 1.8 * 0.52e-6 + 12 * 5e-6, rel=0.01)
    gradients = [Exchange(4e6, 1), Exchange(2e6, 1)]
    falling = [cluster.efficiency(0.01, gradients, gpus) for gpus in (1, 2, 8, 16, 64, 512)]
    assert falling[0] == 1
    assert falling == sorted(falling, reverse=True)
    assert cluster.efficiency(0.01, gradients, 64) < cluster.efficiency(0.1, gradients, 64) < 1
    assert cluster.efficiency(0.01, [], 64) == 1


@pytest.mark.parametrize(("arguments", "message"), [
    (["train", "--variant", "vae"], "written for .*not for vae"),
    (["sample", "--backbone", "resnet"], "with resnet"),
    (["upscale", "--model", "gan-mnist"], "gan-mnist makes no pictures larger"),
    (["translate", "--variant", "munit"], "written for pix2pix and cyclegan, not for munit"),
    (["train", "--image-size", "28"], "pixels, not 28"),
    (["train", "--variant", "pix2pix", "--image-size", "28"], "pixels, not 28"),
    (["scale", "--variant", "no-such"], "unknown variant"),
    (["train", "--batches", "0"], "a number from 1, not 0"),
    (["scale", "--step-ms", "0"], "a number from 1, not 0"),
    (["load", "--model", "no-such-model"], "no-such-model"),
    (["train", "--variant", "stylegan2", "--batch-size", "6"], "multiples of 4, not 6"),
    (["bleu", "--samples", "1"], "takes 2 at least"),
    (["options"], "--options says what"),
    (["options", "--options", "augment"], "name=value"),
    (["options", "--options", "augmnt=diff"], "did you mean augment"),
    (["options", "--options", "r1=much"], "takes a number"),
    (["options", "--options", "augment=dif"], "did you mean diff"),
])
def test_what_cannot_be_compared_is_said_at_once(arguments, message):
    with pytest.raises(zoo.UsageError, match=message):
        benchmark.main(arguments)
