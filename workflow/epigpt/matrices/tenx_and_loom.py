"""Read the HDF5 files of single cells: 10x (CellRanger) and loom."""

from typing import Any

import h5py
import numpy as np
from scipy import sparse

from epigpt.matrices import sparse_parts
from epigpt.matrices.hdf5_parts import compressed, dense_blocks, texts
from epigpt.matrices.values import Values, narrowed


def read_10x(file: h5py.File, where: str) -> Values:
    """Read a 10x file, version 2 (a group per genome) or 3 (`matrix` with features); only genes,
    only barcodes with counts."""
    if "matrix" in file:
        group, features = file["matrix"], file["matrix/features"]
        ids, symbols = texts(features["id"]), texts(features["name"])
        types = (
            texts(features["feature_type"])
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
        ids, symbols, types = texts(group["genes"]), texts(group["gene_names"]), []
    # The file's columns are cells, so its compressed columns are rows of cells × genes.
    shape = [int(size) for size in group["shape"][:]][::-1]
    matrix = compressed(group, shape, by_column=False, where=where)
    barcodes = texts(group["barcodes"])
    for names in (ids, symbols, types or ids):
        sparse_parts.fitting(matrix, len(barcodes), len(names), where)
    return genes_of_cells(Values(narrowed(matrix), barcodes, ids, symbols), types)


def _of_genome(group: h5py.Group, where: str) -> Values:
    shape = [int(size) for size in group["shape"][:]][::-1]
    matrix = compressed(group, shape, by_column=False, where=where)
    barcodes, ids = texts(group["barcodes"]), texts(group["genes"])
    sparse_parts.fitting(matrix, len(barcodes), len(ids), where)
    return Values(narrowed(matrix), barcodes, ids, texts(group["gene_names"]))


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
            f"{int((~keep).sum())} features that are not genes were left out ({', '.join(others)})."
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
        return next((texts(group[name]) for name in names if name in group), None)

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
