"""``zoo publish`` as a script."""

from zoo.commands.cli import run

run("publish")
