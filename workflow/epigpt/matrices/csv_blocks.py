"""Parse a block of a delimited table; every line is accounted for."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.csv as pacsv

from epigpt.errors import InputError
from epigpt.matrices.csv_layout import MISSING, Layout

HEAD = 1 << 20


@dataclass(frozen=True)
class Wanted:
    """Columns to read, by position, and the table's layout."""

    layout: Layout
    texts: Sequence[int]
    values: Sequence[int]
    where: str


def parse(block: bytes, wanted: Wanted, aside: list[str]) -> pa.Table:
    """Read one block; lines of a single cell go to `aside`, and every other one becomes a row."""
    last: pa.ArrowInvalid | None = None
    whole_lines = False
    # A fraction beside thousands that were set apart would have been read by the wrong mark.
    types: tuple[Any, ...] = (pa.int32(), pa.float64())[: 1 if wanted.layout.grouping else 2]
    if not wanted.layout.grouping and (b"0x" in block or b"0X" in block):
        types = types[1:]  # as a whole number, 0x10 would be read as 16
    for number in types:
        alone: list[str] = []
        try:
            table = _arrow(block, wanted, number, alone, whole=whole_lines)
        except pa.ArrowInvalid as error:
            if "straddling" in str(error):  # a line longer than those before it
                whole_lines, alone = True, []
                try:
                    table = _arrow(block, wanted, number, alone, whole=True)
                except pa.ArrowInvalid as again:
                    last = again
                    continue
            else:
                last = error
                continue
        _account(block, table.num_rows + len(alone), wanted.where)
        aside.extend(alone)
        return table
    raise _unreadable(str(last), block, wanted)


def _arrow(
    block: bytes, wanted: Wanted, number: pa.DataType, alone: list[str], *, whole: bool
) -> pa.Table:
    """Parse a block with values of one type; `whole`: as one piece, however long its lines are."""
    layout = wanted.layout
    names = [f"c{index}" for index in wanted.texts]
    numbers = [f"c{index}" for index in wanted.values if index not in wanted.texts]
    fields: dict[str, Any] = dict.fromkeys(names, pa.string())

    def of_another_width(row: Any) -> str:
        """Set aside lines of one cell, such as a remark below the table."""
        if row.actual_columns > 1:
            return "error"
        alone.append(row.text.strip())
        return "skip"

    return pacsv.read_csv(
        pa.BufferReader(block),
        read_options=pacsv.ReadOptions(
            column_names=[f"c{index}" for index in range(len(layout.header))],
            block_size=len(block) + 1 if whole else _arrow_block(block),
        ),
        parse_options=pacsv.ParseOptions(
            delimiter=layout.delimiter,
            ignore_empty_lines=True,
            invalid_row_handler=of_another_width,
        ),
        convert_options=pacsv.ConvertOptions(
            column_types=fields | dict.fromkeys(numbers, number),
            include_columns=names + numbers,
            null_values=list(MISSING),
            strings_can_be_null=False,
            decimal_point=layout.decimal,
        ),
    )


def _arrow_block(block: bytes) -> int:
    longest = max(len(block[:HEAD].split(b"\n", 1)[0]), 1)
    return max(1 << 20, 4 * longest)


def _account(block: bytes, rows: int, where: str) -> None:
    """Refuse a block whose lines are not its rows: an unclosed quote hides the lines after it."""
    lines = block.count(b"\n") + (not block.endswith(b"\n"))
    if rows == lines or rows == lines - len(re.findall(rb"(?m)^\r?\n|^\r\Z", block)):
        return
    raise InputError(
        f"{lines:,} lines that make {rows:,} rows",
        where,
        "a quotation mark that is not closed, or a line end inside a cell, hides lines",
        "save the table without quotation marks and without line ends in its cells, or name another"
        " file in the cell `matrix`",
    )


def _unreadable(said: str, block: bytes, wanted: Wanted) -> InputError:
    first_line = said.splitlines()[0][:200]
    if "Expected" in first_line and "columns" in first_line:
        return InputError(
            f"a line with another number of cells ({first_line})",
            wanted.where,
            "it is unclear which of its cells belong to which sample",
            "repair the line, or name another file in the cell `matrix`",
        )
    return InputError(
        f"a cell that is not a number ({_place(first_line, block, wanted) or first_line})",
        wanted.where,
        "a matrix of counts holds numbers only",
        "name another file in the cell `matrix`, or repair the table and give it as source with a"
        " sample sheet",
    )


def _place(said: str, block: bytes, wanted: Wanted) -> str:
    """Describe the cell that pyarrow complains of; "" where it cannot be found."""
    about = re.search(r"column #(\d+).*invalid value '(.*)'", said)
    if about is None:
        return ""
    index, value = int(about[1]), about[2].strip()
    for line in block.decode("utf-8", "replace").splitlines():
        cells = [cell.strip().strip("\"'") for cell in line.split(wanted.layout.delimiter)]
        if len(cells) == len(wanted.layout.header) and cells[index] == value:
            row, name = cells[wanted.texts[0]], wanted.layout.header[index] or str(index + 1)
            return f"'{value}' in row '{row[:60]}', column '{name[:60]}'"
    return ""
