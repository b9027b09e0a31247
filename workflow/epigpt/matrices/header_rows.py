"""Headers of more than one row: a row of groups above or below the names, and merged cells."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from epigpt.matrices.csv_layout import MISSING

_MOST_ROWS = 8
_MOST_COLUMNS = 200
_LOOKED_AT = 20
_ENOUGH = 0.9  # share of a column's cells that are numbers where the column holds numbers


@dataclass(frozen=True)
class HeaderRows:
    """The header of a table that has several rows above its numbers.

    Attributes
    ----------
    names
        One name per column.
    rows
        How many rows it takes.
    note
        What was made of them, in words.
    others
        The rows that are not the names, a cell per column.
    """

    names: tuple[str, ...]
    rows: int
    note: str
    others: tuple[tuple[str, ...], ...] = ()


def read_header_rows(
    cells: Sequence[Sequence[str]], width: int, is_number: Callable[[str], bool]
) -> HeaderRows | None:
    """Find the names of the columns where the numbers do not begin in the second row.

    Parameters
    ----------
    cells
        The table's first rows, from the header on.
    width
        Number of columns.
    is_number
        Whether a cell is a number; a missing value is none.

    Returns
    -------
    HeaderRows or None
        None where one row of names stands above the numbers, or none does.
    """
    rows = [_padded(row, width) for row in cells if len(row) in (width, width - 1)]
    # A table of thousands of columns is told by some of them.
    some = range(0, width, max(1, width // _MOST_COLUMNS))
    height = _height(rows, _numeric(rows, some, is_number), is_number)
    if height < 2:
        return None
    numeric = _numeric(rows, range(width), is_number)
    block = [[cell.strip().strip("\"'") for cell in row] for row in rows[:height]]
    for index, row in enumerate(block):
        named = [row[column] for column in numeric]
        if all(named) and len(set(named)) == len(named):
            others = [other for at, other in enumerate(block) if at != index]
            rest = ", ".join(_shown(other, numeric) for other in others)
            note = f"{height - 1} more rows above the numbers hold no counts ({rest})"
            return HeaderRows(tuple(row), height, note, tuple(map(tuple, others)))
    joined = _joined(block, numeric, width)
    return HeaderRows(
        joined, height, f"the names of the columns were joined from {height} header rows"
    )


def _numeric(
    rows: Sequence[Sequence[str]], columns: Sequence[int], is_number: Callable[[str], bool]
) -> list[int]:
    """Return the columns that hold numbers in the body of the table."""
    body = rows[_MOST_ROWS:][-_LOOKED_AT:] or rows[len(rows) // 2 :]
    return [
        column
        for column in columns
        if (given := _given([row[column] for row in body]))
        and sum(map(is_number, given)) >= _ENOUGH * len(given)
    ]


def _given(cells: Sequence[str]) -> list[str]:
    return [cell for cell in cells if cell.strip() and cell.strip() not in MISSING]


def _said(cell: str) -> bool:
    return bool(cell.strip())


def _padded(row: Sequence[str], width: int) -> list[str]:
    return ["", *row] if len(row) == width - 1 else list(row)


def _height(
    rows: Sequence[Sequence[str]], numeric: Sequence[int], is_number: Callable[[str], bool]
) -> int:
    """Count the rows above the first one of numbers; numbers below merged cells are names too."""
    height = 0
    if not numeric:
        return 0
    for row in rows[:_MOST_ROWS]:
        cells = [row[column] for column in numeric]
        given = _given(cells)
        # Where a row holds nothing but words for a missing value, it names no columns either.
        if sum(map(is_number, given)) > 0.5 * len(given) or (not given and any(map(_said, cells))):
            break
        height += 1
    if height == len(rows[:_MOST_ROWS]):
        return 0
    last = [rows[height - 1][column].strip() for column in numeric] if height else []
    below = rows[height]
    if (
        height
        and last.count("") >= 0.3 * len(last)
        and re.fullmatch(r"|gene.*|ensembl.*|id|symbol|name", below[0].strip(), re.IGNORECASE)
        and all(re.fullmatch(r"\d{1,3}", below[column].strip()) for column in numeric)
    ):
        height += 1
    return height


def _shown(row: Sequence[str], numeric: Sequence[int]) -> str:
    title = next((cell for at, cell in enumerate(row) if cell and at not in numeric), "")
    values = list(dict.fromkeys(row[column] for column in numeric if row[column]))
    return f"{title}: {'|'.join(values[:4])}" if title else "|".join(values[:4])


def _joined(block: Sequence[Sequence[str]], numeric: Sequence[int], width: int) -> tuple[str, ...]:
    """Fill merged cells from their left and join the rows' words for each column."""
    filled = []
    for row in block:
        words, last = [""] * width, ""
        for column in numeric:
            last = row[column] or last
            words[column] = last
        for column in set(range(width)) - set(numeric):
            words[column] = row[column]
        filled.append(words)
    return tuple(
        " ".join(dict.fromkeys(words[column] for words in filled if words[column]))
        for column in range(width)
    )
