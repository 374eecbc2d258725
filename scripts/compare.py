"""``zoo compare`` as a script."""

from zoo.commands.cli import run

run("compare")
