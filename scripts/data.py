"""``zoo data`` as a script."""

from zoo.commands.cli import run

run("data")
