"""The only code that opens counts.h5ad and expression.h5ad: whole, or the parts that are needed.

`count_blocks` reads the counts of many cells block by block, `expression_file` what a figure needs.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
import pandas as pd
import scipy.sparse

from epigpt.dataset import csr_rows

if TYPE_CHECKING:
    from anndata import AnnData


# Entry of uns: counts of each sample, int64, rows in the order of the samples' names.
SUMS = "sums"


def read(path: Path) -> "AnnData":
    """Read a whole file."""
    import anndata

    return anndata.read_h5ad(path)


def parts(path: Path, *names: str) -> list[Any]:
    """Read some parts and no others: the layers of many cells would fill the memory for nothing.

    Parameters
    ----------
    names
        Places in the file, such as `obs` or `layers/lognorm`.
    """
    from anndata.io import read_elem

    with h5py.File(path) as file:
        return [read_elem(file[name]) for name in names]


def text(path: Path, name: str) -> str:
    """Return a text of `uns`, such as `organism`; empty where the file does not say."""
    with h5py.File(path) as file:
        stored = file.get(f"uns/{name}")
        return str(stored.asstr()[()]) if isinstance(stored, h5py.Dataset) else ""


def described(path: Path) -> "AnnData":
    """Read what a file says of observations and genes, its matrices left unread."""
    from anndata import AnnData

    obs, var, uns = parts(path, "obs", "var", "uns")
    return AnnData(obs=obs, var=var, uns=uns)


def blocks(
    path: Path, place: str, rows: np.ndarray | None = None
) -> Iterator[tuple[np.ndarray, Any]]:
    """Read rows of a matrix, CSR or dense, some at a time.

    Parameters
    ----------
    place
        `X` or `layers/counts`.
    rows
        Positions, int64, each once; None: all.

    Yields
    ------
    Positions, and their rows as CSR, in the order of `rows`.
    """
    with h5py.File(path) as file:
        stored = file[place]
        starts = csr_rows.pointers(stored)
        if starts is None:
            number, width = stored.shape
        else:
            number, width = (int(extent) for extent in stored.attrs["shape"])
        wanted = np.arange(number) if rows is None else rows
        for first in range(0, len(wanted), csr_rows.AT_ONCE):
            part = wanted[first : first + csr_rows.AT_ONCE]
            yield part, csr_rows.read(stored, starts, part, width)


def by_sample(path: Path, *also: str) -> "AnnData":
    """Return the raw counts of each sample: of bulk as they are, of single cells summed over the
    cells, block by block.

    Parameters
    ----------
    path
        An expression.h5ad.
    also
        Columns of obs that divide the cells of a sample further, where the file has them.

    Returns
    -------
    anndata.AnnData
        `layers["counts"]` CSR. Of single cells int64, a row for each sample, sorted; obs has what
        its cells have in common, and `observations`, how many they are.
    """
    if text(path, "assay") != "single_cell":
        return read(path)
    from anndata import AnnData

    cells = described(path)
    divided = [name for name in also if name in cells.obs]
    keys = cells.obs[["sample", *divided]].astype(str)
    number = keys.groupby(list(keys.columns), sort=True).ngroup().to_numpy()
    summed: Any = None if divided else cells.uns.get(SUMS)
    if summed is None:
        summed = _sums(path, number, cells.n_vars)
    first = pd.Series(np.arange(len(number))).groupby(number).first().to_numpy()
    common = [name for name in cells.obs if cells.obs.groupby(number)[name].nunique().max() <= 1]
    obs = cells.obs.iloc[first][common].assign(observations=np.bincount(number))
    obs.index = pd.Index(keys.iloc[first].agg(" ".join, axis=1).to_numpy(), dtype=object)
    uns = {name: value for name, value in cells.uns.items() if name != SUMS}
    return AnnData(obs=obs, var=cells.var, uns=uns, layers={"counts": summed})


def keep_sums(path: Path) -> None:
    """Write the sums of each sample's counts into an expression.h5ad of cells, where `by_sample`
    finds them."""
    from anndata.io import write_elem

    summed = by_sample(path).layers["counts"]
    with h5py.File(path, "r+") as file:
        write_elem(file["uns"], SUMS, summed)


def _sums(path: Path, number: np.ndarray, width: int) -> Any:
    units = int(number.max()) + 1
    summed: Any = scipy.sparse.csr_matrix((units, width), dtype=np.int64)
    for rows, block in blocks(path, "layers/counts"):
        own = (np.ones(len(rows), dtype=np.int64), (number[rows], np.arange(len(rows))))
        summed += scipy.sparse.csr_matrix(own, shape=(units, len(rows))) @ block.astype(np.int64)
    return summed
