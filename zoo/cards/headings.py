"""The tasks in prose."""

from typing import NamedTuple


class Heading(NamedTuple):
    """Of the models of a task: what they make, and the unit of its size."""

    title: str
    unit: str


TASKS = {"sample": Heading("Pictures from latents", "px"), "translate": Heading("Pictures from pictures", "px"),
         "write": Heading("Sentences", "tokens"), "rewrite": Heading("Sentences from sentences", "tokens")}
