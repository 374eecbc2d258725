"""Distances between sentences in what a bundled language model reads."""

import json

import pytest
import torch
from conftest import created

import zoo
from zoo.cards import card as cards
from zoo.cards.card import render_reader_card
from zoo.commands import features as features_command
from zoo.data.sources import open_source
from zoo.features import sentences as readers
from zoo.features.sentences import Reader, load_reader
from zoo.metrics.distances import frechet_distance, frechet_spread
from zoo.metrics.reading import WORSE, responses
from zoo.metrics.writing import words_of


@pytest.fixture
def mine(finished, tmp_path, monkeypatch):
    """Features for ``grammar`` of a model that was trained elsewhere, beside no others."""
    for module in (readers, features_command, cards):
        monkeypatch.setattr(module, "READERS", tmp_path / "readers")
    load_reader.cache_clear()
    model = zoo.load(finished("lstm"))
    for parameter in model.generator.parameters():
        torch.nn.init.normal_(parameter)  # states that tell words apart, as training would give
    folder = zoo.save(model, tmp_path / "lstm")
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    config["data"]["name"] = "elsewhere"
    (folder / "config.json").write_text(json.dumps(config | {"images_seen": 160, "command": "zoo train ..."}),
                                        encoding="utf-8")
    features_command.main(["--from", str(folder), "--for", "grammar"])
    torch.testing.assert_close(load_reader("grammar-lstm").embedding.weight, model.generator.embedding.weight.detach(),
                               atol=1e-3, rtol=1e-3)  # in half precision
    yield "grammar-lstm"
    load_reader.cache_clear()


def test_the_features_are_the_mean_state_by_hand():
    """Of a language model that is fed nothing, then the words one by one; what it does not know is read over."""
    model = created("lstm", width=4)
    network, words = model.generator, model.data.words
    reader = Reader.of(network, words)
    found = reader([["a", "cat", "sees"], ["zebras", "the", "dog"], []])
    for row, known in zip(found, (["a", "cat", "sees"], ["the", "dog"], []), strict=True):
        embedded, state = network.start(1)
        states = []
        for number in [*(1 + words.index(word) for word in known), None]:
            _, state = network.step(embedded, state)
            states.append(state[0][0])
            if number is not None:
                embedded = network.embedding(torch.tensor([number]))
        torch.testing.assert_close(row, torch.stack(states).mean(0))
    torch.testing.assert_close(reader([["a", "cat", "sees"]]), found[:1])  # whatever the others are


def test_they_are_kept_and_named_in_the_number(mine, finished):
    network, model = load_reader(mine), zoo.load(finished("lstm"))
    found = zoo.evaluate(finished("lstm"), measures="text_frechet", samples=300, real=400)
    name = "text_fd300[grammar-lstm]"
    assert found.keys() == {name, f"{name}/std", f"{name}/floor", f"{name}/real", f"{name}/unigram"}
    assert f"features={mine}@" in found[name]["protocol"]
    source = open_source("grammar", kind="text", length=6, split="test")
    from zoo.metrics.real import real_rows

    tokens = source.load().tokens
    real = network(words_of(source.spec.words, tokens[real_rows(len(tokens), 400)]))
    assert found[f"{name}/floor"]["value"] == pytest.approx(
        frechet_distance(real[::2], real[1::2]) * (1 / 300 + 1 / 400) / (1 / 200 + 1 / 200), rel=1e-6)
    made = network([line.split() for line in model.write(300, seed=0)])
    assert found[name]["value"] == pytest.approx(frechet_distance(made, real), rel=1e-6)
    assert found[f"{name}/std"]["value"] == pytest.approx(frechet_spread(made, real), rel=1e-6)
    assert found[f"{name}/real"]["value"] < found[f"{name}/unigram"]["value"]


def test_without_features_for_the_data_there_is_no_number(finished, tmp_path, monkeypatch):
    monkeypatch.setattr(readers, "READERS", tmp_path)
    assert zoo.evaluate(finished("lstm"), measures="text_frechet", samples=60, real=60) == {}


def test_worse_sentences_are_further_away(mine):
    source = open_source("grammar", kind="text", split="test")
    found = responses(load_reader(mine), source.spec, source.load())
    assert found.keys() == WORSE.keys()
    cut = found["last words cut"]
    assert cut[-1] > cut[1] > 2 * cut[0]
    features_command.main(["--data", "grammar", "--try", mine])
    card = render_reader_card(mine)
    assert "| words replaced |" in card


def test_ways_to_make_them_worse():
    sentences = [[f"w{i}" for i in range(9)], ["a", "b"], ["c"]]
    random = torch.Generator().manual_seed(0)
    assert WORSE["last words cut"](sentences, 2, random) == [sentences[0][:7], ["a"], ["c"]]
    swapped = WORSE["words swapped"](sentences, 4, random)
    assert [sorted(words) for words in swapped] == [sorted(words) for words in sentences]
    assert swapped != sentences
    assert len({tuple(words) for words in WORSE["few sentences copied"](sentences * 4, 1, random)}) == 3
    replaced = WORSE["words replaced"]([["a"] * 1_000, ["b"] * 1_000], 4, random)
    assert 0.07 < sum(word == "b" for word in replaced[0]) / 1_000 < 0.18  # a quarter, half of which stays the same


@pytest.mark.parametrize(("arguments", "said"), [
    (["--from", "{lstm}"], "other than grammar"), (["--from", "{lstm}", "--for", "grammar"], "other than grammar"),
    (["--from", "{gan}", "--for", "captions"], "no model that writes"), ([], "--data says")])
def test_what_is_refused(arguments, said, finished):
    given = [word.format(lstm=finished("lstm"), gan=finished("gan")) for word in arguments]
    with pytest.raises(zoo.UsageError, match=said):
        features_command.main(given)


def test_a_damaged_file_is_refused(mine):
    path = readers.READERS / f"{mine}.safetensors"
    path.write_bytes(path.read_bytes() + b"\0")
    load_reader.cache_clear()
    with pytest.raises(zoo.UsageError, match="damaged"):
        load_reader(mine)
