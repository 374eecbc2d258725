"""Publishing a model folder: to the Hugging Face Hub in one commit, or into the package."""

from pathlib import Path
from typing import Any, NamedTuple

from zoo.cards.card import pictures_in, write_card
from zoo.cards.progress import progress
from zoo.core.errors import UsageError
from zoo.core.files import atomic, digest, read_text, to_json, write_json
from zoo.features.bundled import classifiers, describe
from zoo.metrics.evaluation import evaluate
from zoo.store.catalogue import BUNDLED, Pretrained, bundled_folder, enter
from zoo.store.golden import check_golden, halve, halve_golden, halved
from zoo.store.layout import (
    FILES,
    MEMORISATION,
    NOTES,
    PROGRESS,
    TRAINING,
    Metrics,
    headline,
    read_config,
    read_metrics,
)
from zoo.store.loading import load
from zoo.store.portable import places_of, portable, portable_metrics, without_places
from zoo.store.upload import upload
from zoo.store.weights import Tensors, write_weights
from zoo.tasks.task import Task

LITTLE = 3 * 2**19  # bytes of a discriminator that a bundled model comes with


class Published(NamedTuple):
    """Where a model went."""

    url: str
    commit: str
    files: dict[str, int]  # sizes in bytes


def publish(folder: str | Path, repo: str, private: bool = False, revision: str | None = None,
            dry_run: bool = False, pictures_of_data: bool = False) -> Published:
    """Uploads a model folder to the Hub in one commit: it is there whole or not at all.

    Nothing of it tells where files lie on this machine: of paths in config.json, metrics.json, notes.md and the card
    the last name remains. The card is rendered again. A folder without numbers is evaluated first, in the bundled
    features for its data, else InceptionV3's. Files that the repository has already are not sent, and if it has all, no
    commit is made.

    Args:
        folder: a model folder, such as a run's.
        repo: ``org/name``; made if need be.
        private: whether a repository that is made is private.
        revision: branch, made if need be; default: main.
        dry_run: sends nothing; the files are in the folder and their sizes in what is returned.
        pictures_of_data: whether memorisation.png goes along, which shows pictures that the model was trained with.

    Raises:
        UsageError: the folder holds no sound model, a file in it leads out of it, or the Hub refuses or cannot be
            reached.
    """
    files = prepare(Path(folder).expanduser(), repo, pictures_of_data)
    sizes = {name: len(content) if isinstance(content, bytes) else content.stat().st_size
             for name, content in files.items()}
    if dry_run:
        return Published(f"(not sent to {repo})", "", sizes)
    return Published(*upload(repo, files, private, revision), sizes)


def prepare(folder: Path, name: str, pictures_of_data: bool = False) -> dict[str, Path | bytes]:
    """Brings a model folder into the state in which it is published: sound, measured, with pictures and a card.

    Args:
        folder: a model folder.
        name: under which ``zoo.load`` is going to find it.
        pictures_of_data: whether with those that the model was trained with.

    Returns:
        The files to send, by name: where they lie, or their content where it is not quite the folder's.
    """
    model = load(folder)
    for path in _files(folder, model, pictures_of_data).values():
        if not path.resolve().is_relative_to(folder.resolve()):
            raise UsageError(f"{path} leads out of the folder, to {path.resolve()}: put a copy in its place")
    check_golden(model, folder)
    if {"frechet", "likelihood"} & {*model.measures} and not headline(read_metrics(folder)):
        evaluate_folder(folder, measures=",".join(model.measures))
    write_pictures(folder, model)
    write_card(folder, name, pictures_of_data)
    return _files(folder, model, pictures_of_data) | _without_places(folder)


def _files(folder: Path, model: Task, pictures_of_data: bool) -> dict[str, Path]:
    """What a repository holds, as far as the folder has it."""
    names = (*FILES, *pictures_in(folder, model, pictures_of_data))
    return {name: folder / name for name in names if (folder / name).exists()}


def _without_places(folder: Path) -> dict[str, bytes]:
    """The files that may tell where something lies on the maker's machine, without that."""
    config, metrics, notes = read_config(folder), read_metrics(folder), folder / NOTES
    found = {"config.json": to_json(portable(config))}
    if metrics:
        found["metrics.json"] = to_json(portable_metrics(metrics, config))
    if notes.exists():
        found[NOTES] = without_places(read_text(notes), places_of(config))
    return {name: text.encode("utf-8", "backslashreplace") for name, text in found.items()}


def write_pictures(folder: Path, model: Task) -> None:
    """Draws what there is to show of a model folder, and of the progress of a run."""
    pictures = model.pictures() | {PROGRESS: progress(folder, model)}
    for name, picture in pictures.items():
        if picture is not None:
            with atomic(folder / name) as partial:
                picture.save(partial, format="png", optimize=True)


def write_metrics(folder: Path, metrics: Metrics) -> None:
    """Enters numbers into a folder's metrics.json, in place of those of the same name, and renders its card again.

    Numbers in features that were learnt from labels of the model's own data, which its conditions may be too, stand
    behind those in others.
    """
    entered, data = read_metrics(folder) | metrics, str(read_config(folder)["data"].get("name", ""))
    own = [f"[{name}]" for name in classifiers() if describe(name)["data"] == data]
    order = sorted(entered, key=lambda name: any(features in name for features in own))
    write_json(folder / "metrics.json", {name: entered[name] for name in order})
    write_card(folder)


def evaluate_folder(folder: Path, **how: Any) -> Metrics:
    """``evaluate``, with the numbers entered into the folder's metrics.json and card, and memorisation.png beside.

    A model that is no folder here, such as a bundled one by its name, is measured too, and nothing is written.
    """
    folder = Path(folder).expanduser()
    if not folder.is_dir():
        return evaluate(str(folder), **how)
    metrics = evaluate(folder, memorised=folder / MEMORISATION, **how)
    write_metrics(folder, metrics)
    return metrics


def keep(others: Tensors, folder: Path) -> None:
    """Writes weights that training alone needs beside a model's, in half precision unless that cannot hold them, if
    there are any and they take no more than ``LITTLE``."""
    half = {key: halved(value) for key, value in others.items()}
    kept = half if all(value.isfinite().all() for value in half.values()) else others
    if 0 < sum(value.nbytes for value in kept.values()) <= LITTLE:
        write_weights(folder / TRAINING, kept)


def catalogued(name: str, folder: Path, where: str = BUNDLED, commit: str = "") -> Pretrained:
    """Enters a model folder into the catalogue under a name, in place of what had that name."""
    model, weights = load(folder), folder / "model.safetensors"
    entry = Pretrained(name, model.task, model.variant, model.data.name, model.data.shape[-1],
                       sum(p.numel() for p in model.parameters()), weights.stat().st_size, digest(weights),
                       headline(read_metrics(folder)), where, commit)
    enter(entry)
    return entry


def bundle(name: str, source: Path, others: Tensors | None = None) -> Path:
    """Copies a model folder into the package, in half precision where that changes nothing, and enters it.

    What had that name goes, with its pictures and notes. The nearest training images come along: what is bundled was
    trained with public data.

    Args:
        others: weights that training alone needs, such as the discriminator's; see ``keep``.
    """
    files = prepare(source, name, pictures_of_data=True)
    folder = bundled_folder(name)
    folder.mkdir(parents=True, exist_ok=True)
    for stale in {path.name for path in folder.iterdir()} - files.keys():
        (folder / stale).unlink()
    for file, content in files.items():
        (folder / file).write_bytes(content if isinstance(content, bytes) else content.read_bytes())
    model = load(folder)
    halve(model, folder)
    halve_golden(model, folder)
    keep(others or {}, folder)
    catalogued(name, folder)
    return folder
