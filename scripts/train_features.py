"""``zoo features`` as a script."""

from zoo.commands.cli import run

run("features")
