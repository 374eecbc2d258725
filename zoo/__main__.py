"""``python -m zoo`` is ``zoo``."""

from zoo.commands.cli import main

main()
