"""Rounds of changed files over every reader, each in a process of its own with 4 GB of memory;
goes on where it was stopped.

`make fuzz` runs it; `python tests/fuzz/rounds.py --help` shows its options. Every finding is kept
with the file that led to it.
"""

import argparse
import contextlib
import hashlib
import json
import os
import resource
import signal
import subprocess
import sys
import time
import traceback
from collections import Counter
from pathlib import Path
from types import FrameType

from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from epigpt.errors import InputError
from fuzz import changes as fuzz_changes
from fuzz.kinds import KINDS, DishonestError, original

_MEMORY = 4 << 30
_SECONDS_A_FILE = 30
_EXAMPLES = 40


class TooSlowError(Exception):
    """A reading took more than its time."""


def _too_slow(number: int, _: FrameType | None) -> None:
    raise TooSlowError(f"more than {_SECONDS_A_FILE} s")


def one_round(kind: str, number: int, folder: Path) -> dict[str, int]:
    """Read changed files of a kind; return how many were read, refused, and findings by kind."""
    counted: Counter[str] = Counter()
    path = folder / "current" / KINDS[kind].name
    path.parent.mkdir(parents=True, exist_ok=True)

    @seed(number)
    @settings(
        max_examples=_EXAMPLES,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.data())
    def read_changed(data: st.DataObject) -> None:
        content = original(kind)
        for change in data.draw(fuzz_changes.changes(KINDS[kind].text)):
            content = change.applied(content)
        path.write_bytes(content)
        signal.alarm(_SECONDS_A_FILE)
        try:
            KINDS[kind].read(path)
            counted["read"] += 1
        except InputError:
            counted["refused"] += 1
        except (DishonestError, TooSlowError, Exception) as error:
            name = {"DishonestError": "silent", "TooSlowError": "hang"}.get(
                type(error).__name__, "traceback"
            )
            counted[name] += 1
            keep(folder, kind, content, f"{name}\n{traceback.format_exc()}")
        finally:
            signal.alarm(0)

    signal.signal(signal.SIGALRM, _too_slow)
    read_changed()
    return dict(counted)


def keep(folder: Path, kind: str, content: bytes, told: str) -> None:
    """Keep a file that led to a finding, under a name that the same file has again."""
    name = f"{kind.replace(' ', '-')}-{hashlib.sha256(content).hexdigest()[:12]}"
    target = folder / "findings" / name
    target.mkdir(parents=True, exist_ok=True)
    (target / KINDS[kind].name).write_bytes(content)
    (target / "finding.txt").write_text(told, encoding="utf-8")


def main() -> int:
    """Run rounds until the time is up; status 1 where there are findings."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60, help="default: %(default)g")
    parser.add_argument("--kinds", nargs="*", default=list(KINDS), choices=list(KINDS))
    parser.add_argument("--seed", type=int, default=1, help="of the first round (default: 1)")
    parser.add_argument("--folder", type=Path, default=Path("results/fuzz"))
    parser.add_argument("--one-round", nargs=2, metavar=("KIND", "SEED"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one_round:
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
        kind, number = options.one_round
        print(json.dumps(one_round(kind, int(number), options.folder)))
        return 0
    return _rounds(options)


def _rounds(options: argparse.Namespace) -> int:
    options.folder.mkdir(parents=True, exist_ok=True)
    state = options.folder / "rounds.json"
    done: dict[str, dict[str, int]] = {}
    with contextlib.suppress(OSError, ValueError):
        done = json.loads(state.read_text(encoding="utf-8"))
    until, number = time.monotonic() + 60 * options.minutes, options.seed
    while time.monotonic() < until:
        for kind in options.kinds:
            if f"{kind} {number}" not in done and time.monotonic() < until:
                done[f"{kind} {number}"] = _in_process(kind, number, options.folder)
                state.write_text(json.dumps(done, indent=1), encoding="utf-8")
        number += 1
    return _told(done)


def _in_process(kind: str, number: int, folder: Path) -> dict[str, int]:
    command = [sys.executable, __file__, "--folder", str(folder), "--one-round", kind, str(number)]
    try:
        ended = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=_EXAMPLES * _SECONDS_A_FILE + 120,
            check=False,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"},
        )
    except subprocess.TimeoutExpired:
        status, said = "hang", ""
    else:
        if ended.returncode == 0:
            counted: dict[str, int] = json.loads(ended.stdout.splitlines()[-1])
            return counted
        status, said = "death", f"status {ended.returncode}\n{ended.stderr[-3000:]}"
    current = folder / "current" / KINDS[kind].name
    content = current.read_bytes() if current.is_file() else b""
    keep(folder, kind, content, f"{status}\n{said}")
    return {status: 1}


def _told(done: dict[str, dict[str, int]]) -> int:
    """Print a table of kinds; status 1 where anything but reading and refusing happened."""
    ends = ("read", "refused", "silent", "traceback", "hang", "death")
    print("\t".join(["kind", *ends]))
    total: Counter[str] = Counter()
    for kind in KINDS:
        counted: Counter[str] = Counter()
        for key, ended in done.items():
            if key.rsplit(" ", 1)[0] == kind:
                counted.update(ended)
        total.update(counted)
        print("\t".join([kind, *(str(counted[end]) for end in ends)]))
    print("\t".join(["all", *(str(total[end]) for end in ends)]))
    return int(any(total[end] for end in ends[2:]))


if __name__ == "__main__":
    sys.exit(main())
