"""Politeness: a limit on the requests a second to one host, from all downloads of one user on one
machine together."""

import fcntl
import hashlib
import os
import stat
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

# Requests do not arrive as evenly as they leave: a margin keeps any second at the server within the
# limit.
_MARGIN = 1.05
# A time further ahead than this is no reservation but a clock that was set back.
_LONGEST_QUEUE = 120.0


class Pace:
    """Reserves a moment for each request.

    Snakemake downloads several data sets in processes of their own, which together must keep to the
    limit: the next free moment of a host is therefore kept in a small locked file of the user's.
    Where none can be kept the limit holds within the process.

    Parameters
    ----------
    requests_per_second
        Limit for one host.
    folder
        Where the files lie; by default a private folder under the system's folder for temporary
        files.
    """

    def __init__(self, requests_per_second: float, folder: Path | None = None) -> None:
        self._interval = _MARGIN / requests_per_second
        self._folder = folder if folder is not None else _private_folder()
        self._lock = threading.Lock()
        self._own: dict[str, float] = {}

    def reserve(self, host: str) -> float:
        """Take the next free moment of a host; gives the seconds to wait until then."""
        with self._lock:
            now = time.time()
            due = self._next_in_file(host, now) if self._folder is not None else None
            if due is None:
                due = max(now, self._own.get(host, 0.0))
                self._own[host] = due + self._interval
        return max(0.0, due - now)

    def _next_in_file(self, host: str, now: float) -> float | None:
        assert self._folder is not None  # noqa: S101 - narrows the type; the only caller has checked
        name = hashlib.sha256(host.encode()).hexdigest()[:16]
        try:
            descriptor = os.open(
                self._folder / name, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600
            )
        except OSError:
            return None
        with os.fdopen(descriptor, "r+", encoding="ascii", errors="replace") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX)
                kept = _number(file.read(40))
                due = max(now, kept) if kept - now <= _LONGEST_QUEUE else now
                file.seek(0)
                file.truncate()
                file.write(repr(due + self._interval))
            except OSError:
                return None
        return due


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


def _private_folder() -> Path | None:
    folder = Path(tempfile.gettempdir()) / f"epigpt-{os.getuid()}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        status = folder.lstat()
    except OSError:
        return None
    # In a folder that everybody may write to, somebody else could have put a link or a folder of
    # theirs under this name.
    ours = (
        stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid() and not status.st_mode & 0o022
    )
    return folder if ours else None


class TooSlow(Exception):
    """A transfer brings less than any working connection does."""


class LowestRate:
    """Notices a transfer that goes on for ever: a server that sends a byte a second keeps every
    limit on silence.

    Parameters
    ----------
    bytes_a_second, seconds
        Fewer bytes than this on average over such a stretch of time are too few.
    clock
        Gives seconds.
    """

    def __init__(
        self,
        bytes_a_second: float = 100.0,
        seconds: float = 60.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._least, self._seconds, self._clock = bytes_a_second * seconds, seconds, clock
        self._bytes, self._began = 0, clock()

    def came(self, count: int) -> None:
        """Count bytes that came; `TooSlow` where the last stretch brought too few."""
        self._bytes += count
        now = self._clock()
        if now - self._began < self._seconds:
            return
        if self._bytes < self._least:
            raise TooSlow(f"{self._bytes:,} bytes in {now - self._began:.0f} s")
        self._bytes, self._began = 0, now
