"""Lists what there is, without importing torch, which takes seconds.

    zoo list
    zoo list --task translate
"""

from importlib.metadata import entry_points

from zoo.cards.headings import TASKS
from zoo.commands import cli
from zoo.core.errors import unknown
from zoo.core.registry import ENTRY_POINTS, Variant
from zoo.store.catalogue import listed_variants, pretrained


def main(arguments: list[str]) -> None:
    parser = cli.Parser("List the variants that can be trained and the models that can be loaded by name.")
    parser.add_argument("--task", metavar="NAME", help=f"only those of a task: {', '.join(TASKS)}")
    task = parser.parse_args(arguments).task
    if task is not None and task not in TASKS:
        raise unknown("task", task, TASKS)
    print("variants (zoo train --variant NAME):")
    for v in _variants():
        if task in (None, v.task):
            print(f"  {v.name:18} {v.title}, {v.year} ({v.task}, {v.kind})")
    print("\nmodels (zoo.load(NAME)):")
    for m in pretrained(task):
        size = f"{m.image_size} {TASKS[m.task].unit}"
        print(f"  {m.name:22} {m.variant} on {m.data}, {size}, {m.parameters:,} parameters; {m.headline}")


def _variants() -> list[Variant]:
    """All of them; only where another package brings some are they asked for themselves."""
    if not entry_points(group=ENTRY_POINTS):
        return listed_variants()
    from zoo.models import variants

    return variants()
