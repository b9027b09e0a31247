"""`snakemake --logger epigpt`: a line for each stage, progress and a time to go, instead of a
paragraph for each job. Snakemake finds plugins by the name of their package."""

import contextlib
import os
import shutil
import sys
from logging import WARNING, LogRecord

from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent

# What a run says that its reader needs beside the stages.
_WORTH_SAYING = ("Nothing to be done", "Cancelled ")
# `epigpt start` has said it already.
_MODEL = "Model: "
_SUM = "At least one job did not complete successfully"
_ERRORS_OF_JOBS = ("RuleException", "CalledProcessError")


class LogHandler(LogHandlerBase):
    """Shows a run on the screen; Snakemake's whole log stays in .snakemake/log."""

    def __post_init__(self) -> None:
        """Take hold of the screen: what `epigpt start` hands over, else standard output."""
        # Snakemake imports every plugin at every start. An import of epigpt above would take the
        # installed one, and the Snakefile of another checkout would get that instead of its own.
        from epigpt.start.screen import SCREEN, RunScreen, expected_seconds

        self._stream = sys.stdout
        with contextlib.suppress(KeyError, OSError, ValueError):
            self._stream = os.fdopen(int(os.environ[SCREEN]), "w", encoding="utf-8")
        self._screen = RunScreen(
            self._write,
            live=self._stream.isatty() and not self.common_settings.dryrun,
            expected=expected_seconds(),
            columns=shutil.get_terminal_size().columns,
        )

    def _write(self, text: str) -> None:
        with contextlib.suppress(BrokenPipeError, ValueError):
            self._stream.write(text)
            self._stream.flush()

    def emit(self, record: LogRecord) -> None:
        """Show one message of Snakemake's; a fault here must never stop a run."""
        try:
            self._shown(record)
        except Exception:
            self.handleError(record)

    def _shown(self, record: LogRecord) -> None:
        event = getattr(record, "event", None)
        if event == LogEvent.RUN_INFO:
            self._screen.planned(record.stats)
        elif event == LogEvent.JOB_INFO:
            self._screen.begun(record.jobid, record.rule_name, self._dataset(record))
        elif event == LogEvent.JOB_FINISHED:
            self._screen.ended(record.job_id)
        elif event == LogEvent.PROGRESS:
            self._screen.progress(record.done, record.total)
        elif event == LogEvent.JOB_ERROR:
            self._failed(vars(record))
        elif event == LogEvent.GROUP_ERROR:
            for told in record.job_error_info:
                self._failed(told)
        elif event in (None, LogEvent.ERROR):
            self._said(record)

    @staticmethod
    def _dataset(record: LogRecord) -> str:
        return str(dict(record.wildcards or {}).get("dataset", ""))

    def _failed(self, told: dict) -> None:
        log = str(next(iter(told.get("log") or []), "")).split(" (")[0]
        parts = log.split("/")
        dataset = parts[1] if parts[0] == "results" and len(parts) > 2 else ""
        self._screen.failed(str(told["rule_name"]), dataset, log)

    def _said(self, record: LogRecord) -> None:
        text = record.getMessage() if record.msg else ""
        # What stood against a job is told as the job that failed.
        of_a_job = getattr(record, "exception", "") in _ERRORS_OF_JOBS or _SUM in text
        worth = (*_WORTH_SAYING, *(() if self._screen.expected else (_MODEL,)))
        if text and not of_a_job and (record.levelno >= WARNING or text.startswith(worth)):
            self._screen.say(text)

    def close(self) -> None:
        """Leave the screen as a shell expects it."""
        self._screen.close()
        super().close()

    @property
    def writes_to_stream(self) -> bool:
        """It takes the place of Snakemake's own lines."""
        return True

    @property
    def writes_to_file(self) -> bool:
        """Snakemake writes its log file itself."""
        return False

    @property
    def has_filter(self) -> bool:
        """It chooses by itself."""
        return True

    @property
    def has_formatter(self) -> bool:
        """It has words of its own."""
        return True

    @property
    def needs_rulegraph(self) -> bool:
        """Counts are enough."""
        return False
