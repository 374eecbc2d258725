"""``zoo write`` as a script."""

from zoo.commands.cli import run

run("write")
