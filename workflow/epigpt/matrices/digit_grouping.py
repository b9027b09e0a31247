"""Whole numbers whose thousands are set apart by a comma or a point: 1,284 is not 1.284."""

import re
from collections.abc import Sequence

from epigpt.errors import InputError

_SHORT = re.compile(r"[-+]?\d{1,3}")
_GROUPED = {
    ",": re.compile(r"[-+]?[1-9]\d{0,2}(,\d{3})+"),
    ".": re.compile(r"[-+]?[1-9]\d{0,2}(\.\d{3})+"),
}
_MARKED = {mark: re.compile(rf"[-+]?\d*\{mark}\d*([eE][-+]?\d+)?") for mark in _GROUPED}
# Fewest numbers with a mark that tell it from a decimal mark before three digits.
_FEWEST = 10
_MOST_CELLS = 40_000


def mark_of(rows: Sequence[Sequence[str]], missing: Sequence[str]) -> str:
    """Return the mark between groups of three digits; "" where there is none.

    It is one if every number with it has groups of three digits behind one to three that do not
    begin with 0, in columns whose other numbers have three digits at most: a decimal mark would
    also stand in 0.5, in 1284.5 and before one or two digits.

    Parameters
    ----------
    rows
        Cells of the first rows of data.
    missing
        What stands for a missing number.
    """
    looked_at = rows[: max(20, _MOST_CELLS // max(len(rows[0]), 1))] if rows else ()
    return next((mark for mark in _GROUPED if _is_mark(mark, looked_at, missing)), "")


def _is_mark(mark: str, rows: Sequence[Sequence[str]], missing: Sequence[str]) -> bool:
    columns: set[int] = set()
    seen = 0
    for row in rows:
        for column, cell in enumerate(row):
            if mark not in cell:
                continue
            text = cell.strip().strip("\"'")
            if _GROUPED[mark].fullmatch(text):
                columns.add(column)
                seen += 1
            elif text not in missing and _MARKED[mark].fullmatch(text):
                return False
    plain = (row[column].strip().strip("\"'") for row in rows for column in columns)
    return seen >= _FEWEST and all(
        mark in text or text in missing or _SHORT.fullmatch(text) for text in plain
    )


def refuse_unclear(rows: Sequence[Sequence[str]], where: str) -> None:
    """Refuse a table of whole numbers that is read with a decimal comma for the sake of a few cells
    such as 12,345.

    Parameters
    ----------
    rows
        Cells of the first rows of data.
    where
        The table.

    Raises
    ------
    InputError
        Every number with a comma has groups of three digits behind it, and most numbers have none.
    """
    cells = [cell.strip().strip("\"'") for row in rows for cell in row[1:_MOST_CELLS]]
    marked = [cell for cell in cells if "," in cell and _MARKED[","].fullmatch(cell)]
    whole = sum(cell.isdigit() for cell in cells)
    if marked and len(marked) < whole and all(_GROUPED[","].fullmatch(cell) for cell in marked):
        raise InputError(
            f"'{marked[0]}' among whole numbers",
            where,
            "its comma may set thousands apart or stand before decimals",
            f"write it as {marked[0].replace(',', '')} or as {marked[0].replace(',', '.')}, and the"
            " others like it, and give the table as source with a sample sheet",
        )


def without_mark(cell: str, mark: str) -> str:
    """Leave the mark out of a cell that is a whole number with groups of three digits."""
    return cell.replace(mark, "") if _GROUPED[mark].fullmatch(cell.strip().strip("\"'")) else cell


def without_marks(block: bytes, mark: str, delimiter: str) -> bytes:
    """Leave the mark out of every such number of whole lines; where it delimits cells as well, only
    between quotation marks."""
    number = rb"[-+]?[1-9]\d{0,2}(?:%b\d{3})+" % re.escape(mark.encode())
    cell = rb'"%b"' % number
    if mark != delimiter:
        edge = re.escape(delimiter.encode())
        cell += rb"|(?<=%b)%b(?=%b|\r?$)" % (edge, number, edge)
    return re.sub(rb"(?m)" + cell, lambda found: found.group().replace(mark.encode(), b""), block)
