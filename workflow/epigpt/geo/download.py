"""Fetch what a data set is made of, several files at a time, and write the manifest last."""

import fcntl
import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import replace
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path

from epigpt.errors import InputError
from epigpt.geo import addresses, dee2
from epigpt.geo.manifest import LISTING, write_listing
from epigpt.geo.selection import is_raw_archive
from epigpt.geo.survey import DENIED_OR_ABSENT, PARTIAL, Part, Session
from epigpt.transport.http_answers import Stopped
from epigpt.transport.http_client import Connection, Remote
from epigpt.transport.local_files import local_path
from epigpt.transport.progress import Progress
from epigpt.transport.resume import Fetched

_SINGLE_CELL = ("mtx", "barcode", ".h5", ".loom")


@contextmanager
def session(
    base_url: str, folder: Path, connection: Connection, log: logging.Logger
) -> Iterator[Session]:
    """Open a download into `folder`, alone there until the block ends.

    Raises
    ------
    InputError
        A base address that cannot be one, or another download into the same folder that is still
        running.
    """
    base = addresses.base_address(base_url)
    if base.startswith("file:") and not local_path(base).is_dir():
        raise InputError(
            f"no such folder: {local_path(base)}",
            "geo.base_url",
            "there is no mirror",
            "correct the address of the mirror",
        )
    with _alone_in(folder / PARTIAL), Remote(connection) as remote, Progress(log) as progress:
        yield Session(base, folder, remote, progress, log)


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(
                "another download into the same folder",
                str(folder.parent),
                "two would write into the same unfinished files; a stopped workflow can leave one"
                " running for a while",
                "wait until it ends, or end that process, then run the same command again",
            ) from None
        except OSError:
            # some network file systems know no locks; Snakemake's own lock on the working directory
            # has to do there
            pass
        yield


def download_series(
    opened: Session,
    accession: str,
    pattern: str = "auto",
    ncbi_counts: bool = True,
    dee2_url: str = "",
) -> list[Fetched]:
    """Fetch a series: record, candidate matrices, NCBI's counts.

    Parameters
    ----------
    opened
        As `session` gives it.
    accession
        A series, in any case of letters.
    pattern
        The cell `matrix`: `auto` or a glob.
    ncbi_counts
        Ask for NCBI's own RNA-seq counts; only series of human or mouse RNA sequencing are asked
        for.
    dee2_url
        Ask DEE2 there for counts where NCBI has none; "" for not at all.

    Returns
    -------
    list of Fetched
        The manifest's lines, by file name. Files of a SuperSeries' parts are in a folder by the
        part's accession.

    Raises
    ------
    InputError
        No record to be had; a `pattern` that names no file; a file that cannot be had.
    """
    parts = opened.survey(addresses.accession(accession), pattern)
    leaves = [part for part in parts if part.is_leaf]
    counts = _in_parallel(
        [partial(_ncbi_counts, opened, part, pattern) for part in leaves if ncbi_counts], opened
    )
    if dee2_url and pattern == "auto":
        counts += [
            dee2.fetch(opened, part, dee2_url, opened.log)
            for part, lines in zip(leaves, counts or [[]] * len(leaves), strict=True)
            if not lines
        ]
    by_ncbi = {line.file for lines in counts for line in lines}
    if pattern == "auto":
        parts = [_without_archive(part, by_ncbi) for part in parts]
    else:
        _refuse_unmatched(pattern, parts, by_ncbi)
    supplements = [
        partial(_supplement, opened, part, choice.entry.name)
        for part in parts
        for choice in part.choices
        if choice.fetched
    ]
    fetched = _in_parallel(supplements, opened)
    write_listing(opened.folder / LISTING, parts)
    lines = [line for part in parts for line in part.record]
    lines += [line for found in (*counts, *fetched) for line in found]
    return sorted(lines, key=lambda line: line.file)


def _ncbi_counts(opened: Session, part: Part, pattern: str) -> list[Fetched]:
    """Fetch NCBI's counts of a series with their gene annotation; empty where there are none."""
    lines: list[Fetched] = []
    if not part.header.is_sequencing:
        return lines
    for taxon in part.header.taxa:
        for name, url in part.series.ncbi_counts(taxon).items():
            is_annotation = name.endswith(".annot.tsv.gz")
            if is_annotation != bool(lines) or not (
                is_annotation or pattern == "auto" or fnmatchcase(name, pattern)
            ):
                continue
            try:
                line = opened.fetch(
                    part.series, url, part.folder / name, DENIED_OR_ABSENT, page_means_absent=True
                )
            except InputError as refusal:
                remedy = f"{refusal.remedy}; or do without NCBI's counts (geo.ncbi_counts: false)"
                raise InputError(refusal.found, refusal.where, refusal.why, remedy) from None
            lines += [line] if line is not None else []
    if lines:
        opened.log.info(
            "%s: NCBI has counted its reads; these counts are preferred", part.series.accession
        )
    return lines


def _supplement(opened: Session, part: Part, name: str) -> list[Fetched]:
    # Names that only the record gives may be outdated; a file that the server itself lists must be
    # there.
    may_lack = frozenset() if part.is_listed else DENIED_OR_ABSENT
    line = opened.fetch(
        part.series, part.series.record_file("suppl", name), part.folder / name, may_lack
    )
    if line is None:
        opened.log.warning("%s: the record names it, the server does not have it", name)
    return [line] if line is not None else []


def _without_archive(part: Part, by_ncbi: set[str]) -> Part:
    """Leave the archive of per-sample tables out where NCBI's counts are; single cells are not
    among those."""
    has_counts = any(
        name.rpartition("/")[2].startswith(f"{part.series.accession}_raw_counts_")
        for name in by_ncbi
    )
    known_bulk = part.members and not any(
        word in member.name.lower() for member in part.members for word in _SINGLE_CELL
    )
    if not (has_counts and known_bulk):
        return part
    reason = "NCBI's counts are there; set matrix to '*_RAW.tar' to use the archive"
    choices = [
        (
            replace(choice, fetched=False, reason=reason)
            if choice.fetched and is_raw_archive(choice.entry.name)
            else choice
        )
        for choice in part.choices
    ]
    return replace(part, choices=tuple(choices))


def _refuse_unmatched(pattern: str, parts: Sequence[Part], by_ncbi: set[str]) -> None:
    choices = [choice for part in parts for choice in part.choices]
    if by_ncbi or any(choice.fetched for choice in choices):
        return
    names = [choice.entry.name for choice in choices]
    listed = ", ".join(names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "")
    raise InputError(
        f"no such file: matrix = {pattern} matches nothing",
        ", ".join(part.series.supplements for part in parts if part.is_leaf),
        f"the supplementary files are {listed}" if names else "there are no supplementary files",
        (
            "set matrix to one of these names, to a glob that matches one, or to auto"
            if names
            else "set matrix to auto"
        ),
    )


def _in_parallel(
    tasks: Sequence[Callable[[], list[Fetched]]], opened: Session
) -> list[list[Fetched]]:
    """Run the tasks several at a time; the first that fails stops the others, whose parts are
    kept."""
    stop = opened.remote.stop
    with ThreadPoolExecutor(opened.remote.connection.parallel_files) as pool:
        try:
            futures: list[Future[list[Fetched]]] = [pool.submit(task) for task in tasks]
            wait(futures, return_when=FIRST_EXCEPTION)
            if any(future.done() and future.exception() is not None for future in futures):
                stop.set()
        except BaseException:
            stop.set()  # Ctrl-C reaches this thread alone
            raise
    failures = [error for future in futures if (error := future.exception()) is not None]
    # Which of several faults came first is chance; what is said is the first in the order of files.
    for failure in sorted(failures, key=lambda error: isinstance(error, Stopped)):
        raise failure
    return [future.result() for future in futures]
