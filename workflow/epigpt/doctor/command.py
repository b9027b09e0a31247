"""`epigpt doctor`: one line per subject, ok, warning or problem, each with its remedy."""

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from epigpt.config import config_files, loading
from epigpt.config.settings import Settings
from epigpt.doctor import cluster, job, machine, profile, sources
from epigpt.doctor.finding import Finding
from epigpt.errors import InputError

ROOT = Path(__file__).resolve().parents[3]
_MARKS = {"ok": "ok     ", "warning": "warning", "problem": "PROBLEM"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `epigpt doctor`."""
    parser.add_argument(
        "--configfile",
        type=Path,
        default=ROOT / "config" / "config.yaml",
        help="config file whose keys are looked at",
    )
    parser.add_argument(
        "--profile",
        type=Path,
        default=ROOT / "profiles" / "slurm",
        help="profile (a folder, or its name) judged by itself and held against the cluster",
    )
    parser.add_argument(
        "--directory", type=Path, default=Path.cwd(), help="where results will be written"
    )
    parser.add_argument(
        "--job",
        action="store_true",
        help=(
            "look at the job that this runs in, and no further; started by srun or sbatch on a"
            " compute node"
        ),
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(options: argparse.Namespace) -> int:
    """Print what was found; exit status 1 if something is a problem."""
    findings = job.look() if options.job else _everything(options)
    if options.json:
        print(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        for finding in findings:
            print(f"{_MARKS[finding.status]}  {finding.subject}: {finding.found}")
            if finding.remedy:
                print(f"         → {finding.remedy}")
    return int(any(finding.status == "problem" for finding in findings))


def _everything(options: argparse.Namespace) -> list[Finding]:
    configured = _configuration(options.configfile)
    settings = configured if isinstance(configured, Settings) else Settings()
    findings = [
        *machine.look(options.directory),
        *cluster.look(profile.find(options.profile)),
        *sources.look(settings),
    ]
    return [*findings, configured] if isinstance(configured, Finding) else findings


def _configuration(path: Path) -> Settings | Finding:
    try:
        return loading.load(config_files.read(path), [path], ROOT)
    except InputError as refusal:
        return Finding(
            "configuration", "problem", f"{refusal.found} ({refusal.where})", refusal.remedy
        )
