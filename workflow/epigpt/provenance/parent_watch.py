"""End a job when the workflow that started it is gone: nobody waits for its result any more, and a
second run would have it as a rival."""

import ctypes
import os
import select
import signal
import socket
import threading
from collections.abc import Callable

# Host and number of the process that started the job's shell.
VARIABLE = "EPIGPT_PARENT"
# How the rules' shell fills it.
IN_SHELL = f'{VARIABLE}="${{HOSTNAME:-}}:$PPID"'
# A training that is told to stop writes a checkpoint first.
_GRACE_SECONDS = 600.0
_LOOK_EVERY_SECONDS = 2.0
_PR_SET_PDEATHSIG = 1


def die_with(parent: int) -> None:
    """Have a process that was just forked be killed when the one it was forked from is gone
    (Linux)."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(128 + signal.SIGKILL)


def start(warn: Callable[[str], object]) -> None:
    """Watch the process that `EPIGPT_PARENT` names, from a thread, until this one ends.

    When it is gone this process gets SIGTERM, as if a scheduler had told it to stop, and is ended
    ten minutes later if that did not help. A process of another machine (a task that `srun` started
    elsewhere) is not watched: its launcher ends it.

    Parameters
    ----------
    warn
        Gets the sentence for the log.
    """
    host, _, number = os.environ.get(VARIABLE, "").rpartition(":")
    if not number.isdigit() or host != socket.gethostname():
        return
    parent = int(number)
    watch = threading.Thread(target=_watch, args=(parent, warn), name="parent", daemon=True)
    watch.start()


def _watch(parent: int, warn: Callable[[str], object]) -> None:
    _wait_for_end(parent)
    warn(f"The workflow that started this job (process {parent}) is gone; the job stops too.")
    os.kill(os.getpid(), signal.SIGTERM)
    threading.Event().wait(_GRACE_SECONDS)
    os._exit(128 + signal.SIGTERM)


def _wait_for_end(parent: int) -> None:
    try:
        descriptor = os.pidfd_open(parent)
    except ProcessLookupError:
        return
    except (AttributeError, OSError):  # an old kernel
        while _runs(parent):
            threading.Event().wait(_LOOK_EVERY_SECONDS)
        return
    try:
        select.select([descriptor], [], [])
    finally:
        os.close(descriptor)


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
