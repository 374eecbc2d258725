"""``zoo sample`` as a script."""

from zoo.commands.cli import run

run("sample")
