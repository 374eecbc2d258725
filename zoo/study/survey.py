"""The same small run of many variants, side by side: contact sheets and mode coverage."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import torch
from PIL import Image, ImageDraw, ImageFont

from zoo.core.config import options_of
from zoo.core.files import atomic
from zoo.data.mixtures import MIXTURES
from zoo.metrics.modes import SAMPLES, ModeCoverage, mode_coverage
from zoo.models import variant_class, variants
from zoo.store.layout import read_config
from zoo.store.loading import load
from zoo.training.checkpoints import checkpoint_images, newest_checkpoint
from zoo.training.options import Training
from zoo.training.run import Run

TILE, CAPTION = 272, 22  # pixels


class Job(NamedTuple):
    """One run of a survey. ``config`` may hold fields that the variant does not have; they are left away."""

    variant: str
    config: dict[str, Any]
    training: dict[str, Any]
    folder: Path


def run_all(jobs: list[Job], workers: int) -> dict[Path, str]:
    """Trains what is not finished yet, ``workers`` at a time. Returns the failed jobs' messages by folder."""
    waiting = [job for job in jobs if not _finished(job)]
    failed = {}
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), initializer=end_with_parent) as pool:
        for job, error in zip(waiting, pool.map(_run, waiting), strict=True):
            print(f"{job.folder}: {error or 'finished'}", flush=True)
            if error:
                failed[job.folder] = error
    return failed


def end_with_parent() -> None:
    """Has a worker stop gracefully, as by SIGTERM, when the process that started it is no more."""
    parent = multiprocessing.parent_process()

    def watch() -> None:
        assert parent is not None  # this is a worker
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()


def _finished(job: Job) -> bool:
    """Whether the run reached its budget and was measured, which a run stopped by a signal is too."""
    newest = newest_checkpoint(job.folder / "checkpoints")
    reached = newest is not None and checkpoint_images(newest) >= job.training["images"]
    return reached and (job.folder / "metrics.json").exists()


def _run(job: Job) -> str:
    """Trains one job from the start. Returns the message of what went wrong, if anything did: the others go on."""
    torch.set_num_threads(1)
    known = options_of(variant_class(job.variant).Config)
    config = {name: value for name, value in job.config.items() if name in known}
    try:
        status = open_run(job.variant, config, Training(**job.training), job.folder).train()
    except (ValueError, RuntimeError) as error:
        return str(error).splitlines()[0]
    finally:
        parent = multiprocessing.parent_process()
        if parent is not None and not parent.is_alive():
            os._exit(128 + signal.SIGTERM)  # a worker of a pool would wait for its next task for ever
    return f"stopped with status {status}" if status else ""


def open_run(variant: str, config: dict[str, Any], training: Training, folder: Path) -> Run:
    """The run of a folder, from its newest checkpoint if it has any."""
    return Run(variant, config, training, str(folder), resume=(folder / "config.json").exists())


def unconditional_variants() -> list[str]:
    """The adversarial variants that need no labels."""
    return [v.name for v in variants() if v.kind == "unconditional"]


def contact_sheet(folders: Iterable[Path], path: Path, columns: int = 5) -> None:
    """One PNG with the top of every run's samples.png under its variant's name."""
    tiles = []
    for folder in folders:
        picture: Image.Image = Image.open(folder / "samples.png")
        side = picture.height  # eight rows; a conditional grid is wider
        picture = picture.crop((0, 0, side, side)).resize((TILE, TILE), Image.Resampling.LANCZOS)
        tiles.append((read_config(folder), picture))
    rows = -(-len(tiles) // columns)
    colour = any(config["data"]["channels"] == 3 for config, _ in tiles)
    sheet = Image.new("RGB" if colour else "L", (columns * (TILE + 8) + 8, rows * (TILE + CAPTION + 8) + 8), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(16)
    for i, (config, picture) in enumerate(tiles):
        x, y = 8 + (i % columns) * (TILE + 8), 8 + (i // columns) * (TILE + CAPTION + 8)
        draw.text((x, y), config["variant"], fill="black", font=font)
        sheet.paste(picture.convert(sheet.mode), (x, y + CAPTION))
    with atomic(path) as partial:
        sheet.save(partial, format="png", optimize=True)


def measure_modes(folder: Path) -> ModeCoverage:
    """Mode coverage of a finished run on a mixture, with 2,500 points from its averaged weights."""
    model = load(folder)
    return mode_coverage(model.sample(SAMPLES, seed=0), MIXTURES[model.data.name]())
