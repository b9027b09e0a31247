"""Why something is not there: no such series, private until a date, withdrawn, no such file, a page
instead of a file."""

import re
from enum import Enum
from html import unescape

from epigpt.errors import InputError
from epigpt.geo.addresses import SeriesUrls
from epigpt.transport.http_answers import NotServed
from epigpt.transport.http_client import Remote

_PRIVATE = re.compile(
    r"is currently private(?:[^<]{0,80}?released on\s+([A-Za-z]{3}\s+[0-9]{1,2},\s*[0-9]{4}))?",
    re.IGNORECASE,
)
_UNKNOWN = re.compile(r"could not find a public or private accession", re.IGNORECASE)
_WITHDRAWN = re.compile(
    r"was deleted by the GEO staff(?:\s+on\s+([A-Za-z]{3}\s+[0-9]{1,2},\s*[0-9]{4}))?",
    re.IGNORECASE,
)


class NoSeries(InputError):
    """A series whose record cannot be had."""


class Status(Enum):
    """What GEO says of an accession."""

    PUBLIC = "public"
    PRIVATE = "private"
    UNKNOWN = "unknown"
    WITHDRAWN = "withdrawn"
    SILENT = "silent"


def status_in(page: str, accession: str) -> tuple[Status, str]:
    """Read an accession's status, and its date where one is given, from the text of GEO's page
    about it."""
    if match := _PRIVATE.search(page):
        return Status.PRIVATE, " ".join((match[1] or "").split())
    if match := _WITHDRAWN.search(page):
        return Status.WITHDRAWN, " ".join((match[1] or "").split())
    if _UNKNOWN.search(page):
        return Status.UNKNOWN, ""
    return (
        (Status.PUBLIC, "")
        if re.search(rf"\^SERIES\s*=\s*{accession}\b", page)
        else (Status.SILENT, "")
    )


def explain_missing(remote: Remote, series: SeriesUrls) -> InputError:
    """Find out why a series has no record where it should be, and put it into words."""
    page = ""
    if series.status_page is not None:
        try:
            page = remote.text(series.status_page)
        except NotServed:
            page = ""
    return no_series(series, *status_in(page, series.accession))


def no_series(series: SeriesUrls, status: Status, date: str) -> InputError:
    """Write the refusal for a series without a record."""
    name = series.accession
    if status is Status.PRIVATE:
        found, why = (
            f"{name} is private",
            f"its submitters have not released it{'; GEO announces ' + date if date else ' yet'}",
        )
        if date:
            found = f"{name} is private until {date}"
        remedy = (
            "wait for its release, or ask its submitters for the counts and give them as a local"
            " table (columns source and samples)"
        )
    elif status is Status.WITHDRAWN:
        found, why = (
            f"{name} was withdrawn{' on ' + date if date else ''}",
            "GEO no longer hands it out",
        )
        remedy = (
            "choose another series, or give the counts as a local table (columns source and"
            " samples)"
        )
    elif status is Status.PUBLIC:
        found, why = (
            f"{name} is public, but its files are not in the archive",
            "new series reach the archive up to a day after their release",
        )
        remedy = "run the same command again tomorrow"
    elif status is Status.UNKNOWN:
        found, why = (
            f"no such accession: {name}",
            "GEO knows neither a public nor a private series of this name",
        )
        remedy = "check the accession in the column source"
    else:
        found, why = (
            f"no such series on this server: {name}",
            "it has neither a SOFT file nor a series matrix there",
        )
        remedy = (
            "check the accession in the column source, and that the mirror (geo.base_url) holds the"
            " series"
        )
    return NoSeries(found, series.folder, why, remedy)


def no_record(series: SeriesUrls) -> InputError:
    """Write the refusal for a series whose supplementary files are there but nothing that describes
    its samples."""
    return NoSeries(
        f"no record of {series.accession}: neither a SOFT file nor a series matrix",
        series.folder,
        "supplementary files are there, but nothing says what the samples are",
        "use a mirror (geo.base_url) that holds the record, or give counts and a sample sheet as"
        " local files (columns source, samples)",
    )


def no_file(url: str, name: str, status: int) -> InputError:
    """Write the refusal for a file that a listing or the record names but the server does not
    have."""
    if status in {401, 403}:
        why, remedy = (
            f"the server denies it (HTTP {status})",
            "check geo.base_url and the rights on the server",
        )
    else:
        why, remedy = (
            "the server lists it but does not have it (HTTP 404)",
            "name another file in the column matrix, or use another mirror",
        )
    return InputError(f"no such file: {name}", url, why, remedy)


def page_instead(series: SeriesUrls, url: str, name: str, page: str) -> InputError:
    """Write the refusal for an HTML page that came under a file's name; GEO's own pages say why."""
    status, date = status_in(page, series.accession)
    if status in {Status.PRIVATE, Status.UNKNOWN, Status.WITHDRAWN}:
        return no_series(series, status, date)
    title = re.search(r"<title[^>]*>(.*?)</title>", page, re.IGNORECASE | re.DOTALL)
    heading = unescape(title[1]) if title else ""
    heading = " ".join(
        "".join(character if character.isprintable() else " " for character in heading).split()
    )[:80]
    return InputError(
        f"an HTML page instead of {name}" + (f", titled '{heading}'" if heading else ""),
        url,
        "the server answers with a page where a file should be; a login, a proxy or a maintenance"
        " notice may stand in between",
        "open the address in a browser to see what it says, then check geo.base_url or try again"
        " later",
    )
