"""Trains every variant given, in two ways, on as many processes as torchrun started. Used by test_parallel.py.

    torchrun --nproc-per-node 2 tests/two_processes.py OUT VARIANT...
"""

import sys
import traceback
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from unittest import mock

import torch
import torch.distributed as dist
from conftest import SMALL, options_with, tiny_config, tiny_run

from zoo.core import parallel
from zoo.core.config import options_of
from zoo.core.randomness import Draws
from zoo.models import variant_class

GROWING = 24  # images of a phase of a model that grows, so that it does within ten steps
# What is followed over the processes, and updates of a penalty alone.
FEW = {"augment": "ada", "augment_p": 0.3, "augment_images": 300, "r1": 1.0, "r1_every": 2, "lecam": 0.3,
       "lecam_after": 2, "bcr": 1.0, "critic_steps": 1}
PLANTED = ("dcgan", "wgan-gp", "pix2pix")  # variants with which the faults are tried


def plain_networks(variant: str) -> dict:
    """A configuration without batch-norm, whose result does not depend on the parts that a batch is taken in."""
    options = options_of(variant_class(variant).Config)
    norms = {name: "none" for name, spec in options.items() if "none" in spec.choices}
    return options_with(variant, **SMALL, backbone="mlp", pretrain_images=24, stage_one_images=24, rollouts=2,
                        phase=GROWING) | norms


def modes(variant: str) -> dict[str, dict]:
    """Ten steps in float64, with batch-norm, where rounding stays far from what is asked; and one step in float32,
    of which the gradients are compared: there Adam would make a whole step of a sign that rounding decides."""
    still = options_with(variant, learning_rate=0.0, generator_learning_rate=0.0, discriminator_learning_rate=0.0,
                         adversarial_learning_rate=0.0, likelihood=0, warm_up=0, pretrain_images=0, critic_steps=1)
    few = FEW if variant == "sngan" else {}
    return {"float64": {"config": tiny_config(variant) | options_with(variant, phase=GROWING) | few,
                        "precision": "64-true", "images": 80},
            "float32": {"config": plain_networks(variant) | still, "images": 8}}


def summed(parameters) -> None:
    """``parallel.average_gradients`` without the division."""
    for parameter in parameters:
        if parameter.grad is not None and parallel.world_size() > 1:
            dist.all_reduce(parameter.grad)


FAULTS: dict[str, AbstractContextManager] = {
    "a latent shared by the processes": mock.patch("zoo.core.module.Draws", partial(Draws, rank=lambda: 0)),
    "a sum for a mean": mock.patch("zoo.core.parallel.average_gradients", summed),
    "batch-norm of each process": mock.patch("zoo.networks.blocks.world_size", return_value=1),
}


def state(variant: str, folder: Path, mode: dict) -> dict:
    """Trains and tells what this process holds at the end."""
    run = tiny_run(variant, folder, **mode)
    run.train()
    # What the run ended with, not the best checkpoint that a monitor may have taken it back to. The process that did
    # not write it may be here before it has its name.
    end = {}
    if parallel.rank() == 0:
        end = torch.load(max((folder / "checkpoints").glob("images-*.ckpt")), weights_only=True)["state_dict"]
    gradients = {name: p.grad for name, p in run.model.named_parameters() if p.grad is not None}
    return {"end": end, "mine": run.model.state_dict(), "gradients": gradients, "drawn": run.model.draw(torch.rand, 4)}


def tried(variant: str, folder: Path, mode: dict, fault: AbstractContextManager) -> dict:
    try:
        with fault:
            return state(variant, folder, mode)
    except Exception:  # the other variants should still be tried
        return {"error": traceback.format_exc()}


if __name__ == "__main__":
    torch.set_num_threads(1)
    out = Path(sys.argv[1])
    for variant in sys.argv[2:]:
        for name, mode in modes(variant).items():
            torch.save(tried(variant, out / f"{variant}-{name}", mode, nullcontext()),
                       out / f"{variant}-{name}-{parallel.rank()}.pt")
    for number, fault in enumerate(FAULTS.values()):
        for variant in PLANTED:
            result = tried(variant, out / f"{variant}-{number}", modes(variant)["float64"], fault)
            torch.save(result, out / f"{variant}-fault{number}-{parallel.rank()}.pt")
