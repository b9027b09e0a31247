"""Where a result comes from: versions, checksums, seeds, settings, hardware."""

import json
import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from epigpt import __version__
from epigpt.provenance import citations, job_records


def record(
    results: Path, manifest: Path, folds_summary: Path, settings: dict[str, Any], snakemake: str
) -> dict[str, Any]:
    """Collect everything that a repetition of the run would need.

    Parameters
    ----------
    results
        The data set's folder, whose logs and benchmark files tell of its jobs.
    manifest
        Table of the files the data set is made of, with their checksums.
    folds_summary
        The JSON file that the folds are described in.
    settings
        All resolved settings, with the data set's row under `row`.
    snakemake
        Version of the Snakemake that runs the workflow; under --sdm conda it is not in this job's
        environment.

    Returns
    -------
    dict
        `created`, `machine`, `jobs` and `totals` differ between runs; nothing else does while code,
        data, settings and packages stay the same. `packages` holds the versions that the jobs
        themselves saw, wherever they ran.
    """
    files = pd.read_csv(manifest, sep="\t", dtype=str, keep_default_na=False)
    folds = json.loads(folds_summary.read_text(encoding="utf-8"))
    jobs = job_records.read(results)
    packages = {"snakemake": snakemake, **job_records.versions(jobs)}
    return {
        "epigpt": {"version": __version__, "git": _git_describe()},
        "python": platform.python_version(),
        "packages": packages,
        "settings": settings,
        "seed": settings.get("seed"),
        "checksums": dict(
            zip(files["file"].map(lambda name: Path(name).name), files["sha256"], strict=True)
        ),
        "folds_checksum": folds.get("checksum", ""),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "citations": citations.of(set(packages)),
        "jobs": jobs,
        "totals": job_records.totals(jobs),
        "machine": {
            "system": platform.platform(),
            "processor": _processor(),
            "cores": os.cpu_count(),
            "interpreter": sys.executable,
        },
    }


def _git_describe() -> str:
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty", "--tags"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=20)
    except (OSError, subprocess.SubprocessError):
        return ""  # a released archive has no history
    return done.stdout.strip()


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")),
        platform.processor(),
    )
