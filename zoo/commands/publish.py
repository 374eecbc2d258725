"""Publishes a model folder to the Hugging Face Hub, or puts it among the models that come with the package.

    zoo publish runs/dcgan-anime --repo someone/dcgan-anime --dry-run
    zoo publish runs/dcgan-anime --repo someone/dcgan-anime
    zoo publish runs/dcgan-anime --bundle dcgan-anime
    zoo publish --cards
"""

from pathlib import Path

from zoo.cards.pages import write_pages
from zoo.cards.publishing import LITTLE, bundle, catalogued, keep, publish
from zoo.commands import cli
from zoo.core.errors import UsageError
from zoo.store.layout import TRAINING
from zoo.training.beginning import networks_of_training


def main(arguments: list[str]) -> None:
    parser = cli.Parser("Publish a model folder to the Hugging Face Hub, or bundle it with the package.")
    parser.add_argument("model", nargs="?", help="a model folder, such as a run's")
    parser.add_argument("--repo", metavar="ORG/NAME", help="repository, made if need be; it gets the discriminator of "
                        "a run too where that takes a megabyte and a half at most, for --init-from ORG/NAME")
    parser.add_argument("--private", action="store_true", help="make the repository a private one")
    parser.add_argument("--revision", metavar="BRANCH", help="branch, made if need be (default: main)")
    parser.add_argument("--pictures-of-data", action="store_true", help="send memorisation.png too, which shows "
                        "training pictures")
    parser.add_argument("--dry-run", action="store_true", help="write card and numbers into the folder; send nothing")
    parser.add_argument("--name", help="enter what was published into the catalogue under this name")
    parser.add_argument("--bundle", metavar="NAME", help="copy it into the package and its catalogue "
                        "instead, with the same discriminator")
    parser.add_argument("--cards", action="store_true", help="render the pages in model_cards/ again")
    options = parser.parse_args(arguments)
    if options.cards:
        print(*write_pages(), sep="\n")
        return
    if options.model is None or (options.repo is None) == (options.bundle is None):
        raise UsageError("give a model folder, and --repo ORG/NAME or --bundle NAME; or --cards alone")
    if options.bundle:
        others = networks_of_training(Path(options.model))
        folder = bundle(options.bundle, Path(options.model), others)
        print(folder, *write_pages(), sep="\n")
        if others and not (folder / TRAINING).exists():
            print(f"without {', '.join(sorted({key.split('.')[0] for key in others}))}, which takes more than "
                  f"{LITTLE:,} bytes: --init-from {options.bundle} has to do without")
        return
    folder = Path(options.model).expanduser()
    keep(networks_of_training(folder), folder)
    done = publish(options.model, options.repo, options.private, options.revision, options.dry_run,
                   pictures_of_data=options.pictures_of_data)
    for name, size in done.files.items():
        print(f"{size:12,} bytes  {name}")
    print(done.url)
    if not options.dry_run:
        print(f'commit {done.commit}\nload it with zoo.load("{options.repo}@{done.commit}")')
        if options.name:
            catalogued(options.name, Path(options.model), options.repo, done.commit)
