"""``zoo rewrite`` as a script."""

from zoo.commands.cli import run

run("rewrite")
