"""``zoo explore`` as a script."""

from zoo.commands.cli import run

run("explore")
