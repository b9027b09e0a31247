"""Assemble counts.h5ad: samples with their labels, canonical genes, raw counts as int32."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd
from scipy import sparse

from epigpt.errors import InputError
from epigpt.genes import id_kinds, identifiers
from epigpt.matrices.traces_of_counts import UNDONE
from epigpt.matrices.value_kind import ValueKind
from epigpt.matrices.values import Values
from epigpt.samples import assays

# Column of obs that names the kind of each cell.
CELL_TYPE = "cell_type"
_TOTAL = 1e6
_AT_ONCE = 1 << 22
# Values of these kinds are brought to one total per observation before they are rounded, since they
# are not counts of anything.
_RESCALED = ("fpkm", "log", "intensity", "unknown")


@dataclass(frozen=True)
class Origin:
    """Where counts come from, and what their groups are called, for `uns`."""

    dataset: str
    source: str
    simulated: bool = False
    donors: str = "donors"


def organism_of(cell: str, recorded: Sequence[str], genes: Sequence[str], where: str) -> str | None:
    """Settle the species: the cell `organism`, else the record, else the gene ids; None for a
    species without tables of ours.

    Raises
    ------
    InputError
        The record names several species and the cell none.
    """
    if cell != "auto":
        return cell
    distinct = sorted(set(recorded))
    mixed = sorted({name for text in distinct for name in assays.species_of(text)})
    if len(distinct) == 1 and len(mixed) > 1:
        # Two species in each sample, as in grafts: the genes say which of them was counted.
        guessed = id_kinds.guess_organism(genes)
        if guessed is not None and guessed in map(assays.ORGANISMS.get, mixed):
            return guessed
        known = [found for name in mixed if (found := assays.ORGANISMS.get(name))]
        raise InputError(
            f"samples of two organisms each: {', '.join(mixed)}",
            where,
            "the genes of one of them are the data set's, and the matrix does not say which",
            f"set the cell `organism` to {' or '.join(known)}",
        )
    if len(distinct) > 1:
        raise InputError(
            f"several organisms: {', '.join(distinct)}",
            where,
            "genes of different species cannot be compared as they are",
            "name one in the cell `organism`, and its samples are kept",
        )
    if recorded:
        return assays.ORGANISMS.get(recorded[0])
    return id_kinds.guess_organism(genes)


def assemble(  # noqa: PLR0917 - what meets here comes from different rooms
    values: Values,
    samples: Sequence[str],
    table: pd.DataFrame,
    organism: str | None,
    kind: ValueKind,
    assay: str,
    origin: Origin,
    cell_types: pd.Series | None = None,
) -> ad.AnnData:
    """Make the AnnData of the contract; the order of columns and rows in the source leaves no trace
    in it.

    Parameters
    ----------
    values
        The matrix that was read; its memory is used up.
    samples
        Sample id per observation, "" where it has none.
    table
        Index: the samples to keep, in their order; columns label, group, then the characteristics,
        all text.
    organism
        What `organism_of` gave.
    kind
        Kind of the values.
    assay
        "bulk" or "single_cell".
    origin
        For `uns`.
    cell_types
        Kind of each observation, in the matrix's order, where the cells' own table names it.

    Returns
    -------
    anndata.AnnData
        X: CSR int32, observations × genes; genes sorted by canonical id, observations by sample,
        then name.
    """
    order = _observation_order(values, samples, table.index)
    rows, summary = identifiers.canonical(values.genes, organism, values.symbols)
    identifiers.add_set_aside(summary, values.aside)
    genes, position = _genes(rows)
    if not len(genes):
        raise InputError(
            f"no gene among {summary['n_in']} rows ({', '.join(summary['dropped']) or 'empty'})",
            origin.source,
            "nothing is left to analyse",
            "name another file in the cell `matrix`, or the species of the genes in the cell"
            " `organism`",
        )
    matrix = values.matrix
    values.matrix = sparse.csr_array((0, 0))
    if not np.array_equal(order, np.arange(matrix.shape[0])):
        matrix = sparse.csr_array(matrix[order])
    matrix = _summed(matrix, position, len(genes))
    matrix, how = _as_counts(matrix, kind)
    kept = [samples[index] for index in order]
    obs = pd.DataFrame(
        {"sample": kept},
        index=pd.Index([values.observations[index] for index in order], dtype=object),
    )
    for column in table.columns:
        obs[column] = table.loc[kept, column].to_numpy()
    if cell_types is not None:
        obs[CELL_TYPE] = cell_types.astype(str).to_numpy()[order]
    if assay == "bulk":
        obs.index = pd.Index(kept, dtype=object)
    uns: dict[str, Any] = {
        "genes": {
            key: value for key, value in summary.items() if value is not None and value != {}
        },
        "organism": organism or "unknown",
        "assay": assay,
        "dataset": origin.dataset,
        "source": origin.source,
        "values": {"type": kind.type, "evidence": kind.evidence, "transformed": how},
        "simulated": origin.simulated,
        "donors": origin.donors,
    }
    return ad.AnnData(X=matrix, obs=obs, var=genes, uns=uns)


def _observation_order(values: Values, samples: Sequence[str], wanted: pd.Index) -> np.ndarray:
    rank = {name: position for position, name in enumerate(wanted)}
    kept = [index for index, sample in enumerate(samples) if sample in rank]
    return np.array(
        sorted(kept, key=lambda index: (rank[samples[index]], values.observations[index])),
        dtype=np.int64,
    )


def _genes(rows: pd.DataFrame) -> tuple[pd.DataFrame, np.ndarray]:
    """Return the table of canonical genes, sorted, and for each row of the source its gene's
    position (-1: set aside)."""
    kept = rows[rows["keep"]]
    names = pd.Index(sorted(set(kept["gene"])), dtype=object, name="gene")
    position = np.full(len(rows), -1, dtype=np.int64)
    position[kept.index.to_numpy()] = names.get_indexer(kept["gene"])
    symbol = dict(zip(kept["gene"], kept["symbol"], strict=True))
    original = dict(zip(kept["gene"], kept["original"], strict=True))
    for gene, group in kept[kept["gene"].duplicated(keep=False)].groupby("gene"):
        symbols = Counter(group["symbol"])
        symbol[gene] = min(symbols, key=lambda name: (-symbols[name], name))
        original[gene] = ";".join(sorted(set(group["original"])))
    return (
        pd.DataFrame(
            {
                "symbol": [symbol[name] for name in names],
                "original": [original[name] for name in names],
            },
            index=names,
        ),
        position,
    )


def _summed(matrix: sparse.csr_array, position: np.ndarray, n_genes: int) -> sparse.csr_array:
    """Bring the columns into the order of the genes, in place; counts of rows of the same gene are
    added."""
    indices = matrix.indices
    # Some at a time, since a second array of all positions would be half as large as the matrix.
    for start in range(0, len(indices), _AT_ONCE):
        indices[start : start + _AT_ONCE] = position[indices[start : start + _AT_ONCE]]
    data, ends = matrix.data, matrix.indptr
    if len(indices) and indices.min() < 0:
        keep = indices >= 0
        ends = np.concatenate([[0], np.cumsum(keep)])[ends]
        data, indices = data[keep], indices[keep]
    matrix = sparse.csr_array((data, indices, ends), shape=(matrix.shape[0], n_genes))
    matrix.sum_duplicates()
    return matrix


def _as_counts(matrix: sparse.csr_array, kind: ValueKind) -> tuple[sparse.csr_array, str]:
    """Make int32 of the values and say how."""
    how = "none"
    if matrix.dtype.kind not in "iu":
        data = matrix.data.astype(np.float64)
        if kind.type == "log_counts":
            data = UNDONE[kind.undone](data)
            how = f"{kind.undone}, rounded: the counts before the logarithm"
        elif kind.type in _RESCALED:
            data, how = _rescaled(matrix, data, kind)
        elif not np.array_equal(data, np.rint(data)):
            how = "rounded to integers"
        matrix = sparse.csr_array(
            (np.rint(data), matrix.indices, matrix.indptr), shape=matrix.shape
        )
    if matrix.nnz and (matrix.data.max() > np.iinfo(np.int32).max or matrix.data.min() < 0):
        raise InputError(
            f"values from {matrix.data.min():.6g} to {matrix.data.max():.6g}",
            "the matrix",
            "counts are stored as 32-bit integers, which are not below 0 and reach 2,147,483,647",
            "repair the table and give it as source with a sample sheet, or name another file in"
            " the cell `matrix`",
        )
    if matrix.dtype != np.int32:
        matrix = sparse.csr_array(
            (matrix.data.astype(np.int32), matrix.indices, matrix.indptr), shape=matrix.shape
        )
    matrix.eliminate_zeros()
    return matrix, how


def _rescaled(
    matrix: sparse.csr_array, data: np.ndarray, kind: ValueKind
) -> tuple[np.ndarray, str]:
    said = []
    if data.size and kind.type in ("log", "intensity") and data.max() < 40:
        undone = kind.undone or "2^x - 1"
        data = np.maximum(UNDONE[undone](data), 0)
        said.append(undone)
    data = np.maximum(data, 0)
    totals = np.add.reduceat(np.append(data, 0.0), matrix.indptr[:-1]) * (
        np.diff(matrix.indptr) > 0
    )
    scale = np.divide(_TOTAL, totals, out=np.zeros_like(totals), where=totals > 0)
    said.append("scaled to one million per observation and rounded to integers")
    return data * np.repeat(scale, np.diff(matrix.indptr)), ", ".join(said)
