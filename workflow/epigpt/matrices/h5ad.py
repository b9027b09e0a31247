"""Read HDF5 files (h5ad, 10x, loom) that strangers wrote: no links out of the file, no pickles,
sizes bounded before anything is read."""

from typing import Any

import h5py
import pandas as pd
from anndata.io import read_elem
from scipy import sparse

from epigpt.errors import InputError
from epigpt.matrices import orientation, sparse_parts
from epigpt.matrices.hdf5_parts import compressed, dense_blocks, misshapen
from epigpt.matrices.value_kind import COUNTS, kind_of_values
from epigpt.matrices.values import Values, as_zeros, missing, narrowed, without_missing

NAMES = {"h5": "10x HDF5", "h5ad": "h5ad", "loom": "loom"}
_SYMBOLS = (
    "feature_name",
    "gene_symbols",
    "gene_symbol",
    "symbol",
    "symbols",
    "gene_name",
    "gene_names",
    "gene_short_name",
    "Gene",
    "name",
)
_COUNT_LAYERS = ("counts", "raw_counts", "raw", "count", "umi", "UMI", "spliced_unspliced")
_IN_TABLES = frozenset(
    {
        "",
        "array",
        "string-array",
        "string",
        "numeric-scalar",
        "categorical",
        "nullable-integer",
        "nullable-boolean",
        "nullable-string-array",
    }
)


def kind(file: h5py.File) -> str:
    """Name the dialect: 'h5ad', '10x', 'loom' or ''."""
    if "matrix" in file and isinstance(file["matrix"], h5py.Dataset) and "row_attrs" in file:
        return "loom"
    if "matrix" in file and isinstance(file["matrix"], h5py.Group) and "barcodes" in file["matrix"]:
        return "10x"
    if "X" in file or ("obs" in file and "var" in file):
        return "h5ad"
    genomes = [
        name
        for name in file
        if isinstance(file[name], h5py.Group)
        and "barcodes" in file[name]
        and "indptr" in file[name]
    ]
    return "10x" if genomes else ""


def read_h5ad(file: h5py.File, where: str) -> tuple[Values, pd.DataFrame, dict[str, Any]]:
    """Read the counts of an h5ad file: of its layers, raw and X the first that holds counts, else
    X.

    Returns
    -------
    values
        Observations × genes.
    obs
        The observations' table as text.
    uns
        Its short texts (organism, assay, …).
    """
    places = [f"layers/{name}" for name in _COUNT_LAYERS if f"layers/{name}" in file]
    places += [place for place in ("raw/X", "X") if place in file]
    if not places:
        raise InputError(
            "an h5ad file without a matrix",
            where,
            "it has neither X nor layers",
            "name another file in the cell `matrix`",
        )
    best: tuple[str, sparse.csr_array] | None = None
    for place in places:
        matrix = narrowed(_any_matrix(file[place], f"{where}, {place}"))
        absent = missing(matrix)
        finite = narrowed(as_zeros(matrix, absent)) if absent.any() else matrix
        if kind_of_values(finite).type in COUNTS:
            best = (place, matrix)
            break
        best = (place, matrix)
    assert best is not None  # noqa: S101 - there is at least one place
    place, matrix = best
    lacking = [name for name in ("obs", "var") if name not in file]
    if lacking:
        raise misshapen(f"an h5ad file without its table {lacking[0]}", where)
    obs = _table(file["obs"], where)
    of_raw = place.startswith("raw/") and "raw/var" in file
    var = _table(file["raw/var"] if of_raw else file["var"], where)
    sparse_parts.fitting(matrix, len(obs), len(var), f"{where}, {place}")
    symbols = next((var[name].tolist() for name in _SYMBOLS if name in var), None)
    genes, column = _genes(var)
    notes = [f"The values are those of '{place}'."]
    if column:
        notes.append(f"The genes are named by the column '{column}' of var.")
    values = Values(matrix, [str(name) for name in obs.index], genes, symbols, notes)
    uns = {
        name: str(value)
        for name in ("organism", "assay", "simulated")
        if (value := _short(file, name)) is not None
    }
    values = without_missing(values, where)
    values.matrix = narrowed(values.matrix)
    return values, obs, uns


def _genes(var: pd.DataFrame) -> tuple[list[str], str]:
    """Return the genes' names, and the column they stand in where they are not var's index."""
    names = [str(name) for name in var.index]
    if orientation.gene_kind(names) not in ("", "entrez"):
        return names, ""
    kinds = {str(name): orientation.gene_kind(var[name].tolist()) for name in var}
    for kind in ("ensembl", "refseq", "symbol"):
        for column, found in kinds.items():
            if found == kind:
                return var[column].tolist(), column
    return names, ""


def read_obs(file: h5py.File, where: str) -> pd.DataFrame:
    """Read the table of an h5ad file's observations alone, as text."""
    if "obs" not in file:
        raise misshapen("an h5ad file without its table obs", where)
    return _table(file["obs"], where)


def _short(file: h5py.File, name: str) -> Any:
    item = file.get(f"uns/{name}")
    if not isinstance(item, h5py.Dataset) or item.shape != ():
        return None
    value = item[()]
    return value.decode() if isinstance(value, bytes) else value


def _table(group: Any, where: str) -> pd.DataFrame:
    if isinstance(group, h5py.Group):
        for name in group:
            encoding = str(group[name].attrs.get("encoding-type", ""))
            # A sparse matrix inside a table would reach compiled code unchecked.
            if encoding not in _IN_TABLES:
                raise misshapen(f"a column '{name}' of kind '{encoding}' in {group.name}", where)
    table = read_elem(group)
    if not isinstance(table, pd.DataFrame):
        table = pd.DataFrame(table)
    text = {str(name): _as_texts(column) for name, column in table.items()}
    return pd.DataFrame(
        text, index=pd.Index([str(name) for name in table.index], dtype=object), dtype=object
    )


def _as_texts(column: pd.Series) -> list[str]:
    told = zip(column.tolist(), column.isna(), strict=True)
    return ["" if absent else str(value) for value, absent in told]


def _any_matrix(item: Any, where: str) -> sparse.csr_array:
    """Read a sparse group or a dense dataset, the latter block by block."""
    if isinstance(item, h5py.Group):
        encoding = str(item.attrs.get("encoding-type", item.attrs.get("h5sparse_format", "csr")))
        shape = item.attrs.get("shape", item.attrs.get("h5sparse_shape", ()))
        return compressed(item, shape, by_column="csc" in encoding, where=where)
    return dense_blocks(item, transposed=False)
