"""Trains every variant given, in two ways, on as many processes as torchrun started. Used by test_parallel.py.

    torchrun --nproc-per-node 2 tests/two_processes.py OUT VARIANT...
"""

import sys
import traceback
from pathlib import Path

import torch
from conftest import tiny_run

from zoo.core import parallel
from zoo.core.config import options_of
from zoo.models import variant_class


def plain_networks(variant: str) -> dict:
    """A configuration without batch-norm, whose float32 results do not depend on the order of summation much."""
    norms = {name: "none" for name, spec in options_of(variant_class(variant).Config).items() if "none" in spec.choices}
    return {"width": 2, "backbone": "mlp"} | norms


def modes(variant: str) -> dict[str, dict]:
    return {"float32": {"config": plain_networks(variant)},
            "float64": {"config": {"width": 2}, "precision": "64-true"}}


def state(variant: str, folder: Path, mode: dict) -> dict:
    """Trains ten steps and tells what this process holds at the end."""
    run = tiny_run(variant, folder, images=80, **mode)
    run.train()
    # What the run ended with, not the best checkpoint that a monitor may have taken it back to.
    end = torch.load(folder / "checkpoints" / "images-000000000080.ckpt", weights_only=True)["state_dict"]
    return {"end": end, "mine": run.model.state_dict(), "latent": run.model.latent(4)}


if __name__ == "__main__":
    torch.set_num_threads(1)
    out = Path(sys.argv[1])
    for variant in sys.argv[2:]:
        for name, mode in modes(variant).items():
            folder = out / f"{variant}-{name}"
            try:
                result = state(variant, folder, mode)
            except Exception:  # the other variants should still be tried
                result = {"error": traceback.format_exc()}
            torch.save(result, out / f"{variant}-{name}-{parallel.rank()}.pt")
