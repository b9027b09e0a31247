"""Kill and interrupt whole runs at random moments of every stage, run the same command again, and
compare what is left with a run that nobody disturbed.

`make test-kills` runs it; `python tests/faults/kills.py --help` shows its options. The moments
follow from the seed, as far as a machine's speed lets them.
"""

import argparse
import hashlib
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
# Every rule, in the order in which a run reaches it.
STAGES = (
    *("download", "counts", "expression", "folds", "differential_expression", "encode"),
    *("baseline", "learning_curve", "models", "null", "comparison", "attributions"),
    *("evaluate", "markers", "model_answer", "transfer_join", "transfer", "transfer_table"),
    *("provenance", "report", "crate", "index"),
)
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
    """How, and in which stage, a run is stopped."""

    rule: str
    how: str
    after: float


def stops(number: int, seed: int) -> list[Stop]:
    """Draw as many kills and as many interruptions, in the order of the stages."""
    chance = random.Random(seed)
    hows = [_KILLED[turn % len(_KILLED)] for turn in range(number)] + ["interrupt"] * number
    rules: list[str] = []
    while len(rules) < len(hows):
        rules += chance.sample(STAGES, len(STAGES))
    chance.shuffle(hows)
    drawn = [
        Stop(rule, how, chance.uniform(0, _LATEST))
        for rule, how in zip(rules[: len(hows)], hows, strict=True)
    ]
    return sorted(drawn, key=lambda stop: STAGES.index(stop.rule))


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


def stopped(folder: Path, stop: Stop) -> list[str]:
    """Start a run, stop it, and say what is wrong with how it ended; nothing where it ended before
    it came to the stage."""
    run = begin(folder)
    if not run.reaches(stop.rule):
        print(f"  {stop.rule} was finished already (status {run.process.wait()})", flush=True)
        return [] if run.process.returncode == 0 else [f"status {run.process.returncode}"]
    time.sleep(stop.after)
    ended_before = run.process.poll() is not None
    if stop.how == "interrupt":
        run.interrupt()
    else:
        run.kill(stop.how)
    if stop.how == "stage":
        run.process.wait()  # whatever does not need the killed job's result goes on
    left = run.left_over(_PATIENCE)
    for number in left:
        print(f"  still alive: {number} {left[number]}", flush=True)
    wrong = [f"{len(left)} processes outlived the run by {_PATIENCE:g} s"] if left else []
    said = run.text()
    if "Traceback" in said:
        wrong.append("a traceback on the screen:\n" + said[-3000:])
    status = run.process.wait()
    print(f"  {stop.rule}: {stop.how} after {stop.after:.1f} s, status {status}", flush=True)
    if status == 0 and not ended_before and stop.how == "workflow":
        wrong.append("a killed run that ended with status 0")
    return wrong


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
) -> list[str]:
    """Stop one run after the other in a new folder, finish it, and say what is wrong."""
    if folder.exists():
        shutil.rmtree(folder)
    prepare(folder, config, datasets)
    wrong = []
    for stop in several:
        wrong += [f"{stop}: {problem}" for problem in stopped(folder, stop)]
    return [*wrong, *finish(folder), *compared(reference, folder)]


def main() -> int:
    """Run the chains; status 1 where anything is not as after an undisturbed run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stops", type=int, default=10, help="kills, and as many interruptions")
    parser.add_argument("--chains", type=int, default=2, help="folders they are dealt to")
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
    drawn = stops(options.stops, options.seed)
    wrong: list[str] = []
    for number in range(options.chains):
        print(f"chain {number + 1}", flush=True)
        stops_of = drawn[number :: options.chains]
        found = chain(base / f"chain{number}", stops_of, reference, CONFIG, DATASETS)
        wrong += [f"chain {number + 1}: {problem}" for problem in found]
        print("\n".join(f"  WRONG {problem}" for problem in found) or "  identical", flush=True)
    if not wrong and not options.folder:
        shutil.rmtree(base)
    print(f"{len(drawn)} stops, {len(wrong)} faults")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
