"""A page without a server of its own: models as ONNX files, which onnxruntime-web runs in the browser.

Any server of files serves it. The page knows models by the inputs of their graphs: ``normal`` follows from a seed by
torch's own generator, or lies between two where it is a latent, ``label`` is chosen, ``source`` is a picture.
"""

import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from zoo.core.errors import UsageError
from zoo.core.files import atomic, write_json
from zoo.data.decoded import cache_folder
from zoo.store.catalogue import pretrained
from zoo.store.export import export_onnx
from zoo.store.layout import headline, read_metrics
from zoo.store.loading import find, load
from zoo.tasks.task import Task
from zoo.web.serving import PAGES

PACKAGE = "onnxruntime-web@1.30.0"
RUNTIME = ("ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm")  # of its folder dist


def write_static(names: Sequence[str], folder: Path, package: Path | None = None) -> list[str]:
    """Writes the page.

    Args:
        names: of models, as ``zoo.load`` takes them; none: all that have names.
        folder: made if need be; files of the same names are replaced.
        package: the npm package onnxruntime-web as a file; default: npm fetches it, once.

    Returns:
        What was left out, each a sentence.

    Raises:
        UsageError: no such model, no package, or none of the models can be written.
    """
    runtime = _runtime(package)
    described: list[dict[str, Any]] = []
    left_out = []
    for name in names or [entry.name for entry in pretrained()]:
        model = load(name)
        if model.no_graph:
            left_out.append(f"{name} is left out: {model.no_graph}")
            continue
        file = f"{len(described)}-{Path(name).name.partition('@')[0]}.onnx"
        export_onnx(model, folder / "models" / file)
        described.append(_described(model, name, file))
    if not described:
        raise UsageError("there is no model to show: " + "; ".join(left_out))
    for path in [PAGES / name for name in ("common.css", "common.js", "explore.css", "static.js")] + runtime:
        _copy(path, folder / path.name)
    _copy(PAGES / "static.html", folder / "index.html")
    write_json(folder / "models.json", described)
    return left_out


def _described(model: Task, name: str, file: str) -> dict[str, Any]:
    inputs = {key: list(x.shape[1:]) for key, x in model.inputs(1, 0).items()}
    return {"name": Path(name).name, "file": f"models/{file}", "task": model.task, "variant": model.variant,
            "data": model.data.name, "inputs": inputs, "output": model.output, "facts": model.facts(),
            **model.offline(), "limits": model.limits(), "usage": model.usage(name),
            "headline": headline(read_metrics(find(name)))}


def _runtime(package: Path | None) -> list[Path]:
    """The files of onnxruntime-web that a page needs, out of the cache if they are there."""
    kept = cache_folder() / PACKAGE
    files = [kept / name for name in RUNTIME]
    if package is None and all(file.is_file() for file in files):
        return files
    with tempfile.TemporaryDirectory() as place:
        archive = package or _fetched(Path(place))
        try:
            with tarfile.open(archive) as content:
                for file in files:
                    found = content.extractfile(f"package/dist/{file.name}")
                    assert found is not None  # it is a regular file
                    with atomic(file) as partial, open(partial, "wb") as target:
                        shutil.copyfileobj(found, target)
        except (OSError, tarfile.TarError, KeyError) as error:
            raise UsageError(f"{archive} is not the npm package {PACKAGE}: {error}") from error
    return files


def _fetched(place: Path) -> Path:
    """The package as npm fetches it from the registry that it is set up for."""
    npm = shutil.which("npm")
    if npm is None:
        raise UsageError(f"a page without a server needs {PACKAGE}, which npm fetches, and there is no npm here: "
                         "install Node.js, or give the package's .tgz with --onnxruntime-web")
    done = subprocess.run([npm, "pack", PACKAGE, "--silent"], cwd=place, capture_output=True, text=True, check=False)
    found = list(place.glob("*.tgz"))
    if done.returncode or not found:
        raise UsageError(f"npm could not fetch {PACKAGE}: {done.stderr.strip() or 'it does not say why'}. Give the "
                         "package's .tgz with --onnxruntime-web")
    return found[0]


def _copy(source: Path, target: Path) -> None:
    with atomic(target) as partial:
        shutil.copyfile(source, partial)
