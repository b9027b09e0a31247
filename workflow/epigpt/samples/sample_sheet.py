"""Read the sample sheet of a local counts table."""

import csv
import gzip
import re
import tempfile
import zlib
from collections import Counter
from io import StringIO
from pathlib import Path

import pandas as pd

from epigpt.errors import InputError
from epigpt.geo.record import clean

_DELIMITERS = "\t,;"
_LONGEST = 1 << 26
_LONGEST_CELL = 1 << 17
_SHEET_NAME = re.compile(r"sample|meta[ _-]?data|coldata|design|phenotype", re.IGNORECASE)
_WHAT_IT_IS = (
    "a sample sheet is a table with a header line; its first column holds the sample ids, whatever"
    " its header"
)


def read_sheet(path: Path) -> pd.DataFrame:
    """Read a sample sheet.

    Parameters
    ----------
    path
        Table separated by tabs, commas or semicolons (found from its content, not its name), plain
        or gzipped, in UTF-8, UTF-16 or Windows-1252; or an Excel workbook of which one sheet is a
        table. Remarks above the header begin with `#`.

    Returns
    -------
    pandas.DataFrame
        Text cells; index "sample": the first column, whatever its header; "" where a cell is empty.
        A header that is one cell shorter than the rows, as R's write.table makes it, has no name
        for the first column.

    Raises
    ------
    InputError
        A sheet that cannot be read, has no rows, rows of another length than the header, or a
        sample or a column twice.
    """
    header, *body = rows_of(path)
    if len(header) < 2:
        raise _refused(
            path, "a sheet of one column, or with another separator than tab, comma or semicolon"
        )
    names = [name or f"column {number}" for number, name in enumerate(header[1:], 2)]
    _refuse_repeated(path, names, "the column")
    ids = [cells[0] for cells in body]
    if "" in ids:
        raise _refused(path, f"row {ids.index('') + 2} has no sample id")
    _refuse_repeated(path, ids, "the sample")
    index = pd.Index(ids, name="sample", dtype=object)
    return pd.DataFrame([cells[1:] for cells in body], index=index, columns=names, dtype=object)


def rows_of(path: Path, comments: bool = False) -> list[list[str]]:
    """Read a small table of the user's: header and rows, as text cells of one number.

    Parameters
    ----------
    path
        Separated by tabs, commas or semicolons, plain or gzipped.
    comments
        Whether lines that begin with `#` are skipped, and cells at the end of a row may be left
        out: so for tables that people fill in.

    Raises
    ------
    InputError
        A file that cannot be read or has no rows, or rows of another length than the header.
    """
    lines = [line for line in _text(Path(path)).splitlines() if line.strip()]
    if comments:
        lines = [line for line in lines if not line.lstrip().startswith("#")]
    if len(lines) < 2:
        raise _refused(path, "a sheet without rows" if lines else "an empty sheet")
    # Named here, since a library may have changed the limit of the whole process.
    before = csv.field_size_limit(_LONGEST_CELL)
    try:
        while len(lines) > 2 and _is_remark(lines):
            lines = lines[1:]
        # Strict, since a quotation mark that is never closed would hide the rows behind it.
        text = StringIO("\n".join(lines))
        rows = list(csv.reader(text, delimiter=_delimiter(lines), strict=True))
    except csv.Error as error:
        unclosed = "unexpected end of data" in str(error) or "expected after" in str(error)
        what = "a quotation mark that is not closed" if unclosed else str(error)
        raise _refused(path, f"a sheet that is not a table ({what})") from None
    finally:
        csv.field_size_limit(before)
    header, *body = [[clean(cell) for cell in cells] for cells in rows]
    if all(len(cells) == len(header) + 1 for cells in body):
        header = ["", *header]
    if comments:
        body = [cells + [""] * (len(header) - len(cells)) for cells in body]
    for number, cells in enumerate(body, 2):
        if len(cells) != len(header):
            raise _refused(path, f"row {number} has {len(cells)} cells, the header {len(header)}")
    return [header, *body]


def _is_remark(lines: list[str]) -> bool:
    """Return whether the first line is a remark; a header may begin with `#` too."""
    delimiter = _delimiter(lines[1:])
    return lines[0].startswith("#") and lines[0].count(delimiter) != lines[1].count(delimiter)


def _of_workbook(path: Path) -> str:
    """Return the one sheet of a workbook that is a table, or is called like samples, as text."""
    from epigpt.matrices import spreadsheets  # openpyxl takes a moment to import
    from epigpt.matrices.streams import Budget, Member

    with tempfile.TemporaryDirectory(prefix="epigpt.") as scratch:
        sheets = spreadsheets.sheets(Member.of_file(path), Budget(_LONGEST), Path(scratch))
        texts = {sheet.base: sheet.path.read_text(encoding="utf-8") for sheet in sheets}
    tables = {name: text for name, text in texts.items() if "\t" in text and text.count("\n") > 1}
    if len(tables) > 1:
        tables = {name: text for name, text in tables.items() if _SHEET_NAME.search(name)} or tables
    if len(tables) != 1:
        named = ", ".join(tables or texts) or "none"
        told = f"a workbook with {len(tables)} sheets that could be it ({named})"
        raise InputError(
            told, str(path), _WHAT_IT_IS, "call one of its sheets `samples`, or delete the others"
        )
    return next(iter(tables.values()))


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            packed = file.read(2) == b"\x1f\x8b"
        with gzip.open(path) if packed else path.open("rb") as stream:
            content = stream.read(_LONGEST + 1)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise _refused(path, f"a gzip file that is cut short or damaged ({error})") from None
    except OSError as error:
        raise _refused(path, error.strerror or str(error)) from None
    if len(content) > _LONGEST:
        raise _refused(path, f"more than {_LONGEST >> 20} MB")
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16", errors="replace")
    if content[:2] == b"PK" and not packed:
        return _of_workbook(path)
    if b"\0" in content:
        raise _refused(path, "a binary file, no text")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="replace")


def _delimiter(lines: list[str]) -> str:
    """Take the separator that gives the most lines the same number of cells, quotes heeded; the
    most cells among equals."""
    scores = {}
    for delimiter in _DELIMITERS:
        lengths = Counter(len(cells) for cells in csv.reader(lines[:200], delimiter=delimiter))
        width, agreeing = max(lengths.items(), key=lambda item: (item[1], item[0]))
        scores[delimiter] = (width > 1, agreeing, width)
    return max(_DELIMITERS, key=lambda delimiter: scores[delimiter])


def _refuse_repeated(path: Path, names: list[str], what: str) -> None:
    repeated = sorted(name for name, number in Counter(names).items() if number > 1)
    if repeated:
        raise _refused(
            path, f"{what} '{repeated[0]}' stands in the sheet {names.count(repeated[0])} times"
        )


def _refused(path: Path, found: str) -> InputError:
    one_line = re.sub(r"\s+", " ", found)
    return InputError(
        one_line, str(path), _WHAT_IT_IS, "correct the sheet (cell `samples` of the data set table)"
    )
