"""Read delimited tables, block by block, into one sparse matrix of observations × genes."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO, cast

import numpy as np
import pyarrow as pa
from scipy import sparse

from epigpt.errors import InputError
from epigpt.matrices import digit_grouping
from epigpt.matrices.csv_blocks import HEAD, Wanted, parse
from epigpt.matrices.csv_dialect import read_layout
from epigpt.matrices.csv_layout import Layout, NoTable
from epigpt.matrices.streams import Budget, Member, line_blocks
from epigpt.matrices.text_streams import Joined, as_utf8

_LONGEST_HEAD = 1 << 27
_BLOCK = 1 << 28
# Remarks below a table that are taken for such, however short it is.
_FEW_LINES = 5


@dataclass(frozen=True)
class Read:
    """Numbers of a table as read, before it is known what its rows and columns are.

    Attributes
    ----------
    names
        Row names, object array.
    matrix
        int32 or float64, missing values as NaN.
    symbols
        Texts beside the names, or None.
    notes
        Lines that were set aside, in words.
    """

    names: np.ndarray
    matrix: sparse.csr_array
    symbols: np.ndarray | None
    notes: list[str]


@contextmanager
def _opened(member: Member, budget: Budget) -> Iterator[tuple[bytes, BinaryIO, Layout]]:
    """Open a table and read as much of it as its layout needs; yields those bytes, the stream of
    the rest, and the layout."""
    with as_utf8(member.open(budget)) as text:
        head = text.read(HEAD)
        more = head
        while head.count(b"\n") < 12 and len(head) < _LONGEST_HEAD and more:
            more = text.read(max(HEAD, len(head)))
            head += more
        layout = read_layout(head, complete=len(head) < HEAD or not more)
        if layout.decimal == ",":
            digit_grouping.refuse_unclear(layout.rows, member.name)
        yield head, text, layout


def layout_of(member: Member, budget: Budget) -> Layout:
    """Read the layout of a delimited table; NoTable when it is none."""
    with _opened(member, budget) as (_, _, layout):
        return layout


def read_columns(
    member: Member,
    budget: Budget,
    names_column: int,
    value_columns: Sequence[int],
    symbol_column: int | None = None,
) -> Read:
    """Read some columns of a table; the matrix is value columns × rows.

    Parameters
    ----------
    member
        The table.
    budget
        Counts the bytes unpacked.
    names_column, value_columns, symbol_column
        Positions of the row names, of the numbers and of the symbols.

    Raises
    ------
    InputError
        A cell of a value column is not a number, or rows and lines do not add up.
    """
    texts = [names_column] if symbol_column is None else [names_column, symbol_column]
    tables, notes = _tables(member, budget, texts, value_columns)
    parts, names, symbols = [], [], []
    for table in tables:
        names.append(_texts(table.column(f"c{names_column}")))
        if symbol_column is not None:
            symbols.append(_texts(table.column(f"c{symbol_column}")))
        parts.append(_sparse(table, value_columns))
    if not parts:
        raise NoTable("it has no rows")
    matrix = parts[0] if len(parts) == 1 else sparse.csr_array(sparse.hstack(parts, format="csr"))
    return Read(np.concatenate(names), matrix, np.concatenate(symbols) if symbols else None, notes)


def read_rows(
    member: Member, budget: Budget, names_column: int, value_columns: Sequence[int]
) -> Read:
    """Read a table whose rows are observations; the matrix is rows × value columns."""
    tables, notes = _tables(member, budget, [names_column], value_columns)
    parts, names = [], []
    for table in tables:
        names.append(_texts(table.column(f"c{names_column}")))
        parts.append(sparse.csr_array(_sparse(table, value_columns).T))
    if not parts:
        raise NoTable("it has no rows")
    matrix = parts[0] if len(parts) == 1 else sparse.csr_array(sparse.vstack(parts, format="csr"))
    return Read(np.concatenate(names), matrix, None, notes)


def read_texts(member: Member, budget: Budget, columns: Sequence[int]) -> list[np.ndarray]:
    """Read columns of text: an object array each, a cell for each row of `read_rows`."""
    tables, _ = _tables(member, budget, columns, [])
    parts = [[_texts(table.column(f"c{index}")) for index in columns] for table in tables]
    return [np.concatenate(column) for column in zip(*parts, strict=True)]


def _tables(
    member: Member, budget: Budget, texts: Sequence[int], values: Sequence[int]
) -> tuple[Iterator[pa.Table], list[str]]:
    """Return a table per block of lines, and the notes, which are complete once those are read."""
    notes: list[str] = []

    def read() -> Iterator[pa.Table]:
        aside: list[str] = []
        rows = 0
        with _opened(member, budget) as (head, stream, layout):
            for block in _blocks(head, stream, layout):
                table = parse(block, Wanted(layout, texts, values, member.name), aside)
                rows += table.num_rows
                yield table
        notes.extend(f"{note}." for note in layout.notes if note.endswith("left out"))
        notes.extend(_set_aside(aside, rows, member.name))

    return read(), notes


def _blocks(head: bytes, stream: BinaryIO, layout: Layout) -> Iterator[bytes]:
    """Yield whole lines of data in UTF-8, the lines before the first data row left out."""
    joined = Joined(head, stream)
    for _ in range(layout.skipped):
        joined.readline()
    for block in line_blocks(cast(BinaryIO, joined), _BLOCK):
        text = block if layout.encoding == "utf-8" else block.decode(layout.encoding).encode()
        if layout.grouping:
            text = digit_grouping.without_marks(text, layout.grouping, layout.delimiter)
        yield re.sub(rb"(?m)^ +| +(?=[ \r\n])", b"", text) if layout.delimiter == " " else text


def _set_aside(alone: Sequence[str], rows: int, where: str) -> list[str]:
    """Return which lines of one cell were left out; refuse where they are names without numbers."""
    texts = [text for text in alone if text]
    names = [text for text in texts if not text.startswith(("#", "!", "//"))]
    examples = ", ".join(f"'{text[:60]}'" for text in texts[:10]) + (
        " …" if len(texts) > 10 else ""
    )
    if len(names) > max(_FEW_LINES, rows // 100):
        raise InputError(
            f"{len(names):,} of {rows + len(names):,} lines with a name and no numbers: {examples}",
            where,
            "the table was cut, and the values of these rows are missing",
            "fetch or write the file again, or name another one in the cell `matrix`",
        )
    if not texts:
        return []
    return [f"{len(texts)} lines without numbers were left out: {examples}."]


def _texts(column: pa.ChunkedArray) -> np.ndarray:
    return np.asarray(column.to_numpy(zero_copy_only=False), dtype=object)


def _sparse(table: pa.Table, values: Sequence[int]) -> sparse.csr_array:
    """Turn value columns into a sparse matrix, columns × rows, one column at a time."""
    wide = any(
        table.schema.field(f"c{index}").type == pa.float64() or table.column(f"c{index}").null_count
        for index in values
    )
    kind = np.float64 if wide else np.int32
    data, indices, ends = [], [], [0]
    for index in values:
        column = np.asarray(table.column(f"c{index}").to_numpy(), dtype=kind)
        at = np.flatnonzero(column)
        data.append(column[at])
        indices.append(at.astype(np.int32))
        ends.append(ends[-1] + len(at))
    pointer = np.array(ends, dtype=np.int64 if ends[-1] > np.iinfo(np.int32).max else np.int32)
    shape = (len(values), table.num_rows)
    return sparse.csr_array((np.concatenate(data), np.concatenate(indices), pointer), shape=shape)
