"""``zoo benchmark`` as a script."""

from zoo.commands.cli import run

run("benchmark")
