"""Which code gave a result."""

import os
import subprocess


def commit() -> str | None:
    """The commit of this checkout of the zoo, or None for an installed package."""
    here = os.path.dirname(__file__)
    result = subprocess.run(["git", "-C", here, "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    return result.stdout.strip() or None
