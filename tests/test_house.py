"""The house: imports go down a floor, types hold, and scripts do nothing of their own."""

import ast
import importlib
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from zoo.commands import COMMANDS

ROOT = Path(__file__).parents[1]
FILES = sorted((ROOT / "zoo").rglob("*.py"))


def checked(*command: str) -> None:
    result = subprocess.run([sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


def test_imports_go_down_a_floor_and_not_in_circles():
    """Lazy ones too; the contract is in pyproject.toml."""
    code = "from importlinter.cli import lint_imports; import sys; sys.exit(lint_imports(no_cache=True))"
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout


def test_types_hold():
    checked("mypy")


def test_every_folder_is_on_a_floor():
    layers = re.search(r"layers = \[(.*?)\]", (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.DOTALL)[1]
    named = set(re.findall(r"\w+", layers))
    there = {path.relative_to(ROOT / "zoo").parts[0].removesuffix(".py") for path in FILES}
    assert there - {"__init__", "__main__"} == named


@pytest.mark.parametrize("path", sorted((ROOT / "scripts").glob("*.py")), ids=lambda path: path.stem)
def test_scripts_call_commands(path):
    body = ast.parse(path.read_text(encoding="utf-8")).body
    assert len(body) == 3  # a docstring, an import, a call
    (call,) = body[2].body
    assert call.value.args[0].value in COMMANDS
    runpy.run_path(str(path), run_name="__mp_main__")  # as a process that it starts imports it: it does nothing


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_a_file_and_help(name, capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", [f"zoo {name}"])
    with pytest.raises(SystemExit, match="0"):
        importlib.import_module(f"zoo.commands.{name}").main(["--help"])
    assert f"usage: zoo {name}" in capsys.readouterr().out


def test_help_needs_no_torch():
    code = "import sys; sys.argv = ['zoo', '--help']\ntry:\n    from zoo.commands.cli import main; main()\nfinally:\n" \
           "    assert 'torch' not in sys.modules"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert all(name in result.stdout for name in COMMANDS)


def test_an_unknown_command_gets_near_ones():
    result = subprocess.run([sys.executable, "-m", "zoo", "trian"], capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert result.stderr == "error: unknown command 'trian': did you mean train?\n"
