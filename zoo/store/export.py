"""A model in a file that runs without this package and without torch."""

import copy
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.fx.experimental.const_fold import split_const_subgraphs

from zoo.core.errors import UsageError
from zoo.core.files import atomic
from zoo.core.module import Batch
from zoo.core.version import __version__
from zoo.tasks.task import Inputs, Task

if TYPE_CHECKING:
    import onnxruntime
    from onnxscript import ir

TOLERANCE = 1e-4  # between what torch and onnxruntime make of the same inputs
LARGEST = 2 * 10**9  # bytes of weights: an ONNX file is a protobuf, which ends at 2 GiB
QUESTIONS = 64  # compared


def export_onnx(model: Task, path: str | Path, examples: Batch | None = None) -> Path:
    """Writes what ``respond`` does, from inputs to outputs, as an ONNX file.

    The graph holds the networks that answer, averaged weights where there are any, in float32. Its inputs are those of
    ``model.inputs``, under their names, with any number of rows; of a model that samples:

        normal (N, latent_size) float32    standard normals, as ``model.normals`` gives them
        label (N,) int64                   class numbers, 0 to classes - 1; only if the model is conditional
        image (N, C, H, W) float32         in [0, 1]; for point sets the coordinates, unbounded

    The metadata hold ``zoo`` (its version), ``task``, ``variant``, ``data`` and what the task adds, such as
    ``latent_size`` and ``class_names``, which is a JSON list. Before the file gets its name, onnxruntime has to give
    the same outputs from it as torch.

    Args:
        model: any model of the zoo; it stays as it is.
        path: of the file; its folder is made if need be.
        examples: prepared examples of the data, where its inputs are made of them.

    Raises:
        UsageError: the packages for ONNX are not installed, the weights do not fit into a file, or what the variant
            computes has no place in one.
        RuntimeError: onnxruntime gives other outputs than torch, as where ``answer`` draws random numbers.
        OSError: the file cannot be written.
    """
    if model.no_graph:
        raise UsageError(f"there is no ONNX file of {model.variant}: {model.no_graph}")
    try:
        import onnxruntime
        from onnxscript import ir
    except ImportError as error:
        raise UsageError(f"ONNX needs further packages ({error}): pip install 'gan-zoo[onnx]'") from error
    weights = 4 * sum(p.numel() for network in model.networks_for_sampling().values() for p in network.parameters())
    if weights > LARGEST:
        raise UsageError(f"the weights take {weights / 1e9:.1f} GB, but an ONNX file holds {LARGEST / 1e9:.0f} GB")
    path = Path(path)
    model = copy.deepcopy(model).cpu().float().requires_grad_(False)
    inputs = model.inputs(QUESTIONS, 0, examples)
    onnx = _graph(model, inputs)
    for node in onnx.graph.all_nodes():
        node.metadata_props.clear()  # stack traces with paths of this machine
    onnx.metadata_props.update({"zoo": __version__, "task": model.task, "variant": model.variant,
                                "data": model.data.name} | model.facts())
    expected = model.respond(**inputs)
    with atomic(path) as partial:
        ir.save(onnx, partial)
        session = onnxruntime.InferenceSession(partial, providers=["CPUExecutionProvider"])
        difference = _difference(session, inputs, expected)
        if not difference <= TOLERANCE:  # nor is NaN
            raise RuntimeError(f"{model.variant} is not written to {path}: onnxruntime gives other outputs than torch, "
                               f"by up to {difference:.2g}")
    return path


def describe_graph(model: Task) -> str:
    """Inputs and output of the exported file, in a line."""
    inputs = model.inputs(1, 0)
    shapes = [f"{name} {_shape(x)}" for name, x in inputs.items()]
    return f"{', '.join(shapes)} -> {model.output} {_shape(model.respond(**inputs))}"


def _shape(x: Tensor) -> str:
    dimensions = "".join(f", {size}" for size in x.shape[1:]) or ","
    return f"(N{dimensions}) {str(x.dtype).removeprefix('torch.')}"


def _difference(session: "onnxruntime.InferenceSession", inputs: Inputs, expected: Tensor) -> float:
    """By how much an output of an onnxruntime session, from one input or from all at once, is not the expected one."""

    def outputs(size: int) -> Tensor:
        parts = [{name: x[i:i + size].numpy() for name, x in inputs.items()} for i in range(0, len(expected), size)]
        return torch.cat([torch.from_numpy(session.run(None, part)[0]) for part in parts])

    return torch.stack([outputs(size) - expected for size in (1, len(expected))]).abs().max().item()  # NaN stays NaN


class _Answer(nn.Module):
    """``Task.answer`` of inputs without names, which is what torch traces."""

    def __init__(self, model: Task, names: list[str]) -> None:
        super().__init__()
        self.model, self.names = model, names

    def forward(self, *given: Tensor) -> Tensor:
        return self.model.answer(**dict(zip(self.names, given, strict=True)))


def _graph(model: Task, inputs: Inputs) -> "ir.Model":
    """The ONNX model, for any number of inputs."""
    shapes = tuple({0: torch.export.Dim("batch")} for _ in inputs)
    given = tuple(inputs.values())
    with torch.no_grad(), model.answering(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about attributes that const_fold has not moved yet
        # Strictly, since otherwise len(z), which madgan takes, would hold the number of images fast.
        traced = torch.export.export(_Answer(model, list(inputs)), given, dynamic_shapes={"given": shapes}, strict=True)
        # What follows from weights alone is computed here: ONNX has no eigenvectors, which the prior of ae takes.
        folded = split_const_subgraphs(traced.module())
        folded.run_folding()
        exported = torch.onnx.export(folded, given, dynamo=True, input_names=list(inputs),
                                     output_names=[model.output], dynamic_shapes=shapes, verbose=False)
        assert exported is not None  # as it is without dynamo
        return exported.model
