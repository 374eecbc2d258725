"""The processes of a run, their memory, and what Lightning is to say and to time of them."""

import ctypes
import logging
import os
import warnings
from contextlib import AbstractContextManager, nullcontext

import torch
from lightning.fabric.plugins.environments import SLURMEnvironment, TorchElasticEnvironment
from lightning.pytorch.profilers import PassThroughProfiler

from zoo.core.errors import UsageError
from zoo.training.options import Training
from zoo.training.provenance import of_processor


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


MATRIX_BF16, BF16 = "amx_bf16", {"amx_bf16", "avx512_bf16", "bf16"}  # as Linux calls what x86 and ARM processors have


def on_precision(training: Training) -> str:
    """What there is to say of the precision on this machine's processor, a sentence; "" on a GPU, and where nothing is
    known of the processor."""
    if training.accelerator not in ("auto", "cpu"):
        return ""
    if training.accelerator == "auto" and (torch.cuda.is_available() or torch.backends.mps.is_available()):
        return ""
    known = _processor()
    if training.precision == "32-true" and MATRIX_BF16 in known:
        return ("this processor multiplies matrices in bf16: --precision bf16-mixed may halve the time that "
                "convolutional networks take")
    if training.precision == "bf16-mixed" and known and not known & BF16:
        return ("warning: this processor has no bf16, which torch emulates, many times slower: leave --precision "
                "bf16-mixed away")
    return ""


def _processor() -> set[str]:
    """What the first processor can do, in Linux's words; nothing elsewhere."""
    return set(of_processor("flags", "Features").split())


def quiet() -> None:
    """Hides what Lightning says about itself; its warnings about the run stay, but for these that do not apply."""
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    for message in (".*does not have many workers.*",  # data lie in memory
                    ".*overridden `on_after_batch_transfer` in `LightningModule`.*",  # on purpose
                    ".*module.s. in eval mode at the start of training.*",  # the averaged copies
                    ".*isinstance.treespec, LeafSpec.*"):  # inside Lightning
        warnings.filterwarnings("ignore", message=message)


TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3  # as glibc's malloc.h calls them by number
KEPT = 2**30  # bytes: tensors below are not mapped each for itself


def keep_memory() -> None:
    """Has glibc keep what a step frees for the next one.

    Left alone it maps large tensors anew every time, and hands the free end of its memory back to the system after each
    step, of which every page is then faulted in and cleared again. Other allocators are as they were, and so is what
    the environment says of this one.
    """
    told = any(name == "GLIBC_TUNABLES" or name.startswith("MALLOC_") for name in os.environ)
    set_option = None if told or os.name != "posix" else getattr(ctypes.CDLL(None), "mallopt", None)
    if set_option is not None:
        set_option(TRIM_THRESHOLD, 2**31 - 1)
        set_option(MMAP_THRESHOLD, KEPT)


NOTHING = nullcontext()


class Untimed(PassThroughProfiler):
    """Lightning's way not to profile enters a generator at every hook of every callback, a hundred or more a batch."""

    def profile(self, action_name: str) -> AbstractContextManager:  # type: ignore[override]  # of which none is used
        return NOTHING
