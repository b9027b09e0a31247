"""Start Snakemake on a run's configuration, show its progress, and end with what to do next."""

import contextlib
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, NoReturn

from epigpt.errors import InputError
from epigpt.provenance import run_outcome
from epigpt.start.screen import EXPECTED, SCREEN

ROOT = Path(__file__).resolve().parents[3]
_STATE = Path(".snakemake")
_RUNNING = "running\n"
STOPPED = 130
_LAST_LINES = 8


@contextlib.contextmanager
def _only_one(directory: Path) -> Iterator[tuple[IO[str], bool]]:
    """Hold the folder's lock of `epigpt start`; give its file, and whether the run before this one
    was killed.

    Snakemake inherits the open file, so that the lock outlives this process as long as it runs.
    """
    folder = directory / _STATE
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "epigpt-start.lock").open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(
                "a run that goes on already",
                str(directory),
                "two runs in one folder would write the same files",
                "wait until it has ended, or give this one another folder with --directory",
            ) from None
        except OSError:  # a file system without locks; Snakemake has one of its own
            yield file, False
            return
        file.seek(0)
        killed = file.read() == _RUNNING
        _note(file, _RUNNING)
        try:
            yield file, killed
        finally:
            _note(file, "")


def _note(file: IO[str], text: str) -> None:
    file.seek(0)
    file.truncate()
    file.write(text)
    file.flush()


def snakemake(
    directory: Path,
    config: Path,
    arguments: Sequence[str],
    expected: Mapping[str, float],
) -> tuple[int, Path]:
    """Run the workflow; return its exit status and the file that holds all that its jobs said.

    Parameters
    ----------
    directory
        Working directory.
    config
        The run's config file.
    arguments
        Further options of Snakemake.
    expected
        Seconds that the jobs of each rule take together.

    Raises
    ------
    InputError
        Another run of this kind goes on in the folder.
    """
    command = [
        *(sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile")),
        *("--directory", str(directory), "--configfile", str(config)),
    ]
    said = directory / _STATE / "epigpt-start.txt"
    with _only_one(directory) as (lock, killed), said.open("w", encoding="utf-8") as output:
        screen = os.dup(sys.stdout.fileno())
        environment = _environment(directory, expected) | {SCREEN: str(screen)}
        if killed and any((directory / _STATE / "locks").glob("*")):
            # Nobody else can have made this lock: while it lies there Snakemake starts no run.
            subprocess.run(
                [*command, "--unlock"],
                env=environment,
                stdout=output,
                stderr=output,
                stdin=subprocess.DEVNULL,
                check=False,
            )
        process = subprocess.Popen(
            [*command, "--logger", "epigpt", *arguments],
            env=environment,
            stdout=output,
            stderr=output,
            stdin=subprocess.DEVNULL,
            pass_fds=[lock.fileno(), screen],
        )
        os.close(screen)
        with _told_to_end(process):
            return _ended(process), said


def _environment(directory: Path, expected: Mapping[str, float]) -> dict[str, str]:
    """Return the environment of the run: this package, names in UTF-8, a cache that is there."""
    environment = dict(os.environ)
    environment |= {
        "PYTHONPATH": str(ROOT / "workflow"),
        "PYTHONSAFEPATH": "1",
        "PYTHONUTF8": "1",
        EXPECTED: json.dumps(dict(expected)),
    }
    cache = Path(environment.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser())
    try:
        cache.mkdir(parents=True, exist_ok=True)
        writable = os.access(cache, os.W_OK)
    except OSError:
        writable = False
    if not writable:  # Snakemake cannot start without one
        environment["XDG_CACHE_HOME"] = str(directory / _STATE / "cache")
    return environment


@contextlib.contextmanager
def _told_to_end(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """Tell Snakemake as Ctrl-C does where this process alone is told to end."""
    # Behind `&` in a script, Snakemake is deaf to Ctrl-C; then it ends after the jobs in progress.
    deaf = signal.getsignal(signal.SIGINT) is signal.SIG_IGN

    def end(number: int, frame: object) -> NoReturn:
        process.send_signal(signal.SIGTERM if deaf else signal.SIGINT)
        raise KeyboardInterrupt

    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:  # as under nohup
            signal.signal(number, end)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _ended(process: subprocess.Popen[bytes]) -> int:
    """Wait for Snakemake; Ctrl-C reaches it too, and it is given the time to end its jobs."""
    try:
        return process.wait()
    except KeyboardInterrupt:
        with contextlib.suppress(KeyboardInterrupt):
            print("\nStopping; jobs in progress are ended …", file=sys.stderr, flush=True)
            process.wait()
        if process.poll() is None:  # asked a second time
            process.send_signal(signal.SIGTERM)
            process.wait()
        return STOPPED


def outcome(
    directory: Path, dataset: str, status: int, *, began: float, said: Path, again: str
) -> str:
    """Return what ends the output: the report's path, what was refused, or how to go on.

    Parameters
    ----------
    began
        When the run began, in seconds of the epoch.
    said
        All that Snakemake and its jobs said.
    again
        The command that goes on with it.
    """
    report = directory / "results" / dataset / "report.html"
    if status == 0 and report.is_file():
        index = directory / "results" / "index.html"
        answer = _answer(report.parent)
        return f"{answer}The report: {report}\nAll data sets of this folder: {index}"
    resume = f"Run the same command to resume:\n  {again}"
    if status in (STOPPED, -signal.SIGINT, -signal.SIGTERM):
        return f"Stopped. What is finished stays. {resume}"
    told = run_outcome.of_run(directory, [dataset], began)[0]
    reason = told.refusal or told.reason
    if not any((directory / "results" / dataset).glob("logs/**/*.log")):
        # No job has begun: what stands against the run, Snakemake has said.
        last = said.read_text(encoding="utf-8", errors="replace").splitlines()[-_LAST_LINES:]
        reason = "no job could begin\n" + "\n".join(f"  {line}" for line in last)
    then = f"when this is settled, {resume[0].lower()}{resume[1:]}"
    return f"{dataset}: {reason}\nWhat is finished stays; {then}"


def _answer(results: Path) -> str:
    """Return the sentence that stands over the report, as a paragraph."""
    try:
        told = json.loads((results / "verdict.json").read_text(encoding="utf-8"))
        return f"{told['sentence']}\n\n"
    except (OSError, ValueError, KeyError):
        return ""


def now() -> float:
    """Return the time by which logs of this run are told from those of earlier ones."""
    return time.time()
