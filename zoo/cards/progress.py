"""progress.png: what a run made of the same inputs, from its beginning to its end."""

from pathlib import Path

from PIL import Image

from zoo.store.layout import read_config
from zoo.tasks.drawing import strips
from zoo.tasks.task import Task

NEAR = 0.02  # of a milestone: how far from it a sheet may be


def progress(folder: Path, model: Task) -> Image.Image | None:
    """The first row of a run's sheets that are nearest to the milestones; None where there are not two such."""
    if model.sheet_row is None:
        return None
    config = read_config(folder)
    batch_size, steps = config.get("training", {}).get("batch_size", 0), config["config"].get("critic_steps", 1)
    per_update = batch_size * steps if isinstance(batch_size, int) and isinstance(steps, int) else 0
    sheets = {int(seen): path for path in (folder / "samples").glob("images-*.png")
              if (seen := path.stem.removeprefix("images-")).isdecimal()}
    rows, captions = [], []
    for caption, images in model.milestones(per_update).items():
        nearest = min(sheets, key=lambda seen: abs(seen - images), default=0)
        if nearest and abs(nearest - images) <= NEAR * nearest:
            row = _top(sheets[nearest], model.sheet_row + 2)
            rows += [row] if row else []
            captions += [caption] if row else []
    return strips(rows, captions) if len(rows) > 1 else None


def _top(path: Path, height: int) -> Image.Image | None:
    """The upper part of a sheet; None where it was cut short, as by a full disk."""
    try:
        with Image.open(path) as sheet:
            return sheet.crop((0, 0, sheet.width, height))
    except OSError:
        return None
