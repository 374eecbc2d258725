"""Publishes a model folder to the Hugging Face Hub, or puts it among the models that come with the package.

    python scripts/publish.py runs/dcgan-anime --repo someone/dcgan-anime --dry-run
    python scripts/publish.py runs/dcgan-anime --repo someone/dcgan-anime
    python scripts/publish.py runs/dcgan-anime --bundle dcgan-anime
    python scripts/publish.py --cards
"""

import shutil
from pathlib import Path

import zoo
from zoo import catalogue, cli
from zoo.card import render_card, render_classifier_card, write_card
from zoo.errors import UsageError
from zoo.files import atomic, write_text
from zoo.hub import PICTURES
from zoo.metrics.classifier import bundled
from zoo.tables import pretrained_table, variants_table

ROOT = Path(__file__).parents[1]
CARDS, README = ROOT / "model_cards", ROOT / "README.md"
TABLES = {"variants": variants_table, "pretrained": pretrained_table}


def main(arguments: list[str]) -> None:
    parser = cli.Parser("Publish a model folder to the Hugging Face Hub, or bundle it with the package.")
    parser.add_argument("model", nargs="?", help="a model folder, such as a run's")
    parser.add_argument("--repo", metavar="ORG/NAME", help="repository, made if need be")
    parser.add_argument("--private", action="store_true", help="make the repository a private one")
    parser.add_argument("--revision", metavar="BRANCH", help="branch, made if need be (default: main)")
    parser.add_argument("--dry-run", action="store_true", help="write card and numbers into the folder; send nothing")
    parser.add_argument("--name", help="enter what was published into the catalogue under this name")
    parser.add_argument("--bundle", metavar="NAME", help="copy it into the package and its catalogue instead")
    parser.add_argument("--cards", action="store_true", help="render the cards in model_cards/ and the tables of "
                        "README.md again")
    options = parser.parse_args(arguments)
    if options.cards:
        write_cards()
        return
    if options.model is None or (options.repo is None) == (options.bundle is None):
        raise UsageError("give a model folder, and --repo ORG/NAME or --bundle NAME; or --cards alone")
    if options.bundle:
        print(catalogue.bundle(options.bundle, Path(options.model)))
        write_cards()
        return
    done = zoo.publish(options.model, options.repo, options.private, options.revision, options.dry_run)
    for name, size in done.files.items():
        print(f"{size:12,} bytes  {name}")
    print(done.url)
    if not options.dry_run:
        print(f'commit {done.commit}\nload it with zoo.load("{options.repo}@{done.commit}")')
        if options.name:
            catalogue.enter(options.name, Path(options.model), options.repo, done.commit)


def write_cards() -> None:
    """model_cards/ of everything that comes with the package, with pictures, and README.md's tables."""
    for name in bundled():
        write(f"features-{name}", render_classifier_card(name))
    for entry in zoo.pretrained():
        if entry.where == catalogue.BUNDLED:
            folder = catalogue.locate(entry.name)
            write_card(folder, entry.name)
            write(entry.name, render_card(folder, entry.name, prefix=f"images/{entry.name}-"))
            for picture in PICTURES:
                copy = CARDS / "images" / f"{entry.name}-{picture}"
                if (folder / picture).exists():
                    with atomic(copy) as partial:
                        shutil.copyfile(folder / picture, partial)
                else:
                    copy.unlink(missing_ok=True)
    text = README.read_text()
    for name, table in TABLES.items():
        before, _, rest = text.partition(f"<!-- {name} -->")
        text = f"{before}<!-- {name} -->\n{table()}\n<!-- /{name} -->{rest.partition(f'<!-- /{name} -->')[2]}"
    write_text(README, text)


def write(name: str, card: str) -> None:
    write_text(CARDS / f"{name}.md", card)
    print(CARDS / f"{name}.md")


if __name__ == "__main__":
    cli.run(main)
