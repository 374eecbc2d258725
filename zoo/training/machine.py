"""The processes of a run, and what Lightning is to say of them."""

import logging
import os
import warnings

import torch
from lightning.fabric.plugins.environments import SLURMEnvironment, TorchElasticEnvironment

from zoo.core.errors import UsageError
from zoo.training.options import Training


def check_accelerator(name: str) -> None:
    """Raises UsageError for a kind of device that this machine has not."""
    there = {"gpu": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not there.get(name, True):
        raise UsageError(f"--accelerator {name}: this machine has none, or torch does not see it: take --accelerator "
                         "cpu or auto")


def processes(training: Training) -> tuple[int, int]:
    """Processes a machine and machines: as asked for, else as torchrun or SLURM launched them, else one a GPU."""
    if training.devices != "auto":
        return int(training.devices), training.num_nodes
    if TorchElasticEnvironment.detect():
        here = int(os.environ["LOCAL_WORLD_SIZE"])
        return here, int(os.environ["WORLD_SIZE"]) // here
    if SLURMEnvironment.detect():
        return int(os.environ.get("SLURM_NTASKS_PER_NODE", 1)), int(os.environ.get("SLURM_NNODES", 1))
    gpus = torch.cuda.device_count() if training.accelerator in ("auto", "gpu") else 0
    return max(gpus, 1), training.num_nodes


def quiet() -> None:
    """Hides what Lightning says about itself; its warnings about the run stay, but for these that do not apply."""
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    for message in (".*does not have many workers.*",  # data lie in memory
                    ".*overridden `on_after_batch_transfer` in `LightningModule`.*",  # on purpose
                    ".*module.s. in eval mode at the start of training.*",  # the averaged copies
                    ".*isinstance.treespec, LeafSpec.*"):  # inside Lightning
        warnings.filterwarnings("ignore", message=message)
