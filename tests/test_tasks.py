"""A task that the zoo does not have is served by everything above the tasks without a change there.

The task makes sentences: its answers are whole numbers, and its samples a text file. All that it needs is in this file:
a task, a spec, a batch, a source and its way to be opened.
"""

import json
from dataclasses import dataclass
from typing import NamedTuple

import onnxruntime
import pytest
import torch
from torch import Tensor, nn

import zoo
from zoo.cards import publishing
from zoo.core.module import Config
from zoo.core.registry import CLASSES, VARIANTS
from zoo.data import sources, spec
from zoo.data.origin import DataSpec
from zoo.store.export import export_onnx
from zoo.tasks.latents import standard_normals
from zoo.tasks.task import Task
from zoo.training.options import Training
from zoo.training.run import Run

WORDS, LENGTH = ["a", "cat", "dog", "sees", "the"], 4


@dataclass(frozen=True, kw_only=True)
class TextSpec(DataSpec):
    kind = "text"
    has_mirror_images = False
    length: int

    @property
    def shape(self) -> tuple[int]:
        return (self.length,)


class Sentences(NamedTuple):
    tokens: Tensor
    labels: Tensor

    @property
    def truth(self) -> Tensor:
        return self.tokens


class TextSource:
    split, splits = "train", ("train",)
    spec = TextSpec(name="sentences", length=LENGTH, images=64)

    def prepare(self) -> None:
        """Nothing to fetch."""

    def load(self) -> Sentences:
        random = torch.Generator().manual_seed(0)
        tokens = torch.multinomial(torch.tensor([4.0, 2, 2, 1, 1]), 64 * LENGTH, True, generator=random)
        return Sentences(tokens.view(64, LENGTH), torch.zeros(64, dtype=torch.int64))


class Unigrams(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.scores = nn.Parameter(torch.zeros(LENGTH, len(WORDS)))


class ToyWriter(Task):
    """A word at each place, independent of the others (https://example.org)."""

    Config = Config
    task, asks, hub_tag, data_kind, output, kind = "write", ("write",), "text-generation", "text", "tokens", "unigram"
    samples, spec_kinds = "samples.txt", ("text",)

    def __init__(self, config: Config, data: TextSpec) -> None:
        super().__init__(config, data)
        self.generator = Unigrams()

    @classmethod
    def needs(cls) -> tuple[str, ...]:
        return ()

    def optimizer_groups(self) -> dict:
        return {"generator": list(self.generator.parameters())}

    def networks_for_sampling(self) -> dict:
        return {"generator": self.generator}

    def training_step(self, batch: Sentences, batch_idx: int) -> None:
        self.optimize("generator", self.loss, batch)

    def loss(self, batch: Sentences) -> dict:
        logs = self.generator.scores.log_softmax(1)
        return {"nll": -logs[torch.arange(LENGTH), batch.tokens].sum(1).mean()}

    def inputs(self, n: int, seed: int | None = None, examples: Sentences | None = None) -> dict:
        return {"normal": standard_normals(n, LENGTH, seed)}

    def answer(self, normal: Tensor) -> Tensor:
        below = torch.special.ndtr(normal)[:, :, None] > self.generator.scores.softmax(1).cumsum(1)[None]
        return below.sum(2).clamp(max=len(WORDS) - 1)

    def truth(self, examples: Sentences) -> Tensor:
        return examples.tokens

    def spread(self, answers: Tensor) -> float:
        return (answers[:, None] != answers[None]).double().mean().item()

    def write(self, n: int, seed: int = 0) -> list[str]:
        return [" ".join(WORDS[k] for k in row) for row in self.respond(**self.inputs(n, seed)).tolist()]

    def write_sheet(self, path, examples=None) -> None:
        path.write_text("\n".join(self.write(8)) + "\n", encoding="utf-8")

    sheet_row = None

    def captions(self) -> dict:
        return {"samples.txt": ("sentences", "Sentences, not picked.")}

    def usage(self, name: str) -> str:
        return f'sentences = zoo.load("{name}").write(8, seed=0)'

    def limits(self) -> str:
        return "It knows five words."

    measures = ()


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """The folder of a run, while the zoo knows the task."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(spec.KINDS, "text", TextSpec)
        patch.setitem(sources.OPENERS, "text", lambda asked: TextSource())
        zoo.register("toy-writer", title="Toy writer", paper="https://example.org", year=2026)(ToyWriter)
        folder = tmp_path_factory.mktemp("written")
        training = Training(data="sentences", images=640, batch_size=16, checkpoint_every=320, samples_every=320,
                            accelerator="cpu")
        Run("toy-writer", {"learning_rate": 0.05}, training, str(folder)).train()
        yield folder
        for table in (CLASSES, VARIANTS):
            del table["toy-writer"]


def test_it_trains_saves_loads_and_answers(written):
    model = zoo.load(written)
    assert json.loads((written / "config.json").read_text(encoding="utf-8"))["task"] == "write"
    assert model.write(3, seed=1) == model.write(5, seed=1)[:3]
    counts = torch.bincount(model.respond(**model.inputs(2_000, 0)).flatten(), minlength=len(WORDS))
    assert counts.argmax() == 0  # the word that is the most frequent in the data
    assert (written / "samples.txt").read_text(encoding="utf-8").splitlines() == model.write(8)
    assert len(list((written / "samples").glob("images-*.txt"))) == 2


def test_it_resumes_and_describes_itself(written):
    training = Training(data="sentences", images=960, batch_size=16, accelerator="cpu")
    run = Run("toy-writer", {"learning_rate": 0.05}, training, str(written), resume=True)
    assert "normal (N, 4) float32 -> tokens (N, 4) int64; 64 training images" in run.describe()
    assert run.train() == 0
    assert zoo.load(written).data == TextSource.spec


def test_it_is_published_with_a_card(written):
    done = publishing.publish(written, "someone/writer", dry_run=True)
    assert {"samples.txt", "golden.safetensors", "README.md"} <= done.files.keys()
    card = (written / "README.md").read_text(encoding="utf-8")
    assert "pipeline_tag: text-generation" in card
    assert f"```\n{(written / 'samples.txt').read_text(encoding='utf-8')}```\n\nSentences, not picked." in card
    assert "write(8, seed=0)" in card


def test_it_is_exported(written, tmp_path):
    model = zoo.load(written)
    session = onnxruntime.InferenceSession(export_onnx(model, tmp_path / "x.onnx"))
    inputs = model.inputs(5, seed=3)
    (tokens,) = session.run(None, {"normal": inputs["normal"].numpy()})
    assert torch.equal(torch.from_numpy(tokens), model.respond(**inputs))


def test_what_it_cannot_do_it_says(written):
    with pytest.raises(zoo.UsageError, match=r"cannot sample: .* write\(\)"):
        zoo.load(written).sample(3)
    with pytest.raises(zoo.UsageError, match="not measured by a Frechet distance"):
        Run("toy-writer", {}, Training(data="sentences", eval_every=10), str(written / "other"))
    assert zoo.evaluate(written, data="sentences") == {}
