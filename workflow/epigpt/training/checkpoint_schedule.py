"""When a training writes a checkpoint: every this many minutes, and when the process is told to
stop."""

import logging
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any


class Stopped(Exception):
    """The process was told to stop, and has written what it needs to go on."""

    def __init__(self, step: int, number: int) -> None:
        super().__init__(step, number)
        self.step = step
        self.exit_status = 128 + number


class CheckpointScheduler:
    """Decides when `save(engine, step)` is called.

    Parameters
    ----------
    minutes
        Time between checkpoints.
    """

    def __init__(
        self, save: Callable[[Any, int], None], minutes: float, log: logging.Logger
    ) -> None:
        self._save, self._seconds, self._log = save, 60 * minutes, log
        self._last = time.monotonic()
        self._signal = 0

    @property
    def told_to_stop(self) -> bool:
        """Return whether SIGTERM (a scheduler's time limit or cancellation) or Ctrl-C has come."""
        return self._signal > 0

    @property
    def is_due(self) -> bool:
        """Return whether the time since the last checkpoint is up; the first process's clock
        counts."""
        return time.monotonic() - self._last >= self._seconds

    def after(self, engine: Any, step: int, due: bool, stop: bool) -> None:
        """Write a checkpoint after a step if all processes agreed that one is due, or to stop.

        Raises
        ------
        Stopped
            They agreed to stop.
        """
        if not (due or stop):
            return
        began = time.monotonic()
        self._save(engine, step)
        self._last = time.monotonic()
        self._log.info("checkpoint after step %d, %.1f s", step, self._last - began)
        if stop:
            raise Stopped(step, self._signal or signal.SIGTERM)

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Take SIGTERM and Ctrl-C as a request to stop after the step that is being taken; a second
        one stops at once."""
        before = {
            number: signal.signal(number, self._hear) for number in (signal.SIGTERM, signal.SIGINT)
        }
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _hear(self, number: int, _: FrameType | None) -> None:
        if self._signal:
            raise KeyboardInterrupt
        self._signal = number
