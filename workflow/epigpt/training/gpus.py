"""GPUs of this machine: which there are, and one for a fit where several fits run side by side
without a scheduler."""

import fcntl
import os
import subprocess
import time
from pathlib import Path

# Open for as long as the process lives: closing the file would give the GPU back.
_held: list[int] = []


def visible() -> list[str]:
    """List the GPUs that this process may use, by UUID; none without a driver.

    CUDA_VISIBLE_DEVICES narrows them, by index or UUID, as it does for CUDA.
    """
    try:
        asked = subprocess.run(
            ["nvidia-smi", "--query-gpu=index,uuid", "--format=csv,noheader"],
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return []
    present = dict(
        line.replace(" ", "").split(",", 1) for line in asked.stdout.splitlines() if "," in line
    )
    allowed = os.environ.get("CUDA_VISIBLE_DEVICES")
    if allowed is None:
        return list(present.values())
    named = [present.get(name.strip(), name.strip()) for name in allowed.split(",")]
    return [uuid for uuid in present.values() if uuid in named]


def claim(poll_seconds: float = 1.0) -> str:
    """Wait for a GPU that no other fit on this machine holds, and let CUDA see that one alone.

    Nothing happens in processes of torchrun, under SLURM, which give out GPUs themselves, and on
    machines without one. The claim is a lock that the system lifts when the process ends, however
    it ends.

    Returns
    -------
    str
        The GPU's UUID; empty if nothing was to be claimed.
    """
    if "RANK" in os.environ or "SLURM_JOB_ID" in os.environ:
        return ""
    candidates = visible()
    while candidates:
        for uuid in candidates:
            if _lock(uuid):
                os.environ["CUDA_VISIBLE_DEVICES"] = uuid
                return uuid
        time.sleep(poll_seconds)
    return ""


def _lock(uuid: str) -> bool:
    # In the system's own folder for temporary files, not a job's: the claim must meet those of
    # other runs and users.
    path = Path("/tmp") / f"epigpt-{uuid}.lock"  # noqa: S108 - the file stays empty
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except FileNotFoundError:
        # Read-only is enough for a lock; O_CREAT on another user's file is refused in a folder with
        # the sticky bit.
        handle = os.open(path, os.O_RDONLY | os.O_CREAT | os.O_NOFOLLOW, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        return False
    _held.append(handle)
    return True
