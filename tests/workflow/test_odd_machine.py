"""A whole run where nothing is as it usually is."""

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

import quick_run
from faults import kills

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("faults")]

CONFIG = {**quick_run.CONFIG, "permutations": 0, "comparisons": []}
_NOWHERE = "/dev/null/nothing"


def _as_odd_users_do() -> None:
    os.umask(0o077)
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))


def test_a_run_on_an_odd_machine(root: Path, tmp_path: Path) -> None:
    folder = tmp_path / 'it\'s "a" {run} of ünï\nçödé'
    kills.prepare(folder, CONFIG, ["epilepsy"])
    foreign = tmp_path / "foreign"
    for name in ("epigpt/__init__.py", "snakemake_of_mine.py"):
        (foreign / name).parent.mkdir(parents=True, exist_ok=True)
        (foreign / name).write_text("raise RuntimeError('a foreign module was run')\n")
    (folder / "csv.py").write_text("raise RuntimeError('the working directory was run')\n")
    (folder / "matplotlibrc").write_text("backend: TkAgg\nfont.size: 40\n")
    done = subprocess.run(
        [
            *(sys.executable, "-P", "-m", "snakemake", "--snakefile", str(root / "Snakefile")),
            *("--configfile", "config.yaml", "--cores", "2"),
        ],
        cwd=folder,
        env={
            "PATH": os.environ["PATH"],
            "HOME": _NOWHERE,
            "TMPDIR": _NOWHERE,
            "XDG_CONFIG_HOME": _NOWHERE,
            # Snakemake cannot start without it.
            "XDG_CACHE_HOME": str(tmp_path / "cache"),
            "LC_ALL": "C",
            "PYTHONPATH": str(foreign),
            "https_proxy": "http://127.0.0.1:9",
            "http_proxy": "http://127.0.0.1:9",
        },
        preexec_fn=_as_odd_users_do,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    said = (done.stdout + done.stderr).decode(errors="replace")
    assert done.returncode == 0, said[-5000:]
    page = folder / "results" / "epilepsy" / "report.html"
    assert page.stat().st_mode & 0o077 == 0
    assert "foreign module" not in said
