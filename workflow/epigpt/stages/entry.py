"""What every stage does on its way in and out: flags by name, log, an error as one message."""

import argparse
import json
import logging
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from epigpt import files
from epigpt.errors import InputError, of_this_machine
from epigpt.provenance import job_meter, output_checksums, parent_watch

# Marks the line of a log that holds a refusal's four parts as JSON.
REFUSED = "refused: "


@dataclass(frozen=True)
class Job:
    """A running stage: what its rule hands over, by name.

    Attributes
    ----------
    given
        The texts behind each flag. A rule passes its named inputs, its named outputs and its
        wildcards, each under its own name.
    settings
        Only the settings that the rule passes, keys dotted (`"geo.base_url"`, `"row.label"`);
        reading another key is a KeyError, so that a stage cannot depend on a setting whose change
        would not rerun it.
    log
        Writes to the log file and to standard error.
    threads
        Cores the job may use.
    """

    given: Mapping[str, Sequence[str]]
    settings: dict[str, Any]
    log: logging.Logger
    threads: int

    def text(self, name: str, default: str | None = None) -> str:
        """Return the one value of a flag, `default` where the flag is absent.

        Raises
        ------
        InputError
            The flag is absent and has no default, or it has no or several values.
        """
        if default is not None and name not in self.given:
            return default
        values = self.given.get(name, ())
        if len(values) != 1:
            raise InputError(
                found=f"{len(values)} values of --{name}" if name in self.given else f"no --{name}",
                where="the stage's command line, which has "
                + (", ".join(f"--{given}" for given in self.given) or "no flags"),
                why="the stage needs exactly one",
                remedy=f"add --{name} VALUE",
            )
        return values[0]

    def file(self, name: str) -> Path:
        """Return the one path behind a flag; an `InputError` as of `text`."""
        return Path(self.text(name))

    def files(self, name: str) -> list[Path]:
        """Return the paths behind a flag, in their order; none where the flag is absent."""
        return [Path(value) for value in self.given.get(name, ())]

    def optional(self, name: str) -> Path | None:
        """Return the one path behind a flag, or None where the flag is absent or empty."""
        return self.file(name) if self.given.get(name) else None


class _ToldToStop(SystemExit):
    """SIGTERM has come; raised where the job is, so that what it was writing is removed."""

    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__(128 + number)


def _told_to_stop(number: int, _: FrameType | None) -> None:
    raise _ToldToStop(number)


# Ctrl-C in this process; a library may have made another error of it.
_PRESSED: list[int] = []
_AGAIN_SECONDS = 0.05


def _interrupted(number: int, _: FrameType | None) -> None:
    _PRESSED.append(number)
    raise KeyboardInterrupt


def _again_if_lost(lost: "sys.UnraisableHookArgs") -> None:
    """Tell the job again, a moment later, to stop: Python drops what is raised while an object is
    finalised, where a signal may come as well as anywhere."""
    if isinstance(lost.exc_value, _ToldToStop):
        number = lost.exc_value.number
    elif lost.exc_type is KeyboardInterrupt:
        number = signal.SIGINT
    else:
        sys.__unraisablehook__(lost)
        return
    again = threading.Timer(_AGAIN_SECONDS, os.kill, (os.getpid(), number))
    again.daemon = True
    again.start()


@contextmanager
def job(doc: str | None) -> Iterator[Job]:
    """Parse the command line, open the log, and turn an `InputError` into its one message and exit
    status 1.

    Parameters
    ----------
    doc
        What `--help` shows.
    """
    parser = argparse.ArgumentParser(
        description=doc,
        epilog="Every other --NAME VALUE is an input, an output or a wildcard of the rule.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "--settings",
        type=json.loads,
        nargs="+",
        action="extend",
        default=[],
        help="settings that this stage reads, as JSON objects; they add up",
    )
    parser.add_argument("--log", type=Path, help="log file; messages also go to standard error")
    parser.add_argument("--threads", type=int, default=1, help="cores to use")
    chosen, rest = parser.parse_known_args()
    log = _open_log(chosen.log)
    meter = job_meter.JobMeter()
    began, earlier = time.monotonic(), len(files.written())
    before = signal.signal(signal.SIGTERM, _told_to_stop)
    sys.unraisablehook = _again_if_lost
    parent_watch.start(log.error)
    deaf = signal.getsignal(signal.SIGINT) is signal.SIG_IGN  # as a shell starts it with `&`
    try:
        if not deaf:
            signal.signal(signal.SIGINT, _interrupted)
        settings = {key: value for part in chosen.settings for key, value in part.items()}
        given = _flags(rest)
        if chosen.log is not None:
            # Outputs are not there yet: Snakemake deletes those of an earlier run.
            named = [Path(value) for values in given.values() for value in values]
            output_checksums.refuse_changed(named, Path.cwd())
            absent = [path for path in named if not path.exists()]
        yield Job(given, settings, log, max(1, chosen.threads))
        if chosen.log is not None and os.environ.get("RANK", "0") == "0":
            outputs = output_checksums.whole(files.written()[earlier:], absent)
            output_checksums.write(chosen.log, outputs, Path.cwd())
    except InputError as refusal:
        _refuse(log, refusal)
    except _ToldToStop:
        log.error("Told to stop; nothing unfinished is left under a final name.")
        raise
    except KeyboardInterrupt:
        log.error("Stopped from the keyboard.")
        sys.exit(130)
    except Exception as error:
        _fail(log, error)
    finally:
        signal.signal(signal.SIGTERM, before)
    log.debug("%s%s", job_meter.MARK, json.dumps(meter.record()))
    log.debug("finished in %.1f s", time.monotonic() - began)


def _flags(words: Sequence[str]) -> dict[str, list[str]]:
    given: dict[str, list[str]] = {}
    name = None
    for word in words:
        if word.startswith("--"):
            name, assigned, value = word[2:].partition("=")
            name = name.replace("-", "_")
            given[name] = [value] if assigned else []
        elif name is None:
            raise InputError(
                f"'{word}'", "the stage's command line", "no flag precedes it", "add --NAME before"
            )
        else:
            given[name].append(word)
    return given


def _end_if_stopped(log: logging.Logger) -> None:
    if _PRESSED:
        log.error("Stopped from the keyboard.")
        sys.exit(130)


def _fail(log: logging.Logger, error: Exception) -> None:
    """Log an error that is not a refusal for what it is; end with its status."""
    _end_if_stopped(log)
    machine = of_this_machine(error)
    if machine is not None:
        machine.__cause__ = error
        _refuse(log, machine)
    log.error(
        "An unexpected error, which is EpiGPT's fault and worth a report:\n%s",
        "".join(traceback.format_exception(error)),
    )
    sys.exit(1)


def _refuse(log: logging.Logger, refusal: InputError) -> None:
    """Log the one message, and for the log file alone what a library said; end with status 1."""
    _end_if_stopped(log)
    log.error("%s", refusal)
    said = [refusal.found, refusal.where, refusal.why, refusal.remedy]
    log.debug("%s%s", REFUSED, json.dumps(said))
    if refusal.__cause__ is not None:
        log.debug("behind it:\n%s", "".join(traceback.format_exception(refusal.__cause__)).rstrip())
    sys.exit(1)


def _open_log(target: Path | None) -> logging.Logger:
    log = logging.getLogger("epigpt")
    log.setLevel(logging.DEBUG)
    log.propagate = False
    for handler in list(log.handlers):  # of an earlier job in this process
        log.removeHandler(handler)
        handler.close()
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
