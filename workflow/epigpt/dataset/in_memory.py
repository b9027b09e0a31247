"""Counts of an AnnData object in memory, in the order in which everything is encoded."""

from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
import scipy.sparse
from anndata import AnnData

from epigpt.dataset import normalization
from epigpt.dataset.normalization import SCALE
from epigpt.errors import InputError
from epigpt.genes import id_kinds


@dataclass(frozen=True)
class InMemoryCounts:
    """Counts of samples or cells, read block by block as `count_blocks.CountBlocks` are.

    Attributes
    ----------
    index
        observation, sample; a row per observation, sorted by sample, then observation.
    genes, symbols
        Ids, sorted, and the symbol of each.
    target
        Total to which an observation's counts are scaled before the logarithm.
    organism
        Species of the genes, or "unknown".
    counts
        CSR, observations × genes, in the order of `index` and `genes`.
    """

    index: pd.DataFrame
    genes: np.ndarray
    symbols: np.ndarray
    target: float
    organism: str
    counts: scipy.sparse.csr_matrix

    @property
    def excluded(self) -> np.ndarray:
        """Genes that no model may see: none of those handed over."""
        return np.zeros(len(self.genes), dtype=bool)

    def blocks(
        self, wanted: np.ndarray, size: int = 1024
    ) -> Iterator[tuple[np.ndarray, scipy.sparse.csr_matrix]]:
        """Yield positions in `index` and the counts there, at most `size` rows at a time, without
        stored zeros."""
        return blocks_of(self.counts, wanted, size)

    def expression(
        self, wanted: np.ndarray, size: int = 1024
    ) -> Iterator[tuple[np.ndarray, scipy.sparse.csr_matrix]]:
        """Yield log-normalised expression, otherwise as `blocks`."""
        for positions, counts in self.blocks(wanted, size):
            yield positions, normalization.lognorm(counts, self.target)

    def remembered(
        self, key: Hashable, make: Callable[[], scipy.sparse.csr_matrix]
    ) -> scipy.sparse.csr_matrix:
        """Return what `make` gives: who asks with arrays in memory fits once."""
        return make()


def blocks_of(
    counts: scipy.sparse.csr_matrix, wanted: np.ndarray, size: int
) -> Iterator[tuple[np.ndarray, scipy.sparse.csr_matrix]]:
    """Yield positions and the rows of `counts` there, at most `size` at a time, columns sorted and
    without stored zeros."""
    for start in range(0, len(wanted), size):
        positions = np.asarray(wanted[start : start + size], dtype=np.int64)
        block = counts[positions]
        block.eliminate_zeros()
        block.sort_indices()
        yield positions, block


def of_anndata(adata: AnnData) -> InMemoryCounts:
    """Take the raw counts out of an AnnData object: its layer `counts`, else `X`.

    Parameters
    ----------
    adata
        Observations × genes. `obs["sample"]` names the sample of a cell (default: every observation
        is its own); `var["symbol"]` the symbols; `uns["assay"]` and `uns["organism"]` what they
        are, else both are found out.

    Raises
    ------
    InputError
        Values that are not counts, or a gene or an observation that occurs twice.
    """
    for axis, names in (("obs", adata.obs_names), ("var", adata.var_names)):
        if not names.is_unique:
            twice = names[names.duplicated()][0]
            raise InputError(
                found=f"{twice!r} twice",
                where=f"adata.{axis}_names",
                why="each name stands for one row or column",
                remedy=f"sum the duplicates, or call adata.{axis}_names_make_unique()",
            )
    counts = scipy.sparse.csr_matrix(adata.layers.get("counts", adata.X))
    _refuse_other_values(counts, "layers['counts']" if "counts" in adata.layers else "X")
    observation, genes = (names.to_numpy(dtype=str) for names in (adata.obs_names, adata.var_names))
    sample = _texts(adata.obs, "sample", observation)
    rows, columns = np.lexsort((observation, sample)), np.argsort(genes, kind="stable")
    several = len(set(sample.tolist())) < len(sample)
    assay = str(adata.uns.get("assay", "single_cell" if several else "bulk"))
    if assay not in SCALE:
        raise InputError(
            found=f"assay {assay!r}",
            where="adata.uns['assay']",
            why="it decides the total that counts are scaled to",
            remedy=f"set it to one of {', '.join(SCALE)}, or remove it",
        )
    organism = adata.uns.get("organism") or id_kinds.guess_organism(genes.tolist())
    return InMemoryCounts(
        index=pd.DataFrame({"observation": observation[rows], "sample": sample[rows]}),
        genes=genes[columns],
        symbols=_texts(adata.var, "symbol", genes)[columns],
        target=float(SCALE[assay]),
        organism=str(organism or "unknown"),
        counts=scipy.sparse.csr_matrix(counts[rows][:, columns]),
    )


def _texts(table: pd.DataFrame, column: str, otherwise: np.ndarray) -> np.ndarray:
    return table[column].astype(str).to_numpy(dtype=str) if column in table else otherwise


def _refuse_other_values(counts: scipy.sparse.csr_matrix, where: str) -> None:
    data = counts.data
    wrong = data[~np.isfinite(data) | (data < 0) | (data % 1 != 0)]
    if len(wrong):
        raise InputError(
            found=f"values such as {wrong[0]:.6g}",
            where=f"adata.{where}",
            why="genes are encoded from raw counts: whole numbers of 0 or more",
            remedy="put the counts into adata.layers['counts']",
        )
