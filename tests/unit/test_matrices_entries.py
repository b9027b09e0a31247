"""Entries of a sparse matrix, taken block by block."""

import numpy as np
import pytest
from scipy import sparse

from epigpt.errors import InputError
from epigpt.matrices.entries_by_column import Entries, Misplaced

ROWS, COLUMNS = 40, 25


def added(row, column, value, block: int, number: int | None = None) -> Entries:
    entries = Entries(ROWS, COLUMNS, len(value) if number is None else number)
    for start in range(0, len(value), block):
        part = slice(start, start + block)
        entries.add(
            (row[part] + 1).astype(np.int32), (column[part] + 1).astype(np.int32), value[part]
        )
    return entries


@pytest.mark.parametrize("order", ["columns", "rows", "none", "late"])
@pytest.mark.parametrize("kind", ["counts", "whole", "fractions", "late fractions", "large", "nan"])
@pytest.mark.parametrize("block", [1, 7, 1000])
def test_the_matrix_is_the_transpose_whatever_the_order(order, kind, block) -> None:
    random = np.random.default_rng(1)
    dense = random.poisson(0.4, (ROWS, COLUMNS)) * random.integers(1, 9, (ROWS, COLUMNS))
    dense[:, [0, 9, COLUMNS - 1]] = 0
    row, column = np.nonzero(dense)
    at = np.lexsort((row, column))
    if order == "rows":
        at = np.lexsort((column, row))
    elif order == "none":
        at = random.permutation(at)
    elif order == "late":
        at[-30:] = random.permutation(at[-30:])
    row, column = row[at], column[at]
    value = dense[row, column].astype(np.int32 if kind == "counts" else np.float64)
    if kind == "fractions":
        value += 0.25
    elif kind == "late fractions":
        value[-1] += 0.25
    elif kind == "large":
        value[5] = 2.0**31
    elif kind == "nan":
        value[5] = np.nan
    wanted = np.zeros((COLUMNS, ROWS))
    wanted[column, row] = value
    matrix = added(row, column, value, block).transposed("a file")
    np.testing.assert_array_equal(matrix.toarray(), wanted)
    assert matrix.dtype == (np.int32 if kind in ("counts", "whole") else np.float64)
    assert isinstance(matrix, sparse.csr_array)
    assert matrix.has_canonical_format


@pytest.mark.parametrize("second", [2, 0])
def test_a_place_that_is_listed_twice_is_refused(second: int) -> None:
    row, column = np.array([3, 3, 1]), np.array([1, 1, second])
    with pytest.raises(InputError, match="a file"):
        added(row, column, np.array([1, 2, 3], dtype=np.int32), 2).transposed("a file")


@pytest.mark.parametrize(("row", "column"), [(-1, 0), (0, -1), (ROWS, 0), (0, COLUMNS)], ids=str)
def test_entries_outside_the_matrix_are_refused(row: int, column: int) -> None:
    rows, columns = np.array([0, 1, row]), np.array([0, 0, column])
    with pytest.raises(Misplaced, match="outside"):
        added(rows, columns, np.ones(3, dtype=np.int32), 2)


def test_more_entries_than_announced_are_refused() -> None:
    place = np.arange(5)
    with pytest.raises(Misplaced, match="more values"):
        added(place, place, np.ones(5, dtype=np.int32), 2, number=3)


def test_a_matrix_without_entries_has_its_size() -> None:
    matrix = Entries(ROWS, COLUMNS, 0).transposed("a file")
    assert (matrix.shape, matrix.nnz) == ((COLUMNS, ROWS), 0)
