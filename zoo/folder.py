"""A model folder: the one layout of a finished run, a bundled model and a repository on the Hub.

    config.json          variant, config, data set and where the model comes from
    model.safetensors    the networks that sampling needs, averaged weights where there are any
    golden.safetensors   a few normals and labels with the images they must give
    samples.png          images from fixed latents
"""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

import zoo
from zoo.base import GenerativeModule
from zoo.catalogue import locate, pretrained
from zoo.data.spec import DataSpec
from zoo.errors import UsageError, unknown
from zoo.files import atomic, write_json
from zoo.hub import PICTURES, fetch
from zoo.registry import variant_class
from zoo.sampling import save_picture
from zoo.weights import Tensors, check_fit, digest_of, read_weights, stored_digest, write_weights

FORMAT = 1  # of config.json; raised when older versions of the zoo could not read a folder rightly
GOLDEN_IMAGES = 4
MOST_PARAMETERS = 10**9  # of a model that is loaded: four gigabytes in single precision


def save(model: GenerativeModule, folder: str | Path, origin: dict[str, Any] | None = None) -> Path:
    """Writes a model folder. Each file is replaced as a whole, the weights last.

    Numbers and pictures of other weights, which the folder may hold, are removed.

    Args:
        model: any model of the zoo.
        folder: made if need be.
        origin: further entries of config.json, such as how the model was trained.
    """
    folder, tensors = Path(folder), _tensors(model)
    write_config(model, folder, origin)
    sha256 = digest_of(tensors)
    if stored_digest(folder / "model.safetensors") != sha256:
        for name in ("metrics.json", *PICTURES):
            (folder / name).unlink(missing_ok=True)
    normal = model.normals(GOLDEN_IMAGES, seed=0)
    labels = [i % model.data.classes for i in range(GOLDEN_IMAGES)] if model.conditional else None
    golden = {"normal": normal, "label": model.class_indices(labels, len(normal)),
              "image": model.render(normal, labels)}
    with atomic(folder / "golden.safetensors") as partial:
        save_file(golden, partial)
    with atomic(folder / "samples.png") as partial:
        save_picture(model, partial)
    write_weights(folder / "model.safetensors", tensors, sha256)
    return folder


def write_config(model: GenerativeModule, folder: Path, origin: dict[str, Any] | None = None) -> None:
    """Writes config.json alone, as ``save`` does."""
    config = {"format": FORMAT, "zoo": zoo.__version__, "torch": torch.__version__} | model.description()
    write_json(folder / "config.json", config | (origin or {}))


def load(source: str | Path) -> GenerativeModule:
    """A trained model for sampling.

    Args:
        source: a model folder, such as a run's; a name that ``zoo.pretrained()`` lists; or ``org/name`` or
            ``org/name@revision`` on the Hugging Face Hub. Of these, the first that there is.

    Returns:
        The variant's module in evaluation mode on the CPU, with the networks that sampling needs; the others, such as
        the discriminator, are None.

    Raises:
        UsageError: no such model, a file that is missing, damaged or altered, an unknown variant or field, a folder
            written by a newer version, weights that do not fit the configuration, or a model that is too large.
    """
    folder = find(source)
    description = read_config(folder)
    cls = variant_class(description["variant"])
    config, data = cls.Config.from_dict(description["config"]), DataSpec.from_dict(description["data"])
    with torch.device("meta"):  # shapes only: the weights come from the file
        model = cls(config, data)
    networks = model.networks_for_sampling()
    count = sum(p.numel() for network in networks.values() for p in network.parameters())
    if count > MOST_PARAMETERS:
        raise UsageError(f"the configuration in {folder} asks for {count:,} parameters, more than {MOST_PARAMETERS:,}")
    tensors = read_weights(folder / "model.safetensors")
    check_fit({f"{name}.{key}": value for name, network in networks.items()
               for key, value in network.state_dict().items()}, tensors, folder)
    for name, _ in list(model.named_buffers(recurse=False)):
        setattr(model, name, None)  # state of the training alone
    for name, _ in list(model.named_children()):
        if name in networks:
            own = {key.removeprefix(f"{name}."): value for key, value in tensors.items() if key.startswith(f"{name}.")}
            networks[name].load_state_dict(own, assign=True)
        elif name != "ema":
            setattr(model, name, None)
    stored = next((tensor.dtype for tensor in tensors.values() if tensor.is_floating_point()), torch.float32)
    model.to("cpu", torch.float32 if stored == torch.float16 else stored)  # half precision is for storage only
    return model.requires_grad_(False).eval()


def find(source: str | Path) -> Path:
    """The folder of a model, see ``load``. Raises UsageError if there is none."""
    folder = Path(source).expanduser()
    if folder.is_dir():
        return folder
    known = locate(str(source))
    if known is not None:
        return known
    repo, _, revision = str(source).partition("@")
    if "/" not in repo:
        raise unknown("model folder or name", source, [entry.name for entry in pretrained()])
    if repo.count("/") > 1 or repo.startswith((".", "/", "~")):
        raise UsageError(f"there is no model folder {source}")
    try:
        return fetch(repo, revision or None)
    except UsageError as error:
        raise UsageError(f"there is no folder {source}, and {error}") from error


def check_golden(model: GenerativeModule, folder: Path, most: float = 1 / 255) -> None:
    """Raises UsageError if a loaded model does not make the images of its folder's golden.safetensors."""
    try:
        golden = load_file(folder / "golden.safetensors")
        labels = golden["label"] if model.conditional else None
        difference = (model.render(golden["normal"], labels) - golden["image"]).abs().max().item()
    except (OSError, SafetensorError, KeyError) as error:
        raise UsageError(f"{folder / 'golden.safetensors'} cannot be read: {error!r}") from error
    if not difference <= most:
        raise UsageError(f"{folder} does not make the images it was saved with: they differ by up to {difference:.3g}")


def halve(folder: Path) -> bool:
    """Rewrites a folder's weights in half precision, unless it would then make other images than its golden ones.

    Returns:
        Whether it did.
    """
    whole = read_weights(folder / "model.safetensors")
    half = {key: value.half() if value.is_floating_point() else value for key, value in whole.items()}
    for tensors in (half, whole):
        write_weights(folder / "model.safetensors", tensors)
        try:
            check_golden(load(folder), folder)
        except UsageError:
            continue  # back to what it was
        return tensors is half
    raise UsageError(f"{folder} does not make its golden images, in whatever precision: train it again")


def read_config(source: Path) -> dict[str, Any]:
    """The content of a folder's config.json, or of such a file by another name.

    Raises:
        UsageError: it is missing, malformed or of a newer version.
    """
    path = source / "config.json" if source.is_dir() else source
    try:
        config = json.loads(path.read_text())
    except FileNotFoundError:
        raise UsageError(f"{source} is no model folder: it has no config.json" if path != source else
                         f"there is no {source}") from None
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from error
    if not isinstance(config, dict) or type(config.get("format")) is not int:
        raise UsageError(f"{path} is not a configuration of the zoo: it has no format number")
    if config["format"] > FORMAT:
        raise UsageError(f"{path} was written by gan-zoo {config.get('zoo')}, which is newer than this "
                         f"{zoo.__version__}: pip install --upgrade gan-zoo")
    parts = {"training": {}} | config  # not every model comes from a run
    for key, kind in {"variant": str, "config": dict, "data": dict, "training": dict}.items():
        if not isinstance(parts.get(key), kind):
            raise UsageError(f"{path} lacks {key!r} or has it of a wrong type")
    return config


def read_metrics(folder: Path) -> dict[str, dict[str, Any]]:
    """The content of a folder's metrics.json, name -> value and protocol; empty if nothing was measured yet.

    Raises:
        UsageError: it is malformed.
    """
    path = folder / "metrics.json"
    try:
        metrics = json.loads(path.read_text())
        if not all(isinstance(m["value"], int | float) and isinstance(m["protocol"], str) for m in metrics.values()):
            raise ValueError("a number without its protocol")
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError, AttributeError, TypeError, KeyError) as error:
        raise UsageError(f"{path} cannot be read: {error!r}. Remove it and evaluate the model again") from error
    return metrics


def _tensors(model: GenerativeModule) -> Tensors:
    networks = dict(model.ema.items()) or model.networks_for_sampling()
    return {f"{name}.{key}": value.cpu().contiguous() for name, network in networks.items()
            for key, value in network.state_dict().items()}
