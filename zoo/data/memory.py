"""How much of this machine's memory a data set may take."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from zoo.core.config import count
from zoo.core.errors import UsageError

SHARE = 0.5  # of what is available: the rest is for the networks, the processes and the file system's own cache


def memory_for_images() -> int:
    """Bytes that the images of one data set may take: $ZOO_MEMORY (such as 8G), else half of what is available.

    Raises:
        UsageError: $ZOO_MEMORY is no number.
    """
    given = os.environ.get("ZOO_MEMORY")
    if not given:
        return int(SHARE * available_memory())
    try:
        return count(given)
    except UsageError as error:
        raise UsageError(f"ZOO_MEMORY, the bytes of memory for images: {error}") from error


def available_memory(root: Path = Path("/")) -> int:
    """Bytes that this process can have: the machine's available ones, or its control group's limit if that is less.

    A container or a job of a cluster has such a limit, of which neither the C library nor psutil knows.

    Args:
        root: of the file system.
    """
    return min([*_of_machine(root), *_of_control_groups(root)])


def _of_machine(root: Path) -> Iterator[int]:
    with suppress(OSError):  # not Linux
        fields = dict(line.split(":") for line in (root / "proc/meminfo").read_text(encoding="utf-8").splitlines())
        yield int(fields["MemAvailable"].split()[0]) * 1024
    if hasattr(os, "sysconf"):
        yield os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    else:  # Windows: all that can be addressed, so that nothing is streamed unless $ZOO_MEMORY says so
        yield 2**63


def _of_control_groups(root: Path) -> Iterator[int]:
    """Limits of the group of this process and of those around it, version 2 and version 1; none where there are none.

    A line of /proc/self/cgroup is ``number:controllers:/path``; inside a container the path may lie outside what is
    mounted, and the group at the top of the mount is the container's.
    """
    with suppress(OSError):
        for line in (root / "proc/self/cgroup").read_text(encoding="utf-8").splitlines():
            _, controllers, path = line.split(":", 2)
            if controllers not in ("", "memory"):
                continue
            mount = root / "sys/fs/cgroup" / controllers
            group = mount / path.strip("/")
            for folder in (group, *group.parents):
                with suppress(OSError, ValueError):  # no such group here, or its limit is the word max
                    limit = folder / ("memory.limit_in_bytes" if controllers else "memory.max")
                    yield int(limit.read_text(encoding="utf-8"))
