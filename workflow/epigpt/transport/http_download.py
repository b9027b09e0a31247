"""One file from a server or a mirror: continued where it stopped, checked, and under its final name
only when whole."""

import errno
import re
import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from epigpt.errors import InputError
from epigpt.transport import integrity
from epigpt.transport.http_answers import NotServed, Stopped, Trouble
from epigpt.transport.http_client import Remote, count_bytes
from epigpt.transport.local_files import DISK_RESERVE, check_room, local_path, no_room
from epigpt.transport.progress import FileProgress
from epigpt.transport.rate_limit import LowestRate
from epigpt.transport.resume import Fetched, Note, Partial

_CHUNK = 2**18


def fetch(
    remote: Remote, url: str, final: Path, partial_folder: Path, progress: FileProgress
) -> Fetched:
    """Bring one file under its final name.

    A part that an earlier, interrupted run left in `partial_folder` is continued if the server
    still has the same version (ETag, Last-Modified, length); a file that is whole already is asked
    for with a condition and kept if unchanged and undamaged.

    Parameters
    ----------
    remote
        The server's client.
    url
        Where it is: https, http or file.
    final
        Where it goes.
    partial_folder
        Holds `NAME.part` and `NAME.json`; a folder outside every declared output, so that it
        outlives a failed job.
    progress
        Is told how far it is.

    Raises
    ------
    NotServed
        The server does not have it.
    Damaged
        An HTML page came in its stead.
    InputError
        Trouble that lasts, a file that is damaged on the server too, no room on the disk.
    """
    partial_folder.mkdir(parents=True, exist_ok=True)
    final.parent.mkdir(parents=True, exist_ok=True)
    partial = Partial(final.name, url, partial_folder)
    try:
        return _fetch_whole(remote, url, final, partial, progress)
    except OSError as error:
        if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
            raise
        raise no_room(url, final, "more than there is") from None


def _fetch_whole(
    remote: Remote, url: str, final: Path, partial: Partial, progress: FileProgress
) -> Fetched:
    # A damaged file may be a transfer that went wrong unnoticed, so it is fetched anew once before
    # the server is blamed.
    for again in (True, False):
        _promote(partial, final)
        if url.startswith("file:"):
            reused = _copy(url, final, partial, progress)
        else:
            reused = remote.persistently(
                url, lambda: _receive(remote, url, final, partial, progress), lambda: partial.size
            )
        if reused is not None:
            return reused
        try:
            integrity.check(partial.part, final.name)
            break
        except integrity.Damaged as damage:
            partial.discard()
            if damage.page:
                raise
            if not again or url.startswith("file:"):
                raise InputError(
                    f"{final.name}: {damage}",
                    url,
                    (
                        "the same came twice, with the length that the server announces"
                        if not again
                        else "the file is damaged where it is"
                    ),
                    "name another file in the column matrix, or fetch this one from another mirror"
                    " (geo.base_url)",
                ) from None
    note = partial.note or Note(url)
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    note = replace(note, bytes=partial.size, sha256=integrity.sha256(partial.part), time=now)
    partial.write_note(note)
    partial.part.replace(final)
    progress.at(note.bytes or 0, note.bytes)
    return _line(final, note)


def _promote(partial: Partial, final: Path) -> None:
    """Finish a run that was killed between the last check and the final name."""
    note = partial.note
    if note is not None and note.sha256 and partial.part.exists():
        if integrity.sha256(partial.part) == note.sha256:
            partial.part.replace(final)
        else:
            partial.discard()


def _receive(
    remote: Remote, url: str, final: Path, partial: Partial, progress: FileProgress
) -> Fetched | None:
    """One try over HTTP; gives the manifest's line if the file here is still the server's, else
    leaves the whole body in the part."""
    note = partial.note
    whole = (
        note is not None
        and note.sha256 != ""
        and final.exists()
        and integrity.sha256(final) == note.sha256
    )
    conditions = _conditions(note, whole, partial.size)
    with remote.open(url, conditions) as response:
        if (
            note is not None
            and whole
            and (response.status_code == 304 or _same_version(note, response))
        ):
            return _line(final, note)
        if response.status_code == 200 or _continues(response, note, partial.size):
            _append(url, response, partial, progress, remote)
            return None
        if not conditions:
            raise Trouble(f"HTTP {response.status_code} though the whole file was asked for")
    # What the server has is not what the part began with: once more from the first byte.
    partial.discard()
    return _receive(remote, url, final, partial, progress)


def _conditions(note: Note | None, whole: bool, have: int) -> dict[str, str]:
    if note is None:
        return {}
    if whole:
        given = {"If-None-Match": note.etag, "If-Modified-Since": note.last_modified}
        return {name: value for name, value in given.items() if value}
    if have == 0:
        return {}
    strong = note.etag if not note.etag.startswith("W/") else ""
    validator = strong or note.last_modified
    if validator:
        return {"Range": f"bytes={have}-", "If-Range": validator}
    # Without a validator only the file's own checksum could tell a mixture of two versions: gzip
    # has one.
    trusted = note.bytes is not None and urlsplit(note.url).path.endswith(".gz")
    return {"Range": f"bytes={have}-"} if trusted else {}


def _same_version(note: Note, response: httpx.Response) -> bool:
    """Return whether a server that ignores conditions would send again what is here; the strongest
    sign it gives decides."""
    if response.status_code != 200:
        return False
    fresh = _note_of(note.url, response)
    for old, new in ((note.etag, fresh.etag), (note.last_modified, fresh.last_modified)):
        if old and new:
            return old == new
    return (
        fresh.bytes is not None
        and fresh.bytes == note.bytes
        and not (fresh.etag or fresh.last_modified)
    )


def _continues(response: httpx.Response, note: Note | None, have: int) -> bool:
    """Return whether a partial answer continues the bytes that are here, of the same version."""
    range_header = re.fullmatch(
        r"bytes (?:([0-9]+)-[0-9]+|\*)/([0-9]+|\*)",
        response.headers.get("content-range", "").strip(),
    )
    if note is None or range_header is None:
        return False
    fresh = _note_of(note.url, response)
    if any(
        old and new and old != new
        for old, new in ((note.etag, fresh.etag), (note.last_modified, fresh.last_modified))
    ):
        return False
    total = None if range_header[2] == "*" else int(range_header[2])
    if response.status_code == 416:
        return total == have
    return range_header[1] == str(have) and (
        total is None or note.bytes is None or total == note.bytes
    )


def _note_of(url: str, response: httpx.Response) -> Note:
    length = response.headers.get("content-length", "")
    return Note(
        url=url,
        etag=response.headers.get("etag", ""),
        last_modified=response.headers.get("last-modified", ""),
        bytes=(
            int(length)
            if response.status_code == 200 and re.fullmatch(r"[0-9]{1,18}", length)
            else None
        ),
    )


def _append(
    url: str, response: httpx.Response, partial: Partial, progress: FileProgress, remote: Remote
) -> None:
    if response.headers.get("content-encoding", "identity") != "identity" and not urlsplit(
        url
    ).path.endswith(("gz", "/")):
        why = (
            "the server compresses the transfer though it was asked not to, so that length and"
            " checksum are not the file's"
        )
        raise InputError("a transfer encoding", url, why, "use another mirror (geo.base_url)")
    if response.status_code == 200:
        partial.begin(_note_of(url, response))
    have = partial.size
    expected = partial.note.bytes if partial.note is not None else None
    if expected is not None:
        check_room(url, partial.part, expected - have)
    if response.status_code == 416:
        return  # all bytes are here already, the check alone was missing
    rate = LowestRate()
    with partial.part.open("ab") as file:
        # Without a chunk size: gathering a chunk would lose what came before a break.
        for chunk in response.iter_raw():
            if remote.stop.is_set():
                raise Stopped
            count_bytes(rate, chunk)
            file.write(chunk)
            have += len(chunk)
            if expected is None and have // DISK_RESERVE > (have - len(chunk)) // DISK_RESERVE:
                check_room(url, partial.part, DISK_RESERVE)
            progress.at(have, expected)
    if expected is not None and have != expected:
        raise Trouble(f"{have} of {expected} bytes came")


def _copy(url: str, final: Path, partial: Partial, progress: FileProgress) -> Fetched | None:
    """Copy a mirror's file into the part, unless the one here is the same version and undamaged."""
    source = local_path(url)
    if not source.is_file():
        raise NotServed(url, 404)
    status = source.stat()
    version = f"{status.st_mtime_ns}-{status.st_size}"
    note = partial.note
    if (
        note is not None
        and note.sha256
        and note.etag == version
        and final.exists()
        and integrity.sha256(final) == note.sha256
    ):
        return _line(final, note)
    check_room(url, partial.part, status.st_size)
    partial.begin(Note(url, etag=version, bytes=status.st_size))
    with source.open("rb") as reading, partial.part.open("wb") as writing:
        shutil.copyfileobj(reading, writing, _CHUNK)
    progress.at(status.st_size, status.st_size)
    return None


def _line(final: Path, note: Note) -> Fetched:
    return Fetched(final.name, note.url, note.bytes or 0, note.sha256, note.time)
