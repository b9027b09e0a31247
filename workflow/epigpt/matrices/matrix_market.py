"""Sparse matrices in three files: matrix.mtx with barcodes and features (or genes), as Cell Ranger
writes them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
from scipy import sparse

from epigpt.errors import InputError
from epigpt.matrices.csv_dialect import decode, split_line
from epigpt.matrices.delimited import Values, narrowed
from epigpt.matrices.hdf5 import genes_of_cells
from epigpt.matrices.streams import Budget, Member, line_blocks

_MATRIX = re.compile(r"[._-]?(matrix|counts?|expression)?\.mtx(\.(gz|bz2|xz))?$", re.IGNORECASE)
_COMPANION = re.compile(
    r"[._-]?(?P<role>barcodes?|cells?|cell[_-]?(names|ids)|colnames|features?|genes?|gene[_-]?(names|ids)|rownames)(?P<more>[^/]*)$",
    re.IGNORECASE,
)
_TEXT_NAME = re.compile(r"\.(tsv|csv|txt|tab)(\.(gz|bz2|xz))?$", re.IGNORECASE)
_CELL_ROLES = ("barcode", "cell", "colname")
_BLOCK = 1 << 25


@dataclass(frozen=True)
class Triplet:
    """The three files of one matrix; `name` is what their names have in common."""

    name: str
    matrix: Member
    barcodes: Member | None
    features: Member | None
    shares_features: bool = False


def triplets(members: Sequence[Member]) -> tuple[list[Triplet], list[Member]]:
    """Put the files of sparse matrices together by name; give the triplets and the members that
    belong to none.

    A file of features (or barcodes) that stands alone serves all matrices that lack one of their
    own.
    """
    matrices = {_key(member, _MATRIX): member for member in members if _MATRIX.search(member.base)}
    if not matrices:
        return [], list(members)
    companions: dict[str, dict[str, Member]] = {"barcodes": {}, "features": {}}
    for member in members:
        match = _COMPANION.search(member.base) if _TEXT_NAME.search(member.base) else None
        if match and member not in matrices.values():
            role = "barcodes" if match.group("role").lower().startswith(_CELL_ROLES) else "features"
            companions[role][_key(member, _COMPANION)] = member
    found, used = [], set()
    for key, matrix in sorted(matrices.items()):
        barcodes = _companion(key, companions["barcodes"], matrices)
        features = _companion(key, companions["features"], matrices)
        shared = features is not None and companions["features"].get(key) is not features
        found.append(Triplet(_name(matrix), matrix, barcodes, features, shared))
        used |= {part.name for part in (matrix, barcodes, features) if part is not None}
    return found, [member for member in members if member.name not in used]


def _key(member: Member, ending: re.Pattern[str]) -> str:
    folder, _, base = member.name.rpartition("/")
    return f"{folder}/{ending.sub('', base).strip('._-').casefold()}"


def _name(matrix: Member) -> str:
    return _MATRIX.sub("", matrix.name).rstrip("._-/") or matrix.name


def _companion(
    key: str, candidates: dict[str, Member], matrices: dict[str, Member]
) -> Member | None:
    if key in candidates:
        return candidates[key]
    free = [member for name, member in sorted(candidates.items()) if name not in matrices]
    return free[0] if len(free) == 1 else None


def read(triplet: Triplet, budget: Budget) -> Values:
    """Read one matrix as cells × genes.

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
            "name another file in `matrix`",
        )
    matrix = read_mtx(triplet.matrix, budget)
    barcodes = [row[0] for row in _rows(triplet.barcodes, budget)]
    features = _rows(triplet.features, budget)
    transposed = (
        matrix.shape[1] != matrix.shape[0]
        and matrix.shape[0] in (len(features), len(features) - 1)
        and _fits(matrix.shape[1], barcodes)
    )
    if transposed:  # cells × genes in the file
        matrix = sparse.csr_array(matrix.T)
    n_cells, n_genes = matrix.shape
    # A first line more than the matrix has rows is a header.
    barcodes = barcodes[len(barcodes) == n_cells + 1 :]
    features = features[len(features) == n_genes + 1 :]
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
    return genes_of_cells(values, types if set(types) & known else [])


def _fits(count: int, rows: Sequence[object]) -> bool:
    return len(rows) in (count, count + 1)


def _rows(member: Member, budget: Budget) -> list[list[str]]:
    with member.open(budget) as stream:
        text, _ = decode(stream.read())
    lines = [line for line in text.replace("\r\n", "\n").split("\n") if line.strip()]
    delimiter = "\t" if any("\t" in line for line in lines[:10]) else ","
    return [[cell.strip().strip('"') for cell in split_line(line, delimiter)] for line in lines]


def read_mtx(member: Member, budget: Budget) -> sparse.csr_array:
    """Read a MatrixMarket coordinate file as its transpose in CSR (file: genes × cells), block by
    block."""
    with member.open(budget) as stream:
        header = stream.readline().decode("latin-1").lower().split()
        if header[:3] != ["%%matrixmarket", "matrix", "coordinate"] or header[3:5] not in (
            ["integer", "general"],
            ["real", "general"],
        ):
            raise _not_mtx(member, f"its first line is '{' '.join(header)[:80]}'")
        line = stream.readline()
        while line.startswith(b"%"):
            line = stream.readline()
        try:
            n_rows, n_columns, n_values = (int(part) for part in line.split())
        except ValueError:
            raise _not_mtx(member, "its sizes are not three numbers") from None
        budget.foresee(8 * n_values, member.name)
        kind = np.int32 if header[3] == "integer" else np.float64
        rows, columns, data = (
            np.empty(n_values, np.int32),
            np.empty(n_values, np.int32),
            np.empty(n_values, kind),
        )
        at = 0
        for block in line_blocks(stream, _BLOCK):
            parts = _parse_block(block, kind, member)
            if at + len(parts[2]) > n_values:
                raise _not_mtx(member, "it holds more values than it announces")
            for target, part in zip((rows, columns, data), parts, strict=True):
                target[at : at + len(part)] = part
            at += len(parts[2])
    if at != n_values:
        raise _not_mtx(member, f"it holds {at} of {n_values} values")
    rows -= 1
    columns -= 1
    if n_values and (
        rows.min() < 0 or columns.min() < 0 or rows.max() >= n_rows or columns.max() >= n_columns
    ):
        raise _not_mtx(member, "positions lie outside the matrix")
    return _transposed(rows, columns, data, (n_columns, n_rows))


def _transposed(
    rows: np.ndarray, columns: np.ndarray, data: np.ndarray, shape: tuple[int, int]
) -> sparse.csr_array:
    if np.all(columns[1:] >= columns[:-1]):  # as Cell Ranger writes it: nothing to sort
        pointer = np.searchsorted(columns, np.arange(shape[0] + 1)).astype(np.int32)
        return narrowed(sparse.csr_array((data, rows, pointer), shape=shape))
    return narrowed(sparse.csr_array(sparse.coo_array((data, (columns, rows)), shape=shape)))


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
        "it is no whole MatrixMarket file",
        "name another file in `matrix`",
    )
