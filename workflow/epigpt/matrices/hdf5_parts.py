"""Names and matrices as the dialects of HDF5 store them."""

from typing import Any

import h5py
import numpy as np
from scipy import sparse

from epigpt.errors import InputError
from epigpt.matrices import sparse_parts
from epigpt.matrices.values import narrowed

_ROWS_AT_ONCE = 1 << 24  # values of a dense block in memory


def texts(dataset: Any) -> list[str]:
    """Return a list of names."""
    if not isinstance(dataset, h5py.Dataset) or dataset.ndim != 1:
        raise misshapen(f"'{dataset.name}' is not a list of names", dataset.file.filename)
    return [
        value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
        for value in dataset[:]
    ]


def misshapen(found: str, where: str) -> InputError:
    """Return the refusal of a file whose parts do not fit together."""
    return InputError(
        found,
        where,
        "the parts of the file do not fit together, so it is damaged",
        "fetch the file again, or name another file in the cell `matrix`",
    )


def compressed(group: h5py.Group, shape: Any, *, by_column: bool, where: str) -> sparse.csr_array:
    """Read a sparse matrix that is stored by its rows or columns."""
    lacking = [name for name in ("data", "indices", "indptr") if name not in group]
    if lacking:
        raise misshapen(f"a sparse matrix without its part '{lacking[0]}'", where)
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
        block = sparse_parts.native(block)
        parts.append(narrowed(sparse.csr_array(np.ascontiguousarray(block))))
    if not parts:
        return sparse.csr_array((length, width), dtype=np.int32)
    return sparse.csr_array(sparse.vstack(parts, format="csr")) if len(parts) > 1 else parts[0]
