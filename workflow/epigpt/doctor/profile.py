"""A profile of Snakemake, read and judged by what needs no cluster: its options, the hardware it
names, its amounts."""

import os
import re
from pathlib import Path
from typing import Any

import yaml

from epigpt.doctor.finding import Finding
from epigpt.errors import InputError, nearest_name
from epigpt.models import presets

ROOT = Path(__file__).resolve().parents[3]
_GRES = re.compile(r"gpu(:[A-Za-z]\w*)?")
_AMOUNTS = ("mem_mb", "runtime", "mem_mb_per_cpu", "disk_mb", "cpus_per_task", "nodes", "tasks")
# What an executor's site alone can judge, and SLURM tells.
_OF_THE_SITE = ("slurm_partition", "gpu_partition", "slurm_account", "qos", "constraint")


def find(named: Path) -> Path:
    """Return the folder that a profile's name means: a path, else a profile of this project, else
    one of the user's, as `make install-profile` makes it."""
    users = Path(os.environ.get("XDG_CONFIG_HOME") or Path("~/.config").expanduser())
    places = [named.expanduser(), ROOT / "profiles" / named, users / "snakemake" / named]
    return next((place for place in places if (place / "config.yaml").is_file()), places[0])


def read(folder: Path) -> dict[str, Any] | Finding:
    """Return the keys of a profile, or the problem that stands against reading them."""
    path = folder / "config.yaml"
    remedy = "name a folder that holds a config.yaml, or restore profiles/slurm/config.yaml"
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        return Finding("profile", "problem", f"{path}: {' '.join(str(error).split())}", remedy)
    if isinstance(content, dict) and all(isinstance(key, str) for key in content):
        return content
    return Finding("profile", "problem", f"{path} holds no keys", remedy)


def judge(settings: dict[str, Any], most_gpus: int | None = None) -> list[Finding]:
    """Judge options, amounts and hardware.

    Parameters
    ----------
    most_gpus
        The largest number of GPUs that a node of the cluster has; None: nobody knows it here.
    """
    return [_options(settings), *_amounts(settings), _hardware(settings, most_gpus)]


def without_cluster(settings: dict[str, Any]) -> list[Finding]:
    """Return which of the profile's entries only the cluster itself can judge."""
    if settings.get("executor") != "slurm":
        return []
    named = sorted({f"{key} {value}" for key, value in resources(settings) if key in _OF_THE_SITE})
    asks = settings.get("slurm-status-command", "sacct")
    named.append(f"whether `{asks}` answers")
    remedy = "run `epigpt doctor` on the cluster's login node, which looks at these too"
    return [Finding("not looked at", "ok", "without SLURM: " + ", ".join(named), remedy)]


def resources(settings: dict[str, Any]) -> list[tuple[str, str]]:
    """List name and text of every resource that the profile sets, for all rules or for one."""
    given = settings.get("set-resources")
    sections = [
        settings.get("default-resources"),
        *(given if isinstance(given, dict) else {}).values(),
    ]
    return [
        (str(key), str(value).strip("\"'"))
        for section in sections
        if isinstance(section, dict)
        for key, value in section.items()
    ]


def _hardware(settings: dict[str, Any], most_gpus: int | None) -> Finding:
    name = dict(reversed(resources(settings))).get("hardware", "auto")
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
    shown = (
        f"{name}: {preset.nodes} nodes with {preset.devices} {preset.device} devices,"
        f" {preset.node_memory_gb} GB each"
    )
    if most_gpus is not None and preset.device == "cuda" and preset.devices > most_gpus:
        known = ", ".join(presets.names("hardware"))
        remedy = (
            f"set `hardware` of the profile to a smaller preset ({known} or one of your own in"
            " workflow/presets/hardware)"
        )
        return Finding(
            "hardware", "problem", f"{shown}; the largest node here has {most_gpus} GPUs", remedy
        )
    return Finding("hardware", "ok", shown)


def _options(settings: dict[str, Any]) -> Finding:
    """Look for keys that Snakemake does not know, which it would refuse when the run begins."""
    from snakemake.cli import get_argument_parser

    try:
        parser = get_argument_parser()
    except FileNotFoundError as error:  # a plugin asks a program, as a run will
        lacking = f"the program '{error.filename}' is missing, and Snakemake's plugins start it"
        return Finding("profile", "problem", lacking, f"install {error.filename}")
    known = {option.lstrip("-") for action in parser._actions for option in action.option_strings}
    for key in settings:
        if key.replace("_", "-") not in known:
            close = nearest_name(key, sorted(known))
            remedy = f"write '{close}'" if close else "remove it; `snakemake --help` lists all"
            return Finding("profile", "problem", f"Snakemake has no option '{key}'", remedy)
    executor = settings.get("executor", "local")
    return Finding("profile", "ok", f"its {len(settings)} keys are options; executor {executor}")


def _amounts(settings: dict[str, Any]) -> list[Finding]:
    found = []
    for key, value in resources(settings):
        if key == "gpu_gres" and not _GRES.fullmatch(value):
            remedy = "write `gpu`, or `gpu:TYPE` as `sinfo -o %G` shows it, without a number"
            found.append(Finding("GPU request", "problem", f"gpu_gres: {value}", remedy))
        if key in _AMOUNTS and value.isdigit() and int(value) < 1:
            found.append(Finding("amounts", "problem", f"{key}: {value}", "ask for 1 or more"))
    return found
