"""Read .xlsx workbooks: each sheet becomes a delimited table; gene symbols that became dates are
refused by name."""

import csv
import re
import tempfile
import zipfile
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

from epigpt.errors import InputError
from epigpt.genes import identifiers
from epigpt.genes.spreadsheet import dates
from epigpt.matrices.streams import Budget, Member

NAME = re.compile(r"\.xls[xm](\.gz)?$", re.IGNORECASE)
OLD_NAME = re.compile(r"\.xlsb?(\.gz)?$", re.IGNORECASE)


def sheets(member: Member, budget: Budget, scratch: Path) -> list[Member]:
    """Give the sheets of a workbook as tab-separated tables in `scratch`; empty ones are left out.

    Raises
    ------
    InputError
        It is no workbook, or unpacks to more than the budget.
    """
    import openpyxl  # heavy, and few series need it

    with tempfile.TemporaryFile(dir=scratch) as book:
        with member.open(budget) as stream:
            while data := stream.read(1 << 20):
                book.write(data)
        try:
            with zipfile.ZipFile(book) as archive:
                size = sum(entry.file_size for entry in archive.infolist())
            budget.spend(size, member.name)
            workbook = openpyxl.load_workbook(
                book, read_only=True, data_only=True, keep_links=False
            )
        except (zipfile.BadZipFile, KeyError, ValueError, OSError) as error:
            raise InputError(
                f"no readable workbook ({error})",
                member.name,
                "it is damaged or of another kind",
                "save it as .csv",
            ) from None
        found = []
        for sheet in workbook.worksheets:
            target = _table(sheet.iter_rows(values_only=True), scratch)
            if target is not None:
                found.append(
                    Member(f"{member.name}/{sheet.title}", target, 0, target.stat().st_size)
                )
        workbook.close()
    return found


def _table(rows: Any, scratch: Path) -> Path | None:
    count = 0
    with tempfile.NamedTemporaryFile(
        "w", dir=scratch, delete=False, newline="", encoding="utf-8"
    ) as file:
        writer = csv.writer(file, delimiter="\t", lineterminator="\n")
        for row in rows:
            if any(cell is not None for cell in row):
                writer.writerow([_cell(cell) for cell in row])
                count += 1
    return Path(file.name) if count > 1 else None


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
    if identifiers.id_type(genes) not in ("symbol", "unknown"):
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
        "which genes they were cannot be told in every case",
        "name another file in the cell `matrix`; or correct the names, save them as .csv and give"
        " that as source with a sample sheet",
    )
