"""model_cards/ of a checkout: a page for everything that comes with the package, and one of them all."""

import shutil
from collections.abc import Iterator
from pathlib import Path

from zoo.cards.card import pictures_in, render_card, render_features_card, render_reader_card, write_card
from zoo.cards.tables import models_page
from zoo.core.files import atomic, write_text
from zoo.features.bundled import bundled
from zoo.features.sentences import readers
from zoo.models import variant_class, variants
from zoo.store.catalogue import BUNDLED, PACKAGE, bundled_folder, enter, list_variants, pretrained
from zoo.store.layout import headline, read_metrics
from zoo.store.loading import untrained

PAGES = PACKAGE.parent / "model_cards"


def pages() -> Iterator[tuple[str, str]]:
    """The name and text of every page."""
    yield "README.md", models_page()
    for name in bundled():
        yield f"features-{name}.md", render_features_card(name)
    for name in readers():
        yield f"features-{name}.md", render_reader_card(name)
    for entry in pretrained():
        if entry.where == BUNDLED:
            yield f"{entry.name}.md", render_card(bundled_folder(entry.name), entry.name, f"images/{entry.name}-")


def write_pages() -> list[Path]:
    """Writes the pages with their pictures, the cards inside the package, and the lists of models and variants.

    Returns:
        the pages.
    """
    list_variants(variant for variant in variants() if variant_class(variant.name).__module__.startswith("zoo."))
    for entry in pretrained():
        if entry.where == BUNDLED:
            folder = bundled_folder(entry.name)
            enter(entry._replace(headline=headline(read_metrics(folder))))
            write_card(folder, entry.name)
            _copy_pictures(entry.name)
    written = []
    for name, text in pages():
        write_text(PAGES / name, text)
        written.append(PAGES / name)
    return written


def _copy_pictures(name: str) -> None:
    """Those of a bundled model, in place of those that there were."""
    folder = bundled_folder(name)
    wanted = {f"{name}-{picture}": folder / picture for picture in pictures_in(folder, untrained(folder))
              if picture.endswith(".png")}  # a text is on the page itself
    images = PAGES / "images"
    others = [entry.name for entry in pretrained() if entry.name.startswith(f"{name}-")]
    for stale in images.glob(f"{name}-*.png"):
        if stale.name not in wanted and not stale.name.startswith(tuple(f"{other}-" for other in others)):
            stale.unlink()
    for copy, picture in wanted.items():
        with atomic(images / copy) as partial:
            shutil.copyfile(picture, partial)
