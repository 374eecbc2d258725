"""``zoo evaluate`` as a script."""

from zoo.commands.cli import run

run("evaluate")
