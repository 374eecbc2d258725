"""Sentences: how they are read, split and drawn, and what their likelihood is."""

import itertools
import math

import pytest
import torch
from tqdm import tqdm

import zoo
from zoo.commands import data as look
from zoo.core.choosing import choose
from zoo.data import grammar, oracle, progress
from zoo.data.batches import Sentences
from zoo.data.lines import OFTEN, lines_of
from zoo.data.recurrent import Recurrent
from zoo.data.sources import open_source
from zoo.data.spec import read_spec
from zoo.data.text_spec import TextSpec
from zoo.data.tokens import SPELLINGS, counted, tidied
from zoo.training.options import Training

LINES = ["the cat sees a dog.", "Ein Hund, größer!", "", "the dog sees the cat.", "一 二 三", "a b c d e f g h",
         "the cat sees a dog.", "   "]


def texts(source) -> list[str]:
    return source.spec.decode(source.load().tokens)


def open_text(data, **how):
    return open_source(data if isinstance(data, list) else str(data), kind="text", **how)


@pytest.fixture
def file(tmp_path, cache):
    path = tmp_path / "mine.txt"
    path.write_text("\n".join(LINES) + "\n", encoding="utf-8")
    return path


# ---- words ----------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("line", ["a cat sits.", "“Größe” , it ’ s 23 . 5 %", "潇 湘 路 ， 清 。", "wait...",
                                  "at 6:30 , ok?!", "... and so on", "x", "don't; e.g. this:", "😀 u.s. e\u0301"])
@pytest.mark.parametrize("tokens", SPELLINGS)
def test_what_is_written_is_read_again(line, tokens):
    spelling = SPELLINGS[tokens]
    once = spelling.split(line)
    assert spelling.split(spelling.join(once)) == once
    assert "".join(once).replace(" ", "") == "".join(line.split())  # nothing is lost


def test_words_and_characters():
    assert SPELLINGS["words"].split("A dog, at 6:30...") == ["A", "dog", ",", "at", "6:30", ".", ".", "."]
    assert SPELLINGS["words"].join(["A", "dog", ",", "yes", "."]) == "A dog, yes."
    assert SPELLINGS["characters"].split(" 潇 湘 ") == ["潇", " ", "湘"]


def test_what_counts():
    tokens = torch.tensor([[1, 2, 0, 0], [1, 2, 3, 1], [1, 0, 2, 0]])
    assert counted(tokens).int().tolist() == [[1, 1, 1, 0], [1, 1, 1, 1], [1, 1, 0, 0]]
    assert tidied(tokens)[2].tolist() == [1, 0, 0, 0]


# ---- files ----------------------------------------------------------------------------------------------------------

def test_a_file_and_what_is_left_out(file, capsys):
    source = open_text(file)
    assert texts(source) == [" ".join(line.split()) for line in LINES if line.strip()]
    spec = source.spec
    assert (spec.name, spec.length, spec.ends, spec.images) == ("mine", 8, True, 6)
    assert spec.words[:3] == ["the", ".", "a"]  # by frequency, then by alphabet
    assert read_spec(spec.to_dict()) == spec
    assert "mine: 6 sentences of up to 8 of 21 words (train); left out 2 empty" in capsys.readouterr().err
    short = open_text(file, length=5)
    assert texts(short) == ["Ein Hund, größer!", "一 二 三"]
    assert "left out 4 of more than 5, 2 empty" in capsys.readouterr().err
    few = open_text(file, vocabulary=6)
    assert texts(few) == [LINES[0], LINES[3], LINES[6]]
    assert "3 with unknown words" in few.spec.provenance
    again = open_text(file, **few.spec.opening)
    assert again.spec == few.spec


def test_sentences_of_one_length_have_no_end(tmp_path):
    path = tmp_path / "poems.txt"
    path.write_text("a b c\nc b a\n", encoding="utf-8")
    assert not open_text(path).spec.ends
    assert open_text(path, tokens="characters").spec.words == [" ", "a", "b", "c"]


def test_classes_and_splits(tmp_path, capsys):
    (tmp_path / "yelp").mkdir()
    (tmp_path / "yelp" / "negative.txt").write_text("bad food\nvery bad\n", encoding="utf-8")
    (tmp_path / "yelp" / "positive.txt").write_text("good food\n", encoding="utf-8")
    source = open_text(tmp_path / "yelp")
    assert source.spec.class_names == ["negative", "positive"]
    assert source.load().labels.tolist() == [0, 0, 1]
    parts = tmp_path / "parts"
    parts.mkdir()
    (parts / "train.txt").write_text("a b\nb a\nc c\n", encoding="utf-8")
    (parts / "test.txt").write_text("b a\nd d\n", encoding="utf-8")
    assert texts(open_text(parts)) == ["a b", "c c"]  # what is tested is not learnt
    assert "left out 1 also in another split" in capsys.readouterr().err
    test = open_text(parts, split="test")
    assert texts(test) == ["b a"]
    assert "left out 1 with unknown words" in test.spec.provenance  # d is not learnt
    with pytest.raises(zoo.UsageError, match="parts has no val split: it has train and test"):
        open_text(parts, split="val")
    (parts / "more.txt").write_text("x", encoding="utf-8")
    with pytest.raises(zoo.UsageError, match="either all files are splits"):
        open_text(parts)


def test_what_is_held_out_follows_from_a_sentence_alone(tmp_path):
    lines = [f"{a} {b}" for a in "abcdefghij" for b in "abcdefghij"] * 2
    train, test = (texts(open_text(lines, held_out=0.3, split=split)) for split in ("train", "test"))
    assert sorted(train + test) == sorted(lines)
    assert not {*train} & {*test}
    assert 30 < len(test) < 90
    other = texts(open_text([*reversed(lines), "z z"], held_out=0.3, split="test"))
    assert {*test} <= {*other}
    assert {*texts(open_text(lines, held_out=0.1, split="test"))} <= {*test}


def test_of_few_sentences_one_is_held_out():
    lines = ["a b", "b a", "a a", "b b", "w " * 100]
    held = [{*texts(open_text(lines, held_out=share, split="test"))} for share in (1e-9, 0.2, 0.5)]
    assert len(held[0]) == 1
    assert held[0] <= held[1] <= held[2]
    assert sorted([*held[0], *texts(open_text(lines, held_out=1e-9))]) == sorted(lines[:4])


@pytest.mark.parametrize(("content", "said"), [
    (b"caf\xe9 au lait\nx\n", "is no UTF-8 text, in or soon after line 1 .*iconv"),
    (b"one sentence\n", "has 1 sentence in train, and at least 2 are needed$"),
    (b"one sentence\n\n", "in train, and at least 2 are needed; left out 1 empty"),
    (b"", "no sentence to learn from$"),
    (b"\n \n", "no sentence to learn from; left out 2 empty"),
    (b"w " * 10_000 + b"\n", "no sentence to learn from; left out 1 of more than 64"),
])
def test_bad_files_are_a_sentence(content, said, tmp_path):
    (tmp_path / "x.txt").write_bytes(content)
    with pytest.raises(zoo.UsageError, match=said):
        open_text(tmp_path / "x.txt")


@pytest.mark.parametrize(("how", "left"), [
    ({"length": 2}, "1 of more than 2"), ({"vocabulary": 1}, "1 with unknown words")])
def test_a_split_to_test_with_needs_one_sentence(how, left, tmp_path):
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "train.txt").write_text("a a\na\na b c\n", encoding="utf-8")
    (tmp_path / "x" / "test.txt").write_text("b c a\n", encoding="utf-8")
    with pytest.raises(zoo.UsageError, match=f"has 0 sentences in test, and at least 1 is needed; left out {left}$"):
        open_text(tmp_path / "x", split="test", **how)
    assert open_text(tmp_path / "x", split="test").spec.images == 1


def test_a_file_without_line_ends_is_not_read_as_a_whole(tmp_path, monkeypatch):
    monkeypatch.setattr("zoo.data.lines.MOST", 100)
    (tmp_path / "x.txt").write_text("a b\n" + "w " * 50 + "\n", encoding="utf-8")
    assert "left out 1 of more than 8" in open_text(["a b", "b a", "w " * 50], length=8).spec.provenance
    with pytest.raises(zoo.UsageError, match=r"line 2 of .*x.txt has more than 100 characters: give a file of one"):
        open_text(tmp_path / "x.txt")


def test_what_does_not_fit_is_a_sentence(file, tmp_path, monkeypatch):
    for how, said in (({"image_size": 32}, "models of pictures"), ({"tokens": "letters"}, "did you mean|there are"),
                      ({"held_out": 0.6}, "held_out"), ({"length": -1}, "must be from 0"),
                      ({"split": "val"}, "has no val split")):
        with pytest.raises(zoo.UsageError, match=said):
            open_text(file, **how)
    with pytest.raises(zoo.UsageError, match="unknown set of sentences"):
        open_text("orcale")
    with pytest.raises(zoo.UsageError, match="no sentences to learn from in .* files"):
        open_text(tmp_path / "cache" if (tmp_path / "cache").mkdir() else tmp_path / "cache")
    with pytest.raises(zoo.UsageError, match="are for models of sentences"):
        open_source("digits", length=5)
    with pytest.raises(zoo.UsageError, match="set of sentences, for models that write"):
        open_source("oracle")
    with pytest.raises(zoo.UsageError, match="mine.txt is a file of sentences, for models that write"):
        open_source(str(file))
    monkeypatch.setenv("ZOO_MEMORY", "150")  # less than the file takes, more than what is kept of it
    long = tmp_path / "long.txt"
    long.write_text("a b\n" * 9 + "w " * 100, encoding="utf-8")
    assert open_text(long).spec.images == 9
    monkeypatch.setenv("ZOO_MEMORY", "50")
    with pytest.raises(zoo.UsageError, match="takes .* GB, more than .*ZOO_MEMORY.* smaller --length"):
        open_text(file)


def test_a_set_of_sentences_is_looked_at(file, tmp_path, capsys):
    look.main([str(file)])
    assert capsys.readouterr().out.splitlines() == [
        "mine        6 sentences",
        "splits      train 6; none to test with: zoo train --held-out 0.1 keeps a tenth, with all copies",
        "classes     none", "empty       2 lines", "words each  3 to 8; half have at most 6, 99 of 100 at most 8",
        "words       21, of which 15 are there once", "copies      2 sentences in 1 group"]
    for name, lines in (("train", "a b\nc d\na b\n"), ("test", "a b\ne f\n")):
        (tmp_path / "parts" / name).mkdir(parents=True)
        for style in ("bad", "good"):
            (tmp_path / "parts" / name / f"{style}.txt").write_text(f"{style}\n{lines}", encoding="utf-8")
    look.main([str(tmp_path / "parts")])
    said = capsys.readouterr().out
    assert "splits      train 8, test 6\nclasses     bad (7), good (7)\n" in said
    assert "leak        4 of test are in train too, where zoo train leaves them out" in said
    with pytest.raises(zoo.UsageError, match="sentences of oracle are drawn"):
        look.main(["oracle"])


def test_files_of_a_run_are_whole_paths(file, monkeypatch):
    monkeypatch.chdir(file.parent)
    assert Training(data="mine.txt").placed().data == str(file)


@pytest.mark.parametrize(("change", "said"), [
    ({"tokens": "x"}, "kind of tokens"), ({"length": 0}, "length"), ({"length": 10**6}, "not supported"),
    ({"known": "a a"}, "each of them once"), ({"known": ""}, "text of tokens"), ({"known": 3}, "text of tokens"),
    ({"ends": 1}, "ends must be"), ({"held_out": 2}, "held_out"), ({"words": []}, "unknown data field")])
def test_a_spec_refuses(change, said):
    good = {"kind": "text", "name": "x", "tokens": "words", "length": 3, "known": "a b", "ends": True}
    assert read_spec(good).vocabulary == 3
    with pytest.raises(zoo.UsageError, match=said):
        read_spec(good | change)


# ---- choices --------------------------------------------------------------------------------------------------------

def test_choices_have_their_probabilities_exactly():
    """On a grid of u, within one step of it."""
    p = torch.tensor([0.1, 0.0, 0.25, 0.05, 0.6], dtype=torch.float64)
    n = 100_000
    u = (torch.arange(n, dtype=torch.float64) + 0.5) / n
    shares = choose(p.log().expand(n, -1), u).bincount(minlength=5) / n
    assert (shares - p).abs().max() <= 1 / n
    assert shares[1] == 0
    assert choose(torch.tensor([[0.3, 0.7, 0.0]]).log(), torch.ones(1)) == 1  # nor where there is none beyond


def test_choices_never_lie_outside():
    """In float32 the sums of 5,000 probabilities end below 1 as often as not, and Phi(5.5) is 1."""
    logits = torch.randn(200, 5_000) * 3
    assert (logits.softmax(1).cumsum(1)[:, -1] < 1).any()
    for u in (torch.ones(200), torch.special.ndtr(torch.full((200,), 5.5)), torch.zeros(200)):
        found = choose(logits, u)
        assert (logits.gather(1, found[:, None]) > -20).all()
    assert (choose(logits.bfloat16(), torch.ones(200)) < 5_000).all()


# ---- the language model ---------------------------------------------------------------------------------------------

@pytest.mark.parametrize("ends", [False, True])
def test_a_step_is_a_place_of_the_whole(ends):
    torch.manual_seed(0)
    model = Recurrent(6, 5, ends).double()
    sentences = model.sentences(torch.rand(40, 7).double())
    logits = model(sentences)
    embedded, state = model.start(40)
    for place in range(7):
        step, state = model.step(embedded, state, first=place == 0)
        torch.testing.assert_close(step, logits[:, place], atol=1e-12, rtol=0)
        embedded = model.embedding(sentences[:, place])
    assert torch.equal(tidied(sentences), sentences)
    assert (sentences[:, 0] > 0).all()
    assert (sentences == 0).any() == ends


@pytest.mark.parametrize("ends", [False, True])
def test_sentences_come_as_often_as_the_likelihood_says(ends):
    """40,000 of all that there are of two words and three places, within 4.5 standard errors; they sum to 1."""
    torch.manual_seed(3)
    model = Recurrent(3, 4, ends).double()
    torch.nn.init.normal_(model.out.weight, std=2)
    rows = torch.tensor(list(itertools.product(range(3), repeat=3)))
    rows = rows[(tidied(rows) == rows).all(1) & (rows[:, 0] > 0) & (ends | (rows > 0).all(1))]
    p = model.log_likelihoods(rows).sum(1).exp().detach()
    assert p.sum().item() == pytest.approx(1, abs=1e-12)
    drawn = model.sentences(torch.rand(40_000, 3).double())
    key = torch.tensor([9, 3, 1])
    shares = (drawn @ key).bincount(minlength=27)[rows @ key] / 40_000
    assert ((shares - p).abs() < 4.5 * (p * (1 - p) / 40_000).sqrt() + 1e-9).all()


# ---- sets whose likelihood is known ---------------------------------------------------------------------------------

def test_the_oracle_draws_by_its_likelihood():
    """The mean log-likelihood of what it draws is minus its entropy: by steps, against the whole."""
    train, test = (open_text("oracle", length=5, vocabulary=30, split=split) for split in ("train", "test"))
    tokens = train.load().tokens
    assert not torch.equal(tokens, test.load().tokens)
    assert torch.equal(tokens, open_text("oracle", length=5, vocabulary=30).load().tokens)
    assert (tokens > 0).all()
    logs = oracle.log_likelihoods(train.spec, tokens)
    model = oracle.oracle(30)
    entropy = -(model(tokens.long()).double().softmax(2) * model(tokens.long()).double().log_softmax(2)).sum(2).sum(1)
    error = logs.std() / len(logs) ** 0.5
    assert abs(-logs.mean() - entropy.mean()) < 4.5 * (error + entropy.std() / len(logs) ** 0.5)
    assert oracle.log_likelihoods(train.spec, torch.tensor([[1, 2, 0, 0, 0]]))[0] == -math.inf
    assert open_text("oracle").spec.vocabulary == 5_001


def test_probabilities_of_the_grammar_sum_to_one():
    """Over all sentences of up to four words, which can be counted, and by length."""
    spec = open_text("grammar", length=4).spec
    for ways in (*grammar.GRAMMAR.pairs, *grammar.GRAMMAR.words):
        total = sum(grammar.GRAMMAR.pairs.get(ways, {}).values()) + sum(grammar.GRAMMAR.words.get(ways, {}).values())
        assert total == pytest.approx(1)
    words = torch.arange(1, spec.vocabulary)
    found, total = torch.zeros(1, 0, dtype=torch.int64), 0.0
    for _ in range(3):
        found = torch.cat([torch.cat([found, word.expand(len(found), 1)], 1) for word in words])
        padded = torch.nn.functional.pad(found, (0, 4 - found.shape[1]))
        total += grammar.log_likelihoods(spec, padded).exp().sum().item()
    shares = torch.stack(grammar.shares_by_length(4))
    assert total == pytest.approx((shares[:3].sum() / shares.sum()).item(), abs=1e-12)


def test_the_grammar_draws_by_its_likelihood():
    spec, tokens = open_text("grammar").spec, open_text("grammar").load().tokens
    logs = grammar.log_likelihoods(spec, tokens)
    assert torch.isfinite(logs).all()
    unique, counts = torch.unique(tokens, dim=0, return_counts=True)
    often = counts > 30
    p, shares = grammar.log_likelihoods(spec, unique[often]).exp(), counts[often] / len(tokens)
    assert often.sum() > 20
    assert ((shares - p).abs() < 4.5 * (p / len(tokens)).sqrt()).all()


def test_a_sentence_of_two_trees_has_the_sum_of_both():
    spec = open_text("grammar").spec
    twice, once = spec.read(["anna sees ben near ben", "anna near ben sees ben"])
    g = grammar.GRAMMAR
    one = {word: g.words["one"][word] for word in ("anna", "ben")}
    shared = g.pairs["sentence"]["one", "does"] * one["anna"] * one["ben"] ** 2 * g.words["sees"]["sees"] \
        * g.words["near"]["near"] * g.pairs["where"]["near", "one"] * g.pairs["does"]["sees", "one"]
    by_noun, by_verb = g.pairs["one"]["one", "where"], g.pairs["does"]["does", "where"]
    most = torch.stack(grammar.shares_by_length(12)).sum()
    found = grammar.log_likelihoods(spec, torch.stack([twice, once])).exp() * most
    torch.testing.assert_close(found, torch.tensor([shared * (by_noun + by_verb), shared * by_noun]).double())
    wrong = spec.read(["the dogs sleeps", "dog the sleeps", "the dog near the dogs sleeps"])
    assert torch.isinf(grammar.log_likelihoods(spec, wrong)).tolist() == [True, True, False]


def test_a_set_of_the_hub(tmp_path, cache):
    datasets = pytest.importorskip("datasets")
    rows = datasets.Dataset.from_dict({"label": [0, 1, 0], "text": ["a b", "b a c", None]})
    rows.to_parquet(str(tmp_path / "h" / "train.parquet")) if (tmp_path / "h").mkdir() is None else None
    source = open_text(f"hf:{tmp_path / 'h'}")
    assert texts(source) == ["a b", "b a c"]
    assert isinstance(source.load(), Sentences)
    assert isinstance(source.spec, TextSpec)


def test_a_file_says_how_far_it_has_been_read(tmp_path, monkeypatch):
    """In bytes, to its end; and a reader that stops leaves the file."""
    path, told = tmp_path / "long.txt", []

    class Bar(tqdm):
        def update(self, n: float = 1) -> None:
            told.append(n)
            super().update(n)

    monkeypatch.setattr(progress, "tqdm", Bar)
    path.write_text("où est-il ?\n" * (2 * OFTEN), encoding="utf-8")
    assert sum(1 for _ in lines_of(path)) == 2 * OFTEN
    assert len(told) == 3
    assert sum(told) == path.stat().st_size
    assert next(iter(lines_of(path))) == "où est-il ?\n"
