"""CPU time and memory of this process and its children, out of Linux's /proc."""

import os
import threading
import time
from contextlib import suppress
from pathlib import Path

PROC = Path("/proc")


def children(process: int | str) -> list[int]:
    """The living children of a process, and theirs."""
    found: list[int] = []
    for tasks in PROC.glob(f"{process}/task/*/children"):
        with suppress(OSError):  # it has ended meanwhile
            found += map(int, tasks.read_text(encoding="utf-8").split())
    return found + [later for child in found for later in children(child)]


def cpu_seconds() -> float:
    """Spent by this process and its children, ended ones included, so far."""
    ticks = 0
    for child in children("self"):
        with suppress(OSError):
            after_name = (PROC / str(child) / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()
            ticks += sum(map(int, after_name[11:15]))  # user and system, its own and of those it waited for
    ended = os.times()
    return time.process_time() + ended.children_user + ended.children_system + ticks / os.sysconf("SC_CLK_TCK")


def peak_bytes() -> int:
    """The most memory that this process alone ever had resident. (getrusage's would begin with its parent's.)"""
    return total("self/status", "VmHWM:")


class Watch:
    """The peak memory of this process and its children: what it has resident and what they have for themselves.

    Pages that a child shares with it count once. Of the process alone it is exact and since its start; children are
    looked at every tenth of a second while the watch is on, and not before: a child that is about to become another
    program still has all of its parent's memory.
    """

    EVERY = 0.1  # seconds

    def start(self) -> None:
        self._peak, self._off = 0, threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def stop(self) -> int:
        """The peak so far, in bytes."""
        self._off.set()
        self._thread.join()
        return max(self._peak, peak_bytes())

    def _look(self) -> None:
        while not self._off.wait(self.EVERY):
            if own := [total(f"{child}/smaps_rollup", "Private_") for child in children("self")]:
                self._peak = max(self._peak, total("self/status", "VmRSS:") + sum(own))


def total(file: str, field: str) -> int:
    """The sum, in bytes, of a file's lines that begin with ``field``; 0 for a process that has ended."""
    try:
        lines = (PROC / file).read_text(encoding="utf-8").splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith(field))
