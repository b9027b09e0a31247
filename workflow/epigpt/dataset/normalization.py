"""From counts to log-normalised expression, each observation by its own total alone.

Size factors that compare samples (median of ratios, TMM) would carry test samples into the training
data, so they stay in the differential expression, which makes no prediction.
"""

from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp

if TYPE_CHECKING:
    from anndata import AnnData

# Counts per million for whole libraries; 10,000 is near the depth of a cell, so that a single count
# stays well above zero.
SCALE = {"bulk": 1_000_000, "single_cell": 10_000}
_ROWS_AT_A_TIME = 4_096


def assay_of(total: float) -> str:
    """Return bulk or single_cell, by the total that observations are brought to."""
    return next((assay for assay, scale in SCALE.items() if scale == total), "bulk")


def lognorm(counts: Any, scale: float) -> sp.csr_matrix:
    """Return log(1 + counts / total × scale), natural logarithm, sparse.

    Parameters
    ----------
    counts
        Raw counts, observations × genes, dense or sparse; all genes of the library, since the total
        is theirs.
    scale
        Total that every observation is brought to.

    Returns
    -------
    scipy.sparse.csr_matrix
        float32, the zeros of `counts` stay zero; an observation without counts stays zero.
    """
    stored = sp.csr_matrix(counts)
    totals = np.asarray(stored.sum(axis=1), dtype=np.float64).ravel()
    # Per stored value, because multiplying by a diagonal matrix would copy the whole matrix twice;
    # and some rows at a time, because double precision takes twice the memory of the result.
    factors = np.divide(scale, totals, out=np.zeros_like(totals), where=totals > 0)
    data = np.empty(stored.nnz, dtype=np.float32)
    for first in range(0, stored.shape[0], _ROWS_AT_A_TIME):
        rows = slice(first, first + _ROWS_AT_A_TIME)
        starts = stored.indptr[first : first + _ROWS_AT_A_TIME + 1]
        part = slice(starts[0], starts[-1])
        data[part] = np.log1p(stored.data[part] * np.repeat(factors[rows], np.diff(starts)))
    return sp.csr_matrix((data, stored.indices, stored.indptr), shape=stored.shape)


def normalise(counts: "AnnData", kept: np.ndarray, genes: np.ndarray | None = None) -> "AnnData":
    """Build the expression object of the kept observations.

    Parameters
    ----------
    counts
        Raw counts with obs, var and uns of counts.h5ad.
    kept
        bool, shape (n_observations,).
    genes
        Positions of the genes; None: those with at least one count in the kept observations.

    Returns
    -------
    anndata.AnnData
        `X` and `layers["lognorm"]` hold log-normalised expression, one matrix under two names;
        `layers["counts"]` the raw counts; all CSR; obs, var and uns are carried over;
        `uns["normalisation"]` says what was done.
    """
    from anndata import AnnData

    raw = sp.csr_matrix(counts.X)
    # Choosing rows or columns copies the matrix, and often there is nothing to leave out.
    if not kept.all():
        raw = raw[np.flatnonzero(kept)]
    if genes is None:
        genes = np.flatnonzero(np.asarray(raw.sum(axis=0, dtype=np.int64)).ravel() > 0)
    if len(genes) < raw.shape[1]:
        raw = raw[:, genes]
    raw = raw.astype(np.int32, copy=False)
    assay = str(counts.uns["assay"])
    scale = SCALE[assay]
    values = lognorm(raw, scale)
    unit = "counts per million" if assay == "bulk" else f"counts per {scale:,}"
    uns = dict(counts.uns)
    uns["normalisation"] = {
        "scale": scale,
        "logarithm": "natural",
        "formula": f"log(1 + counts / total × {scale:,})",
        "said": f"{unit} of the sample's or cell's own total, log1p (natural logarithm)",
        "genes_in": int(counts.n_vars),
        "genes_kept": len(genes),
    }
    return AnnData(
        X=values,
        obs=counts.obs.iloc[np.flatnonzero(kept)].copy(),
        var=counts.var.iloc[genes].copy(),
        uns=uns,
        layers={"counts": raw, "lognorm": values},
    )
