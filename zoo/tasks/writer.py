"""Writer: sentences."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from zoo.core.config import option
from zoo.core.module import Config, Terms
from zoo.core.schedules import set_rates
from zoo.data.batches import Sentences
from zoo.data.recurrent import Recurrent
from zoo.data.text_spec import TextSpec
from zoo.data.tokens import counted
from zoo.tasks.asking import MOST_SENTENCES, SEED, Control, Made, Values, View, sentences_in
from zoo.tasks.latents import standard_normals
from zoo.tasks.sentences import OfSentences
from zoo.tasks.task import PASS, Inputs, passes

SHOWN = 16  # sentences of samples.txt
READING = """Lower is better for `nll` and `true_nll`, in nats a token, and higher for `bleu` and `grammatical`; \
`self_bleu`, `distinct`, `tokens_each` and `copied` are best near those of real sentences. `/real` is what other real \
sentences get, `/unigram` what words get that are drawn by their frequency alone."""


@dataclass(frozen=True, kw_only=True)
class WriterConfig(Config):
    """What every model that writes can be told."""

    beta1: float = 0.9
    width: int = option(32, "units of the LSTM, and dimensions of its embedding", minimum=1, maximum=4096)


class Writer(OfSentences):
    """A model that is trained on sentences and writes others, word by word.

    A word is made of a standard normal: u = Phi(normal), and the word is the first whose cumulative probability is
    above u. So a writer is a model of latents too: a seed gives the same sentences everywhere.

    A subclass writes its losses; it may build another ``generator``.
    """

    Config: ClassVar[type[WriterConfig]] = WriterConfig
    config: WriterConfig
    task = "write"
    asks = ("write", "score")
    hub_tag = "text-generation"
    data_kind = "text"
    kind = "sentences"

    def __init__(self, config: WriterConfig, data: TextSpec) -> None:
        super().__init__(config, data)
        self.generator = self.build_generator()

    @classmethod
    def needs(cls) -> tuple[str, ...]:
        return ()

    @classmethod
    def spec(cls, words: Iterable[str] = ("a", "b", "c"), length: int = 8) -> TextSpec:
        return TextSpec(name="unnamed", tokens="words", length=length, known=" ".join(words), ends=True)

    # ---- what a variant defines -------------------------------------------------------------------------------

    def build_generator(self) -> Recurrent:
        return Recurrent(self.data.vocabulary, self.config.width, self.data.ends)

    def networks_for_sampling(self) -> dict[str, nn.Module]:
        return {"generator": self.generator}

    def optimizer_groups(self) -> dict[str, list[nn.Parameter]]:
        return {"generator": list(self.generator.parameters())}

    def likelihood_loss(self, batch: Sentences) -> Terms:
        """-log pi(y) in nats a sentence: a mean over tokens would depend on how a batch is shared out."""
        return {"nll": -self.generator.log_likelihoods(batch.tokens).sum(1).mean()}

    def set_rate_of(self, group: str, rate: float) -> None:
        """Changes a group's learning rate."""
        optimizers: Any = self.optimizers(use_pl_optimizer=False)
        set_rates([optimizers[self.groups.names.index(group)]], rate)

    # ---- asked by a user --------------------------------------------------------------------------------------

    def write(self, n: int, seed: int | None = None, batch_size: int = PASS, ema: bool = True) -> list[str]:
        """Sentences.

        Args:
            n: how many.
            seed: the same seed gives the same sentences, and the first of many are those of few.
            batch_size: sentences a pass through the network; does not change them.
            ema: averaged weights, if the model has them.
        """
        return self.data.decode(self.respond(batch_size, ema, **self.inputs(n, seed)))

    @torch.no_grad()
    def score(self, sentences: str | Iterable[str], batch_size: int = PASS) -> Tensor:
        """-log pi(y) in nats a token, the end of a sentence among them where it can end early: (n,) on the CPU.

        Raises:
            UsageError: none, a word that the model does not know, a sentence without words or with too many.
        """
        tokens = self.data.read(sentences)
        with self.answering():
            return torch.cat([self.scores(self.placed(tokens[rows])).cpu() for rows in passes(len(tokens), batch_size)])

    def scores(self, tokens: Tensor) -> Tensor:
        """-log pi(y) in nats a token of sentences (N, T), (N,), by the network as it is."""
        return -self.generator.log_likelihoods(tokens).sum(1) / counted(tokens).sum(1)

    # ---- the contract of a task -------------------------------------------------------------------------------

    def inputs(self, n: int, seed: int | None = None, examples: Sentences | None = None) -> Inputs:
        """A normal for every place of a sentence."""
        return {"normal": standard_normals(n, self.data.length, seed)}

    def answer(self, normal: Tensor) -> Tensor:
        return self.generator.sentences(torch.special.ndtr(normal))

    def write_sheet(self, path: Path, examples: Sentences | None = None) -> None:
        Path(path).write_text("\n".join(self.write(SHOWN, seed=0)) + "\n", encoding="utf-8")

    def views(self) -> list[View]:
        count = Control("count", "sentences", "slider", 8, minimum=1, maximum=MOST_SENTENCES)
        return [View("write", "Write", (SEED, count), self._written),
                View("score", "Score", (Control("sentences", "sentences, one a line", "text", ""),), self._scored)]

    def _written(self, values: Values) -> list[Made]:
        n, seed = int(values["count"]), values["seed"]
        return [Made(f"sentence = model.write({n}, seed={seed})[{i}]", text=sentence)
                for i, sentence in enumerate(self.write(n, seed=seed))]

    def _scored(self, values: Values) -> list[Made]:
        lines = sentences_in(values["sentences"])
        return [Made(f"nats = model.score({line!r})", text=line, caption=f"{nats:.2f} nats a token")
                for line, nats in zip(lines, self.score(lines).tolist(), strict=True)]

    def captions(self) -> dict[str, tuple[str, str]]:
        return {self.samples: ("sentences", f"Sentences, not picked: `model.write({SHOWN}, seed=0)`.")}

    def usage(self, name: str) -> str:
        return (f'model = zoo.load("{name}")\nsentences = model.write({SHOWN}, seed=0)\n'
                "nats = model.score(sentences)  # -log p a token of each")

    def limits(self) -> str:
        data = self.data
        return (f"It knows {len(data.words):,} {data.tokens} of {data.name} and no others, writes sentences of at most "
                f"{data.length}, and has the biases of that set.")

    @property
    def measures(self) -> tuple[str, ...]:
        return ("likelihood", "truth", "text_frechet", "bleu", "self_bleu", "distinct", "copied")

    reading = READING
