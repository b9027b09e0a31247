"""The cluster: scheduler, partitions, GPU types, accounting, and whether the profile fits them.
Asks, and submits nothing."""

import re
import shutil
from pathlib import Path
from typing import Any

from epigpt.doctor import profile
from epigpt.doctor.finding import Finding, answer_of


def look(folder: Path) -> list[Finding]:
    """Judge the profile in a folder by itself, and hold it against SLURM where there is one."""
    settings = profile.read(folder)
    if isinstance(settings, Finding):
        return [settings]
    if shutil.which("sbatch") is None:
        none = "no SLURM here; `snakemake --cores all` runs on this machine"
        return [
            Finding("scheduler", "ok", none),
            *profile.judge(settings),
            *profile.without_cluster(settings),
        ]
    status, said = answer_of(["sinfo", "-h", "-o", "%R|%G|%c|%m|%l|%D"])
    if status != 0:
        return [
            Finding(
                "scheduler",
                "problem",
                f"sinfo: {said.splitlines()[-1] if said else status}",
                "ask the site's administrator whether the controller is up",
            )
        ]
    partitions = _partitions(said)
    return [
        Finding("scheduler", "ok", answer_of(["sbatch", "--version"])[1]),
        *[Finding(f"partition {name}", "ok", text) for name, text in partitions.items()],
        _gpu_types(said, settings, folder),
        _accounting(settings),
        *_named_partitions(settings, partitions, folder),
        *profile.judge(settings, _most_gpus(said)),
    ]


def _partitions(said: str) -> dict[str, str]:
    listed: dict[str, list[str]] = {}
    for line in said.splitlines():
        name, gpus, cores, memory, limit, nodes = line.split("|")
        size = f"{nodes} nodes, {cores} cores, {memory} MB, limit {limit}" + (
            "" if gpus == "(null)" else f", {gpus}"
        )
        listed.setdefault(name, []).append(size)
    return {name: "; ".join(parts) for name, parts in listed.items()}


def _gpu_types(said: str, settings: dict[str, Any], folder: Path) -> Finding:
    offered = set(re.findall(r"gpu:(\w+)", said))
    asked = set(re.findall(r"gpu:([a-z]\w*)", str(settings)))
    types = ", ".join(sorted(offered)) or "none named"
    if lacking := asked - offered:
        remedy = (
            f"write one of the types into `gpu_gres` of {folder / 'config.yaml'} (`gpu:TYPE`), or"
            " `gpu` alone for any"
        )
        return Finding(
            "GPU types",
            "warning",
            f"{types}; the profile asks for {', '.join(sorted(lacking))}",
            remedy,
        )
    return Finding("GPU types", "ok", types)


def _most_gpus(said: str) -> int:
    """Return the largest number of GPUs that one node has."""
    return max((int(number) for number in re.findall(r"gpu:(?:\w+:)?(\d+)", said)), default=0)


def _accounting(settings: dict[str, Any]) -> Finding:
    works = answer_of(["sacct", "-n", "-X", "-S", "now"])[0] == 0
    chosen = settings.get("slurm-status-command", "sacct")
    if chosen == "sacct" and not works:
        # The executor would ask a program that always fails, and wait for ever.
        return Finding(
            "accounting",
            "problem",
            "sacct fails here, and the profile asks it",
            "set `slurm-status-command: squeue` in the profile",
        )
    return Finding("accounting", "ok", f"{'works' if works else 'none'}; the profile asks {chosen}")


def _named_partitions(
    settings: dict[str, Any], partitions: dict[str, str], folder: Path
) -> list[Finding]:
    asked = profile.resources(settings)
    named = {value for key, value in asked if key in ("slurm_partition", "gpu_partition")}
    lacking = sorted(named - set(partitions))
    if lacking:
        remedy = (
            f"write the site's partitions into {folder / 'config.yaml'}: {', '.join(partitions)}"
        )
        return [
            Finding(
                "partitions",
                "problem",
                f"the profile names {', '.join(lacking)}, which do not exist",
                remedy,
            )
        ]
    return [Finding("partitions", "ok", f"those of the profile exist: {', '.join(sorted(named))}")]
