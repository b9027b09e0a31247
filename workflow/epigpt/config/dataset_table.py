"""Rows of the data set table, each checked on its own: a message names row, column and remedy."""

import re
from pathlib import Path

from epigpt.config import table_rows
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
from epigpt.config.table_rows import Layout, Refuse

LAYOUT = Layout(
    columns=COLUMNS,
    required=("dataset", "source"),
    name="the table of data sets",
    row="data set",
    first="add a row; `epigpt describe ACCESSION` prints one to paste",
)


# Beside the folders of the data sets in results/.
_FOLDERS_OF_ALL = ("corpus", "logs", "weights")


def read(table: Path) -> list[Row]:
    """Read the table; relative `source` and `samples` paths count from its folder.

    Raises
    ------
    InputError
        A table without rows, an unknown or doubled column, or a bad cell: the message names row and
        column.
    """
    return table_rows.read(table, LAYOUT, _row)


def _row(table: Path, number: int, given: dict[str, str]) -> Row:
    filled = {name: given.get(name) or DEFAULTS.get(name, "") for name in COLUMNS}
    refuse = table_rows.refusing(table, number, filled)
    table_rows.check_id("dataset", filled, refuse)
    if filled["dataset"].lower() in _FOLDERS_OF_ALL:
        raise refuse(
            "dataset",
            f"results/{filled['dataset'].lower()} is a folder that all data sets share",
            "give it another id",
        )
    table_rows.check_choices(filled, refuse, organism=ORGANISMS, assay=ASSAYS)
    check_include(filled, refuse)
    if shared := set(split_values(filled["case"])) & set(split_values(filled["control"])):
        raise refuse(
            "case",
            f"'{sorted(shared)[0]}' stands in case and in control",
            "leave it in one of the two",
        )
    locate(table.parent, filled, refuse)
    return Row(**filled)


def check_include(filled: dict[str, str], refuse: Refuse) -> None:
    """Refuse a cell `include` that `parse_include` does not understand."""
    try:
        parse_include(filled["include"])
    except ValueError as error:
        raise refuse(
            "include",
            f"'{error}' is not a condition",
            "write name=value or name!=value, several separated by ;",
        ) from None


def is_series(filled: dict[str, str], refuse: Refuse) -> bool:
    """Return whether `source` is a series of GEO, and write it in capitals then; refuse what is
    another accession, and a sample sheet beside a series."""
    source = filled["source"]
    if ACCESSION.fullmatch(source):
        filled["source"] = source.upper()
        if filled["samples"]:
            raise refuse("samples", "a GEO series describes its samples itself", "empty the cell")
        return True
    if re.fullmatch(r"(GSM|GDS|GPL|SRP|SRR|PRJNA)[0-9]+", source, re.IGNORECASE):
        raise refuse(
            "source", "this is not a series", "give the GSE accession of the series, or a file"
        )
    return False


def locate(folder: Path, filled: dict[str, str], refuse: Refuse) -> None:
    """Make `source`, `samples` and `sample_map` absolute; refuse what is neither a series nor a
    file."""
    source = filled["source"]
    if filled["sample_map"]:
        table_rows.locate_file(
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
    if is_series(filled, refuse):
        return
    for column in ("source", "samples"):
        if filled[column]:
            table_rows.locate_file(
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
