"""Jobs that a killed Snakemake left in SLURM's queue: they would write the same files as the jobs
of the run that follows."""

import re
import shutil
import time
from pathlib import Path

from epigpt.doctor.finding import answer_of

# The executor names its jobs by the run's UUID, perhaps with a prefix, and says in the comment
# which rules they are for.
_UUID = re.compile(r".*[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$")
_COMMENT = re.compile(r"(rule|group)_")


def jobs(folder: Path) -> list[str]:
    """List the ids of this user's waiting and running jobs that a Snakemake submitted from
    `folder`; empty without SLURM."""
    if shutil.which("squeue") is None:
        return []
    # The folder comes last: it may hold the separator.
    status, said = answer_of(
        ["squeue", "--me", "-h", "-t", "PENDING,RUNNING,SUSPENDED,COMPLETING", "-o", "%i|%j|%k|%Z"],
        60,
    )
    if status != 0:
        return []
    left = []
    for line in said.splitlines():
        number, name, comment, place = line.split("|", 3)
        if (
            _UUID.match(name)
            and _COMMENT.match(comment)
            and Path(place).resolve() == folder.resolve()
        ):
            left.append(number)
    return left


def cancel(folder: Path, seconds: float = 120) -> list[str]:
    """Cancel the jobs that an earlier run left and wait until they are gone; training writes a
    checkpoint before it ends.

    Called at the start of a run, while the folder is locked: every job from it then belongs to a
    run that is no more.

    Parameters
    ----------
    folder
        Working directory of the run.
    seconds
        Longest wait.

    Returns
    -------
    list of str
        The jobs that were cancelled.
    """
    left = jobs(folder)
    if not left:
        return []
    answer_of(["scancel", *left], 60)
    ends = time.monotonic() + seconds
    while jobs(folder) and time.monotonic() < ends:
        time.sleep(0.5)
    return left
