"""What the jobs of a data set tell of themselves: the record at the end of each log, and
Snakemake's benchmark files."""

import json
from pathlib import Path
from typing import Any

import pandas as pd

from epigpt.provenance.job_meter import MARK

# Columns of a benchmark file, and what they are called here.
_MEASURED = {"s": "wall_seconds", "max_rss": "max_rss_mb", "cpu_time": "cpu_seconds"}


def read(folder: Path) -> dict[str, dict[str, Any]]:
    """Read the jobs behind the results in `folder`, by the name of their log without its ending.

    Returns
    -------
    dict
        For each job what `surroundings.Meter.record` describes, and `wall_seconds`, `max_rss_mb`,
        `cpu_seconds` as Snakemake or the job itself measured them, whichever is larger. Jobs from
        before a record was kept have the measured part alone.
    """
    logs, benchmarks = folder / "logs", folder / "benchmarks"
    jobs: dict[str, dict[str, Any]] = {}
    for path in sorted(logs.rglob("*.log")):
        if record := _record(path):
            jobs[path.relative_to(logs).with_suffix("").as_posix()] = record
    for path in sorted(benchmarks.rglob("*.tsv")):
        name = path.relative_to(benchmarks).with_suffix("").as_posix().removesuffix(".benchmark")
        job = jobs.setdefault(name, {})
        for key, value in _measured(path).items():
            job[key] = _larger(job.get(key), value)
    return dict(sorted(jobs.items()))


def versions(jobs: dict[str, dict[str, Any]]) -> dict[str, str]:
    """Return the versions of the packages that the jobs imported; where jobs differ all versions,
    separated by ' | '."""
    seen: dict[str, set[str]] = {}
    for job in jobs.values():
        for name, version in job.get("versions", {}).items():
            seen.setdefault(name, set()).add(version)
    return {name: " | ".join(sorted(found)) for name, found in sorted(seen.items())}


def totals(jobs: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Sum up: hours of wall time and of processors, the largest memory, GPU models and their energy
    where a driver tells it."""
    summed: dict[str, Any] = {
        "jobs": len(jobs),
        "wall_hours": round(sum(job.get("wall_seconds") or 0 for job in jobs.values()) / 3600, 4),
        "cpu_hours": round(sum(job.get("cpu_seconds") or 0 for job in jobs.values()) / 3600, 4),
        "max_rss_mb": max((job.get("max_rss_mb") or 0 for job in jobs.values()), default=0),
        "gpus": sorted({gpu for job in jobs.values() for gpu in job.get("gpus", [])}),
    }
    if joules := [job["energy_joules"] for job in jobs.values() if "energy_joules" in job]:
        summed["gpu_energy_kwh"] = round(sum(joules) / 3.6e6, 6)
    return summed


def _record(log: Path) -> dict[str, Any]:
    lines = [
        line
        for line in log.read_text(encoding="utf-8", errors="replace").splitlines()
        if MARK in line
    ]
    if not lines:
        return {}
    try:
        measured: dict[str, Any] = json.loads(lines[-1].partition(MARK)[2])
    except ValueError:  # torn by a kill
        return {}
    return measured


def _larger(inside: float | None, outside: float | None) -> float | None:
    """Return what was measured of the whole job: from inside where it ran in the warm process, from
    outside where it was several processes."""
    return max((value for value in (inside, outside) if value is not None), default=None)


def _measured(benchmark: Path) -> dict[str, float | None]:
    table = pd.read_csv(benchmark, sep="\t", na_values=["-"])
    if table.empty:
        return {}
    last = table.iloc[-1]
    return {
        name: None if pd.isna(last[column]) else float(last[column])
        for column, name in _MEASURED.items()
        if column in table.columns
    }
