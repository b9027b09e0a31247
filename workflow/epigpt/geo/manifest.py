"""The files that a data set was made of: where they are and what they hold."""

from collections.abc import Sequence
from dataclasses import astuple
from datetime import UTC, datetime
from pathlib import Path

from epigpt import files
from epigpt.errors import InputError
from epigpt.geo.survey import Part
from epigpt.transport import integrity
from epigpt.transport.resume import Fetched

MANIFEST_COLUMNS = ("file", "url", "bytes", "sha256", "time")
LISTING = "listing.tsv"


def write_listing(target: Path, parts: Sequence[Part]) -> None:
    """Write what lies in the archive beside the manifest: each file, whether it was fetched and why
    (not), and archive members."""
    lines = ["series\tfile\tarchive\tbytes\tfetched\treason"]
    for part in parts:
        verdicts = {choice.entry.name: choice for choice in part.choices}
        for entry in [*(choice.entry for choice in part.choices), *part.members]:
            choice = verdicts[entry.archive or entry.name]
            reason = "" if entry.archive else choice.reason
            cells = [
                part.series.accession,
                entry.name,
                entry.archive,
                entry.size,
                str(choice.fetched).lower(),
                reason,
            ]
            # Names of members are the submitters' text: nothing in them may break the table.
            lines.append("\t".join("" if cell is None else _plain(str(cell)) for cell in cells))
    files.write_text(target, "\n".join(lines) + "\n")


def _plain(text: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in text)


def local_files(paths: Sequence[Path], row: str) -> list[Fetched]:
    """Return the manifest's lines for local files: absolute paths and checksums, nothing copied.

    Parameters
    ----------
    paths
        The matrix, and a sample sheet where there is one.
    row
        The data set's id, for the message.

    Raises
    ------
    InputError
        A file that is missing, cannot be read, or is cut off.
    """
    lines = []
    for column, given in zip(("source", "samples"), paths, strict=False):
        path = given.expanduser().absolute()
        where = f"data set {row}, column '{column}'"
        if not path.is_file():
            found = f"no such file: {path}"
            raise InputError(
                found,
                where,
                "a local source is read from where it is",
                "correct the path, which counts from the table's folder",
            )
        try:
            integrity.check(path, path.name)
            status = path.stat()
            checksum = integrity.sha256(path)
        except OSError as error:
            raise InputError(
                f"{path}: {error.strerror}", where, "it cannot be read", "check its permissions"
            ) from None
        except integrity.Damaged as damaged:
            raise InputError(
                f"{path}: {damaged}",
                where,
                "its content would be read in part at best",
                "copy or export the file anew",
            ) from None
        changed = datetime.fromtimestamp(status.st_mtime, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        lines.append(Fetched(str(path), path.as_uri(), status.st_size, checksum, changed))
    return lines


def write_manifest(target: Path, lines: Sequence[Fetched]) -> None:
    """Write the manifest whole or not at all: file, url, bytes, sha256, time."""
    table = [
        "\t".join(MANIFEST_COLUMNS),
        *("\t".join(str(cell) for cell in astuple(line)) for line in lines),
    ]
    files.write_text(target, "\n".join(table) + "\n")
