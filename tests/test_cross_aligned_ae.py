"""Sentences in another style: the cross-aligned auto-encoder's terms, what a user asks, and what is measured."""

import math
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from conftest import tiny_run
from torch import nn

import zoo
from zoo.commands import rewrite
from zoo.data.batches import Sentences
from zoo.data.sources import open_source
from zoo.data.tokens import END, counted
from zoo.metrics.restyling import CONTRACTED, Trigrams
from zoo.networks.restyling import in_sentence

STYLES = Path(__file__).with_name("styles")
WORDS = ["good", "bad", "food", "the", "is"]
TINY = {"embedding_dim": 3, "style_dim": 2, "width": 4, "filters": 3}


def model_of(**config):
    model = zoo.create("cross-aligned-ae", words=WORDS, length=5, **TINY | config).double()
    for p in model.parameters():
        nn.init.normal_(p, 0.0, 0.7)  # else all words are as likely
    return model


def batch_of(model) -> Sentences:
    tokens = model.data.read(["the food is good", "bad food", "good", "the bad food is good"])
    return Sentences(tokens, torch.tensor([1, 0, 1, 0]))


def test_a_sequence_begins_with_the_state_before_the_first_word():
    """Style, then content; and word t follows from state t + 1."""
    model, network = model_of(), model_of().generator
    tokens, own = batch_of(model)
    content = network.content(tokens, own)
    begin = torch.cat([network.to_style(own), content], 1)
    for decoded in (network.taught(content, own, tokens), network.free(content, own, 5),
                    network.free(content, own, 5, gamma=0.1)):
        assert decoded.states.shape == (4, 6, 6)
        torch.testing.assert_close(decoded.states[:, 0], begin)
        torch.testing.assert_close(decoded.logits[..., 1:], network.out(decoded.states[:, 1:])[..., 1:])
        assert (decoded.logits[:, 0, END] == -1e4).all()  # a sentence has one word at least


def test_steps_are_those_of_the_gru():
    """What it wrote itself, when it is given word by word, leads to the same states."""
    model, network = model_of(), model_of().generator
    tokens, own = batch_of(model)
    content = network.content(tokens, own)
    free = network.free(content, 1 - own, 5)
    taught = network.taught(content, 1 - own, free.tokens)
    inside = F.pad(counted(free.tokens), (1, 0), value=True)
    torch.testing.assert_close(free.states[inside], taught.states[inside])
    assert torch.equal(free.tokens, torch.where(counted(free.tokens), taught.logits.argmax(2), END))


def test_soft_words():
    """Hard ones as gamma falls, the mean of all words as it rises; gradients pass to the encoder."""
    model, network = model_of(), model_of().generator
    tokens, own = batch_of(model)
    content = network.content(tokens, own)
    hard, cold = network.free(content, own, 5), network.free(content, own, 5, gamma=1e-9)
    inside = F.pad(counted(hard.tokens), (1, 0), value=True)
    torch.testing.assert_close(hard.states[inside], cold.states[inside])
    warm = network.free(content, own, 5, gamma=1e12)
    second = network._step(network.embedding.weight.mean(0).expand(4, -1), warm.states[:, 1])
    torch.testing.assert_close(second, warm.states[:, 2])
    network.free(content, own, 5, gamma=0.1).states[:, -1].sum().backward()
    assert network.encoder.weight_hh_l0.grad.abs().max() > 0
    assert network.embedding.weight.grad.abs().max() > 0


def test_what_comes_after_a_sentence_does_not_count():
    """Neither to its content, nor, of real and of transferred ones, to a D."""
    model, network = model_of(), model_of().generator
    tokens, own = batch_of(model)
    torch.testing.assert_close(network.content(tokens, own)[1:2], network.content(tokens[1:2, :2], own[1:2]))
    decoded = network.taught(network.content(tokens, own), own, tokens)
    masked = in_sentence(decoded.states, tokens)
    assert torch.equal(masked[:, 0], decoded.states[:, 0])
    there = [4 + 1, 2 + 1, 1 + 1, 5]  # words and the end, where there is a place for it
    for row, count in enumerate(there):
        assert (masked[row, 1 + count:] == 0).all()
        assert torch.equal(masked[row, :1 + count], decoded.states[row, :1 + count])
    other = decoded.states + 7 * (masked == 0)
    assert torch.equal(model.judged(other, tokens, own), model.judged(decoded.states, tokens, own))
    free = network.free(torch.randn(4, 4).double(), own, 5, gamma=0.1)
    ended = [(row == END).nonzero()[0].item() if (row == END).any() else 5 for row in free.tokens]
    for states, end in zip(in_sentence(free.states, free.tokens), ended, strict=True):
        assert (states[2 + end:] == 0).all()


def test_each_d_sees_real_sentences_of_its_style_and_what_was_made_for_it():
    """D_0: real ones of style 0, and those of style 1 in style 0; by hand, as means over all sentences."""
    model = model_of()
    batch = batch_of(model)
    terms, network = model.discriminator_loss(batch), model.generator
    for style, judge in enumerate(model.discriminators):
        own = batch.labels == style
        content = network.content(batch.tokens, batch.labels)
        real = network.taught(content[own], batch.labels[own], batch.tokens[own])
        made = network.free(content[~own], 1 - batch.labels[~own], 5, gamma=0.1)
        assert (1 - batch.labels[~own] == style).all()
        on_real = judge(in_sentence(real.states, real.tokens)).sigmoid()
        on_made = judge(in_sentence(made.states, made.tokens)).sigmoid()
        torch.testing.assert_close(terms[f"real_{style}"], -on_real.log().sum() / 4)
        torch.testing.assert_close(terms[f"fake_{style}"], -(1 - on_made).log().sum() / 4)
    assert len(terms) == 4


def test_the_reconstruction_is_a_sum_over_words():
    model = model_of()
    batch, network = batch_of(model), model.generator
    total = 0.0
    for tokens, style in zip(batch.tokens, batch.labels, strict=True):
        state = network.begin(network.content(tokens[None], style[None]), style[None])
        before = torch.tensor([END])
        for place, word in enumerate(tokens.tolist()):
            state = network._step(network.embedding(before), state)
            logits = network.out(state)[0]
            possible = logits[1:] if place == 0 else logits
            total -= (logits[word] - possible.logsumexp(0)).item()
            before = torch.tensor([word])
            if word == END:
                break
    terms = model.generator_loss_with(1.0, batch)
    assert terms["reconstruction"].item() == pytest.approx(total / 4)
    content = model.generator.content(batch.tokens, batch.labels)
    made = model.transferred(content, 1 - batch.labels)
    by_hand = -model.judged(made.states, made.tokens, 1 - batch.labels).sigmoid().log().mean()
    torch.testing.assert_close(terms["adversarial"], by_hand)
    torch.testing.assert_close(model.generator_loss_with(0.5, batch)["adversarial"], by_hand / 2)


@pytest.mark.parametrize(("real", "fake", "expected"), [
    ((0.2, 0.2), (0.2, 0.2), True), ((0.2, 0.2), (0.2, 0.7), False), ((0.7, 0.2), (0.2, 0.2), False)])
def test_a_d_that_knows_nothing_teaches_nothing(real, fake, expected):
    """Terms are means over all sentences, of which half are of each style: 0.45 and 0.2 stand for 1.3 nats."""
    model = model_of()
    for style in range(2):
        model.terms |= {f"discriminator/real_{style}": torch.tensor(real[style]),
                        f"discriminator/fake_{style}": torch.tensor(fake[style])}
    assert model.judges_are_better(torch.tensor([0, 1, 1, 0])) == expected


def test_the_auto_encoder_first_learns_alone(tmp_path):
    """D's wait and transferred sentences teach nothing, until the clock has seen so many sentences."""
    for likelihood, waits in ((40, True), (20, False)):
        run = tiny_run("cross-aligned-ae", tmp_path / str(likelihood), images=40, batch_size=20,
                       config=TINY | {"likelihood": likelihood})
        before = [p.clone() for p in run.model.discriminators.parameters()]
        encoder = run.model.generator.encoder.weight_hh_l0.clone()
        run.train()
        assert all(map(torch.equal, before, run.model.discriminators.parameters())) == waits
        assert not torch.equal(encoder, run.model.generator.encoder.weight_hh_l0)
        assert ("generator/adversarial" in run.model.terms) != waits
        assert "generator/reconstruction" in run.model.terms


def test_parts_of_a_batch_are_the_batch(tmp_path):
    ends = []
    for parts in (1, 2):
        run = tiny_run("cross-aligned-ae", tmp_path / str(parts), images=40, config=TINY, accumulate=parts,
                       precision="64-true")
        run.train()
        ends.append(torch.cat([p.flatten() for p in run.model.parameters()]))
    torch.testing.assert_close(*ends, atol=1e-8, rtol=0)


# ---- asked ----------------------------------------------------------------------------------------------------------

def test_rewritten_by_python_and_by_the_command(finished, tmp_path, capsys):
    folder = finished("cross-aligned-ae")
    model, sentences = zoo.load(folder), ["the food is good", "awful soup", "a dull room"]
    made = model.rewrite(sentences, "positive")
    assert len(made) == 3
    assert model.rewrite(sentences, 1, batch_size=2) == made
    assert model.rewrite(sentences[1], "positive") == made[1:2]
    assert model.rewrite(sentences, ["positive", "negative", 1])[::2] == made[::2]
    assert not hasattr(model, "write")
    (tmp_path / "x.txt").write_text("\n\n".join(sentences) + "\n", encoding="utf-8")
    capsys.readouterr()
    rewrite.main([str(folder), str(tmp_path / "x.txt"), "--style", "positive"])
    assert capsys.readouterr().out.splitlines() == made
    rewrite.main([str(folder), str(tmp_path / "x.txt"), "--style", "positive", "--out", str(tmp_path / "y.txt")])
    assert (tmp_path / "y.txt").read_text(encoding="utf-8").splitlines() == made
    (tmp_path / "x.txt").write_text("\n", encoding="utf-8")
    for words, error in (([str(folder), str(tmp_path / "x.txt"), "--style", "positive"], "has no sentence"),
                         (["seqgan-captions", str(tmp_path / "x.txt"), "--style", "x"], "rewrites no sentences")):
        with pytest.raises(zoo.UsageError, match=error):
            rewrite.main(words)


def test_lines_that_cannot_be_rewritten_are_named_or_left_out(finished, tmp_path, capsys):
    folder, file = finished("cross-aligned-ae"), tmp_path / "x.txt"
    words = [str(folder), str(file), "--style", "positive"]
    file.write_text("the food is good\n\nthe fod is good\nawful soup\n" + "the " * 10_000, encoding="utf-8")
    with pytest.raises(zoo.UsageError, match=r"x.txt, line 3: .*'fod'.* \(and 1 more of the lines .*--skip leaves"):
        rewrite.main(words)
    capsys.readouterr()
    rewrite.main([*words, "--skip"])
    said = capsys.readouterr()
    assert said.out.splitlines() == zoo.load(folder).rewrite(["the food is good", "awful soup"], "positive")
    assert "left out 2 of 4 sentences" in said.err
    assert "line 5: a sentence has 1 to" in said.err
    file.write_text("zyx\n", encoding="utf-8")
    with pytest.raises(zoo.UsageError, match="line 1: .*'zyx'.*: no line can be read"):
        rewrite.main([*words, "--skip"])


@pytest.mark.parametrize(("sentences", "style", "words"), [
    (["the food"], "possitive", "unknown style 'possitive': did you mean positive"), (["the fod"], 1, "'fod'.*food"),
    ([], 1, "give a sentence"), ([""], 1, "has 0"), (["the " * 10_000], 1, "has 10,000"),
    (["food"], 2, "no style 2: the styles are 0 to 1"),
    (["food"], None, "give styles, one style or 1 of them, out of negative, positive"), (7, 1, "are texts, not 7"),
    (["food", "food"], ["positive"], "1 styles for 2 sentences: give one, or one for each sentence"),
    (["food"], 1.5, "a style is told by its number or name, not 1.5"), (["food", None], 1, "are texts, not None"),
])
def test_what_cannot_be_rewritten(sentences, style, words, finished):
    with pytest.raises(zoo.UsageError, match=words):
        zoo.load(finished("cross-aligned-ae")).rewrite(sentences, style)


def test_data_of_two_styles(tmp_path, capsys):
    """Two files are two styles; what people rewrote stands behind a tab, and what is tested is not learnt."""
    for split in ("train", "test"):
        (tmp_path / "x" / split).mkdir(parents=True)
    (tmp_path / "x" / "train" / "bad.txt").write_text("so bad\nbad food\n", encoding="utf-8")
    (tmp_path / "x" / "train" / "good.txt").write_text("so good\ngood food\n", encoding="utf-8")
    (tmp_path / "x" / "test" / "bad.txt").write_text("bad food\tGood food!\tgreat food\n", encoding="utf-8")
    (tmp_path / "x" / "test" / "good.txt").write_text("good\n", encoding="utf-8")
    train, test = (open_source(str(tmp_path / "x"), kind="styles", split=split) for split in ("train", "test"))
    assert train.spec.class_names == ["bad", "good"]
    assert train.spec.decode(train.load().tokens) == ["so bad", "so good", "good food"]
    assert "left out 1 also in another split" in capsys.readouterr().err
    assert test.spec.decode(test.load().tokens) == ["bad food", "good"]
    assert test.rewrites() == {"bad food": ["Good food!", "great food"]}
    (tmp_path / "x" / "train" / "other.txt").write_text("x\n", encoding="utf-8")
    with pytest.raises(zoo.UsageError, match="has 3 styles"):
        open_source(str(tmp_path / "x"), kind="styles")
    with pytest.raises(zoo.UsageError, match="grammar is no set of sentences in two styles"):
        open_source("grammar", kind="styles")
    with pytest.raises(zoo.UsageError, match="no file .*yelp.sentiment.dev.0: put the sentences"):
        open_source("yelp", str(tmp_path), kind="styles")


# ---- measured -------------------------------------------------------------------------------------------------------

def test_a_model_of_three_words_is_a_distribution():
    sentences = [["a", "b"], ["a", "b", "c"], ["b", "a"], ["a", "b"]]
    model = Trigrams(sentences)
    for before in ((None, None), (None, "a"), ("a", "b"), ("never", "seen")):
        total = sum(model.probability(before, word) for word in ("a", "b", "c", None))
        unknown = model.probability(before, "z")
        assert total + unknown == pytest.approx(1)
        assert unknown > 0
    assert model.nats([["a", "b"]]) < model.nats([["c", "a"]])
    by_hand = [model.probability((None, None), "b"), model.probability((None, "b"), None)]
    assert model.nats([["b"]]) == pytest.approx(-sum(map(math.log, by_hand)) / 2)


def test_contractions_as_the_corpora_have_them():
    assert CONTRACTED.sub(r" \1", "i won't, it's they'd can't") == "i wo n't, it 's they 'd ca n't"


def test_numbers_beside_trivial_answers(tmp_path):
    """A copy keeps all and has the wrong style, another sentence has the right style; in what a run leaves."""
    for split, lines in (("train", slice(0, None, 2)), ("test", slice(1, None, 2))):
        (tmp_path / "data" / split).mkdir(parents=True)
        for name in ("negative", "positive"):
            given = (STYLES / f"{name}.txt").read_text(encoding="utf-8").splitlines()[lines]
            rewrites = [f"{line}\tThe food is good!" if split == "test" else line for line in given]
            (tmp_path / "data" / split / f"{name}.txt").write_text("\n".join(rewrites) + "\n", encoding="utf-8")
    tiny_run("cross-aligned-ae", tmp_path / "run", images=16, data=str(tmp_path / "data")).train()
    found = {name: metric["value"] for name, metric in zoo.evaluate(tmp_path / "run", accelerator="cpu").items()}
    assert found["style/real"] == 1
    assert found["style/copy"] == 0
    assert found["style/random"] == 1
    assert 0 <= found["style"] <= 1
    assert found["input_bleu4/copy"] == pytest.approx(1, abs=0.5)  # of short ones there are no four words
    assert found["input_bleu4/copy"] > found["input_bleu4/random"]
    assert found["human_bleu4/of"] == 60
    assert found["nats/copy"] > 0
    assert found["nats/random"] < found["nats"]
