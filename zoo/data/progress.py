"""How far a set has been read."""

import sys

from tqdm import tqdm


def bar_of(what: str, total: int, unit: str = "img") -> tqdm:
    """What takes seconds needs none; a log file is not a screen."""
    return tqdm(desc=what, total=total, unit=unit, unit_scale=unit == "B", delay=2,
                mininterval=0.1 if sys.stderr.isatty() else 20.0)
