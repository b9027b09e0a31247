"""Snakemake's own linter finds nothing in the rules."""

import subprocess
import sys

import pytest


@pytest.mark.slow  # `make check` asks the linter itself
def test_the_workflow_is_in_good_condition(root, tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", "--snakefile", str(root / "Snakefile"), "--lint"],
        cwd=root,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Congratulations" in done.stdout + done.stderr
