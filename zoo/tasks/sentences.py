"""OfSentences: what models have in common that are trained on sentences."""

import json
from typing import Any, ClassVar

from torch import Tensor

from zoo.data.batches import Sentences
from zoo.data.text_spec import TextSpec
from zoo.tasks.task import Task


class OfSentences(Task):
    """A model that is trained on sentences and answers with sentences, as numbers of tokens (N, T) int64."""

    data: TextSpec
    spec_kinds: ClassVar[tuple[str, ...]] = ("text",)
    output = "tokens"
    samples = "samples.txt"
    examples = "sentences"
    smallest_batch = 1
    sheet_row = None

    def as_batch(self, given: Any) -> Sentences:
        return given if isinstance(given, Sentences) else Sentences(*given)

    def prepare(self, batch: Sentences) -> Sentences:
        return Sentences(*(column.long() for column in batch))

    def truth(self, examples: Sentences) -> Tensor:
        return examples.tokens

    def spread(self, answers: Tensor) -> float:
        """The share of places in which two sentences differ, on average."""
        answers = answers.cpu()
        apart = (answers[:, None] != answers).double().mean(2)
        return (apart.sum() / (len(answers) * (len(answers) - 1))).item()

    def facts(self) -> dict[str, str]:
        return {"words": json.dumps(self.data.words, ensure_ascii=False), "ends_with": "0"}
