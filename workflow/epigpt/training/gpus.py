"""GPUs of this machine: which there are, and one for a fit where several fits run side by side
without a scheduler."""

import fcntl
import importlib.util
import os
import re
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

# Open for as long as the process lives: closing the file would give the GPU back.
_held: list[int] = []


@dataclass(frozen=True)
class LocalGpus:
    """GPUs of this machine that a training can use.

    Attributes
    ----------
    number, bytes_each
        How many, and the memory of the smallest.
    note
        Why those that are there cannot be used; empty otherwise.
    """

    number: int = 0
    bytes_each: int = 0
    note: str = ""


NONE = LocalGpus()


def usable(own_torch: bool = True) -> LocalGpus:
    """Find the GPUs that this process may use.

    Parameters
    ----------
    own_torch
        Whether trainings run with this interpreter's PyTorch, which must then be built for CUDA;
        environments of conda have one of their own.
    """
    present = _present()
    if not present:
        return NONE
    if own_torch and not torch_has_cuda():
        note = (
            f"{len(present)} GPU(s) are here, but the installed PyTorch is built for CPUs: install"
            " the CUDA build of the same version, or use --sdm conda."
        )
        return LocalGpus(note=note)
    return LocalGpus(len(present), min(present.values()))


def torch_has_cuda() -> bool:
    """Return whether the installed PyTorch is built for CUDA, without the seconds of importing
    it."""
    found = importlib.util.find_spec("torch")
    version = Path(found.origin).with_name("version.py") if found and found.origin else None
    if version is None or not version.is_file():
        return False
    text = version.read_text(encoding="utf-8")
    return re.search(r"^cuda\b[^=\n]*=\s*['\"]", text, re.MULTILINE) is not None


def visible() -> list[str]:
    """List the GPUs that this process may use, by UUID; none without a driver.

    CUDA_VISIBLE_DEVICES narrows them, by index or UUID, as it does for CUDA.
    """
    return list(_present())


def _present() -> dict[str, int]:
    """Map the UUID of each visible GPU to its memory in bytes."""
    try:
        asked = subprocess.run(
            ["nvidia-smi", "--query-gpu=index,uuid,memory.total", "--format=csv,noheader,nounits"],
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return {}
    rows = [line.replace(" ", "").split(",") for line in asked.stdout.splitlines()]
    # A driver that does not know the memory says "[N/A]".
    memory = {
        row[1]: int(row[2]) * 2**20 if row[2].isdigit() else 0 for row in rows if len(row) == 3
    }
    allowed = os.environ.get("CUDA_VISIBLE_DEVICES")
    if allowed is None:
        return memory
    by_index = {row[0]: row[1] for row in rows if len(row) == 3}
    named = [by_index.get(name.strip(), name.strip()) for name in allowed.split(",")]
    return {uuid: size for uuid, size in memory.items() if uuid in named}


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
        os.fchmod(handle, 0o644)  # whatever the umask: other users lock it too
    except PermissionError:
        # Made by another user's earlier version under a strict umask: nobody can tell whether it is
        # held, so this GPU is left to that user.
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        return False
    _held.append(handle)
    return True
