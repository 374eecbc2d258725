"""``zoo translate`` as a script."""

from zoo.commands.cli import run

run("translate")
