"""Read .xlsx workbooks: each sheet becomes a delimited table; gene symbols that became dates are
refused by name."""

import csv
import re
import tempfile
import warnings
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import IO, Any

from epigpt.errors import InputError, refusing_foreign_errors
from epigpt.genes import id_kinds
from epigpt.genes.spreadsheet import dates
from epigpt.matrices.streams import Budget, Member

NAME = re.compile(r"\.xls[xm](\.gz)?$", re.IGNORECASE)
# What Excel itself has room for.
_MOST_ROWS, _MOST_COLUMNS = 1_048_576, 16_384
_LONGEST_PART = 1 << 28
OLD_NAME = re.compile(r"\.xlsb?(\.gz)?$", re.IGNORECASE)


def sheets(member: Member, budget: Budget, scratch: Path) -> list[Member]:
    """Return the sheets of a workbook as tab-separated tables in `scratch`; empty ones are left
    out.

    Raises
    ------
    InputError
        It is not a workbook, unpacks to more than the budget, or has rows or cells out of order or
        beyond what a sheet can have.
    """
    import openpyxl  # heavy, and few series need it

    with tempfile.TemporaryFile(dir=scratch) as book, warnings.catch_warnings():
        # It warns of styles and of dates out of range; those become #VALUE!, which is no number.
        warnings.simplefilter("ignore")
        with member.open(budget) as stream:
            while data := stream.read(1 << 20):
                book.write(data)
        with refusing_foreign_errors(
            member.name,
            "fetch the file again; or save the workbook as .csv and give that as source",
            "it is not a workbook that can be read, damaged or of another kind",
        ):
            _check_sizes(book, member.name, budget)
            workbook = openpyxl.load_workbook(
                book, read_only=True, data_only=True, keep_links=False
            )
            tables = []
            for sheet in workbook.worksheets:
                name = f"{member.name}/{sheet.title}"
                target = _table(_rows(workbook, sheet, name), scratch)
                if target is not None:
                    tables.append(Member(name, target, 0, target.stat().st_size))
            workbook.close()
    return tables


def _check_sizes(book: IO[bytes], where: str, budget: Budget) -> None:
    """Count what the parts unpack to; those that are read whole have a bound of their own."""
    with zipfile.ZipFile(book) as archive:
        entries = archive.infolist()
    budget.spend(sum(entry.file_size for entry in entries), where)
    for entry in entries:
        if entry.file_size > _LONGEST_PART and "/worksheets/" not in f"/{entry.filename}":
            raise InputError(
                f"'{entry.filename}' of {entry.file_size:,} bytes in a workbook",
                where,
                "all of it would have to fit in memory",
                "save the sheet with the counts as .csv and give that as source",
            )


def _rows(workbook: Any, sheet: Any, where: str) -> Iterator[list[Any]]:
    """Yield the rows of a sheet that are there, each cell at its column.

    The size that a sheet declares is not believed, and neither is the order of its rows: the
    library would fill gaps of any length, and leave out what stands out of order.
    """
    from openpyxl.worksheet._reader import WorkSheetParser

    with workbook._archive.open(sheet._worksheet_path) as source:
        parser = WorkSheetParser(
            source,
            _Texts(sheet._shared_strings),
            data_only=True,
            epoch=workbook.epoch,
            date_formats=workbook._date_formats,
            timedelta_formats=workbook._timedelta_formats,
        )
        last = 0
        for number, cells in parser.parse():
            if not last < number <= _MOST_ROWS:
                raise _disordered(f"row {number} after row {last}", where)
            last = number
            row: list[Any] = []
            for cell in cells:
                if not len(row) < cell["column"] <= _MOST_COLUMNS:
                    raise _disordered(
                        f"in row {number} column {cell['column']} after column {len(row)}", where
                    )
                row += [None] * (cell["column"] - len(row) - 1) + [cell["value"]]
            yield row


class _Texts:
    """A workbook's shared texts; a position before the first is none of them."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._texts = texts

    def __getitem__(self, position: int) -> str:
        if position < 0:
            raise IndexError(f"text number {position}")
        return self._texts[position]


def _disordered(found: str, where: str) -> InputError:
    return InputError(
        found,
        where,
        f"a sheet has rows and columns in order, at most {_MOST_ROWS:,} by {_MOST_COLUMNS:,}; so"
        " the workbook is damaged",
        "fetch the file again; or save the sheet as .csv and give that as source",
    )


def _table(rows: Iterable[Sequence[Any]], scratch: Path) -> Path | None:
    """Write rows as a table whose lines have as many cells as the widest; None below two rows."""
    widths: list[int] = []
    with tempfile.NamedTemporaryFile(
        "w", dir=scratch, delete=False, newline="", encoding="utf-8"
    ) as file:
        writer = csv.writer(file, delimiter="\t", lineterminator="\n")
        for row in rows:
            given = [_cell(cell) for cell in row]
            while given and not given[-1]:
                given.pop()
            if given:
                writer.writerow(given)
                widths.append(len(given))
    if len(widths) < 2:
        return None
    path, widest = Path(file.name), max(widths)
    if min(widths) == widest:
        return path
    padded = path.with_name(f"{path.name}-padded")
    with (
        path.open(encoding="utf-8", newline="") as short,
        padded.open("w", encoding="utf-8", newline="") as full,
    ):
        for line, width in zip(short, widths, strict=True):  # no cell holds a line end
            full.write(line.rstrip("\n") + "\t" * (widest - width) + "\n")
    path.unlink()
    return padded


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, (datetime, date)):
        return value.isoformat()[:10]
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return " ".join(str(value).split())


def refuse_dates(genes: Sequence[str], where: str) -> None:
    """Refuse symbols that the spreadsheet took for dates: two genes may hide behind one date, and
    both counts are then wrong.

    Raises
    ------
    InputError
        Lists each date and the genes it may have been.
    """
    if id_kinds.id_type(genes) not in ("symbol", "unknown"):
        return
    mangled = dates(genes)
    if not mangled:
        return
    listed = ", ".join(
        f"{name} ({' or '.join(names) or 'unknown'})"
        for name, names in sorted(mangled.items())[:40]
    )
    raise InputError(
        f"{len(mangled)} gene symbols that the spreadsheet turned into dates: {listed}",
        where,
        "it is not always clear which genes they were",
        "name another file in the cell `matrix`; or correct the names, save them as .csv and give"
        " that as source with a sample sheet",
    )
