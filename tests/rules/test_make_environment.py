"""`make` sets up `.venv` with a Python it can use, and replaces one of another version."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

# Stands for an interpreter: says its version as asked, makes a .venv of itself, installs nothing.
STAND_IN = """#!/bin/sh
case "$*" in
  *venv*) mkdir -p .venv/bin; cp "$0" .venv/bin/python;;
  *pip*) echo installed >> pip.log;;
  --version) echo "Python {version}";;
  *) exec {real} -c "import sys; sys.version_info = ({numbers}, 0, 'final', 0)
$2";;
esac
"""


def interpreter(path: Path, version: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    numbers = version.replace(".", ", ")
    path.write_text(STAND_IN.format(version=version, numbers=numbers, real=sys.executable))
    path.chmod(0o755)
    return path


@pytest.fixture
def folder(root: Path, tmp_path: Path) -> Path:
    shutil.copy(root / "Makefile", tmp_path / "Makefile")
    shutil.copy(root / "pyproject.toml", tmp_path / "pyproject.toml")
    return tmp_path


def make(folder: Path, python: str) -> subprocess.CompletedProcess[str]:
    command = ["make", "--silent", f"PYTHON={python}", ".venv/.installed"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(("there", "replaced"), [("3.9", True), ("3.11", False), (None, False)])
def test_a_venv_of_another_version_is_replaced(folder: Path, there: str | None, replaced: bool):
    if there:
        interpreter(folder / ".venv" / "bin" / "python", there)
        (folder / ".venv" / "mine").touch()
    done = make(folder, str(interpreter(folder / "python", "3.11")))
    assert done.returncode == 0, done.stderr
    assert ("it is replaced" in done.stdout) == replaced
    assert (folder / ".venv" / "mine").exists() == (there == "3.11")
    assert (folder / "pip.log").exists()


@pytest.mark.parametrize("version", ["3.9", "3.14"])
def test_a_python_that_cannot_be_used(folder: Path, version: str):
    done = make(folder, str(interpreter(folder / "python", version)))
    assert done.returncode != 0
    assert f"Python {version}: EpiGPT needs 3.11" in done.stdout
    assert not (folder / ".venv").exists()


def test_no_python(folder: Path):
    done = make(folder, "python-of-nowhere")
    assert done.returncode != 0
    assert "name one: make PYTHON=" in done.stdout
