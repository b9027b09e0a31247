"""What became of each data set of a run that did not end well: a list at its end, and the index of
what there is."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

# As in epigpt.stages.entry, which marks so the line of a log with a refusal's four parts.
_REFUSED = "refused: "
_UNEXPECTED = "An unexpected error"
_LONG_AGO = 86_400
_MOST_READ = 1 << 22


@dataclass(frozen=True)
class Outcome:
    """What became of a data set.

    Attributes
    ----------
    finished
        Whether its report is there, and none of its jobs failed in this run.
    reason
        Why not, in one line; "" for a finished one.
    refusal
        The whole message, where there is one.
    """

    dataset: str
    finished: bool
    reason: str = ""
    refusal: str = ""


def of_run(root: Path, datasets: Sequence[str], since: float) -> list[Outcome]:
    """Return what became of each data set.

    Parameters
    ----------
    root
        The working directory.
    since
        When the run began, in seconds of the epoch; older logs are of other runs.
    """
    return [_of_dataset(root / "results" / name, name, since) for name in datasets]


def of_folders(folders: Sequence[Path]) -> list[Outcome]:
    """Return what became of data sets of earlier runs, whenever those were."""
    return [_of_dataset(folder, folder.name, 0.0) for folder in folders]


def _of_dataset(folder: Path, name: str, since: float) -> Outcome:
    logs = [path for path in folder.glob("logs/**/*.log") if path.stat().st_mtime >= since]
    for path in sorted(logs, key=lambda log: log.stat().st_mtime):
        text = path.read_text(encoding="utf-8", errors="replace")[-_MOST_READ:]
        for line in text.splitlines():
            _, mark, content = line.partition(f" DEBUG {_REFUSED}")
            if mark:
                found, where, why, remedy = json.loads(content)
                whole = f"{found}\n  where:  {where}\n  why:    {why}\n  remedy: {remedy}"
                short = " ".join(found.split("\n")[0].split()).rstrip(":")
                return Outcome(name, False, f"{short} ({where})", whole)
        if _UNEXPECTED in text:
            return Outcome(name, False, f"an unexpected error, which {path} tells in full")
    if (folder / "report.html").is_file():
        return Outcome(name, True)
    return Outcome(name, False, f"stopped before its report; {folder / 'logs'} tells how far it is")


def closing_list(outcomes: Sequence[Outcome]) -> str:
    """Return the lines that end the output of a run: every data set, refusals with their remedy."""
    done = [outcome.dataset for outcome in outcomes if outcome.finished]
    lines = ["", f"{len(done)} of {len(outcomes)} data sets are finished."]
    if done:
        lines.append(f"  finished: {', '.join(done)}")
    for outcome in outcomes:
        if not outcome.finished:
            reason = outcome.refusal or outcome.reason
            lines.append(f"  {outcome.dataset}: " + reason.replace("\n", "\n    "))
    return "\n".join(lines)


def reasons(outcomes: Sequence[Outcome]) -> Mapping[str, str]:
    """Return the reason of each data set that was refused or failed."""
    return {outcome.dataset: outcome.reason for outcome in outcomes if not outcome.finished}


def write_index(root: Path, outcomes: Sequence[Outcome], modules: Path) -> None:
    """Write results/index.html from what there is, with the reasons of what is missing.

    Its time is made so old that Snakemake writes it again once all data sets are finished. A
    failure here would hide the one that matters, so it is only told.

    Parameters
    ----------
    modules
        Folder that holds the package.
    """
    target = Path("results/index.html")
    pages = [f"results/{outcome.dataset}/report.html" for outcome in outcomes]
    done = subprocess.run(
        [
            *(sys.executable, "-m", "epigpt.stages.index", "--pages", *pages),
            *("--index", str(target), "--refused", json.dumps(reasons(outcomes))),
        ],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(modules), "PYTHONSAFEPATH": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == 0:
        os.utime(root / target, (_LONG_AGO, _LONG_AGO))
    else:
        print(f"{target} could not be written: {done.stderr[-500:]}", file=sys.stderr)
