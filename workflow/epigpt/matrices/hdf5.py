"""Read HDF5 files (h5ad, 10x, loom) that strangers wrote: no links out of the file, no pickles,
sizes bounded before anything is read."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
from anndata.io import read_elem
from scipy import sparse

from epigpt.errors import InputError, refusing_foreign_errors
from epigpt.matrices import sparse_parts
from epigpt.matrices.delimited import Values, narrowed
from epigpt.matrices.streams import Budget, Member
from epigpt.matrices.value_kind import COUNTS, kind_of_values

NAMES = {"h5": "10x HDF5", "h5ad": "h5ad", "loom": "loom"}
MAGIC = b"\x89HDF\r\n\x1a\n"
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
_ROWS_AT_ONCE = 1 << 24  # values of a dense block in memory
# A dataset's bytes on disk may stand for this many bytes of content, beyond the small ones; gzip
# reaches 1,032. What declares more was never written.
_MOST_UNPACKED, _SMALL = 2000, 1 << 26
_MOST_OBJECTS = 100_000
_LONGEST_CHUNK = 1 << 30
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


@contextmanager
def opened(member: Member, budget: Budget, scratch: Path) -> Iterator[h5py.File]:
    """Open an HDF5 file, or a stretch of an archive that is one, after a look at everything it
    refers to.

    Raises
    ------
    InputError
        It is damaged, links to other files, or holds more than the budget.
    """
    with _seekable(member, budget, scratch) as source:
        try:
            file = h5py.File(source, "r")
        except OSError as error:
            raise InputError(
                f"a damaged HDF5 file ({error})",
                member.name,
                "it cannot be opened",
                "download it again",
            ) from None
        with file, refusing_foreign_errors(member.name):
            _check(file, member.name, budget)
            yield file


@contextmanager
def _seekable(member: Member, budget: Budget, scratch: Path) -> Iterator[Any]:
    """Give what h5py can open: the file, the stretch of an archive, or an unpacked copy of a
    compressed file."""
    if member.magic() == MAGIC:
        if member.is_whole_file:
            yield member.path
            return
        with member.raw() as stream:
            yield stream
        return
    with tempfile.NamedTemporaryFile(dir=scratch) as target, member.open(budget) as stream:
        while data := stream.read(1 << 22):
            target.write(data)
        target.flush()
        yield target.name


def _check(file: h5py.File, where: str, budget: Budget) -> None:
    """Walk all links without following any out of the file; add up what the datasets say they
    unpack to."""
    waiting, seen, total = [file["/"]], set(), 0
    declaring: list[h5py.Dataset] = []
    while waiting:
        group = waiting.pop()
        for name in group:
            link = group.get(name, getlink=True)
            if isinstance(link, h5py.ExternalLink):
                raise _unsafe(
                    f"'{group.name.rstrip('/')}/{name}' is a link into another file"
                    f" ({link.filename})",
                    where,
                )
            if isinstance(link, h5py.SoftLink):
                raise _unsafe(f"'{group.name.rstrip('/')}/{name}' is a symbolic link", where)
            item = group[name]
            key = h5py.h5o.get_info(item.id).addr
            if key in seen:
                continue
            seen.add(key)
            if len(seen) > _MOST_OBJECTS:
                raise _unsafe(f"more than {_MOST_OBJECTS:,} groups and datasets", where)
            if isinstance(item, h5py.Group):
                waiting.append(item)
            elif isinstance(item, h5py.Dataset):
                if item.external or item.is_virtual:
                    raise _unsafe(f"the data of '{item.name}' lie in other files", where)
                total += int(item.size or 0) * item.dtype.itemsize
                declaring.append(item)
    budget.foresee(total, where)
    for item in declaring:
        _check_declared(item, where)


def _check_declared(item: h5py.Dataset, where: str) -> None:
    """Refuse a dataset that says to hold far more than its bytes on disk can stand for."""
    declared = int(item.size or 0) * item.dtype.itemsize
    stored = int(item.id.get_storage_size())
    if declared > _SMALL and declared > _MOST_UNPACKED * stored:
        raise InputError(
            f"'{item.name}' declares {declared:,} bytes and holds {stored:,}",
            where,
            "reading it would fill the memory with values that were never written",
            "fetch the file again, or name another file in the cell `matrix`",
        )
    chunk = int(np.prod(item.chunks or (0,), dtype=object)) * item.dtype.itemsize
    if chunk > _LONGEST_CHUNK:
        raise InputError(
            f"'{item.name}' is stored in pieces of {chunk:,} bytes",
            where,
            "a piece has to lie in memory whole to be unpacked",
            "write the file again with smaller chunks, or name another file in the cell `matrix`",
        )


def _unsafe(what: str, where: str) -> InputError:
    return InputError(
        what,
        where,
        "a downloaded file may read nothing but itself",
        "name another file in the cell `matrix`",
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


def _texts(dataset: Any) -> list[str]:
    if not isinstance(dataset, h5py.Dataset) or dataset.ndim != 1:
        raise _misshapen(f"'{dataset.name}' is no list of names", dataset.file.filename)
    return [
        value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
        for value in dataset[:]
    ]


def _misshapen(found: str, where: str) -> InputError:
    return InputError(
        found,
        where,
        "the parts of the file do not fit together, so it is damaged",
        "fetch the file again, or name another file in the cell `matrix`",
    )


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
        if kind_of_values(matrix).type in COUNTS:
            best = (place, matrix)
            break
        best = (place, matrix)
    assert best is not None  # noqa: S101 - there is at least one place
    place, matrix = best
    lacking = [name for name in ("obs", "var") if name not in file]
    if lacking:
        raise _misshapen(f"an h5ad file without its table {lacking[0]}", where)
    obs = _table(file["obs"], where)
    of_raw = place.startswith("raw/") and "raw/var" in file
    var = _table(file["raw/var"] if of_raw else file["var"], where)
    sparse_parts.fitting(matrix, len(obs), len(var), f"{where}, {place}")
    symbols = next((var[name].tolist() for name in _SYMBOLS if name in var), None)
    values = Values(
        matrix,
        [str(name) for name in obs.index],
        [str(name) for name in var.index],
        symbols,
        [f"The values are those of '{place}'."],
    )
    uns = {
        name: str(value)
        for name in ("organism", "assay", "simulated")
        if (value := _short(file, name)) is not None
    }
    return values, obs, uns


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
                raise _misshapen(f"a column '{name}' of kind '{encoding}' in {group.name}", where)
    table = read_elem(group)
    if not isinstance(table, pd.DataFrame):
        table = pd.DataFrame(table)
    text = {
        str(name): ["" if pd.isna(value) else str(value) for value in table[name].tolist()]
        for name in table
    }
    return pd.DataFrame(
        text, index=pd.Index([str(name) for name in table.index], dtype=object), dtype=object
    )


def _any_matrix(item: Any, where: str) -> sparse.csr_array:
    """Read a sparse group or a dense dataset, the latter block by block."""
    if isinstance(item, h5py.Group):
        encoding = str(item.attrs.get("encoding-type", item.attrs.get("h5sparse_format", "csr")))
        shape = item.attrs.get("shape", item.attrs.get("h5sparse_shape", ()))
        return _compressed(item, shape, by_column="csc" in encoding, where=where)
    return dense_blocks(item, transposed=False)


def _compressed(group: h5py.Group, shape: Any, *, by_column: bool, where: str) -> sparse.csr_array:
    lacking = [name for name in ("data", "indices", "indptr") if name not in group]
    if lacking:
        raise _misshapen(f"a sparse matrix without its part '{lacking[0]}'", where)
    return sparse_parts.compressed(
        group["data"][:],
        group["indices"][:],
        group["indptr"][:],
        np.atleast_1d(shape).tolist(),
        by_column=by_column,
        where=where,
    )


def dense_blocks(item: h5py.Dataset, transposed: bool) -> sparse.csr_array:
    """Read a dense dataset into a sparse matrix of observations × genes without holding it whole.

    Parameters
    ----------
    item
        Observations × genes, or genes × observations.
    transposed
        Whether it is the latter.
    """
    if item.ndim != 2 or item.dtype.kind not in "iuf":
        raise InputError(
            f"a matrix of {item.ndim} dimensions and values of type {item.dtype}",
            f"{item.file.filename}, {item.name}",
            "rows and columns of numbers are expected",
            "name another file in the cell `matrix`",
        )
    length, width = (item.shape[1], item.shape[0]) if transposed else item.shape
    along = (item.chunks or (1, 1))[1 if transposed else 0]
    step = max(along, _ROWS_AT_ONCE // max(width, 1) // along * along)
    parts = []
    for start in range(0, length, step):
        block = item[:, start : start + step].T if transposed else item[start : start + step]
        parts.append(narrowed(sparse.csr_array(np.ascontiguousarray(block))))
    if not parts:
        return sparse.csr_array((length, width), dtype=np.int32)
    return sparse.csr_array(sparse.vstack(parts, format="csr")) if len(parts) > 1 else parts[0]


def read_10x(file: h5py.File, where: str) -> Values:
    """Read a 10x file, version 2 (a group per genome) or 3 (`matrix` with features); only genes,
    only barcodes with counts."""
    if "matrix" in file:
        group, features = file["matrix"], file["matrix/features"]
        ids, symbols = _texts(features["id"]), _texts(features["name"])
        types = (
            _texts(features["feature_type"])
            if "feature_type" in features
            else ["Gene Expression"] * len(ids)
        )
    else:
        genomes = [
            name for name in file if isinstance(file[name], h5py.Group) and "indptr" in file[name]
        ]
        if len(genomes) > 1:
            return _of_genomes([_of_genome(file[name], where) for name in genomes], genomes)
        group = file[genomes[0]]
        ids, symbols, types = _texts(group["genes"]), _texts(group["gene_names"]), []
    # The file's columns are cells, so its compressed columns are rows of cells × genes.
    shape = [int(size) for size in group["shape"][:]][::-1]
    matrix = _compressed(group, shape, by_column=False, where=where)
    barcodes = _texts(group["barcodes"])
    for names in (ids, symbols, types or ids):
        sparse_parts.fitting(matrix, len(barcodes), len(names), where)
    return genes_of_cells(Values(narrowed(matrix), barcodes, ids, symbols), types)


def _of_genome(group: h5py.Group, where: str) -> Values:
    shape = [int(size) for size in group["shape"][:]][::-1]
    matrix = _compressed(group, shape, by_column=False, where=where)
    barcodes, ids = _texts(group["barcodes"]), _texts(group["genes"])
    sparse_parts.fitting(matrix, len(barcodes), len(ids), where)
    return Values(narrowed(matrix), barcodes, ids, _texts(group["gene_names"]))


def _of_genomes(parts: list[Values], genomes: list[str]) -> Values:
    """Put the genes of several genomes side by side, their names marked by the genome; which
    species is the data set's is settled later."""
    cells = list(dict.fromkeys(name for part in parts for name in part.observations))
    place = {name: at for at, name in enumerate(cells)}
    blocks = []
    for part in parts:
        found = sparse.coo_array(part.matrix)
        rows = np.array([place[name] for name in part.observations], dtype=np.int64)
        shape = (len(cells), found.shape[1])
        blocks.append(sparse.coo_array((found.data, (rows[found.row], found.col)), shape=shape))
    named = [
        [f"{genome}_{name}" for name in names]
        for which in ("genes", "symbols")
        for genome, part in zip(genomes, parts, strict=True)
        for names in [getattr(part, which)]
    ]
    half = len(parts)
    return genes_of_cells(
        Values(
            sparse.csr_array(sparse.hstack(blocks, format="csr")),
            cells,
            [name for names in named[:half] for name in names],
            [name for names in named[half:] for name in names],
        ),
        [],
    )


def genes_of_cells(values: Values, types: list[str]) -> Values:
    """Keep genes (no antibodies, no peaks) and barcodes that have counts."""
    if types and (others := sorted(set(types) - {"Gene Expression", ""})):
        keep = np.array([kind in ("Gene Expression", "") for kind in types])
        values.matrix = sparse.csr_array(values.matrix[:, np.flatnonzero(keep)])
        values.genes = [name for name, wanted in zip(values.genes, keep, strict=True) if wanted]
        values.symbols = values.symbols and [
            name for name, wanted in zip(values.symbols, keep, strict=True) if wanted
        ]
        values.notes.append(
            f"{int((~keep).sum())} features that are no genes were left out ({', '.join(others)})."
        )
    filled = np.diff(values.matrix.indptr) > 0
    if not filled.all():
        values.matrix = sparse.csr_array(values.matrix[np.flatnonzero(filled)])
        values.observations = [
            name for name, wanted in zip(values.observations, filled, strict=True) if wanted
        ]
        values.notes.append(f"{int((~filled).sum())} barcodes without any count were left out.")
    return values


def read_loom(file: h5py.File, where: str) -> Values:
    """Read a loom file (genes × cells, dense on disk), a block of cells at a time."""
    rows, columns = file["row_attrs"], file["col_attrs"]

    def first(group: Any, names: tuple[str, ...]) -> list[str] | None:
        return next((_texts(group[name]) for name in names if name in group), None)

    cells = first(columns, ("CellID", "cell_id", "obs_names", "Cell", "barcode", "CellName"))
    symbols = first(rows, ("Gene", "gene", "GeneName", "gene_name", "var_names", "Symbol"))
    ids = first(rows, ("Accession", "accession", "EnsemblID", "gene_ids", "ensembl_id", "GeneID"))
    matrix = dense_blocks(file["matrix"], transposed=True)
    genes = ids or symbols or [str(number) for number in range(matrix.shape[1])]
    for names in (genes, symbols or genes):
        sparse_parts.fitting(matrix, len(cells or range(matrix.shape[0])), len(names), where)
    return Values(
        matrix,
        cells or [f"cell{number + 1}" for number in range(matrix.shape[0])],
        genes,
        symbols if ids else None,
    )
