"""Make a sparse matrix of the three arrays that a file holds, after every check that the compiled
code behind it leaves out."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import sparse

from epigpt.errors import InputError

_REMEDY = "fetch the file again, or name another one in the cell `matrix`"
_AT_ONCE = 1 << 24


def compressed(
    data: Any, indices: Any, pointer: Any, shape: Sequence[int], *, by_column: bool, where: str
) -> sparse.csr_array:
    """Return a CSR matrix from compressed sparse parts that nothing is known of.

    scipy's compiled routines trust positions: one outside the matrix reads or writes foreign
    memory, which ends the process or loses counts without a word. So all of them are looked at.

    Parameters
    ----------
    data, indices, pointer
        Values, positions along the minor axis, and where each major row begins; arrays of one
        dimension.
    shape
        Rows and columns of the matrix.
    by_column
        Whether `pointer` counts columns (CSC) rather than rows (CSR).
    where
        The file and the place in it.

    Returns
    -------
    sparse.csr_array
        Of `shape`, positions sorted, each position once.

    Raises
    ------
    InputError
        Parts of the wrong type or length, positions outside the matrix or given twice.
    """
    values, positions, ends = native(data), native(indices), native(pointer)
    size = _shape(shape, where)
    major, minor = (size[1], size[0]) if by_column else size
    for name, part, kinds in (
        ("values", values, "iuf"),
        ("indices", positions, "iu"),
        ("pointers", ends, "iu"),
    ):
        if part.ndim != 1 or part.dtype.kind not in kinds:
            raise _refused(f"{name} of type {part.dtype}, {part.ndim} dimensions", where)
    if len(values) != len(positions):
        raise _refused(f"{len(values):,} values for {len(positions):,} positions", where)
    if len(ends) != major + 1:
        raise _refused(
            f"pointers to {len(ends) - 1:,} {'columns' if by_column else 'rows'}, but the matrix"
            f" has {major:,}",
            where,
        )
    ends = ends.astype(np.int64)
    if ends[0] != 0 or ends[-1] != len(values) or np.any(np.diff(ends) < 0):
        raise _refused("pointers that do not count its values from the first to the last", where)
    for start in range(0, len(positions), _AT_ONCE):
        part = positions[start : start + _AT_ONCE]
        if int(part.min()) < 0 or int(part.max()) >= minor:
            raise _refused(f"a position outside its {size[0]:,} × {size[1]:,} values", where)
    kind = np.int64 if max(len(values), *size) > np.iinfo(np.int32).max else np.int32
    parts = (values, positions.astype(kind, copy=False), ends.astype(kind))
    form = sparse.csc_array if by_column else sparse.csr_array
    matrix = sparse.csr_array(form(parts, shape=size))
    matrix.sort_indices()
    if not matrix.has_canonical_format:
        raise _refused("two values for the same row and column", where)
    return matrix


def native(part: Any) -> np.ndarray:
    """Return an array in a type that scipy's routines know: the machine's order of bytes, no
    numbers of two bytes with a point."""
    array = np.asarray(part)
    if array.dtype.kind == "f" and array.dtype.itemsize < 4:
        return array.astype(np.float32)
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def _shape(shape: Sequence[int], where: str) -> tuple[int, int]:
    numbers = [int(number) for number in shape]
    if len(numbers) != 2 or min(numbers) < 0 or max(numbers) > np.iinfo(np.int32).max:
        raise _refused(f"the shape {tuple(numbers)}", where)
    return numbers[0], numbers[1]


def fitting(matrix: sparse.csr_array, observations: int, genes: int, where: str) -> None:
    """Refuse a matrix whose size is not that of the names beside it.

    Parameters
    ----------
    matrix
        Observations × genes.
    observations, genes
        Number of their names.
    """
    if matrix.shape != (observations, genes):
        raise _refused(
            f"{matrix.shape[0]:,} × {matrix.shape[1]:,} values, but names of {observations:,}"
            f" observations and {genes:,} genes",
            where,
        )


def _refused(found: str, where: str) -> InputError:
    return InputError(
        f"a matrix with {found}",
        where,
        "the parts of the matrix do not fit together, so the file is damaged",
        _REMEDY,
    )
