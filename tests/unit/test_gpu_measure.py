"""The script for a lent GPU: it brings what a bare machine lacks, and its table comes out the first
time. Rehearsed on a CPU."""

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from importlib.metadata import packages_distributions, requires
from pathlib import Path

import pytest

# What the machine is promised to have, with what that requires.
GIVEN = ("torch", "transformers", "numpy", "setuptools")


def _name(requirement: str) -> str:
    found = re.match(r"[\w.-]+", requirement)
    assert found is not None
    return found[0].lower().replace("_", "-")


def _with_requirements(names: tuple[str, ...]) -> set[str]:
    found: set[str] = set()
    waiting = [_name(name) for name in names]
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found.add(name)
        try:
            required = requires(name) or []
        except ImportError:
            continue
        waiting += [_name(one) for one in required if "extra ==" not in one]
    return found


def _environment(root: Path) -> dict[str, str]:
    paths = os.pathsep.join([str(root / "workflow"), str(root / "tests")])
    return {**os.environ, "PYTHONPATH": paths, "PYTHON": sys.executable}


# Hides what a bare machine lacks, as though it were not installed.
HIDING = """
import json, runpy, sys
from importlib.machinery import PathFinder

hidden = set(json.loads(sys.argv[2]))

class Bare:
    find_distributions = PathFinder.find_distributions

    @staticmethod
    def find_spec(name, path=None, target=None):
        return None if name.split(".")[0] in hidden else PathFinder.find_spec(name, path, target)

sys.meta_path[sys.meta_path.index(PathFinder)] = Bare
script = sys.argv[1]
sys.argv[1:] = ["--rehearse"]
runpy.run_path(script, run_name="__main__")
"""


@pytest.mark.slow
def test_the_wheels_are_all_that_a_bare_machine_lacks(root: Path) -> None:
    script = (root / "tests/gpu/measure.sh").read_text(encoding="utf-8")
    listed = re.search(r"^needed=\((.*)\)$", script, re.MULTILINE)
    assert listed is not None
    brought = {_name(one) for one in listed[1].split()}
    there = _with_requirements(GIVEN) | brought
    hidden = [
        module
        for module, owners in packages_distributions().items()
        if module != "epigpt" and not {_name(owner) for owner in owners} & there
    ]
    assert {"deepspeed", "sklearn", "anndata"} <= set(hidden)
    command = [sys.executable, "-c", HIDING, str(root / "tests/gpu/measure.py")]
    done = subprocess.run(
        [*command, json.dumps(hidden)],
        capture_output=True,
        text=True,
        check=False,
        env=_environment(root),
    )
    assert done.returncode == 0, done.stderr
    assert "failed" not in done.stdout
    assert not _with_requirements(("pandas",)) - there


def _bare(root: Path, tmp_path: Path) -> tuple[Path, dict[str, str]]:
    """Copy the script beside an interpreter that has no package at all."""
    (tmp_path / "tests").mkdir()
    shutil.copytree(root / "tests/gpu", tmp_path / "tests/gpu")
    bare = tmp_path / "python"
    bare.write_text(f'#!/bin/sh\nexec "{sys.executable}" -S "$@"\n')
    bare.chmod(0o755)
    return tmp_path / "tests/gpu", {**os.environ, "PYTHON": str(bare)}


def test_a_missing_wheel_is_named_with_how_to_fetch_it(root: Path, tmp_path: Path) -> None:
    folder, environment = _bare(root, tmp_path)
    done = subprocess.run(
        ["bash", str(folder / "measure.sh"), str(tmp_path / "out")],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    assert done.returncode == 1
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    assert "peft is neither installed" in done.stderr
    assert f"PYTHON_VERSION={version} tests/gpu/measure.sh --fetch" in done.stderr


@pytest.mark.slow
def test_wheels_are_unpacked_without_pip_and_nothing_is_installed(
    root: Path, tmp_path: Path
) -> None:
    folder, environment = _bare(root, tmp_path)
    listed = re.search(r"^needed=\((.*)\)$", (folder / "measure.sh").read_text(), re.MULTILINE)
    assert listed is not None
    (folder / "wheels").mkdir()
    for package in listed[1].split():
        name = package.partition("==")[0].replace("-", "_")
        with zipfile.ZipFile(folder / f"wheels/{name}-1.0-py3-none-any.whl", "w") as wheel:
            wheel.writestr(f"brought_{name}.py", "")
    modules = [f"brought_{one.partition('==')[0].replace('-', '_')}" for one in listed[1].split()]
    (folder / "measure.py").write_text(
        f"import {', '.join(modules)}, sys; print('whole', sys.argv[1:])"
    )
    done = subprocess.run(
        ["bash", str(folder / "measure.sh"), str(tmp_path / "out"), "--rehearse"],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "whole ['--seconds', '420', '--rehearse']\n"


@pytest.mark.slow
def test_the_script_prints_its_table_on_a_cpu(root: Path, tmp_path: Path) -> None:
    command = ["bash", str(root / "tests/gpu/measure.sh"), str(tmp_path), "--rehearse"]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env=_environment(root)
    )
    assert done.returncode == 0, done.stderr
    lines = (tmp_path / "h100.md").read_text(encoding="utf-8").splitlines()
    assert done.stdout.splitlines() == lines
    assert any(re.match(r"Losses of tiny in fp32 and bf16 agree: ", line) for line in lines)
    same = "Adapters of tiny beside blocks that a fit before left are the same: at most 0.0e+00"
    assert any(line.startswith(same) for line in lines)
    header, _, *rows = [line for line in lines if line.startswith("|")]
    assert len(rows) == 5
    for row in rows:
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        assert len(cells) == header.count("|") - 1
        assert "failed" not in row
        assert float(cells[3].replace(",", "")) > 0
