"""Lists what there is.

    zoo list
    zoo list --task translate
"""

from zoo.commands import cli
from zoo.core.errors import unknown


def main(arguments: list[str]) -> None:
    parser = cli.Parser("List the variants that can be trained and the models that can be loaded by name.")
    parser.add_argument("--task", metavar="NAME", help="only those of a task: sample, translate, write, rewrite")
    task = parser.parse_args(arguments).task
    from zoo.cards.tables import TASKS  # torch takes seconds to import
    from zoo.models import variants
    from zoo.store.catalogue import pretrained

    tasks = {v.task for v in variants()}
    if task is not None and task not in tasks:
        raise unknown("task", task, tasks)
    print("variants (zoo train --variant NAME):")
    for v in variants():
        if task in (None, v.task):
            print(f"  {v.name:18} {v.title}, {v.year} ({v.task}, {v.kind})")
    print("\nmodels (zoo.load(NAME)):")
    for m in pretrained(task):
        size = f"{m.image_size} {TASKS[m.task].unit}"
        print(f"  {m.name:22} {m.variant} on {m.data}, {size}, {m.parameters:,} parameters; {m.headline}")
