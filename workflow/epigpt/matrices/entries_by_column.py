"""The entries of a sparse matrix as a file lists them: row, column, value, block by block.

Most files list them column by column. Then a column is known by how many entries it has, and what
is kept takes no more memory than the matrix.
"""

import numpy as np
from scipy import sparse

from epigpt.errors import InputError
from epigpt.matrices import sparse_parts
from epigpt.matrices.values import whole


class Misplaced(Exception):
    """Entries that the matrix has no place for; the text says why."""


class Entries:
    """Entries that become the transpose of their matrix in CSR.

    Parameters
    ----------
    rows, columns
        Size of the matrix.
    number
        Entries that it has.
    """

    def __init__(self, rows: int, columns: int, number: int) -> None:
        self._size = rows, columns
        self._row = np.empty(number, np.int32)
        # Whole numbers that fit, as long as no others are met.
        self._value = np.empty(number, np.int32)
        self._per_column = np.zeros(columns, np.int64)
        # Of each entry, once they were not in order.
        self._column: np.ndarray | None = None
        self._last = 0
        self.count = 0

    def add(self, row: np.ndarray, column: np.ndarray, value: np.ndarray) -> None:
        """Take the next entries.

        Parameters
        ----------
        row, column
            Positions from 1 on, int32.
        value
            int32 or float64.

        Raises
        ------
        Misplaced
            Positions outside the matrix, or more entries than announced.
        """
        if not len(value):
            return
        start, end = self.count, self.count + len(value)
        if end > len(self._row):
            raise Misplaced("it holds more values than it announces")
        if min(row.min(), column.min()) < 1 or (
            row.max() > self._size[0] or column.max() > self._size[1]
        ):
            raise Misplaced("positions lie outside the matrix")
        self._row[start:end] = row - 1
        if self._column is None and not (
            column[0] >= self._last and np.all(column[1:] >= column[:-1])
        ):
            self._column = np.empty(len(self._row), np.int32)
            self._column[:start] = np.repeat(
                np.arange(self._size[1], dtype=np.int32), self._per_column
            )
        if self._column is None:
            begins = np.append(0, np.flatnonzero(column[1:] != column[:-1]) + 1)
            self._per_column[column[begins] - 1] += np.diff(begins, append=len(column))
            self._last = int(column[-1])
        else:
            self._column[start:end] = column - 1
        if self._value.dtype == np.int32 and not whole(value):
            self._value = self._value.astype(np.float64)
        self._value[start:end] = value
        self.count = end

    def transposed(self, where: str) -> sparse.csr_array:
        """Return the matrix's columns × its rows, each position once; an `InputError` names `where`
        if two entries share one."""
        rows, columns = self._size
        shape = columns, rows
        if self._column is None:
            pointer = np.append(0, np.cumsum(self._per_column))
            return sparse_parts.compressed(
                self._value, self._row, pointer, shape, by_column=False, where=where
            )
        entries = sparse.coo_array((self._value, (self._column, self._row)), shape=shape)
        matrix = sparse.csr_array(entries)
        if matrix.nnz != self.count:  # the conversion adds them up
            raise InputError(
                f"{self.count - matrix.nnz:,} values for a row and column that have one already",
                where,
                "it is unclear which of them counts",
                "name another file in the cell `matrix`",
            )
        return matrix
