"""Sparse matrices in three files: matrix.mtx with barcodes and features (or genes), as Cell Ranger
writes them."""

import re
from collections.abc import Sequence

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pacsv
from scipy import sparse

from epigpt.errors import InputError
from epigpt.matrices.csv_dialect import decode, split_line
from epigpt.matrices.csv_layout import ID_COLUMN, NoTable
from epigpt.matrices.entries_by_column import Entries, Misplaced
from epigpt.matrices.streams import Budget, Member, line_blocks
from epigpt.matrices.tenx_and_loom import genes_of_cells
from epigpt.matrices.triplet_files import Triplet
from epigpt.matrices.values import Values

_BLOCK = 1 << 22
_LONGEST_NAMES = 1 << 30
_LONGEST_HEADER = 1 << 16
_LOOKED_AT = 1000
_HEADING = re.compile(
    r"x|v1|cb|(cell|barcode|sample|obs|spot|nucle(us|i))s?([ ._-]?(barcode|id|name)s?)?",
    re.IGNORECASE,
)
# A value takes six bytes of text at least; gzip packs at most 1,032 bytes into one, the others
# more.
_BYTES_A_VALUE, _GZIP_PACKING, _OTHER_PACKING = 6, 1032, 20_000


def read(triplet: Triplet, budget: Budget) -> Values:
    """Read one matrix as cells × genes; see `read_with_cells`."""
    return read_with_cells(triplet, budget)[0]


def read_with_cells(triplet: Triplet, budget: Budget) -> tuple[Values, pd.DataFrame]:
    """Read one matrix as cells × genes, with what the file of barcodes says of the cells beside
    their names (sample, cell type …).

    Raises
    ------
    InputError
        A file is missing, or their numbers of rows do not fit together.
    """
    if triplet.barcodes is None or triplet.features is None:
        lacking = "barcodes" if triplet.barcodes is None else "features"
        raise InputError(
            f"a sparse matrix without its file of {lacking}",
            triplet.matrix.name,
            "its rows have no names",
            "name another file in the cell `matrix`; or put the three files together yourself and"
            " give them as an .h5ad file (cell `source`)",
        )
    described = _rows(triplet.barcodes, budget)
    barcodes = [row[0] for row in described]
    features = _rows(triplet.features, budget)
    # One more than names, since either file may have a header.
    matrix = read_mtx(triplet.matrix, budget, max(len(barcodes), len(features)))
    transposed = (
        matrix.shape[1] != matrix.shape[0]
        and matrix.shape[0] in (len(features), len(features) - 1)
        and _fits(matrix.shape[1], barcodes)
    )
    if transposed:  # cells × genes in the file
        matrix = sparse.csr_array(matrix.T)
    n_cells, n_genes = matrix.shape
    cells = _described(described, n_cells)
    barcodes = barcodes[_headed(barcodes, n_cells) :]
    features = features[_headed([row[0] for row in features], n_genes) :]
    if len(barcodes) != n_cells or len(features) != n_genes:
        raise InputError(
            f"{n_genes} rows and {n_cells} columns, but {len(features)} features and"
            f" {len(barcodes)} barcodes",
            triplet.matrix.name,
            "the three files do not belong together",
            "name another matrix in the cell `matrix`",
        )
    ids = [row[0] for row in features]
    symbols = [row[1] if len(row) > 1 else "" for row in features]
    types = [row[2] if len(row) > 2 else "" for row in features]
    known = {
        "Gene Expression",
        "Antibody Capture",
        "Peaks",
        "CRISPR Guide Capture",
        "Multiplexing Capture",
        "Custom",
    }
    values = Values(matrix, barcodes, ids, symbols if any(symbols) else None)
    kept = genes_of_cells(values, types if set(types) & known else [])
    return kept, cells.reindex(kept.observations) if len(cells) else cells


def _described(rows: Sequence[Sequence[str]], count: int) -> pd.DataFrame:
    """Return the table of the cells where the file of barcodes is one: it has a header and several
    columns."""
    if not _headed([row[0] for row in rows], count) or len(rows[0]) < 2:
        return pd.DataFrame()
    width = len(rows[0])
    body = [[*row[:width], *[""] * (width - len(row))] for row in rows[1:]]
    table = pd.DataFrame(body, columns=list(rows[0]), dtype=object)
    return table.set_index(table.columns[0]) if table.iloc[:, 0].is_unique else pd.DataFrame()


def _headed(names: Sequence[str], count: int) -> bool:
    """Return whether the first of one name more than the matrix has rows is the header's: a word
    for names, or of another form than all others. If a name of a row were dropped, every other
    would move to its neighbour's values."""
    if not count or len(names) != count + 1:
        return False
    if names[0].lower() == "v1" and names[1].lower() == "v2":
        return False
    forms = {_form(name) for name in names[1:_LOOKED_AT]}
    return bool(_HEADING.fullmatch(names[0]) or ID_COLUMN.fullmatch(names[0])) or (
        len(forms) == 1 and _form(names[0]) not in forms
    )


def _form(name: str) -> str:
    return re.sub(r"\d+", "0", re.sub(r"[A-Za-z]+", "a", name))


def _fits(count: int, rows: Sequence[object]) -> bool:
    return len(rows) in (count, count + 1)


def _rows(member: Member, budget: Budget) -> list[list[str]]:
    with member.open(budget) as stream:
        content = stream.read(_LONGEST_NAMES + 1)
    if len(content) > _LONGEST_NAMES:
        raise InputError(
            f"more than {_LONGEST_NAMES >> 20} MB of names",
            member.name,
            "no matrix has that many rows or columns",
            "name another file in the cell `matrix`",
        )
    try:
        text, _ = decode(content)
    except NoTable as error:
        raise InputError(
            f"a file of names that cannot be read: {error}",
            member.name,
            "it should name the rows or columns of a sparse matrix",
            "name another file in the cell `matrix`",
        ) from None
    lines = [line for line in text.replace("\r\n", "\n").split("\n") if line.strip()]
    delimiter = "\t" if any("\t" in line for line in lines[:10]) else ","
    rows = [[cell.strip().strip('"') for cell in split_line(line, delimiter)] for line in lines]
    return _without_numbers(rows)


def _without_numbers(rows: list[list[str]]) -> list[list[str]]:
    """Leave out the numbers of the rows where R or pandas wrote them before the names."""
    has_header = bool(rows) and not rows[0][0].isdigit()
    body = rows[1:] if has_header else rows
    if not body or min(map(len, body)) < 2 or body[0][0] not in ("0", "1"):
        return rows
    first = int(body[0][0])
    if any(row[0] != str(first + at) for at, row in enumerate(body)):
        return rows
    header = [rows[0][1:] if len(rows[0]) == len(body[0]) else rows[0]] if has_header else []
    return [*header, *(row[1:] for row in body)]


def read_mtx(member: Member, budget: Budget, most_names: int | None = None) -> sparse.csr_array:
    """Read a MatrixMarket coordinate file as its transpose in CSR (file: genes × cells), block by
    block.

    Parameters
    ----------
    most_names
        Names of rows or columns that there are; a file that declares more of either is refused
        before memory is taken for it.
    """
    with member.open(budget) as stream:
        header = stream.readline(_LONGEST_HEADER).decode("latin-1").lower().split()
        if header[:3] != ["%%matrixmarket", "matrix", "coordinate"] or header[3:5] not in (
            ["integer", "general"],
            ["real", "general"],
        ):
            raise _not_mtx(member, f"its first line is '{' '.join(header)[:80]}'")
        line = stream.readline(_LONGEST_HEADER)
        while line.startswith(b"%"):
            line = stream.readline(_LONGEST_HEADER)
        n_rows, n_columns, n_values = _sizes(line, member, most_names)
        budget.foresee(8 * n_values, member.name)
        kind = np.int32 if header[3] == "integer" else np.float64
        entries = Entries(n_rows, n_columns, n_values)
        for block in line_blocks(stream, _BLOCK):
            try:
                entries.add(*_parse_block(block, kind, member))
            except Misplaced as error:
                raise _not_mtx(member, str(error)) from None
    if entries.count != n_values:
        raise _not_mtx(member, f"it holds {entries.count} of {n_values} values")
    return entries.transposed(member.name)


def _sizes(line: bytes, member: Member, most_names: int | None) -> tuple[int, int, int]:
    """Read rows, columns and number of values; refuse what the file cannot hold."""
    if not re.fullmatch(rb"\s*\d{1,18}\s+\d{1,18}\s+\d{1,18}\s*", line):
        raise _not_mtx(member, f"its sizes are not three numbers: {line[:60]!r}")
    rows, columns, values = (int(part) for part in line.split())
    bound = np.iinfo(np.int32).max if most_names is None else most_names
    if max(rows, columns) > bound:
        raise _not_mtx(
            member,
            f"it declares {rows:,} rows and {columns:,} columns, more than there are names",
        )
    magic = member.magic()
    packing = 1 if magic.startswith(b"%") else _OTHER_PACKING
    if magic.startswith(b"\x1f\x8b"):
        packing = _GZIP_PACKING
    if values * _BYTES_A_VALUE > max(member.size, 1) * packing:
        raise _not_mtx(member, f"it declares {values:,} values, more than its bytes can hold")
    return rows, columns, values


def _parse_block(block: bytes, kind: type, member: Member) -> list[np.ndarray]:
    number = pa.int32() if kind is np.int32 else pa.float64()
    types = {"row": pa.int32(), "column": pa.int32(), "value": number}
    delimiter = "\t" if b"\t" in block[:200] else " "
    try:
        table = pacsv.read_csv(
            pa.BufferReader(block),
            read_options=pacsv.ReadOptions(column_names=list(types)),
            parse_options=pacsv.ParseOptions(delimiter=delimiter),
            convert_options=pacsv.ConvertOptions(column_types=types),
        )
    except pa.ArrowInvalid as error:
        raise _not_mtx(member, str(error).splitlines()[0][:120]) from None
    return [table.column(name).to_numpy() for name in types]


def _not_mtx(member: Member, what: str) -> InputError:
    return InputError(
        f"a sparse matrix that cannot be read: {what}",
        member.name,
        "it is not a complete MatrixMarket file",
        "name another file in `matrix`",
    )
