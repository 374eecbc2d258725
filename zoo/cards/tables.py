"""Tables of what there is, as Markdown."""

from typing import Any, NamedTuple

from zoo.cards.markdown import escape
from zoo.models import variants
from zoo.store.catalogue import BUNDLED, Pretrained, pretrained
from zoo.store.layout import Metrics


class Heading(NamedTuple):
    """Of the models of a task: what they make, and the unit of its size."""

    title: str
    unit: str


TASKS = {"sample": Heading("Pictures from latents", "px"), "translate": Heading("Pictures from pictures", "px"),
         "write": Heading("Sentences", "tokens"), "rewrite": Heading("Sentences from sentences", "tokens")}


def variants_table() -> str:
    """Every variant with its task, kind and paper."""
    lines = ["| variant | what it is | task | kind | paper |", "|---|---|---|---|---|"]
    lines += [f"| `{v.name}` | {v.title} | {v.task} | {v.kind} | [{v.year}]({v.paper}) |" for v in variants()]
    return "\n".join(lines)


def pretrained_table(task: str | None = None, cards: str = "model_cards/") -> str:
    """Every model that can be loaded by name, with its card: all, or those of a task."""
    unit = TASKS[task].unit if task else "px or tokens"
    lines = [f"| name | variant | data | {unit} | parameters | size | measured | where |", f"|{'---|' * 8}"]
    lines += [f"| [`{m.name}`]({_card(m, cards)}) | {escape(m.variant)} | {escape(m.data)} | {m.image_size} | "
              f"{m.parameters:,} | {m.bytes / 2**20:.1f} MiB | {escape(m.headline)} | {m.where} |"
              for m in pretrained(task)]
    return "\n".join(lines)


def _card(entry: Pretrained, cards: str) -> str:
    return f"{cards}{entry.name}.md" if entry.where == BUNDLED else f"https://huggingface.co/{entry.where}"


def models_page() -> str:
    """The page of all pretrained models by task, and of all variants."""
    tasks = [task for task in TASKS if pretrained(task)]
    sections = [f"## {TASKS[task].title}\n\n{pretrained_table(task, cards='')}" for task in tasks]
    return "\n\n".join([
        "# Models", "What `zoo.load(NAME)` knows: nothing is downloaded for those that are bundled. A page for each "
        "has its numbers with their protocols, pictures that are not picked, and the command that trains such a model.",
        *sections, "## Variants", "What `zoo train --variant NAME` trains; `zoo describe NAME` tells its options.",
        variants_table()]) + "\n"


def responses_table(responses: dict[str, Any]) -> str:
    """How a distance answers to images of a data set (``of``) that are made worse, a row a way to make them worse."""
    rows = {what: distances for what, distances in responses.items() if what != "of"}
    steps = len(next(iter(rows.values()))) - 1
    lines = [f"| {responses['of']} made worse | {' | '.join(['as it is', *map(str, range(1, steps + 1))])} | rises |",
             f"|{'---|' * (steps + 3)}"]
    return "\n".join([*lines, *(f"| {what} | {' | '.join(f'{one:.3g}' for one in found)} | "
                                f"{'yes' if sorted(set(found)) == found else 'no'} |"
                                for what, found in rows.items())])


def side_by_side(models: dict[str, Metrics]) -> str:
    """The numbers of several models by name, a column each: those by one protocol. A line says which are not."""
    columns = list(models.values())
    names = dict.fromkeys(name for metrics in columns for name in metrics)
    protocols = {name: {metrics[name]["protocol"] if name in metrics else "" for metrics in columns} for name in names}
    alike = [name for name in names if len(protocols[name]) == 1]
    lines = []
    if alike:
        rows = [["measure", *map(escape, models)], ["---"] * (1 + len(models)),
                *([escape(name), *(f"{metrics[name]['value']:.4g}" for metrics in columns)] for name in alike)]
        lines = [f"| {' | '.join(cells)} |" for cells in rows]
        lines += ["", *dict.fromkeys(f"Of all: {escape(*protocols[name])}" for name in alike), ""]
    if others := [name for name in names if name not in alike]:
        lines.append(f"Not measured alike: {escape(', '.join(others))}")
    return "\n".join(lines).rstrip() + "\n"
