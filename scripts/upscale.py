"""``zoo upscale`` as a script."""

from zoo.commands.cli import run

run("upscale")
