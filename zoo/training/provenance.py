"""Which code, machine and libraries gave a result."""

import os
import platform
import subprocess
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

import torch

CPUINFO = Path("/proc/cpuinfo")
LIBRARIES = ("torch", "torchvision", "lightning")


def commit() -> str | None:
    """The commit of this checkout of the zoo, or None for an installed package."""
    here = os.path.dirname(__file__)
    result = subprocess.run(["git", "-C", here, "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    return result.stdout.strip() or None


def processor() -> str:
    """The processor's name, such as "AMD EPYC 7763"; where the system does not tell it, its kind."""
    return of_processor("model name") or platform.machine()


def of_processor(*fields: str) -> str:
    """What Linux says of the first processor under one of these names; "" elsewhere."""
    with suppress(OSError):
        for line in CPUINFO.read_text(encoding="utf-8").splitlines():
            name, _, words = line.partition(":")
            if name.strip() in fields:
                return words.strip()
    return ""


def hardware(processes: int, device: torch.device) -> str:
    """What so many processes run on, of which rounding depends: GPUs by name, or threads and the processor."""
    if device.type == "cuda":
        return f"{processes} x {torch.cuda.get_device_name(device)}"
    threads = torch.get_num_threads()
    each = f" of {threads} thread{'s' if threads > 1 else ''}" if device.type == "cpu" else ""
    return f"{processes} x {device.type} process{each} on {processor()}"


def libraries() -> dict[str, str]:
    """Versions by name, Python's too."""
    return {name: version(name) for name in LIBRARIES} | {"python": platform.python_version()}
