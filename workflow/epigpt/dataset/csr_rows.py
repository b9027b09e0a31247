"""Rows of a matrix in an h5ad file, some at a time: many cells would not fit into memory."""

from collections.abc import Iterator
from typing import Any

import h5py
import numpy as np
import scipy.sparse

# Rows of a block where nothing else bounds it.
AT_ONCE = 4096


def pointers(stored: h5py.Group | h5py.Dataset) -> np.ndarray | None:
    """Return where the rows of a CSR group begin, int64; None of a dense matrix."""
    return stored["indptr"][:].astype(np.int64) if isinstance(stored, h5py.Group) else None


def read(stored: Any, starts: np.ndarray | None, rows: np.ndarray, width: int) -> Any:
    """Read rows in the order asked for.

    Parameters
    ----------
    stored
        A CSR group or a dense dataset of `width` columns.
    starts
        What `pointers` gave.
    rows
        int64, each once.

    Returns
    -------
    scipy.sparse.csr_matrix
        Of shape (rows, width), values of the stored type.
    """
    order = np.argsort(rows, kind="stable")
    if starts is None:
        taken = scipy.sparse.csr_matrix(stored[rows[order], :])
    else:
        data, indices, lengths = [], [], []
        for first, last in _runs(rows[order]):  # neighbours in the file are read with one call
            begin, end = int(starts[first]), int(starts[last + 1])
            data.append(stored["data"][begin:end])
            indices.append(stored["indices"][begin:end])
            lengths.append(np.diff(starts[first : last + 2]))
        offsets = np.concatenate([[0], np.cumsum(np.concatenate(lengths))])
        taken = scipy.sparse.csr_matrix(
            (np.concatenate(data), np.concatenate(indices), offsets), shape=(len(rows), width)
        )
    if np.array_equal(order, np.arange(len(order))):
        return taken
    inverse = np.empty_like(order)
    inverse[order] = np.arange(len(order))
    return taken[inverse]


def _runs(rows: np.ndarray) -> Iterator[tuple[int, int]]:
    for run in np.split(rows, np.flatnonzero(np.diff(rows) != 1) + 1):
        yield int(run[0]), int(run[-1])
