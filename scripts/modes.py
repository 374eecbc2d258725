"""``zoo modes`` as a script."""

from zoo.commands.cli import run

run("modes")
