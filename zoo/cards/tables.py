"""Tables of what there is, as Markdown."""

from collections.abc import Iterable
from typing import Any

from zoo.cards.headings import TASKS
from zoo.cards.markdown import escape
from zoo.models import variants
from zoo.store.catalogue import BUNDLED, Pretrained, bundled_folder, pretrained
from zoo.store.layout import Metrics


def variants_table() -> str:
    """Every variant with its task, kind and paper."""
    lines = ["| variant | what it is | task | kind | paper |", "|---|---|---|---|---|"]
    lines += [f"| `{v.name}` | {v.title} | {v.task} | {v.kind} | [{v.year}]({v.paper}) |" for v in variants()]
    return "\n".join(lines)


def pretrained_table(models: Iterable[Pretrained], cards: str = "model_cards/") -> str:
    """Models that can be loaded by name, a row each: picture, card, size and the number that leads."""
    lines = ["| | name | variant | size of what it makes | parameters | file | measured |", f"|{'---|' * 7}"]
    lines += [f"| {_picture(m, cards)} | [`{m.name}`]({_card(m, cards)}) | {escape(m.variant)} | {m.image_size} "
              f"{TASKS[m.task].unit} | {m.parameters:,} | {m.bytes / 2**20:.1f} MiB | {escape(m.headline)} |"
              for m in models]
    return "\n".join(lines)


def _card(entry: Pretrained, cards: str) -> str:
    return f"{cards}{entry.name}.md" if entry.where == BUNDLED else f"https://huggingface.co/{entry.where}"


def _picture(entry: Pretrained, cards: str) -> str:
    """What it makes, small; empty for sentences, and for what lies on the Hub."""
    if entry.where != BUNDLED or not (bundled_folder(entry.name) / "samples.png").exists():
        return ""
    return f'<img src="{cards}images/{entry.name}-samples.png" alt="what {escape(entry.name)} makes" width="180">'


def best_first(models: Iterable[Pretrained]) -> list[Pretrained]:
    """Those whose leading numbers can be compared lie together, from the lowest on; those without one come last."""
    def place(entry: Pretrained) -> tuple[bool, str, float, str]:
        metric, _, value = entry.headline.rpartition(" ")
        return not metric, metric, float(value or 0), entry.name

    return sorted(models, key=place)


def models_page() -> str:
    """The page of all pretrained models by task and data set, the best first, and of all variants."""
    sections = []
    for task, heading in TASKS.items():
        models = pretrained(task)
        if models:
            sections.append(f"## {heading.title}")
        for data in sorted({m.data for m in models}):
            of_data = best_first(m for m in models if m.data == data)
            sections.append(f"### {escape(data)}\n\n{pretrained_table(of_data, cards='')}")
    return "\n\n".join([
        "# Models", "What `zoo.load(NAME)` knows: nothing is downloaded for those that are bundled. A page for each "
        "has its numbers with their protocols, pictures that are not picked, and the command that trains such a model. "
        "Of a data set the best by the distance that leads comes first; distances in different features, which "
        "stand in brackets, or of different numbers of images cannot be compared.",
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
