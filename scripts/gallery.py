"""``zoo gallery`` as a script."""

from zoo.commands.cli import run

run("gallery")
