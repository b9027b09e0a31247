"""The cluster: scheduler, partitions, GPU types, accounting, and whether the profile fits them.
Asks, and submits nothing."""

import re
import shutil
from pathlib import Path
from typing import Any

import yaml

from epigpt.doctor.finding import Finding, answer_of
from epigpt.errors import InputError
from epigpt.models import presets


def look(profile: Path) -> list[Finding]:
    """Look at SLURM, if there is one, and hold the profile in folder `profile` against it."""
    settings = _read(profile)
    if isinstance(settings, Finding):
        return [settings]
    if shutil.which("sbatch") is None:
        return [
            Finding(
                "scheduler", "ok", "no SLURM here; `snakemake --cores all` runs on this machine"
            )
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
        _gpu_types(said, settings),
        _accounting(settings),
        *_named_partitions(settings, partitions),
        _hardware(settings, said),
    ]


def _read(profile: Path) -> dict[str, Any] | Finding:
    path = profile / "config.yaml"
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        return Finding(
            "profile",
            "problem",
            f"{path}: {' '.join(str(error).split())}",
            "restore profiles/slurm/config.yaml",
        )
    return (
        content
        if isinstance(content, dict)
        else Finding(
            "profile", "problem", f"{path} holds no keys", "restore profiles/slurm/config.yaml"
        )
    )


def _partitions(said: str) -> dict[str, str]:
    listed: dict[str, list[str]] = {}
    for line in said.splitlines():
        name, gpus, cores, memory, limit, nodes = line.split("|")
        shown = f"{nodes} nodes, {cores} cores, {memory} MB, limit {limit}" + (
            "" if gpus == "(null)" else f", {gpus}"
        )
        listed.setdefault(name, []).append(shown)
    return {name: "; ".join(parts) for name, parts in listed.items()}


def _gpu_types(said: str, settings: dict[str, Any]) -> Finding:
    offered = set(re.findall(r"gpu:(\w+)", said))
    asked = set(re.findall(r"gpu:([a-z]\w*)", str(settings)))
    shown = ", ".join(sorted(offered)) or "none named"
    if lacking := asked - offered:
        remedy = (
            "write one of the types into `gpu_gres` of profiles/slurm/config.yaml, or `gpu` alone"
            " for any"
        )
        return Finding(
            "GPU types",
            "warning",
            f"{shown}; the profile asks for {', '.join(sorted(lacking))}",
            remedy,
        )
    return Finding("GPU types", "ok", shown)


def _hardware(settings: dict[str, Any], said: str) -> Finding:
    """Hold the profile's hardware preset against the largest number of GPUs that one node has."""
    name = str((settings.get("default-resources") or {}).get("hardware", "auto")).strip("\"'")
    if name == "auto":
        return Finding(
            "hardware",
            "ok",
            "none named: training jobs get a CPU",
            "set `hardware` in the profile, or --config hardware=h100x1",
        )
    try:
        preset = presets.hardware(name)
    except InputError as refusal:
        return Finding("hardware", "problem", f"{refusal.found} ({refusal.why})", refusal.remedy)
    most = max((int(number) for number in re.findall(r"gpu:(?:\w+:)?(\d+)", said)), default=0)
    shown = (
        f"{name}: {preset.nodes} nodes with {preset.devices} {preset.device} devices,"
        f" {preset.node_memory_gb} GB each"
    )
    if preset.device == "cuda" and preset.devices > most:
        remedy = (
            "choose a smaller preset with --config hardware=NAME, or add one of your own to"
            " workflow/presets/hardware"
        )
        return Finding(
            "hardware", "problem", f"{shown}; the largest node here has {most} GPUs", remedy
        )
    return Finding("hardware", "ok", shown)


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


def _named_partitions(settings: dict[str, Any], partitions: dict[str, str]) -> list[Finding]:
    sections = [
        settings.get("default-resources") or {},
        *(settings.get("set-resources") or {}).values(),
    ]
    named = {
        str(section[key]).strip("\"'")
        for section in sections
        if isinstance(section, dict)
        for key in ("slurm_partition", "gpu_partition")
        if key in section
    }
    lacking = sorted(named - set(partitions))
    if lacking:
        remedy = (
            f"write the site's partitions into profiles/slurm/config.yaml: {', '.join(partitions)}"
        )
        return [
            Finding(
                "profile",
                "problem",
                f"it names partition {', '.join(lacking)}, which does not exist",
                remedy,
            )
        ]
    return [Finding("profile", "ok", f"its partitions exist: {', '.join(sorted(named))}")]
