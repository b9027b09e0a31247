"""Rows of the data set table, each checked on its own: a message names row, column and remedy."""

import csv
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from io import StringIO
from pathlib import Path

from epigpt.errors import InputError, nearest_name

ORGANISMS = ("auto", "human", "mouse", "rat", "zebrafish")
ASSAYS = ("auto", "bulk", "single_cell")
ACCESSION = re.compile(r"GSE[0-9]{1,7}", re.IGNORECASE)
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
_FILTER = re.compile(r"(?P<name>[^=!]+?)\s*(?P<sign>!?=)\s*(?P<values>.*)")


@dataclass(frozen=True)
class Filter:
    """One condition of `include`: keep a sample if its characteristic is (not) among the values."""

    name: str
    keep: bool
    values: tuple[str, ...]


@dataclass(frozen=True)
class Row:
    """One data set; the columns of the table as text, paths absolute, defaults filled in.

    `label`, `group` and the names in `include` mean a characteristic, else another text of the
    record (title, source_name, description, organism, platform, series …) or `column`, the name of
    the sample's column in the matrix. `NAME~REGEX` takes a part of such a text: the first group of
    the regular expression. `epigpt.samples.label_sources` resolves them.
    """

    dataset: str
    source: str
    samples: str = ""
    sample_map: str = ""
    organism: str = "auto"
    assay: str = "auto"
    matrix: str = "auto"
    label: str = "auto"
    case: str = ""
    control: str = ""
    group: str = "auto"
    contrasts: str = ""
    include: str = ""
    covariates: str = ""

    @property
    def is_accession(self) -> bool:
        """Whether the source is a GEO series."""
        return ACCESSION.fullmatch(self.source) is not None

    @property
    def case_values(self) -> tuple[str, ...]:
        """Values of the label that make the positive class."""
        return split_values(self.case)

    @property
    def control_values(self) -> tuple[str, ...]:
        """Values of the label that make the negative class."""
        return split_values(self.control)

    @property
    def filters(self) -> tuple[Filter, ...]:
        """The conditions of `include`."""
        return parse_include(self.include)

    @property
    def covariate_names(self) -> tuple[str, ...]:
        """Characteristics for the differential expression model; `,` or `;` between them."""
        return tuple(name.strip() for name in re.split(r"[,;]", self.covariates) if name.strip())

    @property
    def inputs(self) -> list[str]:
        """Local files that the data set is made of; none for a GEO series."""
        return [] if self.is_accession else [path for path in (self.source, self.samples) if path]

    @property
    def map_files(self) -> list[str]:
        """The table of columns and samples, where there is one."""
        return [self.sample_map] if self.sample_map else []


COLUMNS = tuple(field.name for field in fields(Row))
_DEFAULTS = {field.name: field.default for field in fields(Row) if isinstance(field.default, str)}


def split_values(cell: str) -> tuple[str, ...]:
    """Split a cell with several values joined by `|`."""
    return tuple(part.strip() for part in cell.split("|") if part.strip())


def parse_include(cell: str) -> tuple[Filter, ...]:
    """Read `tissue=Hippocampus;sex=F;sample!=S4|S5`; ValueError names the part that is no
    condition."""
    filters = []
    for part in filter(None, (piece.strip() for piece in cell.split(";"))):
        match = _FILTER.fullmatch(part)
        if match is None or not split_values(match["values"]):
            raise ValueError(part)
        filters.append(
            Filter(match["name"].strip(), match["sign"] == "=", split_values(match["values"]))
        )
    return tuple(filters)


def row_to_paste(row: Row) -> str:
    """Write a row as a line of the table, all columns, tab-separated."""
    line = StringIO()
    # Values of a record may hold quotes, which the reader of the table takes for its own.
    csv.writer(line, delimiter="\t", lineterminator="").writerow(
        [getattr(row, name) for name in COLUMNS]
    )
    return line.getvalue()


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
    filled = {name: given.get(name) or _DEFAULTS.get(name, "") for name in COLUMNS}

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
            f"'{error}' is no condition",
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
        raise refuse(column, f"it is no path of this machine ({error})", remedy) from error
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
