"""Notice results that were cut, replaced or deleted since they were written.

Each job notes size, time and SHA-256 of what it has written, beside its log. Before a run the
results are compared with these notes: by size and time, and by content only where the time differs.
What differs is set aside, so that Snakemake makes it again and nothing reads it as if it were
whole. What was merely copied gets its time back, so that a copied folder is not computed anew.
"""

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from epigpt import files
from epigpt.errors import InputError

ENDING = ".checksums.json"
ASIDE = ".damaged"
_NOTES = f"results/**/logs/**/*{ENDING}"
# Snakemake's mark in a folder that is an output; its time is the folder's.
_STAMP = ".snakemake_timestamp"


@dataclass(frozen=True)
class Damage:
    """A result that is not as it was written.

    Attributes
    ----------
    output
        The file, or the folder where that is one result.
    found
        What was met instead.
    aside
        Where it lies now; None where nothing was moved.
    """

    output: Path
    found: str
    aside: Path | None = None


def write(log: Path, outputs: list[Path], root: Path) -> None:
    """Note what a job has written.

    Parameters
    ----------
    log
        The job's log; the note lies beside it.
    outputs
        Files and folders; those outside `root` and those that are gone again are left out.
    root
        The folder that the results lie in.
    """
    noted: dict[str, Any] = {}
    for output in dict.fromkeys(outputs):
        place = Path(os.path.relpath(output, root))
        if place.parts[0] != ".." and (root / place).exists():
            noted[place.as_posix()] = {
                name: _described(root / place / name if name else root / place)
                for name in _names(root / place)
            }
    files.write_json(_beside(log), noted)


def whole(written: Sequence[Path], declared: Sequence[Path]) -> list[Path]:
    """Return what a job has written, with the files of a folder that is one of its outputs as that
    folder: Snakemake makes it again whole or not at all.

    Parameters
    ----------
    written
        Files and folders.
    declared
        Paths on the job's command line that were not there when it began.
    """
    folders = [path.absolute() for path in declared if path.is_dir()]
    return list(
        dict.fromkeys(
            next((folder for folder in folders if folder in path.parents), path) for path in written
        )
    )


def _beside(log: Path) -> Path:
    return log.with_name(log.stem + ENDING)


def _names(output: Path) -> list[str]:
    """List the files of a folder by relative name; of a file the empty name."""
    if not output.is_dir():
        return [""]
    return sorted(
        path.relative_to(output).as_posix()
        for path in output.rglob("*")
        if path.is_file() and path.name != _STAMP
    )


def _described(path: Path) -> dict[str, Any]:
    status = path.stat()
    return {
        "bytes": status.st_size,
        "mtime_ns": status.st_mtime_ns,
        "sha256": files.sha256(path),
    }


def verify(root: Path, *, full: bool, repair: bool) -> tuple[int, list[Damage]]:
    """Compare the results under `root` with the notes of the jobs that wrote them.

    Parameters
    ----------
    root
        The folder with `results`.
    full
        Read every file, rather than only those whose time has changed.
    repair
        Set aside what differs. Files that were only copied get the time they had in any case, or a
        dry run would show what a run does not do.

    Returns
    -------
    Number of results looked at, and those that are not as they were written. A result that is
    missing is no damage: Snakemake makes it again where it is needed.
    """
    looked, damaged = 0, []
    for output, noted in _noted(root):
        looked += 1
        difference = _difference(root / output, noted, full=full)
        if difference:
            aside = set_aside(root / output) if repair else None
            damaged.append(Damage(Path(output), difference, aside))
        else:
            _restore_times(root / output, noted)
    return looked, damaged


def gone(root: Path) -> list[Path]:
    """List what jobs have noted and is not there any more, but for what was set aside."""
    return sorted(
        Path(output)
        for output in _newest(root, _NOTES)
        if not (root / output).exists() and not (root / f"{output}{ASIDE}").exists()
    )


def refuse_changed(paths: Sequence[Path], root: Path) -> None:
    """Refuse results that a job is about to read and that are not as they were written.

    Raises
    ------
    InputError
        One of them was cut or replaced since; the same command sets it aside and makes it again.
    """
    read = {Path(os.path.relpath(path, root)).as_posix() for path in paths}
    folders = {Path(*Path(place).parts[:2]) for place in read if place.startswith("results/")}
    for folder in sorted(folders):
        for output, noted in _noted(root, f"{folder.as_posix()}/logs/**/*{ENDING}"):
            difference = _difference(root / output, noted, full=False) if output in read else ""
            if difference:
                raise InputError(
                    f"{output} is not as it was written ({difference})",
                    "the results that this job reads",
                    "it was cut or replaced since, and what follows from it would be wrong",
                    "run the same command again: it sets the file aside and makes it anew",
                )


def _noted(root: Path, notes: str = _NOTES) -> Iterator[tuple[str, dict[str, Any]]]:
    for output, noted in _without_rewritten(_newest(root, notes)).items():
        if (root / output).exists():
            yield output, noted


def _newest(root: Path, notes: str) -> dict[str, dict[str, Any]]:
    """Return the note of each output below `root`, there or not, of the last job that wrote it."""
    newest: dict[str, dict[str, Any]] = {}
    for note in sorted(root.glob(notes)):
        try:
            content = json.loads(note.read_text(encoding="utf-8"))
            for output, noted in content.items():
                # Of two jobs that wrote one result the later one says how it should be.
                if output not in newest or _last(noted) >= _last(newest[output]):
                    newest[output] = noted
        except (OSError, ValueError, AttributeError, KeyError, TypeError, RecursionError):
            continue  # a damaged note says nothing; the job's outputs are judged by their times
    return {
        output: noted
        for output, noted in newest.items()
        if not Path(output).is_absolute() and ".." not in Path(output).parts
    }


def _without_rewritten(newest: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Leave out files of a folder that a later job wrote anew and noted by themselves, and such
    notes where the folder is the newer one."""
    kept = dict(newest)
    for output, noted in newest.items():
        for name in [name for name in noted if name and f"{output}/{name}" in newest]:
            own = f"{output}/{name}"
            if _last(newest[own]) >= int(noted[name]["mtime_ns"]):
                kept[output] = {key: kept[output][key] for key in kept[output] if key != name}
            else:
                kept.pop(own, None)
    return kept


def _last(noted: dict[str, Any]) -> int:
    return max((int(before["mtime_ns"]) for before in noted.values()), default=0)


def _difference(output: Path, noted: dict[str, Any], *, full: bool) -> str:
    """Return how a result differs from its note; "" where it does not."""
    try:
        for name, before in noted.items():
            path = output / name if name else output
            if not path.is_file():
                return f"no {name}" if name else "no file"
            status = path.stat()
            if status.st_size != before["bytes"]:
                return f"{name}{': ' if name else ''}{status.st_size:,} bytes instead of" + (
                    f" {before['bytes']:,}"
                )
            same_time = status.st_mtime_ns == before["mtime_ns"]
            if (full or not same_time) and files.sha256(path) != before["sha256"]:
                return f"{name}{': ' if name else ''}other content of the same length"
    except (KeyError, TypeError, OSError) as error:
        return f"unreadable ({error})"
    return ""


def set_aside(output: Path) -> Path:
    """Rename a result so that nothing takes it for one; return its new name."""
    for number in range(1, 10_000):
        ending = ASIDE if number == 1 else f"{ASIDE}-{number}"
        aside = output.with_name(output.name + ending)
        if not aside.exists():
            output.rename(aside)
            return aside
    raise FileExistsError(f"{output}{ASIDE}")


def _restore_times(output: Path, noted: dict[str, Any]) -> None:
    times = [int(before["mtime_ns"]) for before in noted.values()]
    for (name, before), time in zip(noted.items(), times, strict=True):
        path = output / name if name else output
        if path.stat().st_mtime_ns != before["mtime_ns"]:
            os.utime(path, ns=(time, time))
    stamp = output / _STAMP
    if output.is_dir() and times and stamp.is_file() and stamp.stat().st_mtime_ns > max(times):
        later = stamp.stat().st_mtime_ns - max(times)
        if later > _STAMP_LATER_NS:  # Snakemake writes it right after the job
            os.utime(stamp, ns=(max(times), max(times)))
            os.utime(output, ns=(max(times), max(times)))


_STAMP_LATER_NS = 120 * 10**9
