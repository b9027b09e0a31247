"""This machine: Python and packages, disk, GPUs, compiled extensions, conda."""

import os
import platform
import re
import shutil
import sys
from importlib import metadata
from pathlib import Path

from epigpt.doctor.finding import Finding, answer_of

# The demo needs less; a single full checkpoint of GPT-2 XL takes 25 GB.
_SPACE_GB = 30


def look(folder: Path) -> list[Finding]:
    """Look at the machine that this runs on; `folder` is where results will be written."""
    return [_python(), _packages(), _space(folder), *_quota(), _gpus(), *_extensions(), _conda()]


def _python() -> Finding:
    version = platform.python_version()
    shown, remedy = f"{version} ({sys.executable})", "make PYTHON=/path/to/python3.11"
    if sys.version_info[:2] == (3, 11):
        return Finding("Python", "ok", shown)
    if (3, 12) <= sys.version_info[:2] <= (3, 13):
        return Finding("Python", "warning", f"{shown}; EpiGPT is tested with 3.11 alone", remedy)
    return Finding("Python", "problem", f"{shown}; EpiGPT needs 3.11 to 3.13", remedy)


def _packages() -> Finding:
    differing = []
    for requirement in metadata.requires("epigpt") or []:
        match = re.fullmatch(r"([\w.-]+)==([\w.]+)", requirement)
        if match is None:
            continue  # an extra, such as the test tools
        try:
            installed = metadata.version(match[1])
        except metadata.PackageNotFoundError:
            installed = "not installed"
        if installed.partition("+")[0] != match[2]:
            differing.append(f"{match[1]} {installed} (pinned: {match[2]})")
    if differing:
        return Finding(
            "packages",
            "warning",
            ", ".join(differing),
            "make demo or make test installs the pinned versions into .venv",
        )
    return Finding("packages", "ok", "all at their pinned versions")


def _space(folder: Path) -> Finding:
    existing = next(place for place in [folder, *folder.absolute().parents] if place.exists())
    free = shutil.disk_usage(existing).free / 1e9
    if not os.access(existing, os.W_OK):
        return Finding(
            "disk",
            "problem",
            f"{existing} cannot be written",
            "choose another folder with --directory",
        )
    if free < _SPACE_GB:
        return Finding(
            "disk",
            "warning",
            f"{free:.0f} GB free at {existing}",
            "enough for tiny; `epigpt plan` says what a model needs",
        )
    return Finding("disk", "ok", f"{free:.0f} GB free at {existing}")


def _quota() -> list[Finding]:
    status, said = answer_of(["quota", "-s"])
    return [Finding("quota", "ok", " ".join(said.split()))] if status == 0 and said else []


def _gpus() -> Finding:
    status, said = answer_of(
        ["nvidia-smi", "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader"]
    )
    if status != 0:
        return Finding("GPUs here", "ok", "none; that is normal on a laptop and on a login node")
    names = "; ".join(said.splitlines())
    import torch  # 4 s, needed only where there is a driver

    if torch.cuda.is_available():
        return Finding(
            "GPUs here",
            "ok",
            f"{names}; PyTorch {torch.__version__} sees {torch.cuda.device_count()}",
        )
    remedy = (
        "install a CUDA build: pip install torch without the +cpu build, or"
        " CONDA_OVERRIDE_CUDA=12.9 with --sdm conda"
    )
    return Finding(
        "GPUs here", "problem", f"{names}; PyTorch {torch.__version__} sees none", remedy
    )


def _extensions() -> list[Finding]:
    cache = Path(
        os.environ.get("TORCH_EXTENSIONS_DIR", Path.home() / ".cache" / "torch_extensions")
    )
    locks = sorted(cache.rglob("lock")) if cache.is_dir() else []
    if not locks:
        return []
    # A compilation that was killed leaves its lock behind, and every later run waits for it for
    # ever.
    return [
        Finding(
            "compiled extensions",
            "warning",
            f"lock files: {', '.join(map(str, locks))}",
            "remove them unless a compilation is running",
        )
    ]


def _conda() -> Finding:
    status, said = answer_of(["conda", "--version"])
    if status == 0:
        return Finding("conda", "ok", said)
    return Finding("conda", "ok", "none; it is needed only for `snakemake --sdm conda`")
