"""A generator in a file that runs without this package and without torch."""

import copy
import json
import warnings
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.fx.experimental.const_fold import split_const_subgraphs

import zoo
from zoo.base import GenerativeModule
from zoo.errors import UsageError
from zoo.files import atomic

TOLERANCE = 1e-4  # between what torch and onnxruntime make of the same normals
LARGEST = 2 * 10**9  # bytes of weights: an ONNX file is a protobuf, which ends at 2 GiB
IMAGES = 64  # compared


def export_onnx(model: GenerativeModule, path: str | Path) -> Path:
    """Writes what ``render`` does, from standard normals to images, as an ONNX file.

    The graph holds the prior and the generator, averaged weights where there are any, in float32:

        normal (N, latent_size) float32    standard normals, as ``model.normals`` gives them
        label (N,) int64                   class numbers, 0 to classes - 1; only if the model is conditional
        image (N, C, H, W) float32         in [0, 1]; for point sets the coordinates, unbounded

    N is any. The metadata hold ``zoo`` (its version), ``variant``, ``data``, ``latent_size`` and ``class_names``, which
    is a JSON list. Before the file gets its name, onnxruntime has to make the same images from it as torch.

    Args:
        model: any model of the zoo; it stays as it is.
        path: of the file; its folder is made if need be.

    Raises:
        UsageError: the packages for ONNX are not installed, or the weights do not fit into a file.
        RuntimeError: onnxruntime makes other images than torch, as where ``generate`` draws random numbers.
        OSError: the file cannot be written.
    """
    try:
        import onnxruntime
        from onnxscript import ir
    except ImportError as error:
        raise UsageError(f"ONNX needs further packages ({error}): pip install 'gan-zoo[onnx]'") from error
    weights = 4 * sum(p.numel() for p in model.generator.parameters())
    if weights > LARGEST:
        raise UsageError(f"the weights take {weights / 1e9:.1f} GB, but an ONNX file holds {LARGEST / 1e9:.0f} GB")
    path = Path(path)
    model = copy.deepcopy(model).cpu().float().requires_grad_(False).eval()
    inputs = {"normal": model.normals(IMAGES, seed=0)}
    if model.conditional:
        inputs["label"] = torch.arange(IMAGES) % model.data.classes
    onnx = _graph(model, inputs)
    for node in onnx.graph.all_nodes():
        node.metadata_props.clear()  # stack traces with paths of this machine
    onnx.metadata_props.update({
        "zoo": zoo.__version__, "variant": model.variant, "data": model.data.name,
        "latent_size": str(model.latent_size), "class_names": json.dumps(model.data.class_names)})
    expected = model.render(inputs["normal"], inputs.get("label"))
    with atomic(path) as partial:
        ir.save(onnx, partial)
        session = onnxruntime.InferenceSession(partial, providers=["CPUExecutionProvider"])
        difference = _difference(session, inputs, expected)
        if not difference <= TOLERANCE:  # nor is NaN
            raise RuntimeError(f"{model.variant} is not written to {path}: onnxruntime makes other images than torch, "
                               f"by up to {difference:.2g}")
    return path


def _difference(session, inputs: dict[str, Tensor], expected: Tensor) -> float:
    """By how much an image of an onnxruntime session, from one input or from all at once, is not the expected one."""

    def images(size: int) -> Tensor:
        parts = [{name: x[i:i + size].numpy() for name, x in inputs.items()} for i in range(0, len(expected), size)]
        return torch.cat([torch.from_numpy(session.run(None, part)[0]) for part in parts])

    return torch.stack([images(size) - expected for size in (1, len(expected))]).abs().max().item()  # NaN stays NaN


class _Render(nn.Module):
    """``GenerativeModule.render`` without what a graph cannot hold."""

    def __init__(self, model: GenerativeModule) -> None:
        super().__init__()
        self.model = model

    def forward(self, normal: Tensor, label: Tensor | None = None) -> Tensor:
        model = self.model
        network = model.ema["generator"] if model.ema else model.generator
        output = model.generate(network, model.prior(normal), label)
        return output if model.data.is_points else ((output + 1) / 2).clamp(0, 1)


def _graph(model: GenerativeModule, inputs: dict[str, Tensor]):
    """The ONNX model, an ``onnxscript.ir.Model``, for any number of inputs."""
    shapes = {name: {0: torch.export.Dim("batch")} for name in inputs}
    given = tuple(inputs.values())
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about attributes that const_fold has not moved yet
        # Strictly, since otherwise len(z), which madgan takes, would hold the number of images fast.
        traced = torch.export.export(_Render(model), given, dynamic_shapes=shapes, strict=True)
        # What follows from weights alone is computed here: ONNX has no eigenvectors, which the prior of ae takes.
        folded = split_const_subgraphs(traced.module())
        folded.run_folding()
        return torch.onnx.export(folded, given, dynamo=True, input_names=list(inputs), output_names=["image"],
                                 dynamic_shapes=tuple(shapes.values()), verbose=False).model
