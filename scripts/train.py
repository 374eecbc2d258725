"""``zoo train`` as a script."""

from zoo.commands.cli import run

run("train")
