"""A whole run where nothing is as it usually is."""

import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import quick_run
from faults import kills

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("faults")]

CONFIG = {**quick_run.CONFIG, "permutations": 0, "comparisons": []}
_NOWHERE = "/dev/null/nothing"


def _as_odd_users_do() -> None:
    os.umask(0o077)
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))


# As a site's administrator or a colleague may have set them, for other workflows.
_FOREIGN_PROFILE = {
    "printshellcmds": True,
    "retries": 1,
    "latency-wait": 1,
    "rerun-triggers": ["mtime"],
    "default-resources": {"mem_mb": 100, "runtime": 1, "tmpdir": "'/tmp'"},
    "set-threads": {"models": 64},
    "nocolor": True,
}
_PROFILE_OF_THE_FOLDER = {"keep-going": False, "max-checksum-file-size": 0, "jobs": 1}


def _profile(folder: Path, content: dict[str, object]) -> Path:
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    return folder


def _turkish(folder: Path) -> dict[str, str]:
    """Make the locale in which "I" in small letters is no "i" and a comma stands before decimals."""
    if shutil.which("localedef") is None:
        print("the Turkish locale is left out: no localedef here")
        return {"LC_ALL": "C"}
    made = folder / "tr_TR.UTF-8"
    folder.mkdir()
    command = ["localedef", "-i", "tr_TR", "-f", "UTF-8", str(made)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        print("the Turkish locale is left out: its definition is not installed here")
        return {"LC_ALL": "C"}
    return {"LC_ALL": made.name, "LOCPATH": str(folder)}


def test_a_run_on_an_odd_machine(root: Path, tmp_path: Path) -> None:
    folder = tmp_path / 'it\'s "a" {run} of ünï\nçödé'
    kills.prepare(folder, CONFIG, ["epilepsy"])
    foreign = tmp_path / "foreign"
    for name in ("epigpt/__init__.py", "snakemake_of_mine.py"):
        (foreign / name).parent.mkdir(parents=True, exist_ok=True)
        (foreign / name).write_text("raise RuntimeError('a foreign module was run')\n")
    (folder / "csv.py").write_text("raise RuntimeError('the working directory was run')\n")
    (folder / "matplotlibrc").write_text("backend: TkAgg\nfont.size: 40\n")
    _profile(folder / "profiles" / "default", _PROFILE_OF_THE_FOLDER)
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": _NOWHERE,
        "TMPDIR": _NOWHERE,
        "XDG_CONFIG_HOME": _NOWHERE,
        # Snakemake cannot start without it.
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "PYTHONPATH": str(foreign),
        "SNAKEMAKE_PROFILE": str(_profile(tmp_path / "of the site", _FOREIGN_PROFILE)),
        "https_proxy": "http://127.0.0.1:9",
        "http_proxy": "http://127.0.0.1:9",
    }
    # The counts in one locale, what follows from them in another.
    halves = [
        (["results/epilepsy/expression.h5ad"], {"LC_ALL": "C"}),
        ([], _turkish(tmp_path / "locales")),
    ]
    for targets, locale in halves:
        done = subprocess.run(
            [
                *(sys.executable, "-P", "-m", "snakemake", "--snakefile", str(root / "Snakefile")),
                *("--configfile", "config.yaml", "--cores", "2", *targets),
            ],
            cwd=folder,
            env=environment | locale,
            preexec_fn=_as_odd_users_do,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
        said = (done.stdout + done.stderr).decode(errors="replace")
        assert done.returncode == 0, said[-5000:]
        assert "foreign module" not in said
        assert f"{environment['SNAKEMAKE_PROFILE']} and workflow specific profile" in said
    assert "rule counts:" not in said
    page = folder / "results" / "epilepsy" / "report.html"
    assert page.stat().st_mode & 0o077 == 0
