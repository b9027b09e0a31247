"""One writer for each folder of checkpoints, on one machine and across those that share a disk."""

import errno
import fcntl
import logging
import os
import socket
import time
from pathlib import Path
from typing import IO

from epigpt.errors import InputError

NAME = ".lock"
# A process that was told to stop writes a checkpoint first, which takes a while for large models.
_PATIENCE_SECONDS = 600.0
_UNSUPPORTED = (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS, errno.EINVAL)
_HELD: dict[Path, IO[str]] = {}


def take(folder: Path, log: logging.Logger, patience: float = _PATIENCE_SECONDS) -> None:
    """Lock a folder for this process until `release`, or until it ends in whatever way.

    A second writer would delete the first one's checkpoints. It waits, since the first may be on
    its way out: its workflow was killed, and it writes its last checkpoint.

    Parameters
    ----------
    folder
        Made where it is missing.
    patience
        Seconds to wait for another process.

    Raises
    ------
    InputError
        Another process still holds the lock after that time.
    """
    folder = folder.resolve()
    if folder in _HELD:
        return
    until = time.monotonic() + patience
    told = False
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / NAME).open("a+", encoding="utf-8")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in _UNSUPPORTED:  # a file system without locks
                _HELD[folder] = file
                return
        else:
            if _is_there(file, folder / NAME):
                file.truncate(0)
                file.write(f"process {os.getpid()} on {socket.gethostname()}\n")
                file.flush()
                _HELD[folder] = file
                return
        file.seek(0)
        owner = file.read(200).strip() or "another process"
        file.close()
        if time.monotonic() >= until:
            raise InputError(
                f"a training that goes on already ({owner})",
                str(folder),
                "two trainings in one folder delete each other's checkpoints",
                "wait until it has ended, or end it, then run the same command again",
            )
        if not told:
            log.info("Waiting for %s, which still writes checkpoints in %s.", owner, folder)
            told = True
        time.sleep(min(1.0, max(0.05, patience / 20)))


def _is_there(file: IO[str], path: Path) -> bool:
    """Return whether the locked file is the one at the path: whoever finished has deleted the
    folder."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def release(folder: Path) -> None:
    """Give a folder up, whether or not it is still there."""
    file = _HELD.pop(folder.resolve(), None)
    if file is not None:
        file.close()
