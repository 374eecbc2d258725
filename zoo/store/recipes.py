"""How each pretrained model is trained: ``NAME.json`` holds its variant, the options of its model and of its training.

``zoo train --recipe NAME`` trains it, on any number of devices; other options change the recipe.
"""

from pathlib import Path
from typing import Any

from zoo.core.errors import unknown
from zoo.core.files import read_json

FOLDER = Path(__file__).parents[1] / "recipes"


def recipes() -> list[str]:
    """The names of all recipes."""
    return sorted(path.stem for path in FOLDER.glob("*.json"))


def read_recipe(name: str) -> dict[str, Any]:
    """A recipe's ``variant``, ``config`` and ``training``. Raises UsageError, with the near names, for another name."""
    if name not in recipes():
        raise unknown("recipe", name, recipes())
    return read_json(FOLDER / f"{name}.json")
