"""Kill and interrupt whole runs at random moments of every stage, run the same command again, and
compare what is left with a run that nobody disturbed.

`make test-kills` runs it; `python tests/faults/kills.py --help` shows its options. The moments
follow from the seed, as far as a machine's speed lets them.
"""

import argparse
import hashlib
import math
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

import quick_run
from faults.marked import MarkedRun

ROOT = Path(__file__).resolve().parents[2]
CONFIG: dict[str, Any] = {
    **quick_run.CONFIG,
    "epochs": 3,
    "permutations": 5,
    "comparisons": ["finetuned_no_blocks"],
    "transfer": ["epilepsy -> second"],
}
DATASETS = ("epilepsy", "second")
# Seconds after a job has started, most of which are its imports.
_LATEST = 6.0
# A training that is told to stop writes a checkpoint first.
_PATIENCE = 120.0
_KILLED = ("workflow", "stage", "all")


@dataclass(frozen=True)
class Stop:
    """How, and in which stage, a run is stopped.

    Attributes
    ----------
    how
        `interrupt`, or whom to kill.
    after
        Seconds after the stage's first job has started.
    rule
        The stage; "" for one in which this chain of runs was not stopped yet.
    skip
        Stages of that kind that begin before it.
    """

    how: str
    after: float
    rule: str = ""
    skip: int = 0


def stops(number: int, seed: int) -> list[Stop]:
    """Draw as many kills and as many interruptions."""
    chance = random.Random(seed)
    hows = [_KILLED[turn % len(_KILLED)] for turn in range(number)] + ["interrupt"] * number
    chance.shuffle(hows)
    return [Stop(how, chance.uniform(0, _LATEST), skip=chance.randint(0, 1)) for how in hows]


def prepare(
    folder: Path, config: dict[str, Any], datasets: Sequence[str] = ("epilepsy", "second")
) -> None:
    """Write the configuration of a small run that has a job of every rule."""
    folder.mkdir(parents=True, exist_ok=True)
    mirror = (ROOT / "config" / "demo" / "geo-mirror").as_uri()
    content = {**config, "datasets": "datasets.tsv", "geo": {"base_url": mirror}}
    (folder / "config.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    (folder / "datasets.tsv").write_text(quick_run.table(*datasets), encoding="utf-8")


def digests(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every table, decision and weight; of downloads what was fetched, not
    from where and when."""
    found = {}
    for path in sorted((folder / "results").rglob("*")):
        name = path.relative_to(folder / "results").as_posix()
        if _is_compared(name) and path.is_file():
            content = path.read_bytes()
            if path.name == "manifest.tsv":
                rows = [line.split(b"\t") for line in content.splitlines()]
                content = b"\n".join(b"\t".join([row[0], *row[2:4]]) for row in rows)
            found[name] = hashlib.sha256(content).hexdigest()
    return found


def _is_compared(name: str) -> bool:
    parts = name.split("/")
    if any(part in ("logs", "benchmarks", "checkpoints") or part[0] == "." for part in parts):
        return False
    return name.endswith((".tsv", ".safetensors")) or parts[-1] in ("verdict.json", "folds.json")


def stopped(folder: Path, stop: Stop, before: set[str]) -> list[str] | None:
    """Start a run, stop it, and say what is wrong with how it ended; None where it ended before it
    came to the stage.

    Parameters
    ----------
    before
        Stages in which this chain of runs was stopped; gets the one of this stop.
    """
    run = begin(folder)
    rule = run.reaches(stop.rule, before, stop.skip)
    if not rule:
        return None
    before.add(rule)
    time.sleep(stop.after)
    ended_before = run.process.poll() is not None
    if stop.how == "interrupt":
        run.interrupt()
    else:
        run.kill(stop.how)
    if stop.how == "stage":
        run.hears_of_failure()
        run.interrupt()
    left = run.left_over(_PATIENCE)
    for number in left:
        print(f"  still alive: {number} {left[number]}", flush=True)
    wrong = [f"{len(left)} processes outlived the run by {_PATIENCE:g} s"] if left else []
    said = run.text()
    if "Traceback" in said:
        wrong.append("a traceback on the screen:\n" + "\n[…]\n".join(_around_tracebacks(said)))
    status = run.process.wait()
    print(f"  {rule}: {stop.how} after {stop.after:.1f} s, status {status}", flush=True)
    if status == 0 and not ended_before and stop.how == "workflow":
        wrong.append("a killed run that ended with status 0")
    return wrong


def _around_tracebacks(said: str) -> list[str]:
    """Return each traceback with the lines around it."""
    lines = said.splitlines()
    at = [number for number, line in enumerate(lines) if "Traceback" in line]
    return ["\n".join(lines[max(0, number - 8) : number + 40]) for number in at]


def begin(folder: Path) -> MarkedRun:
    """Start the run; after a kill that left Snakemake's lock, unlock it first, as the README says."""
    locks = folder / ".snakemake" / "locks"
    if locks.is_dir() and any(locks.iterdir()):
        unlocked = MarkedRun(ROOT, folder, ["--unlock"])
        if unlocked.process.wait():
            raise RuntimeError(unlocked.text())
    return MarkedRun(ROOT, folder)


def finish(folder: Path) -> list[str]:
    """Run to the end; say what is wrong."""
    run = begin(folder)
    status = run.process.wait()
    if status:
        return [f"the last run ended with status {status}:\n{run.text()[-3000:]}"]
    left = [path for path in folder.rglob(".*.part*") if "/.snakemake/" not in path.as_posix()]
    locks = [path for path in folder.rglob(".lock") if path.parent.parent.name == "checkpoints"]
    return [f"left behind: {path.relative_to(folder)}" for path in [*left, *locks]]


def compared(reference: dict[str, str], folder: Path) -> list[str]:
    """Say which results differ from those of the undisturbed run."""
    now = digests(folder)
    return [
        f"{name}: {'missing' if name not in now else 'differs' if name in reference else 'new'}"
        for name in sorted(reference.keys() | now.keys())
        if reference.get(name) != now.get(name)
    ]


def chain(
    folder: Path,
    several: Sequence[Stop],
    reference: dict[str, str],
    config: dict[str, Any],
    datasets: Sequence[str],
) -> tuple[list[str], int]:
    """Stop one run after the other in a new folder and finish it; return what is wrong, and in how
    many of the stops the run had come so far."""
    if folder.exists():
        shutil.rmtree(folder)
    prepare(folder, config, datasets)
    wrong: list[str] = []
    before: set[str] = set()
    done = 0
    for stop in several:
        problems = stopped(folder, stop, before)
        if problems is None:
            break
        wrong += [f"{stop}: {problem}" for problem in problems]
        done += 1
    return [*wrong, *finish(folder), *compared(reference, folder)], done


def main() -> int:
    """Run the chains; status 1 where anything is not as after an undisturbed run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stops", type=int, default=10, help="kills, and as many interruptions")
    parser.add_argument("--chains", type=int, default=2, help="folders they are dealt to, at least")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="default: a temporary one, deleted at the end")
    options = parser.parse_args()
    base = options.folder or Path(tempfile.mkdtemp(prefix="epigpt-kills-"))
    prepare(base / "undisturbed", CONFIG, DATASETS)
    if problems := finish(base / "undisturbed"):
        print("\n".join(problems))
        return 1
    reference = digests(base / "undisturbed")
    print(f"undisturbed: {len(reference)} files to compare", flush=True)
    left = stops(options.stops, options.seed)
    together = math.ceil(len(left) / options.chains)
    wrong: list[str] = []
    number = 0
    while left:
        number += 1
        print(f"chain {number}", flush=True)
        folder = base / f"chain{number}"
        found, done = chain(folder, left[:together], reference, CONFIG, DATASETS)
        left = left[done:]
        wrong += [f"chain {number}: {problem}" for problem in found]
        print("\n".join(f"  WRONG {problem}" for problem in found) or "  identical", flush=True)
        if not done:
            wrong.append(f"chain {number}: ended before its first stop")
            break
    if not wrong and not options.folder:
        shutil.rmtree(base)
    print(f"{2 * options.stops - len(left)} stops, {len(wrong)} faults")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
