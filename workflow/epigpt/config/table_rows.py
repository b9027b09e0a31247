"""Tables whose rows a user writes, tab-separated: header, cells and paths, each checked on its own,
so that a message names row, column and remedy."""

import csv
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from epigpt.errors import InputError, nearest_name

# Column, why its cell cannot be used, what to do.
Refuse = Callable[[str, str, str], InputError]
Row = TypeVar("Row")
# Ids, which become names of folders.
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,99}")


@dataclass(frozen=True)
class Layout:
    """What a table looks like.

    Attributes
    ----------
    columns, required
        Names of all columns, and of those that it may not leave out, that of the id first.
    name, row
        What the table and what a row is, for messages.
    first
        How to come to a first row.
    """

    columns: tuple[str, ...]
    required: tuple[str, ...]
    name: str
    row: str
    first: str


def read(
    table: Path, layout: Layout, make_row: Callable[[Path, int, dict[str, str]], Row]
) -> list[Row]:
    """Read the rows of a table.

    Empty lines and lines that begin with # are not rows.

    Parameters
    ----------
    make_row
        Makes a row of the table's path, the number of the line, and the cells by column as they
        are written; an attribute of it has the id.

    Raises
    ------
    InputError
        No text, no rows, an unknown, doubled or missing column, more cells than columns, an id
        that two rows have; and what `make_row` refuses.
    """
    lines = _lines(table, layout)
    rows = [make_row(table, number, given) for number, given in lines]
    column = layout.required[0]
    ids = [str(getattr(row, column)) for row in rows]
    _check_ids(table, column, list(zip(ids, (number for number, _ in lines), strict=True)), layout)
    return rows


def _lines(table: Path, layout: Layout) -> list[tuple[int, dict[str, str]]]:
    try:
        with table.open(encoding="utf-8-sig", newline="") as lines:
            numbered = [
                (number, cells)
                for number, cells in enumerate(csv.reader(lines, delimiter="\t", strict=True), 1)
                if _holds_something(cells)
            ]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        if "unexpected end" in str(error) or "expected after" in str(error):
            raise _unclosed(str(table)) from None
        raise InputError(
            str(error),
            str(table),
            f"{layout.name} is not readable text",
            "save it as tab-separated UTF-8 text",
        ) from None
    if not numbered:
        raise InputError(
            "an empty table",
            str(table),
            "there is nothing to do",
            f"add a header ({', '.join(layout.columns)}) and a row per {layout.row}",
        )
    header = _header(table, numbered[0][1], layout)
    rows = [(number, _cells(table, number, header, cells)) for number, cells in numbered[1:]]
    if not rows:
        raise InputError(
            "a header without rows", str(table), "there is nothing to do", layout.first
        )
    return rows


def _holds_something(cells: Sequence[str]) -> bool:
    return any(cell.strip() for cell in cells) and not cells[0].startswith("#")


def _header(table: Path, cells: Sequence[str], layout: Layout) -> list[str]:
    header = [cell.strip() for cell in cells]
    for name in header:
        if name not in layout.columns:
            near = nearest_name(name, layout.columns)
            # A header of several words in one cell is a table separated by spaces or commas.
            why = (
                "cells are separated by tabs"
                if len(header) == 1 and re.search(r"[ ,;]", name)
                else "no column has this name"
            )
            hint = f"; did you mean '{near}'?" if near else ""
            raise InputError(
                f"column '{name}'",
                f"{table}, header",
                why,
                f"the columns are: {', '.join(layout.columns)}{hint}",
            )
        if header.count(name) > 1:
            raise InputError(
                f"column '{name}' twice",
                f"{table}, header",
                "it is unclear which one counts",
                "remove one of the two",
            )
    for name in layout.required:
        if name not in header:
            raise InputError(
                f"no column '{name}'",
                f"{table}, header",
                f"every {layout.row} needs it",
                f"add the column '{name}'",
            )
    return header


def _cells(table: Path, number: int, header: Sequence[str], cells: Sequence[str]) -> dict[str, str]:
    if any(cell.strip() for cell in cells[len(header) :]):
        raise InputError(
            f"{len(cells)} cells",
            f"{table}, row {number}",
            f"the header has {len(header)} columns",
            "remove the extra cells or name their columns",
        )
    for name, cell in zip(header, cells, strict=False):
        if re.search(r"[\t\r\n\0]", cell):
            raise _unclosed(f"{table}, row {number}, column '{name}'")
    return {name: cell.strip() for name, cell in zip(header, cells, strict=False)}


def _unclosed(where: str) -> InputError:
    return InputError(
        "a quotation mark that hides cells or lines behind it",
        where,
        "what lies between it and the next one is taken for one cell",
        "remove it, or close it at the end of its cell; no cell may hold tabs, line ends or zero"
        " bytes",
    )


def refusing(table: Path, number: int, filled: dict[str, str]) -> Refuse:
    """Return what makes the message about a cell of row `number`."""

    def refuse(column: str, why: str, remedy: str) -> InputError:
        return InputError(
            f"{column} = '{filled[column]}'",
            f"{table}, row {number}, column '{column}'",
            why,
            remedy,
        )

    return refuse


def check_id(column: str, filled: dict[str, str], refuse: Refuse) -> None:
    """Refuse an id that could not be the name of a folder."""
    if not NAME.fullmatch(filled[column]):
        raise refuse(
            column,
            "the id becomes a folder name",
            "use letters, digits, _ and -, a letter first, 100 at most",
        )


def check_choices(filled: dict[str, str], refuse: Refuse, **choices: tuple[str, ...]) -> None:
    """Refuse a cell of a column that holds none of its `choices`."""
    for column, known in choices.items():
        if filled[column] not in known:
            near = nearest_name(filled[column], known)
            raise refuse(
                column,
                "not a known value",
                f"one of {', '.join(known)}" + (f"; did you mean '{near}'?" if near else ""),
            )


_NO_PATH = ("{", "}", "\n", "\r")


def locate_file(
    folder: Path,
    filled: dict[str, str],
    column: str,
    refuse: Refuse,
    remedy: str,
    *,
    folders: bool = False,
) -> None:
    """Make the path in a cell absolute, counted from `folder`; refuse one without a file (or, with
    `folders`, a folder)."""
    try:
        filled[column] = str((folder / Path(filled[column]).expanduser()).resolve())
        path = Path(filled[column])
        there = path.is_file() or (folders and path.is_dir())
    except (OSError, ValueError, RuntimeError) as error:  # a zero byte, too long, no such user
        raise refuse(column, f"it is not a path of this machine ({error})", remedy) from error
    if not there:
        raise refuse(column, "there is no such file", remedy)
    if any(sign in filled[column] for sign in _NO_PATH):
        raise refuse(
            column,
            f"its full path is {filled[column]!r}, and Snakemake takes braces and line ends in a"
            " path for signs of its own",
            "move the file to a folder whose path has none, or rename it",
        )


def _check_ids(table: Path, column: str, names: Sequence[tuple[str, int]], layout: Layout) -> None:
    """Refuse an id that two rows have; `names` come with the number of their row."""
    seen: dict[str, int] = {}
    for name, number in names:
        # Folders of two names that differ by case alone are one folder on some file systems.
        first = seen.setdefault(name.lower(), number)
        if first != number:
            raise InputError(
                f"{column} = '{name}'",
                f"{table}, row {number}, column '{column}'",
                f"row {first} has the same id",
                f"give each {layout.row} its own id",
            )
