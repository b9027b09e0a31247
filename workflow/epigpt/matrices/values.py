"""A matrix of numbers with the names of its observations and genes."""

from collections.abc import Collection
from dataclasses import dataclass, field, replace

import numpy as np
from scipy import sparse

from epigpt.errors import InputError


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
    aside
        Reason → names of the rows of the file that are not genes and were left out.
    """

    matrix: sparse.csr_array
    observations: list[str]
    genes: list[str]
    symbols: list[str] | None = None
    notes: list[str] = field(default_factory=list)
    aside: dict[str, list[str]] = field(default_factory=dict)

    def turned(self) -> "Values":
        """Return the matrix with its axes swapped."""
        turned = sparse.csr_array(self.matrix.T)
        return replace(
            self, matrix=turned, observations=self.genes, genes=self.observations, symbols=None
        )


def narrowed(matrix: sparse.csr_array) -> sparse.csr_array:
    """Return the matrix as int32 where every value is an integer that fits, else unchanged."""
    data = matrix.data
    if data.dtype == np.int32 or data.size == 0:
        return matrix.astype(np.int32) if data.dtype != np.int32 else matrix
    if whole(data):
        return sparse.csr_array(
            (data.astype(np.int32), matrix.indices, matrix.indptr), shape=matrix.shape
        )
    return matrix


def whole(data: np.ndarray) -> bool:
    """Return whether int32 holds all of these numbers, at least one, as they are."""
    if data.dtype == np.int32:
        return True
    return bool(np.abs(data).max() <= np.iinfo(np.int32).max and np.all(data == np.floor(data)))


def missing(matrix: sparse.csr_array) -> np.ndarray:
    """Return which of the stored values are no finite number."""
    return ~np.isfinite(matrix.data) if matrix.dtype.kind == "f" else np.zeros(0, bool)


def without_missing(values: Values, where: str, left_out: Collection[str] = ()) -> Values:
    """Leave out genes that lack a finite value in some observation; InputError when those are more
    than half of them, and where there are no observations or no genes.

    Observations of the names `left_out` are not analysed: what they lack becomes 0.
    """
    if 0 in values.matrix.shape:
        raise InputError(
            f"a matrix of {values.matrix.shape[0]} observations and {values.matrix.shape[1]} genes",
            where,
            "there is nothing to analyse",
            "fetch or write the file again, or name another one in the cell `matrix`",
        )
    absent = missing(values.matrix)
    if left_out and absent.any():
        row = np.repeat(np.arange(values.matrix.shape[0]), np.diff(values.matrix.indptr))
        unused = np.isin(np.array(values.observations, dtype=object), list(left_out))[row] & absent
        values = replace(values, matrix=as_zeros(values.matrix, unused))
        absent = missing(values.matrix)
    if not absent.any():
        return values
    if _zeros_not_written(values.matrix, absent):
        note = (
            f"{absent.sum()} of {absent.size} cells hold no number and are read as 0: no 0 is"
            " written anywhere in this table of whole numbers, though many cells hold 1."
        )
        matrix = as_zeros(values.matrix, absent)
        return replace(values, matrix=matrix, notes=[*values.notes, note])
    _refuse_empty_observations(values, absent, where)
    genes = np.unique(values.matrix.indices[absent])
    if len(genes) > 0.5 * len(values.genes):
        raise InputError(
            f"missing values in {len(genes)} of {len(values.genes)} genes",
            where,
            "a gene is only comparable where every sample has a value",
            "where a cell without a number stands for a count of 0, write 0 into it and give the"
            " table as a source with a sample sheet; else name another file in the cell `matrix`,"
            " or leave samples without values out by the cell `include`",
        )
    keep = np.setdiff1d(np.arange(len(values.genes)), genes)
    named = ", ".join(values.genes[index] for index in genes[:10])
    note = (
        f"{len(genes)} genes were left out because some sample has no value for them"
        f"{', or an infinite one' if np.isinf(values.matrix.data).any() else ''}"
        f" ({named}{' …' if len(genes) > 10 else ''})."
    )
    return select_genes(values, keep, note)


def _refuse_empty_observations(values: Values, absent: np.ndarray, where: str) -> None:
    """Refuse observations that have a name and not a single number."""
    matrix, genes = values.matrix, values.matrix.shape[1]
    row = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    empty = np.flatnonzero(np.bincount(row[absent], minlength=matrix.shape[0]) == genes)
    if len(empty) and len(empty) < matrix.shape[0]:
        names = [values.observations[index] for index in empty]
        listed = ", ".join(names[:8]) + (" …" if len(names) > 8 else "")
        raise InputError(
            f"{listed}: not a single value",
            where,
            "a sample without values cannot be analysed, and is not dropped without a word",
            "leave it out by the cell `include` (such as `sample!=NAME`, NAME as the record or the"
            " sample sheet has it), or write its values into the table",
        )


def as_zeros(matrix: sparse.csr_array, cells: np.ndarray) -> sparse.csr_array:
    """Return the matrix with some of its stored values taken for 0."""
    filled = matrix.copy()
    filled.data[cells] = 0.0
    filled.eliminate_zeros()
    return filled


def _zeros_not_written(matrix: sparse.csr_array, absent: np.ndarray) -> bool:
    """Return whether cells without a number stand for counts of 0, as a spreadsheet's pivot table
    writes them: whole numbers from 1 on and no 0, with a 1 for every twenty such cells at least,
    and a number in every observation."""
    if matrix.nnz != matrix.shape[0] * matrix.shape[1]:
        return False
    known = matrix.data[~absent]
    whole = known.size > 0 and bool(np.all(known == np.floor(known)) and known.min() >= 1)
    row = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    everywhere = len(np.unique(row[~absent])) == matrix.shape[0]
    return whole and everywhere and 20 * int((known == 1).sum()) >= int(absent.sum())


def select_genes(values: Values, keep: np.ndarray, note: str = "") -> Values:
    """Keep some genes, in their order, and say why in a note."""
    return replace(
        values,
        matrix=sparse.csr_array(values.matrix[:, keep]),
        genes=[values.genes[index] for index in keep],
        symbols=None if values.symbols is None else [values.symbols[index] for index in keep],
        notes=[*values.notes, note] if note else values.notes,
    )
