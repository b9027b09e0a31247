"""The bytes of a GEO record: opened or refused, decoded, and its lines with the tables passed
over."""

import gzip
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from epigpt.errors import InputError
from epigpt.geo.record import clean

REMEDY = (
    "delete the file and download it again; if it stays like this, name another mirror by"
    " `geo.base_url`"
)
_BLOCK = 1 << 20
# A title of each of 100,000 samples in one line of a series matrix has less; and no record's text
# has more than the other, whatever a small packed file unpacks to.
_LONGEST_LINE, _MOST_TEXT = 1 << 26, 1 << 30
_GZIP_MAGIC = b"\x1f\x8b"
_TABLE_BEGIN = re.compile(rb"![A-Za-z_]+_table_begin\s*$", re.IGNORECASE)
_TABLE_END = re.compile(rb"\n![A-Za-z_]+_table_end[ \t\r]*(?=\n|$)", re.IGNORECASE)


class Text:
    """Decodes the values of a record and counts those that are not UTF-8.

    Attributes
    ----------
    foreign
        Lines that were read as Windows-1252 instead.
    """

    def __init__(self) -> None:
        self.foreign = 0

    def of(self, value: bytes) -> str:
        """Decode and clean one value: UTF-8, else Windows-1252, else Latin-1 where that has no
        character."""
        try:
            return clean(value.decode("utf-8"))
        except UnicodeDecodeError:
            self.foreign += 1
        try:
            return clean(value.decode("cp1252"))
        except UnicodeDecodeError:
            return clean(value.decode("latin-1"))

    @property
    def notes(self) -> list[str]:
        """Return what was decoded in another way, for the report."""
        return (
            [f"{self.foreign} lines of the record are not UTF-8 and were read as Windows-1252."]
            if self.foreign
            else []
        )


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """Open a plain or gzipped record for reading bytes; empty, HTML and damaged files are refused.

    Raises
    ------
    InputError
        When the file is absent, empty, a web page, or a gzip that ends early or is damaged.
    """
    try:
        start = path.read_bytes() if path.stat().st_size < 512 else _start(path)
    except FileNotFoundError:
        raise InputError(
            "no such file",
            str(path),
            "the record of the series was not downloaded",
            "download it again",
        ) from None
    if not start.strip():
        raise InputError("an empty file", str(path), "it describes no series", REMEDY)
    if start.lstrip()[:1] == b"<":
        raise InputError(
            "a web page instead of a record",
            str(path),
            "the server answered with HTML where a file was expected",
            REMEDY,
        )
    try:
        with gzip.open(path) if start.startswith(_GZIP_MAGIC) else path.open("rb") as handle:
            yield cast(BinaryIO, handle)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(
            "a gzip file that is cut short or damaged",
            str(path),
            f"it cannot be unpacked ({error})",
            REMEDY,
        ) from None


def _start(path: Path) -> bytes:
    with path.open("rb") as handle:
        return handle.read(512)


def lines_outside_tables(handle: BinaryIO, source: Path) -> Iterator[bytes]:
    """Yield the lines that do not belong to a table; of a table only its end is searched for, block
    by block.

    Array series are almost all table: 1,000 samples of 50,000 probes are 50 million lines that need
    not be looked at one by one.

    Raises
    ------
    InputError
        When the file ends inside a table, or a line, or all lines, are longer than any record's.
    """
    rest = b""
    inside = False
    yielded = 0
    while block := handle.read(_BLOCK):
        rest += block
        position = 0
        while True:
            if inside:
                ended, position = _table_end(rest, position)
                if not ended:
                    break
                inside = False
            stop = rest.find(b"\n", position)
            if stop < 0:
                break
            line = rest[position:stop]
            # A look at the last letters is many times faster than the expression, and nearly no
            # line ends so.
            if line.rstrip()[-6:].lower() == b"_begin" and _TABLE_BEGIN.match(line):
                inside = True
                position = stop
            else:
                yield line
                yielded += len(line)
                position = stop + 1
        rest = rest[position:]
        for size, bound, what in (
            (len(rest), _LONGEST_LINE, "a line"),
            (yielded, _MOST_TEXT, "text beside its tables"),
        ):
            if size > bound:
                raise InputError(
                    f"{what} of more than {bound >> 20} MB",
                    str(source),
                    "no record of a series has that much, and reading it would fill the memory",
                    REMEDY,
                )
    if inside and not _TABLE_END.search(rest):
        raise InputError(
            "a record that ends inside a table", str(source), "the file is cut short", REMEDY
        )
    if rest and not inside:
        yield rest


def _table_end(text: bytes, position: int) -> tuple[bool, int]:
    """Find the end of the table that `position` lies in: True and where the next line begins, or
    False and where to look on."""
    while (word := text.find(b"_table_end", position)) >= 0:
        start = text.rfind(b"\n", 0, word)
        stop = text.find(b"\n", word)
        if stop < 0:
            return False, max(start, 0)
        if start >= 0 and _TABLE_END.match(text, start):
            return True, stop + 1
        position = stop
    # The mark may be cut by the block's border: the last, unfinished line is looked at again.
    return False, max(text.rfind(b"\n"), 0)
