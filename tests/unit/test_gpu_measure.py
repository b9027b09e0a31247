"""The script for a lent GPU: it brings what a bare machine lacks, and its table comes out the first
time. Rehearsed on a CPU."""

import json
import os
import re
import subprocess
import sys
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
import peft
runpy.run_path(sys.argv[1], run_name="imported")
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
    assert not _with_requirements(("pandas",)) - there


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
    assert "Adapters of tiny beside blocks that a fit before left are the same." in lines
    header, _, *rows = [line for line in lines if line.startswith("|")]
    assert len(rows) == 5
    for row in rows:
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        assert len(cells) == header.count("|") - 1
        assert "failed" not in row
        assert float(cells[3].replace(",", "")) > 0
