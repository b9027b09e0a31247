"""What a training tells while it runs: training.jsonl, the log, a progress bar on a terminal."""

import json
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

LINES_ON_SCREEN = 20


class Recorder:
    """Writes one line a step: to training.jsonl and the log file, and about twenty of them, or a
    bar, to the screen.

    Parameters
    ----------
    path
        training.jsonl; begins with the lines `kept` of an earlier part of the same training.
    active
        Whether this process writes.
    """

    def __init__(
        self,
        path: Path,
        log: logging.Logger,
        steps: int,
        active: bool,
        kept: list[str] | None = None,
    ) -> None:
        self._path, self._log, self._steps, self._active = path, log, steps, active
        self._bar: tuple[Progress, Any] | None = None
        if active:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("".join(f"{line}\n" for line in kept or []), encoding="utf-8")

    @contextmanager
    def shown(self, done: int = 0) -> Iterator[None]:
        """Show a bar while the training runs, if standard error is a terminal."""
        if not (self._active and sys.stderr.isatty()):
            yield
            return
        columns = (
            TextColumn("training"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[figures]}"),
        )
        with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
            self._bar = (
                bar,
                bar.add_task("training", total=self._steps, completed=done, figures=""),
            )
            yield
        self._bar = None

    def __call__(self, **fields: Any) -> None:
        """Take down the fields of one step."""
        if not self._active:
            return
        with self._path.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(fields) + "\n")
        step = fields["step"]
        on_screen = self._bar is None and (
            step % max(1, self._steps // LINES_ON_SCREEN) == 0 or step == self._steps
        )
        self._log.log(
            logging.INFO if on_screen else logging.DEBUG, "%s", _told(fields, self._steps)
        )
        if self._bar is not None:
            bar, task = self._bar
            bar.update(
                task,
                completed=step,
                figures=f"loss {fields['loss']:.4f}  {fields['tokens_per_second']:,.0f} tokens/s",
            )


def _told(fields: dict[str, Any], steps: int) -> str:
    used = fields.get("utilisation")
    return (
        f"step {fields['step']}/{steps}  loss {fields['loss']:.4f}  rate"
        f" {fields['learning_rate']:.3g}  {fields['tokens_per_second']:,.0f} tokens/s"
        + (f"  {100 * used:.1f} % of peak" if used is not None else "")
        + f"  {fields['memory_bytes'] / 1e9:.2f} GB"
    )
