"""Read what a figure needs from expression.h5ad, and no more.

The anndata package takes longer to import than a small report takes to draw, and reads layers
whole; 100,000 cells would not fit. The layout read here is the documented on-disk format
(https://anndata.readthedocs.io, "On-disk format").
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from epigpt.dataset import storage

Floats = npt.NDArray[np.float64]
_ROWS_AT_ONCE = 2000


class ExpressionFile:
    """An expression.h5ad file.

    Attributes
    ----------
    obs, var
        Tables of observations and genes; index = their ids.
    obsm
        Embeddings by name without their prefix (`pca`, `umap`), each observations × components.
    uns
        What the file says about itself, as plain dicts, lists, texts and numbers; without the sums
        of samples.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with h5py.File(path) as file:
            self.obs = _frame(file["obs"])
            self.var = _frame(file["var"])
            self.obsm = {
                name.removeprefix("X_"): np.asarray(file["obsm"][name], dtype=float)
                for name in sorted(file.get("obsm", {}))
            }
            self.uns: dict[str, Any] = {
                name: _plain(file["uns"][name])
                for name in sorted(file.get("uns", {}))
                if name != storage.SUMS
            }
            self.layers = sorted(file.get("layers", {}))

    @property
    def symbols(self) -> pd.Series:
        """Symbol of each gene; the gene id where there is none."""
        named = self.var.get("symbol", pd.Series("", index=self.var.index)).astype(str)
        return named.where(named.ne("") & named.ne("nan"), self.var.index.astype(str))

    def blocks(self, layer: str = "lognorm") -> Iterator[tuple[int, sparse.csr_matrix]]:
        """Yield the layer in blocks of observations: index of the first one, then observations ×
        genes."""
        with h5py.File(self.path) as file:
            stored = file["layers"][layer] if layer in self.layers else file["X"]
            if stored.attrs.get("encoding-type") == "csc_matrix":
                yield 0, _whole_csc(stored)
                return
            for start in range(0, len(self.obs), _ROWS_AT_ONCE):
                yield (
                    start,
                    _rows(stored, start, min(start + _ROWS_AT_ONCE, len(self.obs)), len(self.var)),
                )

    def columns(
        self, genes: list[str], rows: npt.NDArray[np.int64] | None = None, layer: str = "lognorm"
    ) -> Floats:
        """Return the values of `genes` (ids), observations × genes; of the observations `rows`
        (ascending) where given."""
        at = self.var.index.get_indexer(pd.Index(genes))
        chosen = np.arange(len(self.obs)) if rows is None else rows
        values = np.empty((len(chosen), len(at)))
        for start, block in self.blocks(layer):
            inside = (chosen >= start) & (chosen < start + block.shape[0])
            values[inside] = block[chosen[inside] - start][:, at].toarray()
        return values

    def profiles(self, layer: str = "lognorm") -> pd.DataFrame:
        """Return the mean profile of each sample, samples × genes, in the order of the samples'
        first observations."""
        owner = self.obs.get("sample", pd.Series(self.obs.index, index=self.obs.index)).astype(str)
        codes, names = pd.factorize(owner)
        sums = np.zeros((len(names), len(self.var)))
        for start, block in self.blocks(layer):
            own = codes[start : start + block.shape[0]]
            member = sparse.csr_matrix(
                (np.ones(len(own)), (own, np.arange(len(own)))), shape=(len(names), len(own))
            )
            sums += (member @ block).toarray()
        return pd.DataFrame(
            sums / np.bincount(codes, minlength=len(names))[:, None],
            index=names,
            columns=self.var.index,
        )


def _rows(
    stored: h5py.Group | h5py.Dataset, start: int, stop: int, width: int
) -> sparse.csr_matrix:
    if isinstance(stored, h5py.Dataset):
        return sparse.csr_matrix(np.asarray(stored[start:stop], dtype=float))
    pointers = stored["indptr"][start : stop + 1].astype(np.int64)
    inside = slice(int(pointers[0]), int(pointers[-1]))
    parts = (
        stored["data"][inside].astype(float),
        stored["indices"][inside],
        pointers - pointers[0],
    )
    return sparse.csr_matrix(parts, shape=(stop - start, width))


def _whole_csc(stored: h5py.Group) -> sparse.csr_matrix:
    parts = (stored["data"][:].astype(float), stored["indices"][:], stored["indptr"][:])
    return sparse.csc_matrix(parts, shape=tuple(stored.attrs["shape"])).tocsr()


def _frame(group: h5py.Group) -> pd.DataFrame:
    key = group.attrs["_index"]
    order = [name for name in group.attrs["column-order"] if name in group]
    index = pd.Index([str(value) for value in _column(group[key])])
    return pd.DataFrame({str(name): _column(group[name]) for name in order}, index=index)


def _column(stored: h5py.Group | h5py.Dataset) -> Any:
    if isinstance(stored, h5py.Dataset):
        return _array(stored)
    if "categories" in stored:
        levels, codes = _array(stored["categories"]), stored["codes"][:]
        return np.array([levels[code] if code >= 0 else "" for code in codes], dtype=object)
    values = _array(stored["values"])  # nullable arrays carry a mask
    mask = stored["mask"][:]
    return (
        np.array(
            ["" if missing else value for value, missing in zip(values, mask, strict=True)],
            dtype=object,
        )
        if mask.any()
        else values
    )


def _array(stored: h5py.Dataset) -> Any:
    if h5py.check_string_dtype(stored.dtype) is None:
        return stored[:]
    return np.array(stored.asstr()[:], dtype=object)


def _plain(item: h5py.Group | h5py.Dataset) -> Any:
    if isinstance(item, h5py.Group):
        return {str(name): _plain(item[name]) for name in sorted(item)}
    if item.shape is None:
        return None
    value = item.asstr()[()] if h5py.check_string_dtype(item.dtype) else item[()]
    return value.tolist() if hasattr(value, "tolist") else value
