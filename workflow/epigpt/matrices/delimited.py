"""Read delimited tables, block by block, into one sparse matrix of observations × genes."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO, cast

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
from scipy import sparse

from epigpt.errors import InputError
from epigpt.matrices.csv_dialect import MISSING, Layout, read_layout
from epigpt.matrices.streams import Budget, Member, line_blocks
from epigpt.matrices.text_streams import Joined, as_utf8

_HEAD = 1 << 20
_LONGEST_HEAD = 1 << 27
_BLOCK = 1 << 28


@dataclass
class Values:
    """Numbers with the names of their rows and columns.

    Attributes
    ----------
    matrix
        Observations × genes; int32 where every value is an integer, float64 otherwise.
    observations
        Names of the rows, as found.
    genes
        Names of the columns, as found.
    symbols
        The gene symbols that stand beside the names, if any.
    notes
        What was left out or decided, one sentence each.
    """

    matrix: sparse.csr_array
    observations: list[str]
    genes: list[str]
    symbols: list[str] | None = None
    notes: list[str] = field(default_factory=list)


def head_of(stream: BinaryIO) -> tuple[bytes, Layout]:
    """Read as much of a stream as its layout needs; give the bytes and the layout.

    Raises
    ------
    NoTable
        It is no delimited table.
    """
    head = stream.read(_HEAD)
    while (
        head.count(b"\n") < 12
        and len(head) < _LONGEST_HEAD
        and (more := stream.read(max(_HEAD, len(head))))
    ):
        head += more
    return head, read_layout(head, complete=len(head) < _HEAD)


def layout_of(member: Member, budget: Budget) -> Layout:
    """Read the layout of a delimited table; NoTable when it is none."""
    with as_utf8(member.open(budget)) as stream:
        return head_of(stream)[1]


def read_columns(
    member: Member,
    budget: Budget,
    names_column: int,
    value_columns: Sequence[int],
    symbol_column: int | None = None,
) -> tuple[np.ndarray, sparse.csr_array, np.ndarray | None]:
    """Read some columns of a table.

    Parameters
    ----------
    member
        The table.
    budget
        Counts the bytes unpacked.
    names_column, value_columns, symbol_column
        Positions of the row names, of the numbers and of the symbols.

    Returns
    -------
    names
        Row names, object array.
    matrix
        Value columns × rows (int32 or float64), missing values as NaN.
    symbols
        Texts, or None.

    Raises
    ------
    InputError
        A cell of a value column is no number.
    """
    with as_utf8(member.open(budget)) as stream:
        head, layout = head_of(stream)
        texts = [names_column] if symbol_column is None else [names_column, symbol_column]
        parts, names, symbols = [], [], []
        for block in _blocks(head, stream, layout):
            table = _parse(block, layout, texts, value_columns, member.name)
            names.append(_texts(table.column(f"c{names_column}")))
            if symbol_column is not None:
                symbols.append(_texts(table.column(f"c{symbol_column}")))
            parts.append(_sparse(table, value_columns))
    matrix = parts[0] if len(parts) == 1 else sparse.csr_array(sparse.hstack(parts, format="csr"))
    return np.concatenate(names), matrix, np.concatenate(symbols) if symbols else None


def read_rows(
    member: Member, budget: Budget, names_column: int, value_columns: Sequence[int]
) -> tuple[np.ndarray, sparse.csr_array]:
    """Read a table whose rows are observations; give their names and the matrix rows × value
    columns."""
    with as_utf8(member.open(budget)) as stream:
        head, layout = head_of(stream)
        parts, names = [], []
        for block in _blocks(head, stream, layout):
            table = _parse(block, layout, [names_column], value_columns, member.name)
            names.append(_texts(table.column(f"c{names_column}")))
            parts.append(sparse.csr_array(_sparse(table, value_columns).T))
    return np.concatenate(names), (
        parts[0] if len(parts) == 1 else sparse.csr_array(sparse.vstack(parts, format="csr"))
    )


def _blocks(head: bytes, stream: BinaryIO, layout: Layout) -> Iterator[bytes]:
    """Yield whole lines of data in UTF-8, the lines before the first data row left out."""
    joined = Joined(head, stream)
    for _ in range(layout.skipped):
        joined.readline()
    for block in line_blocks(cast(BinaryIO, joined), _BLOCK):
        text = (
            block
            if layout.encoding == "utf-8"
            else block.decode(layout.encoding, errors="replace").encode()
        )
        yield re.sub(rb"(?m)^ +| +(?=[ \r\n])", b"", text) if layout.delimiter == " " else text


def _parse(
    block: bytes, layout: Layout, texts: Sequence[int], values: Sequence[int], where: str
) -> pa.Table:
    columns = [f"c{index}" for index in range(len(layout.header))]
    names = [f"c{index}" for index in texts]
    numbers = [f"c{index}" for index in values if index not in texts]
    fields: dict[str, Any] = dict.fromkeys(names, pa.string())
    last: pa.ArrowInvalid | None = None
    for number in (pa.int32(), pa.float64()):
        try:
            return pacsv.read_csv(
                pa.BufferReader(block),
                read_options=pacsv.ReadOptions(
                    column_names=columns, block_size=_arrow_block(block)
                ),
                parse_options=pacsv.ParseOptions(
                    delimiter=layout.delimiter, ignore_empty_lines=True, invalid_row_handler=_ragged
                ),
                convert_options=pacsv.ConvertOptions(
                    column_types=fields | dict.fromkeys(numbers, number),
                    include_columns=names + numbers,
                    null_values=list(MISSING),
                    strings_can_be_null=False,
                    decimal_point=layout.decimal,
                ),
            )
        except pa.ArrowInvalid as error:
            last = error
    raise InputError(
        f"a cell that is no number ({str(last).splitlines()[0][:200]})",
        where,
        "a matrix of counts holds numbers only",
        "name another file in the cell `matrix`, or repair the table and give it as source with a"
        " sample sheet",
    )


def _arrow_block(block: bytes) -> int:
    longest = max(len(block[:_HEAD].split(b"\n", 1)[0]), 1)
    return max(1 << 20, 4 * longest)


def _ragged(row: Any) -> str:
    """Skip lines of another width, such as a remark below the table; the number of rows is checked
    by what reads them."""
    return "skip" if row.actual_columns <= 1 else "error"


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


def narrowed(matrix: sparse.csr_array) -> sparse.csr_array:
    """Give the matrix as int32 where every value is an integer that fits, else unchanged."""
    data = matrix.data
    if data.dtype == np.int32 or data.size == 0:
        return matrix.astype(np.int32) if data.dtype != np.int32 else matrix
    if np.abs(data).max() <= np.iinfo(np.int32).max and np.all(data == np.floor(data)):
        return sparse.csr_array(
            (data.astype(np.int32), matrix.indices, matrix.indptr), shape=matrix.shape
        )
    return matrix


def without_missing(values: Values, where: str) -> Values:
    """Leave out genes that lack a value in some observation; InputError when those are more than
    half of them."""
    absent = np.isnan(values.matrix.data) if values.matrix.dtype.kind == "f" else np.zeros(0, bool)
    if not absent.any():
        return values
    genes = np.unique(values.matrix.indices[absent])
    if len(genes) > 0.5 * len(values.genes):
        raise InputError(
            f"missing values in {len(genes)} of {len(values.genes)} genes",
            where,
            "a gene is only comparable where every sample has a value",
            "name another file in the cell `matrix`, or leave samples without values out by the"
            " cell `include`",
        )
    keep = np.setdiff1d(np.arange(len(values.genes)), genes)
    note = f"{len(genes)} genes were left out because some sample has no value for them."
    return select_genes(values, keep, note)


def select_genes(values: Values, keep: np.ndarray, note: str) -> Values:
    """Keep some genes, in their order, and say why in a note."""
    return Values(
        sparse.csr_array(values.matrix[:, keep]),
        values.observations,
        [values.genes[index] for index in keep],
        None if values.symbols is None else [values.symbols[index] for index in keep],
        [*values.notes, note],
    )
