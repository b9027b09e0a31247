"""What every stage does on its way in and out: common options, log, refusals as one message."""

import argparse
import json
import logging
import os
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from epigpt.errors import InputError
from epigpt.provenance import job_meter


@dataclass(frozen=True)
class Job:
    """A running stage.

    Attributes
    ----------
    options
        The parsed command line.
    settings
        Only the settings that the rule passes, keys dotted (`"geo.base_url"`, `"row.label"`);
        reading another key is a KeyError, so that a stage cannot depend on a setting whose change
        would not rerun it.
    log
        Writes to the log file and to standard error.
    threads
        Cores the job may use.
    """

    options: argparse.Namespace
    settings: dict[str, Any]
    log: logging.Logger
    threads: int


def parser(doc: str | None) -> argparse.ArgumentParser:
    """Start a stage's command line with the options that all rules pass."""
    options = argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument(
        "--settings",
        type=json.loads,
        action="append",
        default=[],
        help="settings that this stage reads, as a JSON object; adds up",
    )
    options.add_argument("--log", type=Path, help="log file; messages also go to standard error")
    options.add_argument("--threads", type=int, default=1, help="cores to use")
    return options


@contextmanager
def job(options: argparse.ArgumentParser) -> Iterator[Job]:
    """Parse the command line, open the log, and turn a `InputError` into its one message and exit
    status 1."""
    chosen = options.parse_args()
    log = _open_log(chosen.log)
    meter = job_meter.JobMeter()
    began = time.monotonic()
    try:
        settings = {key: value for part in chosen.settings for key, value in part.items()}
        yield Job(options=chosen, settings=settings, log=log, threads=max(1, chosen.threads))
    except InputError as refusal:
        log.error("%s", refusal)
        sys.exit(1)
    except KeyboardInterrupt:
        log.error("Stopped from the keyboard.")
        sys.exit(130)
    except Exception:
        log.error(
            "An unexpected error, which is EpiGPT's fault and worth a report:\n%s",
            traceback.format_exc(),
        )
        sys.exit(1)
    log.debug("%s%s", job_meter.MARK, json.dumps(meter.record()))
    log.debug("finished in %.1f s", time.monotonic() - began)


def _open_log(target: Path | None) -> logging.Logger:
    log = logging.getLogger("epigpt")
    log.setLevel(logging.DEBUG)
    log.propagate = False
    log.handlers.clear()
    screen = logging.StreamHandler(sys.stderr)
    screen.setLevel(logging.INFO)
    screen.setFormatter(logging.Formatter("%(message)s"))
    log.addHandler(screen)
    if (
        target is not None and os.environ.get("RANK", "0") == "0"
    ):  # one writer when a stage runs as several processes
        target.parent.mkdir(parents=True, exist_ok=True)
        file = logging.FileHandler(target, mode="w", encoding="utf-8")
        file.setLevel(logging.DEBUG)
        file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        log.addHandler(file)
    return log
