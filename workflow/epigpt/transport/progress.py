"""How far the downloads are: a bar per file on a terminal, else a line in the log now and then."""

import logging
import sys
import threading
import time
from types import TracebackType
from typing import Any, Self

_EVERY_SECONDS = 30.0


class Progress:
    """Shows the progress of several files; safe to use from several threads.

    Parameters
    ----------
    log
        Gets the lines.
    terminal
        Whether to draw bars; by default where standard error is a terminal.
    """

    def __init__(self, log: logging.Logger, terminal: bool | None = None) -> None:
        self._log = log
        self._bars: Any = None
        self._redirected: list[tuple[logging.StreamHandler[Any], Any]] = []
        if sys.stderr.isatty() if terminal is None else terminal:
            self._bars = _bars()

    def __enter__(self) -> Self:
        if self._bars is not None:
            before = sys.stderr
            self._bars.start()
            # Lines of the log go above the bars, which only what is written through their own
            # stream does.
            for handler in self._log.handlers:
                if isinstance(handler, logging.StreamHandler) and handler.stream is before:
                    self._redirected.append((handler, handler.setStream(sys.stderr)))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for handler, stream in self._redirected:
            handler.setStream(stream)
        if self._bars is not None:
            self._bars.stop()

    def file(self, name: str) -> "FileProgress":
        """Begin a file."""
        return FileProgress(name, self._log, self._bars)


class FileProgress:
    """The progress of one file."""

    def __init__(self, name: str, log: logging.Logger, bars: Any) -> None:
        self._name = name
        self._log = log
        self._bars = bars
        self._task: Any = None
        self._lock = threading.Lock()
        self._spoke = time.monotonic()

    def at(self, done: int, total: int | None) -> None:
        """Show the bytes that are here, of how many if that is known."""
        if self._bars is not None:
            if self._task is None:  # a file that turns out not to be there gets no bar
                self._task = self._bars.add_task(self._name, total=total)
            self._bars.update(self._task, completed=done, total=total)
            return
        with self._lock:
            if time.monotonic() - self._spoke < _EVERY_SECONDS:
                return
            self._spoke = time.monotonic()
        share = f" of {size(total)}" if total else ""
        self._log.info("%s: %s%s", self._name, size(done), share)


def _bars() -> Any:
    # Most jobs write to a log file and draw nothing, so they need not load the drawing library.
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )
    from rich.progress import Progress as Bars

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    return Bars(*columns, console=Console(stderr=True))


def size(count: int) -> str:
    """Write a number of bytes for people, in decimal units."""
    amount = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} TB"
