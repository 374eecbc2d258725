"""``zoo play`` as a script."""

from zoo.commands.cli import run

run("play")
