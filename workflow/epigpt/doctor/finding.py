"""One line of the doctor's answer."""

import subprocess
from dataclasses import dataclass
from typing import Literal

Status = Literal["ok", "warning", "problem"]


@dataclass(frozen=True)
class Finding:
    """What was looked at, what was found, and what to do where something is missing."""

    subject: str
    status: Status
    found: str
    remedy: str = ""


def answer_of(command: list[str], seconds: float = 15) -> tuple[int, str]:
    """Run a program that only asks; give its exit status and what it said. 127: it does not exist;
    124: it did not answer."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False)
    except FileNotFoundError:
        return 127, ""
    except subprocess.TimeoutExpired:
        return 124, f"no answer within {seconds:.0f} s"
    return done.returncode, (done.stdout or done.stderr).strip()
