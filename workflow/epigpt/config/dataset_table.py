"""Rows of the data set table, each checked on its own: a message names row, column and remedy."""

import csv
import re
from collections.abc import Callable, Sequence
from pathlib import Path

from epigpt.config.dataset_row import (
    ACCESSION,
    ASSAYS,
    COLUMNS,
    DEFAULTS,
    ORGANISMS,
    Row,
    parse_include,
    split_values,
)
from epigpt.errors import InputError, nearest_name

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")


def read(table: Path) -> list[Row]:
    """Read the table; relative `source` and `samples` paths count from its folder.

    Raises
    ------
    InputError
        A table without rows, an unknown or doubled column, or a bad cell: the message names row and
        column.
    """
    try:
        with table.open(encoding="utf-8-sig", newline="") as lines:
            numbered = [
                (number, cells)
                for number, cells in enumerate(csv.reader(lines, delimiter="\t"), 1)
                if _holds_something(cells)
            ]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(
            str(error),
            str(table),
            "the table of data sets is not readable text",
            "save it as tab-separated UTF-8 text",
        ) from None
    if not numbered:
        raise InputError(
            "an empty table",
            str(table),
            "there is nothing to do",
            f"add a header ({', '.join(COLUMNS)}) and a row per data set",
        )
    header = _header(table, numbered[0][1])
    rows = [_row(table, number, header, cells) for number, cells in numbered[1:]]
    if not rows:
        raise InputError(
            "a header without rows",
            str(table),
            "there is nothing to do",
            "add a row; `epigpt describe ACCESSION` prints one to paste",
        )
    _check_names(table, rows, [number for number, _ in numbered[1:]])
    return rows


def _holds_something(cells: Sequence[str]) -> bool:
    return any(cell.strip() for cell in cells) and not cells[0].startswith("#")


def _header(table: Path, cells: Sequence[str]) -> list[str]:
    header = [cell.strip() for cell in cells]
    for name in header:
        if name not in COLUMNS:
            near = nearest_name(name, COLUMNS)
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
                f"the columns are: {', '.join(COLUMNS)}{hint}",
            )
        if header.count(name) > 1:
            raise InputError(
                f"column '{name}' twice",
                f"{table}, header",
                "it is unclear which one counts",
                "remove one of the two",
            )
    for name in ("dataset", "source"):
        if name not in header:
            raise InputError(
                f"no column '{name}'",
                f"{table}, header",
                "every data set needs it",
                f"add the column '{name}'",
            )
    return header


def _row(table: Path, number: int, header: Sequence[str], cells: Sequence[str]) -> Row:
    if any(cell.strip() for cell in cells[len(header) :]):
        raise InputError(
            f"{len(cells)} cells",
            f"{table}, row {number}",
            f"the header has {len(header)} columns",
            "remove the extra cells or name their columns",
        )
    given = {name: cell.strip() for name, cell in zip(header, cells, strict=False)}
    filled = {name: given.get(name) or DEFAULTS.get(name, "") for name in COLUMNS}

    def refuse(column: str, why: str, remedy: str) -> InputError:
        return InputError(
            f"{column} = '{filled[column]}'",
            f"{table}, row {number}, column '{column}'",
            why,
            remedy,
        )

    if not _NAME.fullmatch(filled["dataset"]):
        raise refuse(
            "dataset",
            "the id becomes a folder name",
            "use letters, digits, _ and -, a letter first",
        )
    for column, choices in (("organism", ORGANISMS), ("assay", ASSAYS)):
        if filled[column] not in choices:
            near = nearest_name(filled[column], choices)
            raise refuse(
                column,
                "not a known value",
                f"one of {', '.join(choices)}" + (f"; did you mean '{near}'?" if near else ""),
            )
    try:
        parse_include(filled["include"])
    except ValueError as error:
        raise refuse(
            "include",
            f"'{error}' is not a condition",
            "write name=value or name!=value, several separated by ;",
        ) from None
    if shared := set(split_values(filled["case"])) & set(split_values(filled["control"])):
        raise refuse(
            "case",
            f"'{sorted(shared)[0]}' stands in case and in control",
            "leave it in one of the two",
        )
    _locate(table.parent, filled, refuse)
    return Row(**filled)


def _locate(
    folder: Path, filled: dict[str, str], refuse: Callable[[str, str, str], InputError]
) -> None:
    source = filled["source"]
    if filled["sample_map"]:
        _locate_file(
            folder,
            filled,
            "sample_map",
            refuse,
            "give the path of a table with the columns `column` and `sample`",
        )
        if source.endswith(".h5ad"):
            raise refuse(
                "sample_map", "an .h5ad file says itself which sample is which", "empty the cell"
            )
    if ACCESSION.fullmatch(source):
        filled["source"] = source.upper()
        if filled["samples"]:
            raise refuse("samples", "a GEO series describes its samples itself", "empty the cell")
        return
    if re.fullmatch(r"(GSM|GDS|GPL|SRP|SRR|PRJNA)[0-9]+", source, re.IGNORECASE):
        raise refuse(
            "source", "this is not a series", "give the GSE accession of the series, or a file"
        )
    for column in ("source", "samples"):
        if filled[column]:
            _locate_file(
                folder,
                filled,
                column,
                refuse,
                "give a GEO series (GSE and 1 to 7 digits) or the path of a file",
            )
    if source == "":
        raise refuse(
            "source",
            "it is empty",
            "give a GEO series (GSE and 1 to 7 digits), an .h5ad file or a counts table",
        )
    if source.endswith(".h5ad") and filled["samples"]:
        raise refuse("samples", "an .h5ad file describes its samples itself", "empty the cell")
    if not source.endswith(".h5ad") and not filled["samples"]:
        raise refuse(
            "samples",
            "a counts table needs a sample sheet",
            "give the path of a table whose first column is the sample id",
        )


_NO_PATH = ("{", "}", "\n", "\r")


def _locate_file(
    folder: Path,
    filled: dict[str, str],
    column: str,
    refuse: Callable[[str, str, str], InputError],
    remedy: str,
) -> None:
    try:
        filled[column] = str((folder / Path(filled[column]).expanduser()).resolve())
        there = Path(filled[column]).is_file()
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


def _check_names(table: Path, rows: Sequence[Row], numbers: Sequence[int]) -> None:
    seen: dict[str, int] = {}
    for row, number in zip(rows, numbers, strict=True):
        # Folders of two names that differ by case alone are one folder on some file systems.
        first = seen.setdefault(row.dataset.lower(), number)
        if first != number:
            raise InputError(
                f"dataset = '{row.dataset}'",
                f"{table}, row {number}, column 'dataset'",
                f"row {first} has the same id",
                "give each data set its own id",
            )
