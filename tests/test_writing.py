"""Models that write: what a user asks of them, and what is measured."""

import math
from dataclasses import replace

import pytest
import torch
from conftest import WORDS, WRITERS, created, tiny_run

import zoo
from zoo.commands import write as write_command
from zoo.data.batches import Sentences
from zoo.data.sources import open_source
from zoo.data.tokens import counted
from zoo.metrics.writing import Unigram
from zoo.models.gumbel_gan import soft_words
from zoo.store.export import export_onnx
from zoo.store.golden import check_golden, read_golden
from zoo.store.layout import read_metrics


@pytest.fixture(scope="module", params=WRITERS)
def writer(request, finished):
    return zoo.load(finished(request.param))


@pytest.fixture(scope="module")
def lstm(finished):
    return finished("lstm")


# ---- asked ----------------------------------------------------------------------------------------------------------

def test_the_same_seed_gives_the_same_sentences(writer):
    sentences = writer.write(20, seed=3)
    assert writer.write(20, seed=3) == sentences
    assert writer.write(7, seed=3) == sentences[:7]
    assert writer.write(20, seed=3, batch_size=3) == sentences
    assert writer.write(20, seed=4) != sentences
    assert writer.write(20) != writer.write(20)
    assert all(0 < len(sentence.split()) <= 6 for sentence in sentences)


def test_the_score_is_the_likelihood_by_hand(writer):
    sentences = writer.write(9, seed=0)
    nats = writer.score(sentences)
    tokens, model = writer.data.read(sentences), writer.generator
    with torch.no_grad():
        for row, expected in zip(tokens, nats, strict=True):
            embedded, state = model.start(1)
            total, places = 0.0, 0
            for place, token in enumerate(row.tolist()):
                logits, state = model.step(embedded, state, first=place == 0)
                total -= logits.log_softmax(1)[0, token].item()
                places += 1
                embedded = model.embedding(torch.tensor([token]))
                if token == 0:
                    break
            assert expected.item() == pytest.approx(total / places, rel=1e-4)
    torch.testing.assert_close(writer.score(sentences, batch_size=2), nats)
    torch.testing.assert_close(writer.score(sentences[0]), nats[:1])


@pytest.mark.parametrize(("sentences", "said"), [
    ("anna sees a dgo", r"does not know 'dgo' of 'anna sees a dgo': it knows the 36 words of grammar, such as dog"),
    ("", "a sentence has 1 to 6 words here, and '' has 0"), ("a " * 10_000, "and 'a a a .* has 10,000"),
    ([], "give a sentence"), (7, "sentences are texts, not 7"), (None, "not None"), (["anna", 7], "not 7"),
    ("zyxx qwvv", r"know 'zyxx' and 'qwvv' of .* 36 words of grammar, such as \S+, \S+, \S+, \S+, \S+$"),
    ("zyxx" * 10_000, r"does not know '(zyxx){15}\.\.\.' of '(zyxx){15}\.\.\.': it"),
    ("z1 z2 z3 z4 z5 z6", "know 'z1' and 'z2' and 'z3' and 'z4' and 'z5' and 1 others of ")])
def test_what_cannot_be_scored_is_said(sentences, said, lstm):
    with pytest.raises(zoo.UsageError, match=said):
        zoo.load(lstm).score(sentences)


def test_none_is_refused_and_other_questions_too(lstm):
    model = zoo.load(lstm)
    with pytest.raises(zoo.UsageError, match="at least 1, not 0"):
        model.write(0)
    for ask in (lambda: model.write(1, batch_size=0), lambda: model.score("anna", batch_size=-1)):
        with pytest.raises(zoo.UsageError, match="batch_size must be at least 1, not"):
            ask()
    with pytest.raises(zoo.UsageError, match=r"cannot sample: .* write\(\), score\(\)"):
        model.sample(1)


def test_the_command_writes(lstm, capsys, tmp_path, finished):
    write_command.main([str(lstm), "--n", "5", "--seed", "2"])
    expected = zoo.load(lstm).write(5, seed=2)
    assert capsys.readouterr().out.splitlines() == expected
    write_command.main([str(lstm), "--n", "5", "--seed", "2", "--out", str(tmp_path / "x.txt")])
    assert (tmp_path / "x.txt").read_text(encoding="utf-8").splitlines() == expected
    assert "5 sentences of lstm (grammar)" in capsys.readouterr().out
    with pytest.raises(zoo.UsageError, match="cannot write"):
        write_command.main([str(lstm), "--out", str(tmp_path)])
    with pytest.raises(zoo.UsageError, match=r"writes no sentences: .* sample\(\)"):
        write_command.main([str(finished("gan"))])


def test_on_lists_of_texts(tmp_path, capsys):
    lines = ["a cat sees", "the dog sees", "a dog sees the cat"]
    model = zoo.train("lstm", lines * 4, images=48, batch_size=4, width=4, accelerator="cpu", out=tmp_path / "m")
    assert "finished after 48 sentences: " in capsys.readouterr().out
    assert {word for line in model.write(50, seed=0) for word in line.split()} <= {*WORDS}
    with pytest.raises(zoo.UsageError, match="these are texts"):
        zoo.train("gan", lines)
    with pytest.raises(zoo.UsageError, match="these are pictures, and the model is of sentences"):
        zoo.train("lstm", torch.rand(4, 1, 8, 8), images=8)


# ---- kept -----------------------------------------------------------------------------------------------------------

def test_folders_have_samples_and_a_golden_file(writer, tmp_path):
    folder = zoo.save(writer, tmp_path / "m")
    assert (folder / "samples.txt").read_text(encoding="utf-8").splitlines() == writer.write(16, seed=0)
    inputs, output = read_golden(writer, folder)
    assert output.dtype == torch.int64
    assert torch.equal(writer.respond(**inputs), output)
    with torch.no_grad():
        writer.generator.out.bias.add_(torch.randn_like(writer.generator.out.bias) * 3)
    with pytest.raises(zoo.UsageError, match="does not make"):
        check_golden(writer, folder)


@pytest.mark.parametrize("variant", WRITERS)
def test_onnx_writes_the_same(variant, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    torch.manual_seed(0)
    model = created(variant, width=8)
    session = onnxruntime.InferenceSession(export_onnx(model, tmp_path / "x.onnx"))
    inputs = model.inputs(50, seed=3)
    (tokens,) = session.run(None, {"normal": inputs["normal"].numpy()})
    assert torch.equal(torch.from_numpy(tokens), model.respond(**inputs))


def test_it_is_published_with_sentences_on_its_card(lstm, tmp_path):
    model = zoo.load(lstm)
    model.data = replace(model.data, provenance="mine, 9 sentences of up to 6; left out 1 empty", images=9)
    folder = zoo.save(model, tmp_path / "m")
    done = zoo.publish(folder, "someone/lstm", dry_run=True)
    assert {"samples.txt", "metrics.json"} <= done.files.keys()
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert "pipeline_tag: text-generation" in card
    assert zoo.load(folder).write(16, seed=0)[5] in card
    assert "| nll | " in card
    assert "Data: mine, 9 sentences of up to 6; left out 1 empty.\n" in card  # their number is said once
    assert "images" not in card.partition("# LSTM")[2]


# ---- measured -------------------------------------------------------------------------------------------------------

def test_every_number_of_a_model(lstm, capsys):
    found = {name: metric["value"] for name, metric in zoo.evaluate(lstm, samples=300, real=400).items()}
    assert found["nll"] == pytest.approx(zoo.load(lstm).score(real_sentences()).dot(weights()).item(), rel=1e-4)
    assert found["grammatical/real"] == 1
    assert found["grammatical"] < 0.5 < found["bleu2/real"]
    assert found["bleu3/unigram"] < found["bleu3/real"] < 1
    assert {f"{name}{n}" for name in ("bleu", "self_bleu") for n in (2, 3, 4, 5)} <= found.keys()
    assert 0 < found["distinct2/real"] < found["distinct3/real"] < 1
    assert found["copied/real"] > 0.5  # of the short sentences of the grammar there are few
    assert found["true_nll/real"] < found["nll"]


def real_sentences() -> list[str]:
    from zoo.metrics.real import real_rows

    source = open_source("grammar", kind="text", length=6, split="test")
    tokens = source.load().tokens
    return source.spec.decode(tokens[real_rows(len(tokens), 400)])


def weights() -> torch.Tensor:
    counts = counted(open_source("grammar", kind="text", length=6).spec.read(real_sentences())).sum(1)
    return counts / counts.sum()


def test_another_set_is_read_by_the_models_own_words(lstm, tmp_path):
    """Sentences of words that it does not know are left out, and the numbers are of the words, not of their numbers."""
    (tmp_path / "mine.txt").write_text("\n".join(["zebras sleep"] + ["the dogs sleep"] * 60), encoding="utf-8")
    with pytest.warns(UserWarning, match="compared with mine, in sentences of the words that it knows"):
        found = zoo.evaluate(lstm, data=str(tmp_path / "mine.txt"), measures="likelihood", samples=50, real=70)
    assert found["nll"]["value"] == pytest.approx(zoo.load(lstm).score("the dogs sleep").item(), rel=1e-4)


def test_unigrams_by_hand():
    data = created("lstm").data
    tokens = data.read(["a cat", "a dog sees"])
    unigram = Unigram(tokens, data)
    scores = unigram.scores(data.read(["a cat"]))
    total = 2 + 3 + 2 + 6  # words, ends, and one of each
    torch.testing.assert_close(scores, -torch.tensor([3, 2, 3]).double().div(total).log())
    drawn = unigram.sentences(2_000, 0)
    assert {*(drawn > 0).sum(1).tolist()} == {2, 3}
    shares = drawn[drawn > 0].bincount(minlength=6)[1:] / (drawn > 0).sum()
    torch.testing.assert_close(shares, torch.tensor([3, 2, 2, 2, 1]) / 10, atol=0.03, rtol=0)


def test_a_run_ends_with_sentences_not_pictures(lstm):
    assert len(list((lstm / "samples").glob("images-*.txt"))) == 2
    assert read_metrics(lstm).keys() == {"diversity"}


def test_likelihood_falls_towards_the_entropy(tmp_path):
    """By 30,000 sentences of the grammar, from 3.6 nats a token."""
    run = tiny_run("lstm", tmp_path, images=30_000, config={"width": 24}, batch_size=64, log_every=10_000,
                   checkpoint_every=30_000, samples_every=30_000)
    run.train()
    found = zoo.evaluate(tmp_path, measures="likelihood,truth", samples=1_000, real=1_000)
    assert found["nll"]["value"] < found["true_nll/real"]["value"] + 0.15
    assert found["grammatical"]["value"] > 0.7
    assert found["grammatical/unigram"]["value"] < 0.1


# ---- Gumbel-softmax -------------------------------------------------------------------------------------------------

def soft(temperature, n=1, straight_through=False, logits=(0.5, -1.0, 2.0)):
    logits = torch.tensor(logits, dtype=torch.float64).expand(n, -1)
    return soft_words(logits, torch.rand(n, 3, dtype=torch.float64), temperature, straight_through)


def test_the_likeliest_soft_words_have_the_frequencies_of_the_softmax():
    """100,000, within 4.5 standard errors, at any temperature."""
    p = torch.tensor([0.5, -1.0, 2.0]).double().softmax(0)
    for temperature in (0.1, 1.0, 10.0):
        shares = soft(temperature, 100_000).argmax(1).bincount(minlength=3) / 100_000
        assert ((shares - p).abs() < 4.5 * (p * (1 - p) / 100_000).sqrt()).all()


def test_soft_words_are_one_hot_when_cold_and_even_when_hot():
    assert (soft(1e-3, 2_000).amax(1) > 0.999).double().mean() > 0.99
    assert (soft(1e4, 2_000) - 1 / 3).abs().max() < 0.01
    torch.testing.assert_close(soft(0.7, 50).sum(1), torch.ones(50).double())
    ends = soft_words(torch.zeros(2, 3), torch.tensor([[0.0, 0.5, 1 - 2**-24], [0.0, 0.0, 0.0]]), 0.5, False)
    assert torch.isfinite(ends).all()


def test_straight_through_is_one_hot_forward_and_soft_backward():
    logits = torch.randn(4, 3, dtype=torch.float64, requires_grad=True)
    u, weights = torch.rand(4, 3, dtype=torch.float64), torch.randn(4, 3, dtype=torch.float64)
    hard, smooth = (soft_words(logits, u, 0.7, straight) for straight in (True, False))
    assert torch.equal((hard.detach() > 0.5).sum(1), torch.ones(4, dtype=torch.int64))
    torch.testing.assert_close(hard.detach(), hard.detach().round())
    gradients = [torch.autograd.grad((x * weights).sum(), logits, retain_graph=True)[0] for x in (hard, smooth)]
    torch.testing.assert_close(*gradients)


def test_the_temperature_falls_by_the_clock():
    model = created("gumbel-gan", likelihood=100, fall=200, first_temperature=4.0, last_temperature=0.25)
    found = []
    for model.images_seen in (0, 100, 200, 300, 900):
        found.append(model.temperature)
    assert found == pytest.approx([4.0, 4.0, 1.0, 0.25, 0.25])


def test_cold_soft_sentences_are_sentences_with_ends_after_the_first():
    model = created("gumbel-gan", width=4, first_temperature=1e-3, last_temperature=1e-3).double()
    model._draws.begin(0, 1)
    soft_ones = model.soft_sentences(400).detach()
    tokens = soft_ones.argmax(2)
    torch.testing.assert_close(soft_ones.sum(2), torch.ones(400, 6).double())
    clear = (soft_ones.amax(2) > 0.999).all(1)
    assert clear.double().mean() > 0.9
    assert (tokens[clear][:, 1:][tokens[clear][:, :-1] == 0] == 0).all()
    assert (tokens == 0).any()
    first = model.generator(torch.zeros(1, 6, dtype=torch.int64))[0, 0].softmax(0)
    shares = tokens[:, 0].bincount(minlength=6) / 400
    assert ((shares - first).abs() < 4.5 * (first * (1 - first) / 400).sqrt() + 1e-6).all()


def test_only_the_generator_learns_through_soft_words():
    model = created("gumbel-gan", width=4, dropout=0.0)
    model._draws.begin(0, 1)
    batch = Sentences(torch.ones(4, 6, dtype=torch.int64), torch.zeros(4, dtype=torch.int64))
    (term,) = model.generator_loss(batch).values()
    gradients = torch.autograd.grad(term, list(model.generator.parameters()))
    assert all(g.abs().max() > 0 for g in gradients)
    assert math.isfinite(term.item())
    fake = model.discriminator_loss(batch)["fake"]
    assert torch.autograd.grad(fake, list(model.generator.parameters()), allow_unused=True) == (None,) * 7
    assert isinstance(model, zoo.Writer)
