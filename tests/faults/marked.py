"""A run of the workflow whose processes can be told from all others, also from another run's."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

_VARIABLE = "EPIGPT_MARKED_RUN"
_STARTED = re.compile(r"^(?:local)?(?:rule|checkpoint) (\w+):$", re.MULTILINE)


def hears_ctrl_c() -> None:
    """Undo what a shell does to commands in the background, which it starts deaf to Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@dataclass
class MarkedRun:
    """A Snakemake that runs in a session of its own, as in a terminal.

    Attributes
    ----------
    folder
        The working directory, which marks every process of the run.
    """

    checkout: Path
    folder: Path
    arguments: Sequence[str] = ()
    command: list[str] = field(init=False)
    process: subprocess.Popen[bytes] = field(init=False)

    def __post_init__(self) -> None:
        self.command = [sys.executable, "-m", "snakemake"]
        self.command += ["--snakefile", str(self.checkout / "Snakefile")]
        self.command += ["--configfile", "config.yaml", "--cores", "2"]
        with self.screen.open("wb") as screen:
            self.process = subprocess.Popen(
                [*self.command, *self.arguments],
                cwd=self.folder,
                env={**os.environ, _VARIABLE: str(self.folder)},
                stdin=subprocess.DEVNULL,
                stdout=screen,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=hears_ctrl_c,  # noqa: PLW1509 - no thread runs here
            )

    @property
    def screen(self) -> Path:
        """File that holds what the run printed."""
        return self.folder / "screen.txt"

    def text(self) -> str:
        """Return what the run has printed so far."""
        return self.screen.read_text(encoding="utf-8", errors="replace")

    def started(self) -> list[str]:
        """Return the rules whose jobs have started, in order, one for each job."""
        return _STARTED.findall(self.text())

    def reaches(self, rule: str = "", past: Collection[str] = (), skip: int = 0) -> str:
        """Wait until a job of a rule has started; return the rule, "" where the run ends before.

        Parameters
        ----------
        rule
            The rule; "" for the first that is not among `past` and the `skip` after those.
        """
        while self.process.poll() is None:
            wanted = [
                one
                for one in dict.fromkeys(self.started())
                if (one == rule if rule else one not in past)
            ]
            if len(wanted) > skip:
                return wanted[skip]
            time.sleep(0.05)
        return ""

    def hears_of_failure(self) -> None:
        """Wait until Snakemake says that a job has failed, or the run has ended."""
        while self.process.poll() is None and "Error in rule" not in self.text():
            time.sleep(0.05)

    def processes(self) -> dict[int, str]:
        """Return number and command line of every living process of this run."""
        mark = f"{_VARIABLE}={self.folder}".encode()
        found = {}
        for place in Path("/proc").glob("[0-9]*"):
            try:
                environment = (place / "environ").read_bytes().split(b"\0")
                line = (place / "cmdline").read_bytes().replace(b"\0", b" ")
            except OSError:  # it has ended, or is of another user
                continue
            if mark in environment and line:  # a zombie has no command line
                found[int(place.name)] = line.decode(errors="replace").strip()
        return found

    def stages(self) -> list[int]:
        """Return the processes that are stages."""
        return [
            number
            for number, line in self.processes().items()
            if "epigpt.stages." in line and "/bin/bash" not in line.split()[0]
        ]

    def interrupt(self) -> None:
        """Press Ctrl-C: SIGINT to all processes of the session's first group."""
        with contextlib.suppress(ProcessLookupError):  # it has ended meanwhile
            os.killpg(self.process.pid, signal.SIGINT)

    def kill(self, whom: str) -> None:
        """Kill the `workflow` alone, one `stage` alone, or `all` at once."""
        numbers = {
            "workflow": [self.process.pid],
            "stage": self.stages()[:1],
            "all": list(self.processes()),
        }[whom]
        for number in numbers:
            try:
                os.kill(number, signal.SIGKILL)
            except ProcessLookupError:
                continue

    def left_over(self, patience: float) -> dict[int, str]:
        """Wait until all processes of the run have ended; return those that have not after
        `patience` seconds."""
        until = time.monotonic() + patience
        while time.monotonic() < until:
            self.process.poll()
            if not (alive := self.processes()):
                return {}
            time.sleep(0.1)
        return alive
