"""progress.png: what a run made of the same inputs, from its beginning to its end."""

from pathlib import Path

from PIL import Image

from zoo.store.layout import read_config
from zoo.tasks.drawing import strips
from zoo.tasks.task import Task

MILESTONES = (100, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000)  # generator updates
NEAR = 0.02  # of a milestone: how far from it a sheet may be


def progress(folder: Path, model: Task) -> Image.Image | None:
    """The first row of a run's sheets that are nearest to the milestones; None where there are not two such."""
    if model.sheet_row is None:
        return None
    config = read_config(folder)
    per_update = config.get("training", {}).get("batch_size", 0) * config["config"].get("critic_steps", 1)
    sheets = {int(path.stem.split("-")[1]): path for path in (folder / "samples").glob("images-*.png")}
    rows, captions = [], []
    for updates in MILESTONES:
        nearest = min(sheets, key=lambda seen: abs(seen - updates * per_update), default=0)
        if nearest and abs(nearest - updates * per_update) <= NEAR * nearest:
            sheet = Image.open(sheets[nearest])
            rows.append(sheet.crop((0, 0, sheet.width, model.sheet_row + 2)))
            captions.append(f"{updates:,}")
    return strips(rows, captions) if len(rows) > 1 else None
