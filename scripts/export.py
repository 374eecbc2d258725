"""``zoo export`` as a script."""

from zoo.commands.cli import run

run("export")
