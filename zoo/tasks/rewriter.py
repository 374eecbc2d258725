"""Rewriter: sentences in another style, learnt from sentences of two styles that are not paired."""

import json
from collections.abc import Iterable
from pathlib import Path

import torch
from torch import Tensor

from zoo.core.errors import UsageError
from zoo.core.module import Config
from zoo.data.batches import Sentences
from zoo.data.labels import STYLES, Labels, class_indices
from zoo.data.text_spec import TextSpec
from zoo.tasks.asking import Control, Made, Values, View, sentences_in
from zoo.tasks.latents import standard_normals
from zoo.tasks.sentences import OfSentences
from zoo.tasks.task import PASS, Inputs

SHOWN = 8  # sentences of samples.txt
READING = """Higher is better for `style` (how often a classifier sees the style that was asked for) and \
`human_bleu4` (against rewrites by people), lower for `nats` (a token, by a model of three words that learnt from real \
sentences); `input_bleu4` says how much of what was given stays. `/copy` is what the sentences get that were given, \
`/random` what real sentences of the other style get that are drawn without looking, `/real` how often the classifier \
is right of real sentences. A copy keeps all and changes nothing; a random one changes all and keeps nothing."""


class Rewriter(OfSentences):
    """A model that is trained on sentences of two styles, and writes a sentence of one in the other.

    A subclass writes its losses, builds networks, and writes ``rewritten``.

    Raises:
        UsageError: on data of other than two styles.
    """

    task = "rewrite"
    asks = ("rewrite",)
    hub_tag = "text2text-generation"
    data_kind = "styles"
    once = True
    reading = READING

    def __init__(self, config: Config, data: TextSpec) -> None:
        super().__init__(config, data)
        if data.classes != 2:
            raise UsageError(f"{self.variant} takes sentences of two styles, and {data.name} has {data.classes}: give "
                             "a folder of two files, such as negative.txt and positive.txt")

    @classmethod
    def needs(cls) -> tuple[str, ...]:
        return ("sentences",)

    @classmethod
    def spec(cls, words: Iterable[str] = ("a", "b", "c"), length: int = 8) -> TextSpec:
        return TextSpec(name="unnamed", tokens="words", length=length, known=" ".join(words), ends=True,
                        class_names=["one", "other"])

    # ---- what a variant defines -------------------------------------------------------------------------------

    def rewritten(self, tokens: Tensor, own: Tensor, style: Tensor) -> Tensor:
        """Sentences (N, T) of the styles ``own`` (N,) in the styles ``style`` (N,)."""
        raise NotImplementedError

    # ---- asked by a user --------------------------------------------------------------------------------------

    def rewrite(self, sentences: str | Iterable[str], style: Labels, batch_size: int = PASS,
                ema: bool = True) -> list[str]:
        """Sentences in a style; they are taken to be in the other one.

        Args:
            sentences: one or several, of words that the model knows.
            style: by name or number, one for all or one each.
            batch_size: sentences a pass through the network; does not change them.
            ema: averaged weights, if the model has them.

        Raises:
            UsageError: no sentence, an unknown word or style, a sentence without words or with too many.
        """
        tokens = self.data.read(sentences)
        asked = class_indices(style, self.data.class_names, len(tokens), STYLES)
        return self.data.decode(self.respond(batch_size, ema, tokens=tokens, style=asked))

    # ---- the contract of a task -------------------------------------------------------------------------------

    def inputs(self, n: int, seed: int | None = None, examples: Sentences | None = None) -> Inputs:
        """The examples in turn, each for the style that it has not; without examples words at random."""
        rows = torch.arange(n, device="cpu")
        if examples is not None:
            rows = rows % len(examples.tokens)
            return {"tokens": examples.tokens.cpu().long()[rows], "style": 1 - examples.labels.cpu().long()[rows]}
        uniform = torch.special.ndtr(standard_normals(n, self.data.length, seed).double())
        count = len(self.data.words)
        return {"tokens": (uniform * count).long().clamp(max=count - 1) + 1, "style": rows % 2}

    def answer(self, tokens: Tensor, style: Tensor) -> Tensor:
        return self.rewritten(tokens, 1 - style, style)

    def write_sheet(self, path: Path, examples: Sentences | None = None) -> None:
        """Each sentence, and below it what it is in the other style."""
        inputs = self.inputs(SHOWN, 0, examples)
        given, made = self.data.decode(inputs["tokens"]), self.data.decode(self.respond(**inputs))
        names = [self.data.class_names[style] for style in inputs["style"].tolist()]
        lines = [f"{one}\n  {name}: {other}" for one, name, other in zip(given, names, made, strict=True)]
        Path(path).write_text("\n".join(lines) + "\n", encoding="utf-8")

    def views(self) -> list[View]:
        names = tuple(self.data.class_names)
        return [View("rewrite", "Rewrite", (
            Control("sentences", "sentences, one a line", "text", ""),
            Control("style", "in the style", "choice", names[-1], choices=names)), self._rewritten)]

    def _rewritten(self, values: Values) -> list[Made]:
        lines, style = sentences_in(values["sentences"]), values["style"]
        return [Made(f"sentence = model.rewrite({line!r}, style={style!r})[0]", text=sentence, caption=line)
                for line, sentence in zip(lines, self.rewrite(lines, style), strict=True)]

    def captions(self) -> dict[str, tuple[str, str]]:
        return {self.samples: ("sentences", "Sentences that were held out of training where the data have such, not "
                               "picked, and what the model makes of each in the other style.")}

    def usage(self, name: str) -> str:
        return (f'model = zoo.load("{name}")\n'
                f'sentences = model.rewrite(["..."], style="{self.data.class_names[-1]}")')

    def limits(self) -> str:
        data = self.data
        return (f"It knows {len(data.words):,} {data.tokens} of {data.name} and no others, sentences of at most "
                f"{data.length}, and the styles {' and '.join(data.class_names)}; it has the biases of that set.")

    def facts(self) -> dict[str, str]:
        return super().facts() | {"styles": json.dumps(self.data.class_names, ensure_ascii=False)}

    @property
    def measures(self) -> tuple[str, ...]:
        return ("restyled", "human", "kept", "fluency")
