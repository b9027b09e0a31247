"""Look at a series before its files are fetched: its record, its parts, what lies beside it, and
what of that to download."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from epigpt.errors import InputError
from epigpt.geo import not_found, selection
from epigpt.geo.addresses import SeriesUrls, leaves
from epigpt.geo.header import Header, read_header
from epigpt.geo.listing import FILE_LIST, Entry, list_folder, parse_file_list, parse_index
from epigpt.transport import integrity
from epigpt.transport.http_answers import NotServed
from epigpt.transport.http_client import Remote
from epigpt.transport.http_download import fetch
from epigpt.transport.local_files import local_path
from epigpt.transport.progress import Progress, size
from epigpt.transport.resume import Fetched

PARTIAL = ".partial"
ABSENT = frozenset({404, 410})
DENIED_OR_ABSENT = frozenset({401, 403, 404, 410})


@dataclass(frozen=True)
class Part:
    """A series with its record here and the rest decided; a SuperSeries has several.

    Attributes
    ----------
    series
        Its addresses.
    folder
        Where its files go.
    record
        The record's files, as lines of the manifest.
    header
        What the record says of the series as a whole.
    choices
        Its supplementary files and archives with the decision about each; empty for a SuperSeries
        whose parts carry the files.
    members
        What its archives hold, where a filelist.txt says so.
    is_leaf
        Whether its files are used: a SuperSeries leaves that to its parts.
    is_listed
        Whether the server lists its files, or only the record names them.
    """

    series: SeriesUrls
    folder: Path
    record: tuple[Fetched, ...]
    header: Header
    choices: tuple[selection.Choice, ...] = ()
    members: tuple[Entry, ...] = ()
    is_leaf: bool = False
    is_listed: bool = True


class Session:
    """A download into one folder.

    Parameters
    ----------
    base
        As `archive.base_address` gives it.
    folder
        Receives the files; `.partial` below it keeps what is under way.
    remote
        The server's client.
    progress
        Shows how far it is.
    log
        Says what is fetched, what is left out and why.
    """

    def __init__(
        self, base: str, folder: Path, remote: Remote, progress: Progress, log: logging.Logger
    ) -> None:
        self.base = base
        self.folder = folder
        self.log = log
        self.remote = remote
        self._progress = progress
        self._top: str | None = None

    def survey(self, accession: str, pattern: str = "auto") -> list[Part]:
        """Fetch the record of a series (of a SuperSeries: of its parts too), list its files and
        decide which to download.

        Raises
        ------
        InputError
            No record to be had, of the series or of a part of it.
        """
        self._top = accession
        records = {accession: self._record(accession)}
        missing: dict[str, InputError] = {}

        def parts(name: str) -> Sequence[str]:
            try:
                if name not in records and name not in missing:
                    records[name] = self._record(name)
            except not_found.NoSeries as refusal:
                missing[name] = refusal
            return records[name].header.parts if name in records else ()

        if below := records[accession].header.parts:
            self.log.info("%s is a SuperSeries of %s", accession, ", ".join(below))
        names = leaves(accession, parts)
        if missing:
            names = self._without_parts(records[accession], names, missing)
        surveyed = [
            self._with_files(records[name], pattern) if name in names else records[name]
            for name in sorted(records)
        ]
        if accession in names:
            return surveyed
        return [
            self._with_own_files(part, surveyed, pattern)
            if part.series.accession == accession
            else part
            for part in surveyed
        ]

    def _with_own_files(self, top: Part, parts: Sequence[Part], pattern: str) -> Part:
        """Look at the files of a SuperSeries itself, where its parts have none that could hold the
        matrix, or where the cell `matrix` names one."""
        below = [choice for part in parts for choice in part.choices]
        if pattern == "auto" and any(choice.fetched for choice in below):
            return top
        own = self._with_files(top, pattern)
        fetched = any(choice.fetched for choice in own.choices)
        if fetched:
            self.log.info("%s: the files of the SuperSeries itself are used", top.series.accession)
        return own if fetched else top

    def _without_parts(
        self, top: Part, names: Sequence[str], missing: Mapping[str, InputError]
    ) -> list[str]:
        """Use a SuperSeries' own record where none of its parts can be had; where some can, half of
        the samples would be lost."""
        first = missing[min(missing)]
        accession = top.series.accession
        if set(names) == set(missing) and top.header.sample_count:
            self.log.warning(
                "%s: the record and the files of %s itself are used instead of its parts'",
                first.found,
                accession,
            )
            return [accession]
        more = f" (and {len(missing) - 1} more of its parts)" if len(missing) > 1 else ""
        why = f"it is a part of the SuperSeries {accession}; {first.why}"
        raise InputError(
            first.found + more,
            first.where,
            why,
            "use a mirror that holds all parts, or give each part a row of its own",
        )

    def _record(self, name: str) -> Part:
        """Fetch the SOFT file of a series, else its series matrices."""
        series = SeriesUrls(self.base, name)
        folder = self.folder if name == self._top else self.folder / name
        soft = self.fetch(series, series.soft, folder / f"{name}_family.soft.gz", ABSENT)
        if soft is not None:
            record = [soft]
        else:
            self.log.info("%s: no SOFT file, the series matrix describes the samples", name)
            record = self._series_matrices(series, folder)
        return Part(
            series, folder, tuple(record), read_header([self.folder / line.file for line in record])
        )

    def _series_matrices(self, series: SeriesUrls, folder: Path) -> list[Fetched]:
        plain = f"{series.accession}_series_matrix.txt.gz"
        listed = self._names_in(series.matrix_folder)
        # Without a listing the plain name is all that can be tried; a series on several platforms
        # does not have it.
        names = sorted(filter(series.is_series_matrix, listed)) if listed is not None else [plain]
        lines = [
            self.fetch(series, series.record_file("matrix", name), folder / name, ABSENT)
            for name in names
        ]
        present = [line for line in lines if line is not None]
        if not present:
            if any(map(series.owns, self._names_in(series.supplements) or ())):
                raise not_found.no_record(series)
            raise not_found.explain_missing(self.remote, series)
        return present

    def _names_in(self, address: str) -> list[str] | None:
        """List the names in a folder; None where it is absent or keeps its listing to itself."""
        if address.startswith("file:"):
            entries = list_folder(local_path(address))
            return None if entries is None else [entry.name for entry in entries]
        try:
            return parse_index(self.remote.text(address), address)
        except NotServed:
            return None

    def _with_files(self, part: Part, pattern: str) -> Part:
        """List the supplementary files that belong to the series, and the members of its archive;
        decide about each."""
        series = part.series
        names = self._names_in(series.supplements)
        listed: list[Entry] = []
        if names is None or FILE_LIST in names:
            listed = parse_file_list(self._text(series.record_file("suppl", FILE_LIST)))
        is_listed = names is not None or series.base.startswith("file:")
        if names is None and not is_listed:
            # No listing: the record names the files as well, though it may name some that are no
            # longer there.
            names = [
                *part.header.supplements,
                *(entry.name for entry in listed if not entry.archive),
            ]
        sizes = {entry.name: entry.size for entry in listed if not entry.archive}
        files = [
            Entry(name, sizes.get(name)) for name in sorted(set(names or ())) if series.owns(name)
        ]
        held = {entry.name for entry in files}
        members = tuple(entry for entry in listed if entry.archive in held)
        choices = selection.choose([*files, *members], pattern, part.header)
        for choice in choices:
            self.log.info(
                "%s: %s (%s)",
                choice.entry.name,
                "to download" if choice.fetched else "left out",
                choice.reason,
            )
        return replace(
            part, choices=tuple(choices), members=members, is_leaf=True, is_listed=is_listed
        )

    def _text(self, address: str) -> str:
        if address.startswith("file:"):
            path = local_path(address)
            return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
        try:
            return self.remote.text(address)
        except NotServed:
            return ""

    def fetch(
        self,
        series: SeriesUrls,
        url: str,
        target: Path,
        may_lack: frozenset[int] = frozenset(),
        page_means_absent: bool = False,
    ) -> Fetched | None:
        """Fetch one file.

        Parameters
        ----------
        series
            The series it belongs to.
        url
            Where it is.
        target
            Where it goes, below the session's folder.
        may_lack
            Answers that mean no more than that it is not there.
        page_means_absent
            Take an HTML page in its stead for its absence; NCBI answers so for counts that it has
            not made.

        Returns
        -------
        Fetched or None
            The manifest's line; None where the file may be lacking and is.

        Raises
        ------
        InputError
            A file that is not there although it should be; trouble that lasts.
        """
        below = target.relative_to(self.folder)
        try:
            line = fetch(
                self.remote,
                url,
                target,
                self.folder / PARTIAL / below.parent,
                self._progress.file(target.name),
            )
        except NotServed as missing:
            if missing.status in may_lack:
                return None
            raise not_found.no_file(url, target.name, missing.status) from None
        except integrity.Damaged as damaged:
            if page_means_absent:
                return None
            raise not_found.page_instead(series, url, target.name, damaged.page) from None
        self.log.info("%s: %s, sha256 %s", target.name, size(line.bytes), line.sha256[:12])
        return replace(line, file=below.as_posix())
