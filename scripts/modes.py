"""``zoo modes`` as a script."""

from zoo.commands.cli import run

if __name__ == "__main__":  # not in a process that it starts, which imports it
    run("modes")
